// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Creating and, above all, closing.
#include "core/io/output_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

OutputFile::OutputFile(const std::string& path)
{
    const H5Lock lock;
    const Handle access(H5Pcreate(H5P_FILE_ACCESS));
    check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), ErrorCode::failure,
          "cannot choose the HDF5 1.10 format");
    // Attributes in the object header: HDF5 1.10 crashes when it copies a group (pack) with "dense" attribute storage.
    const Handle creation(H5Pcreate(H5P_FILE_CREATE));
    check(H5Pset_attr_phase_change(creation.get(), 4096, 0), ErrorCode::failure,
          "cannot choose the storage of attributes");
    Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
    if (!file) {
        // On a full disk a file stays half made inside the library, which it would try to close for ever at the end.
        keepLibraryOpenAtExit();
        throwH5(ErrorCode::failure, fmt::format("cannot create '{}'", path));
    }
    m_file = std::move(file);
}

OutputFile::~OutputFile()
{
    if (m_file)
        discard();
}

int OutputFile::descriptor() const
{
    void* pointer = nullptr;
    check(H5Fget_vfd_handle(m_file.get(), H5P_DEFAULT, &pointer), ErrorCode::failure, "cannot reach the file");
    return *static_cast<const int*>(pointer);
}

void OutputFile::settle()
{
    check(H5Fflush(m_file.get(), H5F_SCOPE_GLOBAL), ErrorCode::failure, "cannot write");
    hsize_t end = 0;
    check(H5Fget_filesize(m_file.get(), &end), ErrorCode::failure, "cannot size the file");
    const int file = descriptor();
    struct stat status {};
    if (::fstat(file, &status) != 0
        || (status.st_size < static_cast<off_t>(end) && ::ftruncate(file, static_cast<off_t>(end)) != 0))
        throw Error(ErrorCode::failure, fmt::format("cannot write: {}", std::strerror(errno)));
}

void OutputFile::finish()
{
    const H5Lock lock;
    settle();
    check(H5Fclose(m_file.release()), ErrorCode::failure, "cannot close the file");
}

void OutputFile::discard() noexcept
{
    try {
        finish();
    } catch (const Error&) {
        abandon();
    }
}

void OutputFile::abandon() noexcept
{
    if (!m_file)
        return;
    try {
        const H5Lock lock;
        keepLibraryOpenAtExit();
        // The descriptor stays open: HDF5 takes a new file on the same inode for this one.
        [[maybe_unused]] const int freed = ::ftruncate(descriptor(), 0);
    } catch (const Error&) { // nothing more can be done for it
    }
    (void)m_file.release();
}

} // namespace kvviz::io
