// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Log-probabilities of an import: from the model's logits, from log-probabilities, or unknown. Internal to core/io.
#pragma once

#include "core/capture_info.hpp"
#include "core/io/array_source.hpp"

namespace kvviz::io {

struct ImportedLogits {
    bool known = false;
    int topK = 0;                    ///< 0: no candidates
    std::vector<float> logprob;      // [T], NaN where unknown
    std::vector<std::int32_t> topIds; // [T, topK]
    std::vector<float> topLogprobs;  // [T, topK]
};

/// 'logits' [T, vocabulary], before softmax, row i after token i; else 'logprob' [T], of each token given those before
/// it. Throws Error(badInput) that names the array and the row: another shape, a logit that is NaN or +inf, a row of -inf
/// alone, a log-probability above 0.
[[nodiscard]] ImportedLogits loadLogits(ArraySource& source, const core::CaptureInfo& info);

} // namespace kvviz::io
