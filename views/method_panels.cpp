// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_panels.hpp"

#include "core/curves.hpp"
#include "core/error.hpp"
#include "views/extent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::plot {

namespace {

using io::ReplayRecord;

/// Grey in every panel of small multiples: the best and the worst that a choice of tokens should do.
constexpr std::array<const char*, 2> kReferences{"oracle_mass", "random"};
/// A logarithmic axis shows this many times less than its largest value; what loses less runs out of the panel.
constexpr double kLogSpan = 1000;
/// Sizes that fall by less as the budget grows still make a line.
constexpr double kSizeSlack = 2e-3;

double outputError(const ReplayRecord& record)
{
    return record.depth == "mass" ? std::numeric_limits<double>::quiet_NaN() : record.meanOutputError;
}

bool isReference(const std::string& specification)
{
    return std::find(kReferences.begin(), kReferences.end(), specification) != kReferences.end();
}

double meanOf(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct Point {
    double x = 0;
    core::Summary y;
};

/// Points from the smallest budget to the largest; when sizes do not grow with budgets a line would run to and fro, so
/// that there is none.
CurveSeries seriesOf(const MethodValues& method, bool logarithmic, std::uint64_t seed)
{
    CurveSeries series;
    series.name = method.label;
    series.method = method.specification;
    series.markers = true;
    std::vector<Point> points;
    bool spread = false;
    for (const auto& [budget, values] : method.budgets) {
        const Point point{meanOf(values.x), core::bootstrapMean(values.y, seed)};
        if (logarithmic && !(point.y.low > 0))
            continue;
        spread = spread || values.y.size() > 1;
        const std::int64_t count = std::ssize(values.y);
        series.samples = series.samples == 0 ? count : std::min(series.samples, count);
        points.push_back(point);
    }
    const double span = points.empty() ? 0 : kSizeSlack * std::max(1.0, points.back().x);
    for (std::size_t i = 1; i < points.size(); ++i)
        series.line = series.line && points[i].x >= points[i - 1].x - span;
    series.line = series.line && !points.empty() && points.back().x - points.front().x > span;
    std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
    for (const Point& point : points) {
        series.x.push_back(point.x);
        series.y.push_back(point.y.mean);
        if (spread) {
            series.low.push_back(point.y.low);
            series.high.push_back(point.y.high);
        }
    }
    return series;
}

void makeReference(CurveSeries& series, bool dashed)
{
    series.reference = true;
    series.dashed = dashed;
    series.markers = !series.line;
    series.low.clear();
    series.high.clear();
}

/// The same ranges for all panels, with a little air, so that markers on the border (FullKV loses nothing) are drawn
/// whole.
void setRanges(std::vector<CurvePanel>& panels, bool logarithmic)
{
    Extent x, y;
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series) {
            x.add(series.x);
            y.add(series.y);
            y.add(series.low);
            y.add(series.high);
        }
    const double air = x.air(x.length() > 0 ? 0.06 : 0.05);
    for (CurvePanel& panel : panels) {
        panel.xLow = x.low - air;
        panel.xHigh = x.high + air;
        panel.logY = logarithmic;
        if (logarithmic) {
            panel.yHigh = y.high * 1.25;
            panel.yLow = std::max(y.low / 1.25, y.high / kLogSpan);
            continue;
        }
        const double low = std::min(0.0, y.low), high = std::max(0.0, y.high);
        const double range = high > low ? high - low : 1.0;
        panel.yHigh = high > 0 || low == high ? low + range * 1.05 : range * 0.035;
        panel.yLow = low < 0 ? high - range * 1.05 : -0.035 * panel.yHigh;
    }
}

CurvePanel emptyPanel(const MethodMetric& metric, MethodAxis axis)
{
    CurvePanel panel;
    panel.yLabel = metric.yLabel;
    panel.xLabel = axisLabel(axis);
    return panel;
}

using Members = std::vector<const MethodValues*>;

/// Families in their order, those with too many lines in parts of nearly the same size.
std::vector<std::pair<std::string, Members>> partition(const std::vector<MethodValues>& methods)
{
    std::map<MethodFamily, Members> families;
    for (const MethodValues& method : methods)
        if (!method.budgets.empty() && !method.fullCache && !isReference(method.specification))
            families[method.family].push_back(&method);
    std::vector<std::pair<std::string, Members>> result;
    for (const auto& [family, members] : families) {
        const std::size_t parts = (members.size() + kMostLines - 1) / kMostLines;
        for (std::size_t part = 0; part < parts; ++part) {
            const auto at = [&](std::size_t i) {
                return members.begin() + static_cast<std::ptrdiff_t>(i * members.size() / parts);
            };
            result.emplace_back(familyTitle(family) + (parts > 1 ? fmt::format(" ({}/{})", part + 1, parts) : ""),
                                Members(at(part), at(part + 1)));
        }
    }
    return result;
}

} // namespace

