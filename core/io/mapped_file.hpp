// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A read-only memory-mapped file.
#pragma once

#include <cstddef>
#include <filesystem>
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
    /// Tells the kernel that the pages are not needed for now (they count as resident memory otherwise).
    void dropPages() const noexcept;

private:
    const std::byte* m_data = nullptr;
    std::size_t m_size = 0;
};

} // namespace kvviz::io
