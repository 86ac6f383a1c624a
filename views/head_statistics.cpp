// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/head_statistics.hpp"

#include "core/statistics.hpp"
#include "views/extent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::plot {

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

std::size_t indexOf(HeadMeasure measure) { return static_cast<std::size_t>(measure); }

} // namespace

std::string measureName(HeadMeasure measure)
{
    switch (measure) {
    case HeadMeasure::entropy:
        return "Entropy";
    case HeadMeasure::effectiveTokens:
        return "Effective tokens";
    case HeadMeasure::sinkMass:
        return "Sink mass";
    case HeadMeasure::gini:
        return "Gini of received attention";
    case HeadMeasure::lostMass:
        return "Lost mass";
    }
    return "";
}

std::string measureUnit(HeadMeasure measure)
{
    switch (measure) {
    case HeadMeasure::entropy:
        return "nats, mean over prompt queries";
    case HeadMeasure::effectiveTokens:
        return "exp(entropy), mean over prompt queries";
    case HeadMeasure::sinkMass:
        return "mean over prompt queries";
    case HeadMeasure::gini:
        return "0 even, 1 all on one key";
    case HeadMeasure::lostMass:
        return "mean over the queries that judge";
    }
    return "";
}

double gini(std::span<const float> values)
{
    std::vector<float> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    double sum = 0, weighted = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        sum += static_cast<double>(sorted[i]);
        weighted += static_cast<double>(i + 1) * static_cast<double>(sorted[i]);
    }
    const auto n = static_cast<double>(sorted.size());
    return sum > 0 ? 2 * weighted / (n * sum) - (n + 1) / n : std::numeric_limits<double>::quiet_NaN();
}

HeadStatistics headStatistics(const core::LayerData& layer, std::int64_t sinkTokens)
{
    HeadStatistics result;
    const std::int64_t skipped = std::clamp<std::int64_t>(sinkTokens, 0, layer.n);
    const auto n = static_cast<std::size_t>(layer.n);
    for (int head = 0; head < layer.heads.queryHeads(); ++head) {
        const auto offset = static_cast<std::size_t>(head * layer.total());
        const auto entropy = std::span(layer.entropy).subspan(offset, n);
        const auto received = std::span(layer.received).subspan(offset, n);
        double effective = 0;
        for (const float value : entropy)
            effective += std::exp(static_cast<double>(value));
        const auto sinks = received.first(static_cast<std::size_t>(skipped));
        result.entropy.push_back(static_cast<float>(core::mean(entropy)));
        result.effectiveTokens.push_back(static_cast<float>(effective / static_cast<double>(n)));
        // What the first keys received in all, a query: right for any k, unlike the stored mass of the capture's own k.
        result.sinkMass.push_back(static_cast<float>(core::sum(sinks) / static_cast<double>(n)));
        result.gini.push_back(static_cast<float>(gini(received)));
        result.giniNonSink.push_back(static_cast<float>(gini(received.subspan(static_cast<std::size_t>(skipped)))));
    }
    return result;
}

HeadTable::HeadTable(const core::CaptureInfo& info) : layers(info.layers), heads(info.heads), groups(info.kvHeads())
{
    const core::HeadMap map = info.headMap();
    for (int head = 0; head < static_cast<int>(heads.size()); ++head)
        kvHeads.push_back(groups.at(static_cast<std::size_t>(map.kvHeadOf(head))));
    for (auto& list : values)
        list.assign(layers.size() * heads.size(), kUnknown);
    giniNonSink = lostNonSink = values.front();
}

void HeadTable::setLayer(std::int64_t slot, const HeadStatistics& statistics)
{
    const auto put = [&](const std::vector<float>& from, std::vector<float>& to) {
        std::copy(from.begin(), from.end(), to.begin() + static_cast<std::ptrdiff_t>(index(slot, 0)));
    };
    put(statistics.entropy, values[indexOf(HeadMeasure::entropy)]);
    put(statistics.effectiveTokens, values[indexOf(HeadMeasure::effectiveTokens)]);
    put(statistics.sinkMass, values[indexOf(HeadMeasure::sinkMass)]);
    put(statistics.gini, values[indexOf(HeadMeasure::gini)]);
    put(statistics.giniNonSink, giniNonSink);
}

