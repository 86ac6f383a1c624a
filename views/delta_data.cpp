// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/delta_data.hpp"

#include "core/error.hpp"
#include "views/delta_panels.hpp"
#include "views/label_text.hpp"
#include "views/method_family.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;
using io::EvalRecord;

/// Panels of at most kMostDeltaLines lines each, the parts of nearly the same size.
std::vector<DeltaPanel> divided(const std::vector<DeltaPanel>& panels)
{
    std::vector<DeltaPanel> result;
    for (const DeltaPanel& panel : panels) {
        const std::size_t count = panel.lines.size(), parts = panel.parts();
        for (std::size_t part = 0; part < parts; ++part) {
            const auto at = [&](std::size_t i) {
                return panel.lines.begin() + static_cast<std::ptrdiff_t>(i * count / parts);
            };
            result.push_back({parts > 1 ? fmt::format("{} ({}/{})", panel.label, part + 1, parts) : panel.label,
                              panel.group, std::vector<DeltaLine>(at(part), at(part + 1))});
        }
    }
    return result;
}

/// Panels of a group, if there are several groups and all have as many.
int groupSize(const std::vector<DeltaPanel>& panels)
{
    std::map<std::string, int> sizes;
    for (const DeltaPanel& panel : panels)
        ++sizes[panel.group];
    const int size = sizes.begin()->second;
    const bool even = std::all_of(sizes.begin(), sizes.end(), [&](const auto& group) { return group.second == size; });
    return even && sizes.size() > 1 ? size : 0;
}

std::vector<CurvePanel> curvePanels(const std::vector<DeltaPanel>& panels, const EvalMetric& metric, bool tokens,
                                    const DeltaRequest& request, Published& published)
{
    const bool sameShots = evalLines(request.by) == EvalLines::shots;
    std::vector<CurvePanel> result;
    for (const DeltaPanel& group : divided(panels)) {
        CurvePanel panel;
        const std::string count = countText(group.lines);
        panel.title = group.label + (count.empty() ? "" : ", " + count);
        panel.yLabel = metric.yLabel;
        panel.xStep = tokens ? 0 : 0.2;
        panel.xLabel = tokens ? "tokens kept per layer and KV head" : "ratio of the cache kept";
        for (const DeltaLine& line : group.lines)
            panel.series.push_back(deltaSeries(line, metric, tokens, request.seed));
        if (request.published && !tokens)
            addPublished(panel, group.lines, metric, request.published, sameShots, published);
        result.push_back(std::move(panel));
    }
    for (std::size_t i = 0; result.size() > 1 && i < result.size(); ++i)
        result[i].letter = panelLetter(i);
    setDeltaRanges(result, metric, request.yRange);
    setIntervals(result);
    return result;
}

std::string joined(const std::set<std::string>& texts)
{
    std::string result;
    for (const std::string& text : texts)
        result += (result.empty() ? "" : ", ") + text;
    return result;
}

/// What all panels and lines have in common and do not say.
std::string contextNote(const std::vector<EvalRecord>& records, EvalLines lines)
{
    std::set<std::string> models, tasks;
    for (const EvalRecord& record : records) {
        models.insert(labelText(record.modelName));
        tasks.insert(labelText(record.task));
    }
    models.erase("");
    std::string text = lines == EvalLines::model ? "" : joined(models);
    if (tasks.size() == 1 && lines != EvalLines::task && lines != EvalLines::method)
        text += (text.empty() ? "" : ", ") + *tasks.begin();
    return text;
}

/// Tasks on which the full cache scores nothing: no relative change can be told.
std::string withoutBaseNote(const std::vector<EvalRecord>& records, const EvalMetric& metric)
{
    std::set<std::string> tasks;
    if (metric.name == "delta")
        for (const EvalRecord& record : records)
            if (record.baseScore == 0 && !std::isfinite(record.delta))
                tasks.insert(labelText(record.task));
    return tasks.empty() ? "" : fmt::format("not drawn, the full cache scores 0: {}", joined(tasks));
}

