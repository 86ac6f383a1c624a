// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/delta_panels.hpp"

#include "views/extent.hpp"
#include "views/label_text.hpp"
#include "views/method_family.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace kvviz::plot {

namespace {

using io::EvalRecord;

constexpr double kUnits = 1e6; // places on the axis are told apart to this
constexpr std::size_t kMostBands = 2;
/// Intervals may take this much of the values' range beyond them.
constexpr double kIntervalRoom = 1.0;
constexpr double kLeastRoom = 0.25; // of a score, where values hardly differ

bool followsBudget(const EvalRecord& record) { return record.budgetUse.empty() || record.budgetUse == "follows"; }

/// Size of the cache: the budget where the method keeps to it, else what was measured.
double placeOf(const EvalRecord& record, bool tokens)
{
    if (followsBudget(record) && tokens)
        return static_cast<double>(record.budgetTokens);
    if (followsBudget(record) && record.budgetTokens <= 0)
        return record.ratio;
    double size = record.actualRatio;
    if (!followsBudget(record) && record.fullCacheBytes > 0)
        size = static_cast<double>(record.cacheBytes) / static_cast<double>(record.fullCacheBytes);
    const bool known = std::isfinite(size);
    if (tokens)
        return (known ? size : record.ratio) * record.promptTokens;
    return known ? size : record.ratio;
}

/// Lines that belong together stand together; stable_sort by this keeps the order of appearance else.
double orderOf(const EvalRecord& record, EvalLines lines)
{
    if (lines == EvalLines::shots)
        return static_cast<double>(shotsOf(record));
    return lines == EvalLines::method ? static_cast<double>(familyOf(record)) : 0.0;
}

/// Colours and shades of all lines by label.
struct LineStyles {
    std::vector<std::string> labels;

    LineStyles(const std::vector<EvalRecord>& records, EvalLines lines, const EvalNames& names)
    {
        std::vector<std::pair<double, std::string>> found;
        std::set<std::string> seen;
        for (const EvalRecord& record : records)
            if (record.method != "fullkv" && seen.insert(names.line(record)).second)
                found.emplace_back(orderOf(record, lines), names.line(record));
        std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (const auto& [order, label] : found)
            labels.push_back(label);
    }
    [[nodiscard]] int index(const std::string& label) const
    {
        return static_cast<int>(std::find(labels.begin(), labels.end(), label) - labels.begin());
    }
    [[nodiscard]] double shade(int index) const
    {
        return labels.size() < 2 ? 1.0 : static_cast<double>(index) / static_cast<double>(labels.size() - 1);
    }
};

/// The one with this label, made if there is none.
template <typename Labelled>
Labelled& labelled(std::vector<Labelled>& all, const std::string& label)
{
    const auto found = std::find_if(all.begin(), all.end(), [&](const Labelled& one) { return one.label == label; });
    if (found != all.end())
        return *found;
    all.emplace_back().label = label;
    return all.back();
}

std::string describe(const EvalRecord& record)
{
    return labelText(fmt::format("{}, {} at ratio {:g}", record.task, methodSpecification(record),
                                          record.ratio));
}

bool hasInterval(const core::Estimate& estimate)
{
    return std::isfinite(estimate.low) && std::isfinite(estimate.high);
}

void addPoint(CurveSeries& series, double x, const core::Estimate& estimate, double scale)
{
    series.x.push_back(x);
    series.y.push_back(estimate.value * scale);
    series.low.push_back(estimate.low * scale);
    series.high.push_back(estimate.high * scale);
}

/// Smallest distance of neighbouring places, over all lines.
double smallestStep(const std::vector<CurvePanel>& panels)
{
    std::set<double> places;
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series)
            if (series.origin.empty() && series.line)
                places.insert(series.x.begin(), series.x.end());
    double least = std::numeric_limits<double>::infinity();
    for (auto place = places.begin(); place != places.end() && std::next(place) != places.end(); ++place)
        least = std::min(least, *std::next(place) - *place);
    return least;
}

} // namespace

bool tokenBudgets(const std::vector<EvalRecord>& records)
{
    bool tokens = false;
    for (const EvalRecord& record : records) {
        if (record.method == "fullkv" || !followsBudget(record))
            continue;
        if (record.budgetTokens <= 0)
            return false;
        tokens = true;
    }
    return tokens;
}

