// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/sensitivity_data.hpp"

#include "core/error.hpp"
#include "views/delta_panels.hpp"
#include "views/label_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace kvviz::plot {

namespace {

using io::EvalRecord;

constexpr double kUnits = 1e6; // places on the axis are told apart to this

/// Mean and range of several series at the places that all of them have.
struct Averaged {
    std::vector<double> x, mean, low, high;
};

Averaged averaged(const std::vector<const CurveSeries*>& lines)
{
    std::map<std::int64_t, std::vector<double>> values;
    for (const CurveSeries* line : lines)
        for (std::size_t i = 0; i < line->x.size(); ++i)
            if (std::isfinite(line->y[i]))
                values[std::llround(line->x[i] * kUnits)].push_back(line->y[i]);
    Averaged result;
    for (const auto& [place, at] : values) {
        if (at.size() != lines.size())
            continue;
        result.x.push_back(static_cast<double>(place) / kUnits);
        result.mean.push_back(std::accumulate(at.begin(), at.end(), 0.0) / static_cast<double>(at.size()));
        result.low.push_back(*std::min_element(at.begin(), at.end()));
        result.high.push_back(*std::max_element(at.begin(), at.end()));
    }
    return result;
}

CurveSeries measuredMean(const DeltaPanel& task, const std::vector<const CurveSeries*>& methods, int color)
{
    const Averaged mean = averaged(methods);
    CurveSeries series;
    series.name = task.label;
    series.color = color;
    series.markers = true;
    series.x = mean.x;
    series.y = mean.mean;
    if (methods.size() > 1) {
        series.low = mean.low;
        series.high = mean.high;
        for (std::size_t i = 0; i < series.x.size(); ++i)
            if (series.x[i] >= 1 - 1 / kUnits) // the full cache: no method has a part in it
                series.low[i] = series.high[i] = std::numeric_limits<double>::quiet_NaN();
    }
    for (const CurveSeries* method : methods)
        series.samples = series.samples == 0 ? method->samples : std::min(series.samples, method->samples);
    return series;
}

CurveSeries publishedMean(const CurveSeries& measured, const std::vector<const CurveSeries*>& methods)
{
    const Averaged mean = averaged(methods);
    CurveSeries series;
    series.name = measured.name + ", published";
    series.origin = fmt::format("{}, mean of {} methods", methods.front()->origin, methods.size());
    series.color = measured.color;
    series.dashed = series.markers = series.hollow = true;
    series.named = false;
    series.x = mean.x;
    series.y = mean.mean;
    return series;
}

/// What is collected over all panels.
struct Collected {
    std::vector<std::string> tasks; ///< colours by place
    std::set<std::string> methods;
    Published published;
    std::vector<LeftOut> leftOut;

