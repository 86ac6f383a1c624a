// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Opening of files that users name or that lie in a folder they name. They may be anything: folders, pipes without a
// writer, links that go round, files larger than the memory.
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>

namespace kvviz::core {

/// An open regular file.
class InputFile {
public:
    /// Throws Error(badInput) naming the path and the reason: missing, a folder, a pipe or device, no permission.
    explicit InputFile(const std::filesystem::path& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return m_descriptor; }
    /// Bytes when it was opened.
    [[nodiscard]] std::uint64_t size() const noexcept { return m_size; }
    /// Has its size or its time of change become another since it was opened?
    [[nodiscard]] bool isChanged() const noexcept;
    /// Does the path still lead to this file, and not to one that has taken its place?
    [[nodiscard]] bool isAtPath() const noexcept;
    [[noreturn]] void fail(const std::string& reason) const;

private:
    std::filesystem::path m_path;
    int m_descriptor = -1;
    std::uint64_t m_size = 0;
    std::timespec m_changed{};
};

constexpr std::uint64_t kLargestText = std::uint64_t{256} << 20; ///< bytes; the largest tokenizer.json has 35 MB

/// All bytes of a regular file, which may be empty. Throws what InputFile throws, and for more than `limit` bytes.
[[nodiscard]] std::string readInputText(const std::filesystem::path& path, std::uint64_t limit = kLargestText);

/// Does something of that name exist, whatever it is? A link that goes round does: the error of reading it says so.
[[nodiscard]] bool nameExists(const std::filesystem::path& path) noexcept;
/// Is it a folder, or a link to one? Not, when that cannot be found out: what reads it then says why.
[[nodiscard]] bool isFolder(const std::filesystem::path& path) noexcept;

} // namespace kvviz::core
