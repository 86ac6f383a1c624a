// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// RAII over HDF5 identifiers, the lock around the library, and errors with the library's own reason. Internal to
// core/io.
#pragma once

#include "core/error.hpp"

#include <hdf5.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kvviz::io {

/// A recursive mutex that is handed on in the order of asking, so that a thread that reads one array after the other does
/// not keep out all others.
class QueueMutex {
public:
    void lock();
    void unlock();

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::uint64_t m_next = 0, m_served = 0; ///< numbers drawn; whose turn it is
    std::thread::id m_owner;
    int m_depth = 0; ///< of the owner
};

/// Holds the process-wide HDF5 lock (the library may or may not be thread-safe). The first one switches file locking
/// off, so that files on network folders and beside a running capture open; each thread's first one silences the
/// library's own error printing. Every HDF5 call is made with one of these alive; it may be nested.
class H5Lock {
public:
    H5Lock();

private:
    std::unique_lock<QueueMutex> m_lock;
};

/// The library closes what is open when the program exits. Prevents that, for files that cannot be closed.
void keepLibraryOpenAtExit();
/// To be called before threads use the library: where memory is short it cannot start in one of them.
void startLibrary();

/// Owns one HDF5 identifier of any kind.
class Handle {
public:
    Handle() = default;
    explicit Handle(hid_t id) : m_id(id) {}
    Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, H5I_INVALID_HID)) {}
    Handle& operator=(Handle&& other) noexcept
    {
        std::swap(m_id, other.m_id);
        return *this;
    }
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    [[nodiscard]] hid_t get() const noexcept { return m_id; }
    [[nodiscard]] explicit operator bool() const noexcept { return m_id >= 0; }
    /// Gives the identifier away.
    [[nodiscard]] hid_t release() noexcept { return std::exchange(m_id, H5I_INVALID_HID); }
    /// Closes now.
    void reset() { Handle().swap(*this); }
    void swap(Handle& other) noexcept { std::swap(m_id, other.m_id); }

private:
    hid_t m_id = H5I_INVALID_HID;
};

/// The innermost reason on this thread's HDF5 error stack ("No space left on device"), which is then cleared.
[[nodiscard]] std::string h5Reason();
/// Throws Error(code, "<what>: <reason>").
[[noreturn]] void throwH5(core::ErrorCode code, const std::string& what);

/// The identifier as a Handle, or an Error.
[[nodiscard]] Handle checked(hid_t id, core::ErrorCode code, const std::string& what);
/// For calls that return a negative number on failure.
void check(long long status, core::ErrorCode code, const std::string& what);

/// IEEE binary16, little endian, as numpy's float16 is stored by h5py.
[[nodiscard]] Handle halfType();
/// Variable-length UTF-8 string.
[[nodiscard]] Handle textType();
/// UTF-8 string of so many bytes, padded with NUL.
[[nodiscard]] Handle fixedTextType(std::size_t length);
/// Property lists that create missing groups on the way, and names in UTF-8.
[[nodiscard]] Handle linkCreation();

/// Extents of a dataset or attribute space.
[[nodiscard]] std::vector<hsize_t> extents(hid_t space);
/// "[2, 4, 70]"
[[nodiscard]] std::string shapeText(const std::vector<hsize_t>& dims);

/// Opens for reading. Throws Error(badInput) that tells missing, not HDF5 and truncated apart.
[[nodiscard]] Handle openFileForReading(const std::string& path);
/// A group for any number of attributes; its parent exists.
[[nodiscard]] Handle createGroup(hid_t parent, const char* path);

} // namespace kvviz::io
