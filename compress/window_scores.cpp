// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums in double, row after row, so that the result does not depend on threads.
#include "compress/window_scores.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {

ObservationWindow observationWindow(const core::LayerData& data, std::int64_t wanted)
{
    return {std::min(wanted, data.w), std::min(wanted, data.n) > data.w};
}

std::vector<double> windowScores(const core::LayerData& data, int head, std::int64_t window, std::int64_t keys)
{
    std::vector<double> scores(static_cast<std::size_t>(std::max<std::int64_t>(0, keys)), 0.0);
    double* const out = scores.data();
    for (std::int64_t i = data.w - window; i < data.w; ++i) {
        const float* const row = data.windowRow(head, i);
#pragma omp simd
        for (std::int64_t key = 0; key < keys; ++key)
            out[key] += row[key];
    }
    return scores;
}

std::vector<double> windowSquares(const core::LayerData& data, int head, std::int64_t window, std::int64_t keys)
{
    std::vector<double> squares(static_cast<std::size_t>(std::max<std::int64_t>(0, keys)), 0.0);
    double* const out = squares.data();
    for (std::int64_t i = data.w - window; i < data.w; ++i) {
        const float* const row = data.windowRow(head, i);
#pragma omp simd
        for (std::int64_t key = 0; key < keys; ++key)
            out[key] += static_cast<double>(row[key]) * row[key];
    }
    return squares;
}

std::vector<double> snapScores(const core::LayerData& data, int kvHead, const SnapOptions& options)
{
    std::vector<std::vector<double>> heads;
    for (int r = 0; r < data.heads.groupSize(); ++r) {
        const int head = data.heads.firstQueryHead(kvHead) + r;
        auto scores = windowScores(data, head, options.window, data.n - options.window);
        heads.push_back(options.poolFirst ? pool1d(scores, options.kernel, options.pool) : std::move(scores));
    }
    std::vector<double> reduced = reduceScores(heads, options.reduce);
    return options.poolFirst ? reduced : pool1d(reduced, options.kernel, options.pool);
}

std::shared_ptr<const Ranking> snapRanking(const LayerInput& input, int kvHead, const SnapOptions& options)
{
    const std::string key =
        fmt::format("snap/{}/{}/{}/{}/{}/{}", kvHead, options.window, options.kernel, static_cast<int>(options.pool),
                    static_cast<int>(options.reduce), options.poolFirst);
    return memoised(input, key, [&] { return rank(snapScores(input.data, kvHead, options)); });
}

} // namespace kvviz::compress