void HeadTable::setLost(std::span<const float> lostMass, std::span<const float> nonSink)
{
    const auto put = [&](std::span<const float> from, std::vector<float>& to) {
        to.assign(layers.size() * heads.size(), kUnknown);
        if (from.size() == to.size())
            to.assign(from.begin(), from.end());
    };
    put(lostMass, values[indexOf(HeadMeasure::lostMass)]);
    put(nonSink, lostNonSink);
}

const std::vector<float>& HeadTable::of(HeadMeasure measure, bool withoutSinks) const
{
    if (withoutSinks && measure == HeadMeasure::gini)
        return giniNonSink;
    if (withoutSinks && measure == HeadMeasure::lostMass)
        return lostNonSink;
    return values[indexOf(measure)];
}

std::pair<double, double> roundRange(std::span<const double> values)
{
    Extent extent;
    for (const double value : values)
        extent.add(value);
    if (extent.low > extent.high)
        return {0, 1};
    const double length = std::max(extent.length(), std::max(1e-6, std::abs(extent.high) * 0.05));
    const double decade = std::pow(10.0, std::floor(std::log10(length)));
    const double step = length / decade > 5 ? decade : length / decade > 2 ? decade / 2 : decade / 5;
    double low = std::floor(extent.low / step + 1e-9) * step, high = std::ceil(extent.high / step - 1e-9) * step;
    if (extent.low >= 0 && low < 2 * step)
        low = 0; // near enough: zero says more than a small number
    return {low, high > low ? high : low + step};
}

MatrixPanel headPanel(const HeadTable& table)
{
    MatrixPanel panel;
    panel.rowLabel = "layer";
    panel.columnLabel = "query head";
    panel.groupLabel = "KV head";
    for (const int layer : table.layers)
        panel.rows.push_back(std::to_string(layer));
    for (const int head : table.heads)
        panel.columns.push_back(std::to_string(head));
    for (const int group : table.groups)
        panel.groups.push_back(fmt::format("KV {}", group));
    for (const int kvHead : table.kvHeads)
        panel.groupOf.push_back(
            static_cast<int>(std::find(table.groups.begin(), table.groups.end(), kvHead) - table.groups.begin()));
    panel.values.assign(table.layers.size() * table.heads.size(), std::numeric_limits<double>::quiet_NaN());
    return panel;
}

MatrixFigure headFigure(const HeadTable& table, HeadMeasure measure, bool withoutSinks, int sinkTokens,
                        const std::string& name)
{
    MatrixFigure figure;
    MatrixPanel panel = headPanel(table);
    const std::vector<float>& values = table.of(measure, withoutSinks);
    panel.values.assign(values.begin(), values.end());
    panel.numbers = true;
    const auto [low, high] = roundRange(panel.values);
    panel.decimals = high - low >= 20 ? 0 : high - low >= 2 ? 1 : 2;
    figure.scale.logarithmic = false;
    figure.scale.low = low;
    figure.scale.high = high;
    const bool cut = withoutSinks && (measure == HeadMeasure::gini || measure == HeadMeasure::lostMass);
    figure.scale.label = measureName(measure);
    if (measure == HeadMeasure::sinkMass)
        figure.scale.label += fmt::format(" of the first {} tokens", sinkTokens);
    if (!name.empty())
        figure.scale.label += fmt::format(", {}", name);
    if (cut)
        figure.scale.label += fmt::format(", without the first {} tokens", sinkTokens);
    figure.scale.label += fmt::format(" ({})", measureUnit(measure));
    figure.notes = {"query heads stand under the KV head that serves them"};
    if (std::any_of(panel.values.begin(), panel.values.end(), [](double value) { return std::isnan(value); }))
        figure.notes.push_back("grey: not known");
    figure.panels.push_back(std::move(panel));
    return figure;
}

} // namespace kvviz::plot
