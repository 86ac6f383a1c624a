// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// numpy's .npz: a zip file of .npy files, stored (savez) or deflated (savez_compressed). Internal to core/io.
#pragma once

#include "core/io/array_source.hpp"

namespace kvviz::io {

/// Reads every header. Throws Error(badInput).
[[nodiscard]] std::unique_ptr<ArraySource> openNpz(const std::filesystem::path& path);

} // namespace kvviz::io
