// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The metadata of an import: JSON text from the file itself or from one beside it. Internal to core/io.
#pragma once

#include "core/capture_info.hpp"
#include "core/io/array_source.hpp"

#include <optional>

namespace kvviz::io {

/// Bytes of JSON text, at most: some twenty for the text of each of a few million tokens.
inline constexpr std::uint64_t kMostMetadata = std::uint64_t{1} << 26;

/// How positions turn queries and keys, as the metadata says.
enum class Rotation : std::uint8_t {
    unknown,
    none, ///< rope_dim is 0
    known ///< by rope_theta or rope_frequencies
};

struct ImportMetadata {
    core::CaptureInfo info;              ///< names, rotation, windows, segments; what it does not say is left as it is
    std::optional<std::int64_t> nPrompt; ///< none: all tokens are the prompt
    std::vector<std::string> tokens;     ///< texts; empty: not given
    Rotation rotation = Rotation::unknown;
};

/// Text that the file brings: the array 'metadata' (one text, or the bytes of one) or the text of that name in a
/// safetensors header; empty if there is none. Throws Error(badInput), also for more than kMostMetadata.
[[nodiscard]] std::string ownMetadata(ArraySource& source);
/// Keys that are not known go to CaptureInfo::extra. Throws Error(badInput) that begins with `place`.
[[nodiscard]] ImportMetadata parseImportMetadata(const std::string& text, const std::string& place);

} // namespace kvviz::io
