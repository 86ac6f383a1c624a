// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/prediction_data.hpp"

#include "core/error.hpp"
#include "views/extent.hpp"
#include "views/label_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace kvviz::plot {

namespace {

constexpr double kPercent = 100;
constexpr double kManyTimes = 10; ///< the largest prediction over the middle one, for a logarithmic axis
constexpr double kLogAir = 1.15;  ///< factor beyond the outermost predictions on it
constexpr int kCurveColor = 6; // black, or white on dark
constexpr double kIntervalRoom = 0.3; // of the values' range, beyond them

bool isDrawn(const io::PredictionPoint& point)
{
    return std::isfinite(point.predicted) && std::isfinite(point.measured);
}

std::string number(double value, int digits)
{
    return fmt::format("{}{:.{}f}", value < 0 ? "\u2212" : "", std::abs(value), digits);
}

std::string agreementText(const char* name, const io::PredictionAgreement& agreement)
{
    if (!std::isfinite(agreement.value))
        return "";
    std::string text = fmt::format("{} {}", name, number(agreement.value, 2));
    if (std::isfinite(agreement.low) && std::isfinite(agreement.high))
        text += fmt::format(" [{}, {}]", number(agreement.low, 2), number(agreement.high, 2));
    return text;
}

std::string subtitleOf(const io::PredictionFile& check)
{
    const std::string spearman = agreementText("Spearman", check.spearman);
    const std::string kendall = agreementText("Kendall", check.kendall);
    return spearman + (spearman.empty() || kendall.empty() ? "" : ", ") + kendall;
}

std::string remarkOf(const io::PredictionPoint& point)
{
    std::string text = labelText(point.method);
    if (std::isfinite(point.ratio))
        text += fmt::format(" at ratio {:g}", point.ratio);
    if (std::isfinite(point.expected))
        text += fmt::format(", expected {} %", number(point.expected * kPercent, 1));
    return text;
}

/// The curve of what to expect, from the first to the last prediction, flat beyond its ends.
CurveSeries curveSeries(const io::PredictionFile& check, double from, double to)
{
    CurveSeries series;
    series.name = "expected";
    series.color = kCurveColor;
    const bool band = std::isfinite(check.residualLow) && std::isfinite(check.residualHigh);
    const auto add = [&](double x, double y) {
        series.x.push_back(x);
        series.y.push_back(y * kPercent);
        if (!band)
            return;
        series.low.push_back(std::max(y + check.residualLow, -1.0) * kPercent); // no score falls by more than all of it
        series.high.push_back((y + check.residualHigh) * kPercent);
    };
    if (from < check.curveX.front())
        add(from, check.curveY.front());
    for (std::size_t i = 0; i < check.curveX.size(); ++i)
        add(check.curveX[i], check.curveY[i]);
    if (to > check.curveX.back())
        add(to, check.curveY.back());
    return series;
}

bool anyKnown(const std::vector<double>& values)
{
    return std::any_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

/// Points of each task, in the order of `tasks`, which numbers colours.
std::vector<CurveSeries> pointSeries(const io::PredictionFile& check, std::vector<std::string>& tasks)
{
    std::map<std::size_t, CurveSeries> series;
    for (const io::PredictionPoint& point : check.points) {
        const auto found = std::find(tasks.begin(), tasks.end(), point.task);
        const auto task = static_cast<std::size_t>(found - tasks.begin());
        if (!isDrawn(point))
            continue;
        if (found == tasks.end())
            tasks.push_back(point.task);
        CurveSeries& one = series[task];
        one.name = labelText(point.task);
        one.color = static_cast<int>(task);
        one.markers = true;
        one.line = false;
        one.x.push_back(point.predicted);
        one.y.push_back(point.measured * kPercent);
        one.low.push_back(point.low * kPercent);
        one.high.push_back(point.high * kPercent);
        one.remarks.push_back(remarkOf(point));
    }
    std::vector<CurveSeries> result;
    for (auto& [task, one] : series) {
        if (!anyKnown(one.low) || !anyKnown(one.high)) {
            one.low.clear();
            one.high.clear();
        }
        result.push_back(std::move(one));
    }
    return result;
}

/// Divergences and lost mass of mild and harsh budgets lie decades apart: on a linear axis most of them are one heap.
bool wantsDecades(const std::vector<CurveSeries>& points)
{
    std::vector<double> x;
    for (const CurveSeries& one : points)
        x.insert(x.end(), one.x.begin(), one.x.end());
    if (x.empty() || *std::min_element(x.begin(), x.end()) <= 0)
        return false;
    const auto middle = x.begin() + std::ssize(x) / 2;
    std::nth_element(x.begin(), middle, x.end());
    return *std::max_element(x.begin(), x.end()) > kManyTimes * *middle;
}

CurvePanel panelOf(const io::PredictionFile& check, std::vector<std::string>& tasks, bool several)
{
    CurvePanel panel;
    std::vector<CurveSeries> points = pointSeries(check, tasks);
    std::size_t count = 0;
    Extent x;
    for (const CurveSeries& one : points) {
        x.add(one.x);
        count += one.x.size();
    }
    panel.title = several ? fmt::format("{}, n = {}", labelText(check.predictor), count)
                          : fmt::format("{}, n = {}", labelText(check.model), count);
    panel.subtitle = subtitleOf(check);
    panel.xLabel = labelText(check.predictor);
    panel.yLabel = "measured change of score \u0394P (%)";
    panel.zeroLine = true;
    panel.logX = wantsDecades(points);
    panel.xLow = panel.logX ? x.low / kLogAir : x.low - x.air(0.04);
    panel.xHigh = panel.logX ? x.high * kLogAir : x.high + x.air(0.04);
    panel.series = std::move(points);
    if (!check.curveX.empty())
        panel.series.push_back(curveSeries(check, panel.xLow, panel.xHigh));
    return panel;
}

void setMeasuredRange(std::vector<CurvePanel>& panels, std::pair<double, double> given)
{
    Extent values, intervals;
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series) {
            values.add(series.y);
            intervals.add(series.low);
            intervals.add(series.high);
        }
    values.add(0.0);
    const double room = values.air(kIntervalRoom), air = values.air(0.04);
    for (CurvePanel& panel : panels) {
        panel.yLow = std::min(values.low, std::max(intervals.low, values.low - room)) - air;
        panel.yHigh = std::max(values.high, std::min(intervals.high, values.high + room)) + air;
        if (given.first < given.second)
            std::tie(panel.yLow, panel.yHigh) = given;
    }
}

std::vector<std::string> notesFor(const std::vector<io::PredictionFile>& checks, const std::vector<CurvePanel>& panels)
{
    std::set<std::string> models;
    bool curve = false, band = false, bars = false;
    for (const io::PredictionFile& check : checks)
        models.insert(labelText(check.model));
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series) {
            curve = curve || series.line;
            band = band || (series.line && !series.low.empty());
            bars = bars || (!series.line && !series.low.empty());
        }
    std::vector<std::string> notes;
    for (const std::string& model : models)
        if (!model.empty() && checks.size() > 1) // of a single one it is the title
            notes.push_back(model);
    notes.emplace_back("a point: one task, method and ratio");
    if (bars)
        notes.emplace_back("bars: 95 % bootstrap interval over prompts");
    if (curve)
        notes.emplace_back("line: monotone regression");
    if (band)
        notes.emplace_back("band: 95 % of its errors on tasks that it has not seen");
    return notes;
}

} // namespace

