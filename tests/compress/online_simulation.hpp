// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the slow simulations of online methods share: made-up captures, masked rows, full sorts, and the comparison.
#pragma once

#include "compress/method.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::test {

using Positions = std::vector<std::int32_t>;
using Mask = std::vector<std::uint8_t>;

inline SyntheticCapture captureOf(std::uint64_t seed, std::int64_t n = 40, std::int64_t t = 25)
{
    return SyntheticCapture({.layers = 1, .heads = 6, .kvHeads = 2, .n = n, .t = t, .window = 8, .seed = seed});
}

inline compress::LayerPlan planOf(const std::string& method, const SyntheticCapture& capture, std::int64_t tokens)
{
    return compress::makeMethod(method)->plan({capture.layer(0), capture.info().segments}, {1.0, tokens});
}

/// Attention of one query head on the keys marked in `visible`, as a masked softmax gives it. [T]
inline std::vector<double> maskedRow(const core::LayerData& data, int head, std::int64_t step, const Mask& visible)
{
    std::vector<double> row(static_cast<std::size_t>(data.total()), 0.0);
    double mass = 0;
    for (std::int64_t key = 0; key <= data.n + step; ++key)
        if (visible[static_cast<std::size_t>(key)])
            mass += row[static_cast<std::size_t>(key)] = data.decodeRow(head, step)[key];
    for (double& value : row)
        value /= mass;
    return row;
}

/// The k best of positions [0, end) by a full sort.
inline Positions sortedBest(const std::vector<double>& scores, std::int64_t end, std::int64_t k)
{
    Positions all(static_cast<std::size_t>(std::max<std::int64_t>(0, end)));
    std::iota(all.begin(), all.end(), 0);
    std::stable_sort(all.begin(), all.end(), [&](std::int32_t a, std::int32_t b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    all.resize(std::min(all.size(), static_cast<std::size_t>(k)));
    return all;
}

struct Simulated {
    Mask kept;  // [n]
    Mask steps; // [t, T]
};

inline void requireSame(const compress::LayerPlan& plan, const core::LayerData& data, int kvHead, const Simulated& expected)
{
    Mask kept(static_cast<std::size_t>(data.n), 0);
    for (const std::int32_t key : plan.kept[static_cast<std::size_t>(kvHead)])
        kept[static_cast<std::size_t>(key)] = 1;
    REQUIRE(kept == expected.kept);
    const auto block = data.t * data.total();
    REQUIRE(std::ssize(expected.steps) == block);
    REQUIRE(std::equal(expected.steps.begin(), expected.steps.end(), plan.keptDecode.begin() + kvHead * block));
}

inline bool sees(const compress::LayerPlan& plan, const core::LayerData& data, std::int64_t step, std::int64_t key)
{
    return plan.keptDecode[static_cast<std::size_t>(step * data.total() + key)] != 0;
}

} // namespace kvviz::test
