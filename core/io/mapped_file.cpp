// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A read-only memory-mapped file (POSIX mmap).
#include "core/io/mapped_file.hpp"

#include "core/error.hpp"
#include "core/io/mapping_guard.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace kvviz::io {

MappedFile::MappedFile(const std::filesystem::path& path) : m_file(std::make_unique<core::InputFile>(path))
{
    if (m_file->size() == 0)
        m_file->fail("it is empty");
    void* address = ::mmap(nullptr, m_file->size(), PROT_READ, MAP_PRIVATE, m_file->descriptor(), 0);
    if (address == MAP_FAILED && errno == ENOMEM)
        throw core::Error(core::ErrorCode::device,
                          fmt::format("'{}' cannot be mapped: no address space is left (ulimit -v)", path.string()));
    if (address == MAP_FAILED)
        m_file->fail(std::strerror(errno));
    m_data = static_cast<const std::byte*>(address);
    m_size = m_file->size();
    m_guard = guardMapping(m_data, m_size);
}

MappedFile::~MappedFile()
{
    releaseGuard(m_guard);
    if (m_data != nullptr)
        ::munmap(const_cast<std::byte*>(m_data), m_size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_file(std::move(other.m_file)), m_data(std::exchange(other.m_data, nullptr)),
      m_size(std::exchange(other.m_size, 0)), m_guard(std::exchange(other.m_guard, -1))
{
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept
{
    std::swap(m_file, other.m_file);
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    std::swap(m_guard, other.m_guard);
    return *this;
}

void MappedFile::requireWhole() const
{
    if (lostPages(m_guard))
        m_file->fail("it became shorter while it was read, or its disk failed; was it being written?");
    if (m_file && m_file->isChanged())
        m_file->fail("it was changed while it was read");
}

void MappedFile::requireInPlace() const
{
    if (m_file && !m_file->isAtPath())
        m_file->fail("another file took its place while it was read; start again");
}

void MappedFile::dropPages() const noexcept
{
    if (m_data != nullptr)
        ::madvise(const_cast<std::byte*>(m_data), m_size, MADV_DONTNEED);
}

} // namespace kvviz::io
