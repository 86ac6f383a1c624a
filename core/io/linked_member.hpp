// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Members of a virtual pack: external links of HDF5, with paths relative to the pack, to captures that stay where they
// are. Links and not virtual datasets, because a virtual dataset reads as fill values where its file is missing, and a
// link is an error. Internal to core/io.
#pragma once

#include "core/io/capture_reader.hpp"
#include "core/io/h5_handle.hpp"

#include <optional>

namespace kvviz::io {

/// Where the member `group` of an open pack really is; nothing if it is in the pack itself. `pack` is the pack's path.
[[nodiscard]] std::optional<CaptureRef> linkedMember(hid_t file, const std::string& group,
                                                     const std::filesystem::path& pack);
/// Throws Error(badInput) that names the missing file, before HDF5 fails with a riddle.
void requireLinkedFile(hid_t file, const CaptureRef& member);

/// Links to `target` from `path` of a pack that will lie in `folder`.
void linkMember(hid_t pack, const std::string& path, const CaptureRef& target, const std::filesystem::path& folder);

} // namespace kvviz::io