const MethodMetric& methodMetric(const std::string& name)
{
    static const std::string kQueries = "layers, heads and decode queries", kSteps = "decode steps";
    static const std::string kDecode = "run `kvviz replay --depth decode`";
    static const std::array<MethodMetric, 4> metrics{
        MethodMetric{"mass", "lost attention mass", kQueries, "make some with `kvviz replay CAPTURE`", true,
                     [](const ReplayRecord& r) { return r.meanLost; }},
        MethodMetric{"output", "relative output error", kQueries, "run `kvviz replay --depth output`", true,
                     outputError},
        MethodMetric{"kl", "KL divergence (nats)", kSteps, kDecode, true,
                     [](const ReplayRecord& r) { return r.meanKl; }},
        MethodMetric{"logprob", "change of log-probability (nats)", kSteps, kDecode, false,
                     [](const ReplayRecord& r) { return r.meanLogprobDelta; }}};
    for (const MethodMetric& metric : metrics)
        if (metric.name == name)
            return metric;
    throw core::Error(core::ErrorCode::usage, "unknown metric '" + name + "'; known: mass, output, kl, logprob");
}

std::vector<MethodValues> gather(const std::vector<ReplayRecord>& records, const MethodMetric& metric, MethodAxis axis)
{
    std::vector<MethodValues> methods;
    std::map<std::string, std::size_t> index;
    for (const ReplayRecord& record : records) {
        const std::string specification = methodSpecification(record);
        const auto [place, fresh] = index.try_emplace(specification, methods.size());
        if (fresh)
            methods.push_back({methodLabel(record), specification, familyOf(record), isOracle(record),
                               record.method == "fullkv", {}, 0});
        MethodValues& method = methods[place->second];
        const double x = abscissa(record, axis), y = metric.value(record);
        if (!std::isfinite(x) || !std::isfinite(y)) {
            ++method.withoutValue;
            continue;
        }
        MethodValues::Budget& budget = method.budgets[budgetKey(record, axis)];
        budget.x.push_back(x);
        budget.y.push_back(y);
    }
    return methods;
}

CurvePanel onePanel(const std::vector<MethodValues>& methods, const MethodMetric& metric, MethodAxis axis,
                    const std::map<std::string, int>& colors, std::uint64_t seed)
{
    const auto oracles = std::count_if(methods.begin(), methods.end(), [](const MethodValues& m) { return m.oracle; });
    CurvePanel panel = emptyPanel(metric, axis);
    for (const MethodValues& method : methods) {
        if (method.budgets.empty())
            continue;
        CurveSeries series = seriesOf(method, false, seed);
        if (method.fullCache || (method.oracle && oracles == 1)) // several in grey would look the same
            makeReference(series, method.oracle);
        else
            series.color = colors.at(method.specification);
        panel.series.push_back(std::move(series));
    }
    std::vector<CurvePanel> panels{std::move(panel)};
    setRanges(panels, false);
    return panels.front();
}

std::vector<CurvePanel> familyPanels(const std::vector<MethodValues>& methods, const MethodMetric& metric,
                                     MethodAxis axis, std::uint64_t seed, std::vector<LeftOut>& leftOut)
{
    std::vector<CurveSeries> references;
    for (const MethodValues& method : methods) {
        if (method.fullCache)
            leftOut.push_back({method.specification, "the whole cache, the control, is not drawn in small multiples"});
        if (!isReference(method.specification) || method.budgets.empty())
            continue;
        references.push_back(seriesOf(method, metric.logarithmic, seed));
        makeReference(references.back(), method.oracle);
    }
    std::vector<CurvePanel> panels;
    for (const auto& [title, members] : partition(methods)) {
        CurvePanel panel = emptyPanel(metric, axis);
        panel.letter = std::string(1, static_cast<char>('a' + panels.size()));
        panel.title = title;
        panel.series = references;
        int color = 0;
        for (const MethodValues* method : members) {
            CurveSeries series = seriesOf(*method, metric.logarithmic, seed);
            if (const std::size_t lost = method->budgets.size() - series.x.size(); lost > 0)
                leftOut.push_back({method->specification,
                                   fmt::format("{} points of 0, which a logarithmic axis does not have", lost)});
            if (series.x.empty())
                continue;
            series.color = color++;
            panel.series.push_back(std::move(series));
        }
        if (color > 0)
            panels.push_back(std::move(panel));
    }
    setRanges(panels, metric.logarithmic);
    return panels;
}

} // namespace kvviz::plot
