// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/retention_data.hpp"

#include "core/statistics.hpp"
#include "views/capture_choice.hpp"
#include "views/head_statistics.hpp"
#include "views/label_placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::vector<double> picked(const std::vector<float>& values, const std::vector<std::size_t>& segments)
{
    std::vector<double> result;
    for (const std::size_t segment : segments)
        result.push_back(segment < values.size() ? static_cast<double>(values[segment]) : kUnknown);
    return result;
}

void addSeries(BarPanel& panel, const ShotRetention& retention, const std::vector<std::size_t>& segments, bool held)
{
    BarSeries series;
    series.name = (held ? "held: " : "") + retention.name;
    series.method = retention.method;
    series.values = picked(retention.survival, segments);
    if (!retention.intact.empty()) {
        series.marks = picked(retention.intact, segments);
        panel.markName = "share of KV heads that keep all of it";
    }
    series.color = held ? 1 : 0;
    series.hollow = held;
    panel.series.push_back(std::move(series));
    if (std::isfinite(retention.ratio))
        panel.lines.push_back({fmt::format("{}kept of the whole prompt: {:.2f}", held ? "held: " : "", retention.ratio),
                               retention.ratio, held ? 1 : 0, true});
}

} // namespace

std::vector<std::size_t> promptSegments(const core::CaptureInfo& info)
{
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < info.segments.size(); ++i) {
        const core::Segment& segment = info.segments[i];
        if (!segment.span.empty() && segment.span.begin < info.nPrompt()
            && segment.kind != core::SegmentKind::generated)
            result.push_back(i);
    }
    return result;
}

BarFigure retentionFigure(const core::CaptureInfo& info, const ShotRetention& shown,
                          const std::optional<ShotRetention>& held, const std::string& where)
{
    BarFigure figure;
    BarPanel panel;
    const auto segments = promptSegments(info);
    const auto marks = segmentMarks(info);
    const auto shots = static_cast<int>(std::count_if(segments.begin(), segments.end(), [&](std::size_t i) {
        return info.segments[i].kind == core::SegmentKind::shot;
    }));
    for (const std::size_t i : segments) {
        const bool shot = info.segments[i].kind == core::SegmentKind::shot;
        panel.categories.push_back(marks[i].label.empty() ? "BOS" : marks[i].label);
        panel.ranks.push_back(shot ? shotLabelRank(info.segments[i].index + 1, shots) : 0);
    }
    panel.xLabel = "segment of the prompt";
    panel.yLabel = "share of tokens kept";
    addSeries(panel, shown, segments, false);
    if (held)
        addSeries(panel, *held, segments, true);
    figure.notes = {where, "kept: mean over KV heads"};
    figure.panels.push_back(std::move(panel));
    return figure;
}

MatrixFigure budgetFigure(const core::CaptureInfo& info, const std::vector<std::int64_t>& kept, std::int64_t prompt,
                          const std::string& name)
{
    MatrixFigure figure;
    MatrixPanel panel;
    const auto layers = info.layers.size();
    const auto groups = info.kvHeads();
    panel.rowLabel = "layer";
    panel.columnLabel = "KV head";
    for (const int layer : info.layers)
        panel.rows.push_back(std::to_string(layer));
    for (const int group : groups)
        panel.columns.push_back(std::to_string(group));
    for (const std::int64_t tokens : kept)
        panel.values.push_back(tokens < 0 ? kUnknown : static_cast<double>(tokens) / static_cast<double>(prompt));
    panel.values.resize(layers * groups.size(), kUnknown);
    for (std::size_t row = 0; row < layers; ++row)
        panel.rowMeans.push_back(
            core::mean(std::span<const double>(panel.values).subspan(row * groups.size(), groups.size())));
    for (std::size_t column = 0; column < groups.size(); ++column) {
        std::vector<double> values;
        for (std::size_t row = 0; row < layers; ++row)
            values.push_back(panel.values[row * groups.size() + column]);
        panel.columnMeans.push_back(core::mean(std::span<const double>(values)));
    }
    panel.numbers = true;
    const auto [low, high] = roundRange(panel.values);
    figure.scale.logarithmic = false;
    figure.scale.low = std::min(low, high - 0.1); // equal budgets look equal
    figure.scale.high = high;
    figure.scale.label = fmt::format("tokens kept, share of the prompt ({})", name);
    figure.notes = {budgetSentence(info, kept, prompt)};
    figure.panels.push_back(std::move(panel));
    return figure;
}

std::string budgetSentence(const core::CaptureInfo& info, const std::vector<std::int64_t>& kept, std::int64_t prompt)
{
    const auto groups = info.kvHeads().size();
    std::vector<std::int64_t> known;
    std::copy_if(kept.begin(), kept.end(), std::back_inserter(known), [](std::int64_t tokens) { return tokens >= 0; });
    if (known.empty())
        return "No layer is known yet.";
    const std::string part = known.size() < info.layers.size() * groups
                                 ? fmt::format(" (so far {} of {} layers)",
                                               known.size() / std::max<std::size_t>(1, groups), info.layers.size())
                                 : "";
    const auto [least, most] = std::minmax_element(known.begin(), known.end());
    if (*least == *most)
        return fmt::format("Uniform: every KV head keeps {} of {} tokens{}.", *least, prompt, part);
    bool alike = true;
    for (std::size_t i = 0; i < kept.size(); ++i)
        alike = alike && kept[i] == kept[i - i % groups];
    return fmt::format("From {} to {} of {} tokens a KV head{}{}.", *least, *most, prompt,
                       alike ? ", the same for all KV heads of a layer" : "", part);
}

} // namespace kvviz::plot
