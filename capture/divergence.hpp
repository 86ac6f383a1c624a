// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How far one predicted distribution over a vocabulary is from another, from their logits, for one thread.
#pragma once

#include <cstdint>

namespace kvviz::capture {

/// log(sum(exp(x))) of `size` values, in double throughout.
[[nodiscard]] double preciseLogSumExp(const float* x, std::int64_t size);

/// From logits `full` (distribution p) to logits `other` (distribution q) of the same vocabulary.
struct Divergence {
    double meanChange = 0; ///< m = sum_k p_k (other_k - full_k)
    double nats = 0;       ///< KL(p || q), >= 0
};

/// `logSum`: log(sum(exp(full))). With x_k = other_k - full_k - m, sum_k p_k x_k = 0 and
///     KL(p || q) = log(sum_k p_k e^x_k) = log1p(sum_k p_k (e^x_k - 1 - x_k)),
/// a sum without negative terms: nothing cancels, so a tiny divergence is as exact as a large one, and equal logits
/// give exactly 0. Also log(sum(exp(other))) = logSum + m + KL.
[[nodiscard]] Divergence divergeFrom(const float* full, double logSum, const float* other, std::int64_t size);

} // namespace kvviz::capture
