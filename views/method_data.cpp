// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_data.hpp"

#include "compress/method.hpp"
#include "core/curves.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace kvviz::plot {

namespace {

using io::ReplayRecord;

std::string methodLabel(const ReplayRecord& record)
{
    std::string label = record.method;
    for (const compress::MethodInfo& info : compress::methodList())
        if (info.name == record.method)
            label = info.title;
    return record.variant.empty() ? label : label + " (" + record.variant + ")";
}

bool isOracle(const ReplayRecord& record) { return record.method.find("oracle") != std::string::npos; }

/// Bounds, not competitors.
bool isReference(const ReplayRecord& record) { return isOracle(record) || record.method == "fullkv"; }

/// Replays at fixed token budgets have a different ratio for each prompt; they are drawn against tokens.
bool byTokens(const std::vector<ReplayRecord>& records)
{
    std::set<std::int64_t> tokens;
    std::set<std::int64_t> ratios;
    for (const ReplayRecord& record : records) {
        tokens.insert(record.budgetTokens);
        ratios.insert(std::llround(record.ratio * 1e6));
    }
    return ratios.size() > tokens.size();
}

struct Metric {
    std::string yLabel;
    double (*value)(const ReplayRecord&);
    bool (*present)(const ReplayRecord&);
};

const Metric kMass{"lost attention mass", [](const ReplayRecord& r) { return r.meanLost; },
                   [](const ReplayRecord&) {
                       return true;
                   }};
const Metric kOutput{"relative output error", [](const ReplayRecord& r) { return r.meanOutputError; },
                     [](const ReplayRecord& r) {
                         return r.depth == "output";
                     }};

/// Values of all prompts by method (in order of appearance) and abscissa.
struct Grouped {
    std::vector<std::string> order;
    std::map<std::string, std::map<double, std::vector<double>>> values;
    std::set<std::string> references, oracles;
};

Grouped groupBy(const std::vector<ReplayRecord>& records, const Metric& metric, bool tokens)
{
    Grouped grouped;
    for (const ReplayRecord& record : records) {
        if (!metric.present(record) || !std::isfinite(metric.value(record)))
            continue;
        const std::string label = methodLabel(record);
        if (!grouped.values.contains(label))
            grouped.order.push_back(label);
        if (isReference(record))
            grouped.references.insert(label);
        if (isOracle(record))
            grouped.oracles.insert(label);
        const double x = tokens ? static_cast<double>(record.budgetTokens) : std::round(record.ratio * 1e6) / 1e6;
        grouped.values[label][x].push_back(metric.value(record));
    }
    return grouped;
}

/// Colours belong to methods, so that a method looks the same in both panels.
using Colors = std::map<std::string, int>;

Colors colorsOf(const std::vector<ReplayRecord>& records)
{
    Colors colors;
    int next = 0;
    for (const ReplayRecord& record : records)
        if (const std::string label = methodLabel(record); !colors.contains(label))
            colors[label] = isReference(record) ? 0 : next++;
    return colors;
}

CurvePanel makePanel(const Grouped& grouped, const Metric& metric, bool tokens, const Colors& colors,
                     std::uint64_t seed)
{
    CurvePanel panel;
    panel.yLabel = metric.yLabel;
    panel.xLabel = tokens ? "tokens kept per layer and KV head" : "ratio of tokens kept";
    double largest = 0, first = std::numeric_limits<double>::max(), last = 0;
    for (const std::string& label : grouped.order) {
        CurveSeries series;
        series.name = label;
        series.color = colors.at(label);
        series.reference = grouped.references.contains(label);
        series.dashed = grouped.oracles.contains(label);
        series.markers = !series.reference;
        bool spread = false;
        for (const auto& [x, values] : grouped.values.at(label)) {
            const core::Summary summary = core::bootstrapMean(values, seed);
            series.x.push_back(x);
            series.y.push_back(summary.mean);
            series.low.push_back(summary.low);
            series.high.push_back(summary.high);
            spread = spread || values.size() > 1;
            largest = std::max(largest, summary.high);
            first = std::min(first, x);
            last = std::max(last, x);
        }
        if (!spread || series.reference) {
            series.low.clear();
            series.high.clear();
        }
        panel.series.push_back(std::move(series));
    }
    // A little air, so that markers on the border (FullKV loses nothing) are drawn whole.
    const double air = last > first ? (last - first) * 0.06 : 0.05 * std::max(last, 1e-3);
    panel.xLow = first - air;
    panel.xHigh = last + air;
    panel.yHigh = largest > 0 ? largest * 1.05 : 1.0;
    panel.yLow = -0.035 * panel.yHigh;
    return panel;
}

std::vector<const Metric*> metricsFor(const std::string& name)
{
    if (name.empty())
        return {&kMass, &kOutput};
    if (name == "mass")
        return {&kMass};
    if (name == "output")
        return {&kOutput};
    throw core::Error(core::ErrorCode::usage, "unknown metric '" + name + "'; known: mass, output");
}

std::string promptNote(const std::vector<ReplayRecord>& records)
{
    std::map<std::string, std::set<std::string>> prompts;
    for (const ReplayRecord& record : records)
        prompts[record.task].insert(record.capture + "\n" + record.promptId);
    std::size_t count = 0;
    std::string tasks;
    for (const auto& [task, ids] : prompts) {
        count += ids.size();
        tasks += (tasks.empty() ? "" : ", ") + task;
    }
    return fmt::format("mean over {} prompt{} ({})", count, count == 1 ? "" : "s", tasks);
}

} // namespace

Figure methodsFigure(const std::vector<ReplayRecord>& records, const std::vector<Provenance>& sources,
                     const MethodRequest& request)
{
    const bool tokens = byTokens(records);
    const Colors colors = colorsOf(records);
    CurveFigure curves;
    bool band = false;
    for (const Metric* metric : metricsFor(request.metric)) {
        const Grouped grouped = groupBy(records, *metric, tokens);
        if (grouped.order.empty())
            continue;
        curves.panels.push_back(makePanel(grouped, *metric, tokens, colors, request.seed));
        for (const CurveSeries& series : curves.panels.back().series)
            band = band || !series.low.empty();
    }
    if (curves.panels.empty())
        throw core::Error(core::ErrorCode::badInput,
                          request.metric == "output"
                              ? "the results hold no output errors; run `kvviz replay --depth output`"
                              : "the results hold no replays; make some with `kvviz replay CAPTURE`");
    if (curves.panels.size() > 1)
        for (std::size_t i = 0; i < curves.panels.size(); ++i)
            curves.panels[i].letter = std::string(1, static_cast<char>('a' + i));
    curves.notes.push_back(promptNote(records));
    if (band)
        curves.notes.push_back("band: 95 % bootstrap interval of the mean");
    Figure figure;
    figure.name = "methods";
    figure.content = std::move(curves);
    figure.sources = sources;
    figure.parameters = {{"metric", request.metric.empty() ? "mass, output" : request.metric},
                         {"aggregate", "mean over layers, heads and decode queries, then over prompts"},
                         {"interval", "95 % percentile bootstrap over prompts, 2000 resamples"},
                         {"seed", std::to_string(request.seed)}};
    return figure;
}

} // namespace kvviz::plot
