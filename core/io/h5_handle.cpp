// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Locking, errors and the few types and property lists that every file of kvviz shares.
#include "core/io/h5_handle.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

namespace kvviz::io {
namespace {

QueueMutex& libraryMutex()
{
    static QueueMutex mutex;
    return mutex;
}

std::atomic<bool> keepOpenAtExit = false;

void closeLibrary()
{
    if (!keepOpenAtExit)
        H5close();
}

herr_t keepInnermost(unsigned, const H5E_error2_t* error, void* text)
{
    *static_cast<std::string*>(text) = error->desc ? error->desc : "";
    return 0;
}

} // namespace

void QueueMutex::lock()
{
    std::unique_lock lock(m_mutex);
    if (m_depth > 0 && m_owner == std::this_thread::get_id()) {
        ++m_depth;
        return;
    }
    const std::uint64_t number = m_next++;
    m_changed.wait(lock, [&] { return m_served == number; });
    m_owner = std::this_thread::get_id();
    m_depth = 1;
}

void QueueMutex::unlock()
{
    {
        const std::lock_guard lock(m_mutex);
        if (--m_depth > 0)
            return;
        ++m_served;
    }
    m_changed.notify_all();
}

H5Lock::H5Lock() : m_lock(libraryMutex())
{
    static const bool once = [] {
        setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); // read by the library when it opens its first file
        // In place of the library's own exit handler, ours; too late when somebody else has started the library.
        const bool ours = H5dont_atexit() >= 0;
        return H5open() >= 0 && (!ours || std::atexit(closeLibrary) == 0);
    }();
    thread_local const bool silent = once && H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
    if (!silent)
        throw core::Error(core::ErrorCode::failure, "the HDF5 library did not start");
}

void startLibrary() { const H5Lock started; }

void keepLibraryOpenAtExit() { keepOpenAtExit = true; }

Handle::~Handle()
{
    if (m_id >= 0) {
        const H5Lock lock;
        H5Idec_ref(m_id);
    }
}

std::string h5Reason()
{
    std::string reason;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, [](unsigned depth, const H5E_error2_t* error, void* text) -> herr_t {
        return depth == 0 ? keepInnermost(depth, error, text) : 0;
    }, &reason);
    H5Eclear2(H5E_DEFAULT);
    constexpr std::string_view kMark = "error message = '"; // of the operating system, inside a long line
    if (const auto begin = reason.find(kMark); begin != std::string::npos)
        return reason.substr(begin + kMark.size(), reason.find('\'', begin + kMark.size()) - begin - kMark.size());
    return reason.empty() ? "HDF5 gave no reason" : reason;
}

void throwH5(core::ErrorCode code, const std::string& what)
{
    throw core::Error(code, what + ": " + h5Reason());
}

Handle checked(hid_t id, core::ErrorCode code, const std::string& what)
{
    if (id < 0)
        throwH5(code, what);
    return Handle(id);
}

void check(long long status, core::ErrorCode code, const std::string& what)
{
    if (status < 0)
        throwH5(code, what);
}

Handle halfType()
{
    Handle type(H5Tcopy(H5T_IEEE_F32LE));
    // Sign at bit 15, 5 exponent bits from 10, 10 mantissa bits from 0.
    if (H5Tset_fields(type.get(), 15, 10, 5, 0, 10) < 0 || H5Tset_size(type.get(), 2) < 0
        || H5Tset_ebias(type.get(), 15) < 0)
        throwH5(core::ErrorCode::failure, "cannot make the float16 type");
    return type;
}

Handle textType()
{
    Handle type(H5Tcopy(H5T_C_S1));
    if (H5Tset_size(type.get(), H5T_VARIABLE) < 0 || H5Tset_cset(type.get(), H5T_CSET_UTF8) < 0)
        throwH5(core::ErrorCode::failure, "cannot make the text type");
    return type;
}

Handle fixedTextType(std::size_t length)
{
    Handle type(H5Tcopy(H5T_C_S1));
    if (H5Tset_size(type.get(), length) < 0 || H5Tset_strpad(type.get(), H5T_STR_NULLPAD) < 0
        || H5Tset_cset(type.get(), H5T_CSET_UTF8) < 0)
        throwH5(core::ErrorCode::failure, "cannot make a text type");
    return type;
}

Handle linkCreation()
{
    Handle list(H5Pcreate(H5P_LINK_CREATE));
    if (H5Pset_create_intermediate_group(list.get(), 1) < 0 || H5Pset_char_encoding(list.get(), H5T_CSET_UTF8) < 0)
        throwH5(core::ErrorCode::failure, "cannot make a link creation list");
    return list;
}

std::vector<hsize_t> extents(hid_t space)
{
    const int rank = H5Sget_simple_extent_ndims(space);
    std::vector<hsize_t> dims(static_cast<std::size_t>(std::max(rank, 0)));
    if (rank < 0 || H5Sget_simple_extent_dims(space, dims.data(), nullptr) < 0)
        throwH5(core::ErrorCode::badInput, "cannot read a shape");
    return dims;
}

std::string shapeText(const std::vector<hsize_t>& dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

Handle openFileForReading(const std::string& path)
{
    std::error_code ignored;
    const auto kind = std::filesystem::status(path, ignored).type();
    if (kind == std::filesystem::file_type::not_found)
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' does not exist", path));
    if (kind == std::filesystem::file_type::directory)
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' is a folder, expected a file", path));
    Handle access(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_fclose_degree(access.get(), H5F_CLOSE_SEMI);
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
    if (file)
        return file;
    const std::string reason = h5Reason();
    const htri_t isHdf5 = H5Fis_hdf5(path.c_str());
    H5Eclear2(H5E_DEFAULT);
    if (isHdf5 == 0)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' is not an HDF5 file; expected a kvviz capture or result", path));
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("'{}' cannot be opened, it may be truncated or damaged: {}", path, reason));
}

Handle createGroup(hid_t parent, const char* path)
{
    const Handle creation(H5Pcreate(H5P_GROUP_CREATE));
    if (H5Pset_attr_phase_change(creation.get(), 4096, 0) < 0)
        throwH5(core::ErrorCode::failure, "cannot choose the storage of attributes");
    return checked(H5Gcreate2(parent, path, H5P_DEFAULT, creation.get(), H5P_DEFAULT), core::ErrorCode::failure,
                   fmt::format("cannot create the group '{}'", path));
}

} // namespace kvviz::io
