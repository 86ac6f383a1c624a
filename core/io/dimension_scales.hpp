// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Dimension labels and scales (H5DS) of the arrays of a capture, and their repair after a copy. Internal to core/io.
#pragma once

#include "core/io/capture_layout.hpp"
#include "core/io/h5_handle.hpp"

namespace kvviz::io {

/// Creates /scales and labels and attaches the axes of every array that exists.
void writeDimensionScales(hid_t root, const core::CaptureInfo& info, const Sizes& sizes);

/// H5Ocopy keeps references to objects of the old file: drops the attachments of `copy` and makes them anew after
/// `original`.
void restoreDimensionScales(hid_t original, hid_t copy);

/// Labels the axes of a dataset.
void labelAxes(hid_t dataset, const std::vector<const char*>& labels);

} // namespace kvviz::io