Figure predictionFigure(const std::vector<io::PredictionFile>& checks, const std::vector<Provenance>& sources,
                        std::pair<double, double> yRange)
{
    Figure figure;
    CurveFigure curves;
    curves.shared = curves.oneLegend = true;
    std::vector<std::string> tasks;
    for (const io::PredictionFile& check : checks) {
        const auto missing = std::count_if(check.points.begin(), check.points.end(),
                                           [](const io::PredictionPoint& point) { return !isDrawn(point); });
        const std::string name = labelText(check.predictor);
        if (missing == std::ssize(check.points)) {
            figure.leftOut.push_back({name, "no point has both a prediction and a measurement"});
            continue;
        }
        if (missing > 0)
            figure.leftOut.push_back({name, fmt::format("{} points without prediction or measurement", missing)});
        curves.panels.push_back(panelOf(check, tasks, checks.size() > 1));
    }
    if (curves.panels.empty())
        throw core::Error(core::ErrorCode::badInput, "no point of the checks has both a prediction and a measurement");
    for (std::size_t i = 0; curves.panels.size() > 1 && i < curves.panels.size(); ++i)
        curves.panels[i].letter = std::string(1, static_cast<char>('a' + i % 26));
    setMeasuredRange(curves.panels, yRange);
    curves.notes = notesFor(checks, curves.panels);
    figure.name = "predicted";
    figure.content = std::move(curves);
    figure.sources = sources;
    figure.parameters = {{"measured", "change of score, fraction of the full cache's, in percent"}};
    return figure;
}

} // namespace kvviz::plot
