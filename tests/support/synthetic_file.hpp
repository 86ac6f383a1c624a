// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Writes a made-up capture to a file, for tests that need one on disk.
#pragma once

#include "core/io/capture_writer.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <filesystem>

namespace kvviz::test {

/// Views of a layer for CaptureWriter::writeLayer.
[[nodiscard]] io::LayerArrays arraysOf(const core::LayerData& layer);

/// Everything that info().tier asks for, as the capture engine would write it; top-k logits with k = 3. The tiers map
/// and full get a pyramid of at most mapCap cells a side.
void writeSynthetic(const SyntheticCapture& capture, const std::filesystem::path& path, io::WriterOptions options = {},
                    std::int64_t mapCap = 64);

} // namespace kvviz::test
