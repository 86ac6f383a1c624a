// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Claim, write, sync, rename, remove.
#include "core/io/part_file.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path)
{
    throw Error(ErrorCode::failure, fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno)));
}

void sync(const std::filesystem::path& path)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        fail("open", path);
    const int status = ::fsync(descriptor);
    const int reason = errno;
    ::close(descriptor);
    errno = reason;
    if (status != 0 && reason != EINVAL) // a file system without fsync says EINVAL
        fail("write", path);
}

/// Makes a rename in the folder last. By then the file is there, whole, so a file system that cannot do it is no error.
void syncFolder(const std::filesystem::path& folder) noexcept
{
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    static_cast<void>(::fsync(descriptor));
    ::close(descriptor);
}

} // namespace

PartFile::PartFile(std::filesystem::path path, bool force, const std::string& writer)
    : m_path(std::move(path)), m_part(m_path)
{
    m_part += writer.empty() ? ".part" : fmt::format(".{}.part", writer);
    std::error_code ignored;
    const std::filesystem::path folder = m_path.has_parent_path() ? m_path.parent_path() : ".";
    if (!m_path.has_filename() || std::filesystem::is_directory(m_path, ignored))
        throw Error(ErrorCode::failure, fmt::format("'{}' is a folder, expected a file name", m_path.string()));
    if (!std::filesystem::is_directory(folder, ignored))
        throw Error(ErrorCode::failure, fmt::format("cannot write '{}': the folder '{}' does not exist",
                                                    m_path.string(), folder.string()));
    if (!force && std::filesystem::exists(m_path, ignored))
        throw Error(ErrorCode::failure,
                    fmt::format("'{}' exists already; choose another name or overwrite it with --force",
                                m_path.string()));
}

PartFile::~PartFile()
{
    std::error_code ignored;
    if (m_claimed)
        std::filesystem::remove(m_part, ignored);
}

void PartFile::claim()
{
    const int descriptor = ::open(m_part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        fail("create", m_part);
    ::close(descriptor);
    m_claimed = true;
}

void PartFile::write(std::string_view bytes)
{
    claim();
    std::ofstream stream(m_part, std::ios::binary | std::ios::trunc);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (!stream)
        fail("write", m_part);
}

void PartFile::publish()
{
    sync(m_part);
    if (::rename(m_part.c_str(), m_path.c_str()) != 0)
        fail("rename to", m_path);
    m_claimed = false;
    syncFolder(m_path.has_parent_path() ? m_path.parent_path() : std::filesystem::path("."));
}

} // namespace kvviz::io
