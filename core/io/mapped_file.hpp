// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A read-only memory-mapped file.
#pragma once

#include "core/input_file.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace kvviz::io {

class MappedFile {
public:
    MappedFile() = default;
    /// Throws Error(badInput) naming the path and the system's reason (missing, a folder, no permission, empty).
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {m_data, m_size}; }
    /// To be called after reading bytes() and before using what was read. Throws Error(badInput) when that may be wrong: the
    /// file was changed or cut short since it was opened (what is gone was read as zeros), or its disk failed.
    void requireWhole() const;
    /// Throws Error(badInput) when another file has taken its place, so that what is read by the path is not these bytes.
    void requireInPlace() const;
    /// Tells the kernel that the pages are not needed for now (they count as resident memory otherwise).
    void dropPages() const noexcept;

private:
    std::unique_ptr<core::InputFile> m_file;
    const std::byte* m_data = nullptr;
    std::size_t m_size = 0;
    int m_guard = -1;
};

} // namespace kvviz::io