std::vector<std::string> notesFor(const std::vector<CurvePanel>& panels, const EvalMetric& metric,
                                  const Published& published)
{
    std::vector<std::string> notes{metric.text};
    bool bands = false, bars = false, sizes = false, cut = false;
    for (const CurvePanel& panel : panels)
        for (const CurveSeries& series : panel.series) {
            bands = bands || (!series.low.empty() && !series.whiskers);
            bars = bars || (!series.low.empty() && series.whiskers);
            sizes = sizes || !series.line;
            const auto outside = [&](double y) { return y < panel.yLow || y > panel.yHigh; };
            for (const auto* values : {&series.y, &series.low, &series.high})
                cut = cut || std::any_of(values->begin(), values->end(), outside);
        }
    if (bands || bars)
        notes.push_back(fmt::format("{}: 95 % bootstrap interval over prompts", bands ? "bands" : "bars"));
    if (sizes)
        notes.emplace_back("points without a line: methods of a size of their own, at the bytes they keep");
    if (cut)
        notes.emplace_back("lines and bars that leave a panel go on beyond it");
    if (!published.blocks.empty())
        notes.push_back(fmt::format("published: {} of {}{}", joined(published.blocks), joined(published.papers),
                                    published.misprints ? "; some are likely misprints, named in the JSON file" : ""));
    return notes;
}

[[noreturn]] void nothingToDraw(const std::vector<EvalRecord>& records, const EvalMetric& metric)
{
    const bool onlyFull = std::all_of(records.begin(), records.end(),
                                      [](const EvalRecord& record) { return record.method == "fullkv"; });
    if (onlyFull)
        throw Error(ErrorCode::badInput, "the results hold the full cache only; evaluate methods with `kvviz eval "
                                         "--methods`");
    throw Error(ErrorCode::badInput,
                fmt::format("the results hold no values of '{}': {}{}", metric.name, metric.missing,
                            metric.name == "delta" ? "; try --metric score" : ""));
}

std::vector<LegendNote> legendNotes(const Published& published)
{
    if (published.models.empty())
        return {};
    return {{fmt::format("published, {}", joined(published.models)), true, true}};
}

} // namespace

std::vector<EvalRecord> chosenEvaluations(const std::vector<EvalRecord>& held, const DeltaRequest& request,
                                          std::vector<LeftOut>& leftOut)
{
    if (held.empty())
        throw Error(ErrorCode::badInput, "the results hold no evaluations; make some with `kvviz eval`");
    std::set<std::string> known;
    for (const EvalRecord& record : held)
        known.insert(record.task);
    for (const std::string& task : request.tasks)
        if (!known.contains(task))
            throw Error(ErrorCode::usage, fmt::format("--task: the results hold nothing of '{}'; they hold {}", task,
                                                      labelText(joined(known))));
    std::vector<EvalRecord> chosen;
    std::set<std::string> methods, told;
    for (const EvalRecord& record : recordsOf(held, request.methods)) {
        methods.insert(methodSpecification(record));
        if (request.tasks.empty()
            || std::find(request.tasks.begin(), request.tasks.end(), record.task) != request.tasks.end())
            chosen.push_back(record);
        else if (told.insert(record.task).second)
            leftOut.push_back({labelText(record.task), "not among --task"});
    }
    for (const EvalRecord& record : held)
        if (methods.insert(methodSpecification(record)).second)
            leftOut.push_back({methodSpecification(record), "not among --methods"});
    return chosen;
}

Figure deltaFigure(const std::vector<EvalRecord>& held, const std::vector<Provenance>& sources,
                   const DeltaRequest& request)
{
    const EvalLines lines = evalLines(request.by);
    const EvalMetric& metric = evalMetric(request.metric);
    if (request.published && metric.name == "gold")
        throw Error(ErrorCode::usage, "--published: the paper prints scores, no log-probabilities; use --metric delta "
                                      "or score");
    Figure figure;
    const std::vector<EvalRecord> records = chosenEvaluations(held, request, figure.leftOut);
    const bool tokens = tokenBudgets(records);
    const auto panels = deltaPanels(records, lines, metric, tokens, figure.leftOut);
    if (panels.empty())
        nothingToDraw(records, metric);
    Published published;
    CurveFigure curves;
    curves.shared = curves.oneLegend = true;
    curves.panels = curvePanels(panels, metric, tokens, request, published);
    curves.together = groupSize(divided(panels));
    curves.legendNotes = legendNotes(published);
    for (const std::string& note : {contextNote(records, lines), withoutBaseNote(records, metric)})
        if (!note.empty())
            curves.notes.push_back(note);
    for (const std::string& note : notesFor(curves.panels, metric, published))
        curves.notes.push_back(note);
    figure.name = "delta";
    figure.content = std::move(curves);
    figure.sources = sources;
    figure.parameters = {{"by", request.by},
                         {"metric", metric.name},
                         {"axis", tokens ? "tokens" : "ratio"},
                         {"interval", std::string("95 % percentile bootstrap over prompts, ")
                                          + (metric.name == "delta" ? "as the results have it" : "2000 resamples")},
                         {"seed", std::to_string(request.seed)},
                         {"published", request.published ? "yes" : "no"}};
    return figure;
}

} // namespace kvviz::plot
