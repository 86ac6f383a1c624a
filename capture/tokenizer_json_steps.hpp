// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The stages of a tokenizer.json besides its model: normalizer, pre_tokenizer, decoder, post_processor. A stage of a
// kind that is not supported throws Error(badInput) naming it and those that are.
#pragma once

#include "capture/json_fields.hpp"
#include "capture/tokenizer_description.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace kvviz::capture {

/// `root`: the whole file; a stage that is missing or null has no steps.
[[nodiscard]] std::vector<NormalizerStep> readNormalizer(const JsonFields& root);

struct SplitReading {
    std::vector<SplitStep> steps;
    bool byteLevel = false; ///< the last step turns bytes into the characters of the byte alphabet
};
[[nodiscard]] SplitReading readPreTokenizer(const JsonFields& root);

struct DecoderReading {
    TokenDecoder decoder;
    DecodeTrim trim = DecodeTrim::none;
};
/// Nothing for a file without one.
[[nodiscard]] std::optional<DecoderReading> readDecoder(const JsonFields& root);

/// Ids that the post-processor puts in front of a text. Those behind it are not read: a prompt is to be continued.
[[nodiscard]] std::vector<std::int64_t> readPrefixIds(const JsonFields& root);

} // namespace kvviz::capture
