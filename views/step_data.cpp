// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/step_data.hpp"

#include "views/extent.hpp"
#include "views/head_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::plot {

namespace {

constexpr std::size_t kMarkersUpTo = 64; // points closer than that would be a band

CurveSeries series(const std::string& name, const std::vector<double>& y, int color)
{
    CurveSeries result;
    result.name = name;
    result.x.resize(y.size());
    std::iota(result.x.begin(), result.x.end(), 0.0);
    result.y = y;
    result.color = color;
    result.markers = y.size() <= kMarkersUpTo;
    return result;
}

/// Whole steps, some five ticks.
double stepOfTicks(std::int64_t steps)
{
    double decade = 1;
    for (;; decade *= 10)
        for (const double step : {1.0, 2.0, 5.0})
            if (step * decade * 6 >= static_cast<double>(steps))
                return step * decade;
}

CurvePanel panel(const std::string& title, const std::string& yLabel, std::vector<CurveSeries> list, double yLow,
                 double yHigh)
{
    CurvePanel result;
    result.title = title;
    result.xLabel = "decode step";
    result.yLabel = yLabel;
    result.xStep = stepOfTicks(std::ssize(list.front().x));
    result.xLow = -0.5;
    result.xHigh = static_cast<double>(list.front().x.size()) - 0.5;
    result.yLow = yLow;
    result.yHigh = yHigh;
    result.series = std::move(list);
    return result;
}

} // namespace

std::vector<double> meanOverHeads(const std::vector<float>& values, std::int64_t t)
{
    std::vector<double> sums(static_cast<std::size_t>(t), 0.0), counts(static_cast<std::size_t>(t), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(values[i]))
            continue;
        sums[i % sums.size()] += static_cast<double>(values[i]);
        counts[i % sums.size()] += 1;
    }
    for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = counts[i] > 0 ? sums[i] / counts[i] : std::numeric_limits<double>::quiet_NaN();
    return sums;
}

std::vector<double> keptAtSteps(const compress::LayerPlan& plan, std::int64_t n, std::int64_t t)
{
    std::vector<double> kept(static_cast<std::size_t>(t), 0.0);
    const auto groups = std::ssize(plan.kept);
    const std::int64_t total = n + t;
    for (std::int64_t step = 0; step < t; ++step) {
        std::int64_t visible = 0;
        for (std::int64_t group = 0; group < groups; ++group) {
            if (plan.keptDecode.empty()) {
                visible += std::ssize(plan.kept[static_cast<std::size_t>(group)]) + step + 1;
                continue;
            }
            const auto row = plan.keptDecode.begin() + (group * t + step) * total;
            visible += std::count_if(row, row + n + step + 1, [](std::uint8_t key) { return key != 0; });
        }
        kept[static_cast<std::size_t>(step)] =
            static_cast<double>(visible) / static_cast<double>(std::max<std::int64_t>(1, groups));
    }
    return kept;
}

CurveFigure stepFigure(const StepValues& values, const std::string& name, const std::string& where)
{
    CurveFigure figure;
    if (!values.lostMass.empty()) {
        const auto [low, high] = roundRange(values.lostMass);
        const std::string without =
            values.withoutFirst > 0 ? fmt::format(" without the first {} keys", values.withoutFirst) : "";
        figure.panels.push_back(panel(fmt::format("Lost mass{}, mean over heads", without), "lost mass", {series(name, values.lostMass, 1)},
                                      std::min(0.0, low), high));
    }
    if (!values.kept.empty()) {
        CurveSeries all = series("all tokens (full cache)", values.seen, 0);
        all.reference = true;
        all.markers = false;
        const double most = *std::max_element(values.seen.begin(), values.seen.end());
        figure.panels.push_back(panel("Visible tokens, mean over KV heads", "tokens",
                                      {all, series(name, values.kept, 0)}, 0,
                                      roundRange(std::vector{0.0, most}).second));
    }
    if (!values.logprob.empty()) {
        std::vector<CurveSeries> list{series("full cache", values.logprob, 6)};
        if (!values.predicted.empty()) {
            list.push_back(series(name + ", predicted", values.predicted, 3));
            list.back().dashed = true;
        }
        std::vector<double> known = values.logprob;
        known.insert(known.end(), values.predicted.begin(), values.predicted.end());
        known.push_back(0);
        const auto [low, high] = roundRange(known);
        figure.panels.push_back(
            panel("Log-probability, nats a token", "log-probability", std::move(list), low, std::max(0.0, high)));
    }
    figure.notes = {where};
    return figure;
}

} // namespace kvviz::plot
