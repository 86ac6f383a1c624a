// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// An open capture file with its description checked. Internal to core/io: under CaptureReader and the verifier.
#pragma once

#include "core/io/capture_layout.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/h5_handle.hpp"

#include <fmt/format.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace kvviz::io {

/// Runs reading code under the HDF5 lock; a damaged file must not end in anything but an Error.
template <typename Work>
auto guarded(const std::string& where, Work&& work)
{
    const H5Lock lock;
    try {
        return work();
    } catch (const std::bad_alloc&) {
        throw core::Error(core::ErrorCode::badInput, where + ": an array does not fit into memory");
    } catch (const std::length_error&) {
        throw core::Error(core::ErrorCode::badInput, where + ": an array does not fit into memory");
    }
}

/// A piece of a dataset in the order of its axes.
struct Slab {
    std::vector<hsize_t> begin, size;
};

struct OpenCapture {
    CaptureRef ref;
    std::string where; ///< "'run.kvh5': /"
    Handle file, root;
    int minorVersion = 0; ///< of the format, 1.x
    core::CaptureInfo info;
    Sizes sizes;
    core::Need available = core::Need::none;
    bool hasFull = false, hasLogits = false;

    explicit OpenCapture(const CaptureRef& captureRef);

    /// Opens one array of the layout and checks its shape and element type.
    [[nodiscard]] Handle open(const std::string& path) const;
    /// Reads a piece in float32, whatever it is stored as.
    [[nodiscard]] std::vector<float> readSlab(hid_t dataset, const Slab& slab, const std::string& path) const;
    /// All of one layer.
    [[nodiscard]] std::vector<float> readLayer(const char* path, std::int64_t slot) const;
    void requireSlot(std::int64_t slot, std::int64_t head = 0) const;
    /// Rows [rowBegin, rowEnd) of one matrix of a 4-D array, columns [0, columns).
    [[nodiscard]] std::vector<float> readRows(hid_t dataset, const std::string& path, std::int64_t slot,
                                              std::int64_t head, core::Span rows, core::Span columns) const;

private:
    void findArrays();
};

} // namespace kvviz::io
