// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A read-only memory-mapped file (POSIX mmap).
#include "core/io/mapped_file.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/mapping_guard.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace kvviz::io {

MappedFile::MappedFile(const std::filesystem::path& path) : m_path(path.string())
{
    const core::InputFile file(path); // closed at the end; the mapping outlives it
    if (file.size() == 0)
        file.fail("it is empty");
    void* address = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED)
        file.fail(std::strerror(errno));
    m_data = static_cast<const std::byte*>(address);
    m_size = file.size();
    m_guard = guardMapping(m_data, m_size);
}

MappedFile::~MappedFile()
{
    releaseGuard(m_guard);
    if (m_data != nullptr)
        ::munmap(const_cast<std::byte*>(m_data), m_size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_path(std::move(other.m_path)), m_data(std::exchange(other.m_data, nullptr)),
      m_size(std::exchange(other.m_size, 0)), m_guard(std::exchange(other.m_guard, -1))
{
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept
{
    std::swap(m_path, other.m_path);
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    std::swap(m_guard, other.m_guard);
    return *this;
}

void MappedFile::requireWhole() const
{
    if (lostPages(m_guard))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' became shorter while it was read, or its disk failed; was it being written?",
                                      m_path));
}

void MappedFile::dropPages() const noexcept
{
    if (m_data != nullptr)
        ::madvise(const_cast<std::byte*>(m_data), m_size, MADV_DONTNEED);
}

} // namespace kvviz::io
