// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums in double, row after row, so that the result does not depend on threads.
#include "compress/shot_scores.hpp"

#include "compress/memo.hpp"
#include "compress/window_scores.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

QueryRows lastRows(const core::LayerData& data, std::int64_t window)
{
    const ObservationWindow held = observationWindow(data, window);
    return {data.w - held.size, data.w, held.clamped};
}

/// From the first to the last prompt token of the question segments.
QueryRows questionRows(const core::LayerData& data, const std::vector<core::Segment>& segments, std::int64_t window)
{
    std::int64_t begin = data.n, end = 0;
    for (const core::Segment& segment : segments) {
        const core::Span span{std::max<std::int64_t>(0, segment.span.begin), std::min(data.n, segment.span.end)};
        if (segment.kind != core::SegmentKind::question || span.begin >= span.end)
            continue;
        begin = std::min(begin, span.begin);
        end = std::max(end, span.end);
    }
    const std::int64_t first = data.n - data.w; // position of row 0
    if (end <= std::max(begin, first)) {
        QueryRows rows = lastRows(data, window);
        rows.clamped = rows.clamped || begin < end;
        rows.noQuestion = true;
        return rows;
    }
    return {std::max<std::int64_t>(0, begin - first), end - first, begin < first};
}

} // namespace

ShotScoreRule::ShotScoreRule(const Params& params) : m_acc(params.text("acc")), m_window(params.integer("window", 1)) {}

std::shared_ptr<const ShotTokenScores> ShotScoreRule::operator()(const LayerInput& input) const
{
    return memoised(input, fmt::format("shotkv/{}/{}", m_acc, fromRows() ? m_window : 0),
                    [&] { return compute(input.data, input.segments); });
}

ShotTokenScores ShotScoreRule::compute(const core::LayerData& data, const std::vector<core::Segment>& segments) const
{
    ShotTokenScores result{std::vector<double>(static_cast<std::size_t>(data.n), 0.0), {}};
    if (fromRows())
        result.rows = m_acc == "window" ? lastRows(data, m_window) : questionRows(data, segments, m_window);
    const auto add = [&](const float* row) {
        std::transform(result.scores.begin(), result.scores.end(), row, result.scores.begin(), std::plus<>());
    };
    for (int head = 0; head < data.heads.queryHeads(); ++head) {
        if (!fromRows())
            add(data.received.data() + head * data.total());
        for (std::int64_t row = result.rows.begin; row < result.rows.end; ++row)
            add(data.windowRow(head, row));
    }
    if (m_acc == "seen_mean")
        for (std::int64_t key = 0; key < data.n; ++key)
            result.scores[static_cast<std::size_t>(key)] /= static_cast<double>(data.n - key);
    return result;
}

} // namespace kvviz::compress
