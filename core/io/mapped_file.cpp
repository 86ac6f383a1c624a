// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A read-only memory-mapped file (POSIX mmap).
#include "core/io/mapped_file.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace kvviz::io {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& reason)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' cannot be read: {}", path.string(), reason));
}

/// Closes the descriptor on every way out; the mapping outlives it.
class Descriptor {
public:
    explicit Descriptor(int number) : m_number(number) {}
    ~Descriptor() { ::close(m_number); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int number() const { return m_number; }

private:
    int m_number;
};

} // namespace

MappedFile::MappedFile(const std::filesystem::path& path)
{
    // O_NONBLOCK: a named pipe must give an error, not wait for a writer.
    const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (number < 0)
        fail(path, std::strerror(errno));
    const Descriptor descriptor(number);
    struct stat status {};
    if (::fstat(descriptor.number(), &status) != 0)
        fail(path, std::strerror(errno));
    if (S_ISDIR(status.st_mode))
        fail(path, "it is a folder; give the file inside it");
    if (!S_ISREG(status.st_mode))
        fail(path, "it is not a regular file");
    if (status.st_size == 0)
        fail(path, "it is empty");
    const auto size = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.number(), 0);
    if (address == MAP_FAILED)
        fail(path, std::strerror(errno));
    m_data = static_cast<const std::byte*>(address);
    m_size = size;
}

MappedFile::~MappedFile()
{
    if (m_data != nullptr)
        ::munmap(const_cast<std::byte*>(m_data), m_size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)), m_size(std::exchange(other.m_size, 0))
{
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept
{
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    return *this;
}

void MappedFile::dropPages() const noexcept
{
    if (m_data != nullptr)
        ::madvise(const_cast<std::byte*>(m_data), m_size, MADV_DONTNEED);
}

} // namespace kvviz::io