std::vector<DeltaPanel> deltaPanels(const std::vector<EvalRecord>& records, EvalLines lines, const EvalMetric& metric,
                                    bool tokens, std::vector<LeftOut>& leftOut)
{
    const EvalNames names(records, lines);
    const LineStyles styles(records, lines, names);
    std::vector<DeltaPanel> panels;
    for (const EvalRecord& record : records) {
        if (record.method == "fullkv")
            continue;
        const double place = placeOf(record, tokens);
        if (!std::isfinite(metric.value(record, 0).value) || !std::isfinite(place)) {
            leftOut.push_back({describe(record), fmt::format("no value of '{}': {}", metric.name, metric.missing)});
            continue;
        }
        const std::string panelLabel = names.panel(record), label = names.line(record);
        DeltaPanel& panel = labelled(panels, names.panel(record));
        panel.group = names.group(record);
        DeltaLine& line = labelled(panel.lines, names.line(record));
        line.color = styles.index(line.label);
        if (lines == EvalLines::shots)
            line.shade = styles.shade(line.color);
        if (!line.records.try_emplace(std::llround(place * kUnits), &record).second)
            leftOut.push_back({describe(record), "the same task, method and size is there already"});
    }
    std::vector<std::string> groups;
    for (const DeltaPanel& panel : panels)
        groups.push_back(panel.group);
    const auto firstOf = [&](const DeltaPanel& panel) { return std::find(groups.begin(), groups.end(), panel.group); };
    std::stable_sort(panels.begin(), panels.end(),
                     [&](const DeltaPanel& a, const DeltaPanel& b) { return firstOf(a) < firstOf(b); });
    for (DeltaPanel& panel : panels)
        std::stable_sort(panel.lines.begin(), panel.lines.end(),
                         [](const DeltaLine& a, const DeltaLine& b) { return a.color < b.color; });
    return panels;
}

CurveSeries deltaSeries(const DeltaLine& line, const EvalMetric& metric, bool tokens, std::uint64_t seed)
{
    CurveSeries series;
    series.name = line.label;
    series.color = line.color;
    series.shade = line.shade;
    series.markers = true;
    bool intervals = false, follows = false;
    for (const auto& [place, record] : line.records) {
        const core::Estimate estimate = metric.value(*record, seed);
        addPoint(series, static_cast<double>(place) / kUnits, estimate, metric.scale);
        series.samples = series.samples == 0 ? record->n : std::min(series.samples, record->n);
        series.method = methodSpecification(*record);
        intervals = intervals || hasInterval(estimate);
        follows = follows || followsBudget(*record);
    }
    series.line = follows;
    if (follows && !tokens && series.x.back() < 1 - 1 / kUnits) {
        const core::Estimate full = metric.full(*line.records.rbegin()->second, seed);
        if (std::isfinite(full.value))
            addPoint(series, 1.0, full, metric.scale);
    }
    if (!intervals) {
        series.low.clear();
        series.high.clear();
    }
    return series;
}

void setDeltaRanges(std::vector<CurvePanel>& panels, const EvalMetric& metric, std::pair<double, double> yRange)
{
    Extent x, y, all;
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series) {
            x.add(series.x);
            y.add(series.y);
            all.add(series.low);
            all.add(series.high);
        }
    y.add(0.0);
    const double room = kIntervalRoom * std::max(y.length(), kLeastRoom * metric.scale);
    const double low = std::min(y.low, std::max(all.low, y.low - room));
    const double high = std::max(y.high, std::min(all.high, y.high + room));
    const double air = 0.04 * std::max(high - low, 1e-6);
    const double side = x.air(0.05);
    for (CurvePanel& panel : panels) {
        panel.xLow = x.low - side;
        panel.xHigh = x.high + side;
        panel.falling = true;
        panel.zeroLine = metric.change;
        const bool given = yRange.first < yRange.second;
        panel.yLow = given ? yRange.first : low - air;
        panel.yHigh = given ? yRange.second : high + air;
    }
}

void setIntervals(std::vector<CurvePanel>& panels)
{
    std::size_t most = 0;
    for (const CurvePanel& panel : panels) {
        const auto count = std::count_if(panel.series.begin(), panel.series.end(),
                                         [](const CurveSeries& series) { return !series.low.empty() && series.line; });
        most = std::max(most, static_cast<std::size_t>(count));
    }
    const double step = smallestStep(panels);
    double reach = 0;
    for (CurvePanel& panel : panels) {
        std::vector<CurveSeries*> measured;
        for (CurveSeries& series : panel.series)
            if (series.origin.empty())
                measured.push_back(&series);
        const double count = static_cast<double>(measured.size());
        const double shift = std::min(0.5 * step / std::max(1.0, count), 0.012 * (panel.xHigh - panel.xLow));
        for (std::size_t i = 0; i < measured.size(); ++i) {
            measured[i]->whiskers = most > kMostBands || !measured[i]->line;
            if (measured[i]->whiskers) // the first line stands left, where x is larger
                measured[i]->shift = ((count - 1) / 2 - static_cast<double>(i)) * shift;
            reach = std::max(reach, -measured[i]->shift);
        }
    }
    for (CurvePanel& panel : panels) // whole markers at the smallest ratio
        panel.xLow -= reach;
}

std::string countText(const std::vector<DeltaLine>& lines)
{
    std::set<std::int64_t> counts;
    for (const DeltaLine& line : lines)
        for (const auto& [place, record] : line.records)
            counts.insert(record->n);
    counts.erase(0);
    if (counts.empty())
        return "";
    if (counts.size() == 1)
        return fmt::format("n = {}", *counts.begin());
    return fmt::format("n = {} to {}", *counts.begin(), *counts.rbegin());
}

} // namespace kvviz::plot