    int colorOf(const std::string& task)
    {
        const auto found = std::find(tasks.begin(), tasks.end(), task);
        if (found == tasks.end())
            tasks.push_back(task);
        return static_cast<int>(std::find(tasks.begin(), tasks.end(), task) - tasks.begin());
    }
};

void addTask(CurvePanel& panel, const DeltaPanel& task, const EvalMetric& metric, bool tokens,
             const DeltaRequest& request, Collected& collected)
{
    CurvePanel methods; // the lines that are averaged, printed ones behind
    for (const DeltaLine& line : task.lines)
        methods.series.push_back(deltaSeries(line, metric, tokens, request.seed));
    const std::size_t count = methods.series.size();
    if (request.published && !tokens)
        addPublished(methods, task.lines, metric, request.published, false, collected.published);
    std::vector<const CurveSeries*> measured, printed;
    for (std::size_t i = 0; i < methods.series.size(); ++i) {
        const CurveSeries& line = methods.series[i];
        if (i >= count)
            printed.push_back(&line);
        else if (line.line)
            measured.push_back(&line);
        else
            collected.leftOut.push_back({line.method, "its size does not follow the ratio, so that it has no mean"});
        if (i < count && line.line)
            collected.methods.insert(line.name);
    }
    if (measured.empty())
        return;
    panel.series.push_back(measuredMean(task, measured, collected.colorOf(task.label)));
    if (panel.series.back().x.empty()) {
        collected.leftOut.push_back({task.label, "its methods have no ratio in common"});
        panel.series.pop_back();
    } else if (!printed.empty()) {
        panel.series.push_back(publishedMean(panel.series.back(), printed));
    }
}

/// Records by model, in order of appearance.
std::vector<std::pair<std::string, std::vector<EvalRecord>>> byModel(const std::vector<EvalRecord>& records)
{
    std::vector<std::pair<std::string, std::vector<EvalRecord>>> models;
    for (const EvalRecord& record : records) {
        auto found = std::find_if(models.begin(), models.end(),
                                  [&](const auto& model) { return model.first == record.modelName; });
        if (found == models.end())
            found = models.insert(models.end(), {record.modelName, {}});
        found->second.push_back(record);
    }
    return models;
}

std::string joined(const std::set<std::string>& texts)
{
    std::string result;
    for (const std::string& text : texts)
        result += (result.empty() ? "" : ", ") + text;
    return result;
}

std::vector<std::string> notesFor(const std::vector<CurvePanel>& panels, const EvalMetric& metric,
                                  const Collected& collected, const std::string& model)
{
    std::vector<std::string> notes;
    if (!model.empty())
        notes.push_back(model);
    notes.push_back(metric.text);
    notes.push_back(fmt::format("mean over {} method{}: {}", collected.methods.size(),
                                collected.methods.size() == 1 ? "" : "s", joined(collected.methods)));
    const bool bars = std::any_of(panels.begin(), panels.end(), [](const CurvePanel& panel) {
        return std::any_of(panel.series.begin(), panel.series.end(),
                           [](const CurveSeries& series) { return series.whiskers; });
    });
    if (collected.methods.size() > 1)
        notes.push_back(fmt::format("{}: from the method that loses most to the one that loses least",
                                    bars ? "bars" : "bands"));
    const Published& published = collected.published;
    if (!published.blocks.empty())
        notes.push_back(fmt::format("published: mean of the methods among them that are printed, {} of {}{}",
                                    joined(published.blocks), joined(published.papers),
                                    published.misprints ? "; some are likely misprints" : ""));
    return notes;
}

/// Nothing to draw: a panel without series.
CurvePanel modelPanel(const std::vector<EvalRecord>& records, const std::string& title, const EvalMetric& metric,
                      bool tokens, const DeltaRequest& request, Collected& collected)
{
    CurvePanel panel;
    panel.title = title;
    panel.yLabel = metric.yLabel;
    panel.xStep = tokens ? 0 : 0.2;
    panel.xLabel = tokens ? "tokens kept per layer and KV head" : "ratio of the cache kept";
    std::vector<DeltaLine> lines;
    for (const DeltaPanel& task : deltaPanels(records, EvalLines::method, metric, tokens, collected.leftOut)) {
        addTask(panel, task, metric, tokens, request, collected);
        lines.insert(lines.end(), task.lines.begin(), task.lines.end());
    }
    if (const std::string count = countText(lines); !count.empty())
        panel.title += ", " + count;
    return panel;
}

std::vector<CurvePanel> modelPanels(const std::vector<std::pair<std::string, std::vector<EvalRecord>>>& models,
                                    const EvalMetric& metric, bool tokens, const DeltaRequest& request,
                                    Collected& collected)
{
    std::vector<CurvePanel> panels;
    for (const auto& [model, records] : models) {
        CurvePanel panel = modelPanel(records, models.size() > 1 ? labelText(model) : "mean of the methods", metric,
                                      tokens, request, collected);
        if (!panel.series.empty())
            panels.push_back(std::move(panel));
    }
    if (panels.empty())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the results hold no methods with values of '{}' at common ratios; evaluate some "
                                      "with 'kvviz eval --methods'",
                                      metric.name));
    for (std::size_t i = 0; panels.size() > 1 && i < panels.size(); ++i)
        panels[i].letter = panelLetter(i);
    setDeltaRanges(panels, metric, request.yRange);
    setIntervals(panels);
    return panels;
}

} // namespace

Figure sensitivityFigure(const std::vector<EvalRecord>& held, const std::vector<Provenance>& sources,
                         const DeltaRequest& request)
{
    const EvalMetric& metric = evalMetric(request.metric);
    if (request.published && metric.name == "gold")
        throw core::Error(core::ErrorCode::usage, "the paper prints scores, no log-probabilities; use --metric delta "
                                                  "or score, or leave the published numbers out");
    Collected collected;
    const std::vector<EvalRecord> records = chosenEvaluations(held, request, collected.leftOut);
    const bool tokens = tokenBudgets(records);
    const auto models = byModel(records);
    CurveFigure curves;
    curves.shared = curves.oneLegend = true;
    curves.panels = modelPanels(models, metric, tokens, request, collected);
    if (!collected.published.models.empty())
        curves.legendNotes = {{fmt::format("published, {}", joined(collected.published.models)), true, true}};
    curves.notes = notesFor(curves.panels, metric, collected,
                            models.size() == 1 ? labelText(models.front().first) : "");
    Figure figure;
    figure.name = "sensitivity";
    figure.content = std::move(curves);
    figure.sources = sources;
    figure.parameters = {{"metric", metric.name},
                         {"axis", tokens ? "tokens" : "ratio"},
                         {"interval", "lowest and highest method"},
                         {"published", request.published ? "yes" : "no"}};
    figure.leftOut = std::move(collected.leftOut);
    return figure;
}

} // namespace kvviz::plot
