// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A made-up token scorer that fits the model of a made-up capture.
#pragma once

#include "core/capture_info.hpp"
#include "core/model_tables.hpp"

#include <algorithm>
#include <random>

namespace kvviz::test {

[[nodiscard]] inline core::TokenScorer syntheticScorer(const core::CaptureInfo& info, int layer = 0, int hidden = 5,
                                                       std::uint64_t seed = 3)
{
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal(0.0f, 0.5f);
    const auto draws = [&](int count) {
        std::vector<float> values(static_cast<std::size_t>(count));
        std::generate(values.begin(), values.end(), [&] { return normal(random); });
        return values;
    };
    core::TokenScorer scorer;
    scorer.layer = layer;
    scorer.inputs = 2 * info.model.nKvHeads * info.model.headDim;
    scorer.hidden = hidden;
    scorer.mean = draws(scorer.inputs);
    scorer.scale = draws(scorer.inputs);
    scorer.w1 = draws(hidden * scorer.inputs);
    scorer.b1 = draws(hidden);
    scorer.w2 = draws(hidden);
    scorer.b2 = 0.25f;
    return scorer;
}

} // namespace kvviz::test
