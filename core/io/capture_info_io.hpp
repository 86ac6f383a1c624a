// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// CaptureInfo to and from the attributes, /prompt, /tokens, /segments and /provenance of a capture. Internal to
// core/io.
#pragma once

#include "core/capture_info.hpp"
#include "core/io/h5_handle.hpp"
#include "core/io/text_copy.hpp"

namespace kvviz::io {

/// Throws Error(failure) when info contradicts itself (counts of tokens, segments outside, heads unsorted, ...).
void requireConsistent(const core::CaptureInfo& info, core::ErrorCode code, const std::string& where);

/// Everything but `complete`.
void writeCaptureInfo(hid_t root, const core::CaptureInfo& info);
/// Throws Error(badInput). `where` is put before every message: "'file.kvh5': /".
[[nodiscard]] core::CaptureInfo readCaptureInfo(hid_t root, const std::string& where);

/// The free text attributes of /provenance; a file may be without the group.
void writeProvenance(hid_t root, const std::map<std::string, std::string>& extra);
[[nodiscard]] std::map<std::string, std::string> readProvenance(hid_t root, const TextCopy& texts,
                                                                const std::string& where);

/// Checks format, format_version and complete; `expected` is kCaptureFormat or another. Returns the minor version.
int requireFormat(hid_t root, const char* expected, const std::string& where);

} // namespace kvviz::io
