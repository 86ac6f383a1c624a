// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_data.hpp"

#include "core/error.hpp"
#include "views/method_panels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace kvviz::plot {

namespace {

using io::ReplayRecord;
using Colors = std::map<std::string, int>;

std::size_t methodCount(const std::vector<ReplayRecord>& records)
{
    std::set<std::string> found;
    for (const ReplayRecord& record : records)
        found.insert(methodSpecification(record));
    return found.size();
}

/// Colours belong to methods, so that a method looks the same in both panels.
Colors colorsOf(const std::vector<ReplayRecord>& records)
{
    std::set<std::string> oracles;
    for (const ReplayRecord& record : records)
        if (isOracle(record))
            oracles.insert(methodSpecification(record));
    Colors colors;
    int next = 0;
    for (const ReplayRecord& record : records) {
        const bool grey = record.method == "fullkv" || (isOracle(record) && oracles.size() == 1);
        if (const std::string method = methodSpecification(record); !grey && !colors.contains(method))
            colors[method] = next++;
    }
    return colors;
}

bool holds(const std::vector<ReplayRecord>& records, const MethodMetric& metric)
{
    return std::any_of(records.begin(), records.end(),
                       [&](const ReplayRecord& record) { return std::isfinite(metric.value(record)); });
}

/// Those that the records hold; throws when there are none.
std::vector<const MethodMetric*> metricsFor(const std::string& name, const std::vector<ReplayRecord>& records,
                                            bool families)
{
    std::vector<const MethodMetric*> wanted;
    if (!name.empty())
        wanted = {&methodMetric(name)};
    else
        wanted = {&methodMetric("mass"), &methodMetric("output")};
    std::vector<const MethodMetric*> found;
    for (const MethodMetric* metric : wanted)
        if (holds(records, *metric))
            found.push_back(metric);
    if (families && found.size() > 1)
        found = {found.back()};
    if (!found.empty())
        return found;
    if (records.empty() || name.empty())
        throw core::Error(core::ErrorCode::badInput,
                          "the results hold no replays; make some with `kvviz replay CAPTURE`");
    throw core::Error(core::ErrorCode::badInput, fmt::format("the results hold no values of '{}' for these methods; {}",
                                                             name, wanted.front()->missing));
}

std::string promptsText(const std::vector<ReplayRecord>& records)
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
    return fmt::format("{} prompt{} ({})", count, count == 1 ? "" : "s", tasks);
}

/// Methods of which some prompts have no replay are compared on other prompts than the rest.
std::string unevenNote(const CurveFigure& curves)
{
    std::int64_t most = 0;
    for (const CurvePanel& panel : curves.panels)
        for (const CurveSeries& series : panel.series)
            most = std::max(most, series.samples);
    std::string few;
    std::set<std::string> named;
    for (const CurvePanel& panel : curves.panels)
        for (const CurveSeries& series : panel.series)
            if (series.samples < most && named.insert(series.name).second)
                few += fmt::format("{}{} ({})", few.empty() ? "" : ", ", series.name, series.samples);
    return few.empty() ? "" : "fewer prompts behind: " + few;
}

/// Says what is in the picture and could be taken for something else.
std::vector<std::string> notesFor(const CurveFigure& curves, const std::vector<ReplayRecord>& records,
                                  const std::vector<const MethodMetric*>& metrics, MethodAxis axis)
{
    std::vector<std::string> notes{
        fmt::format("mean over {}, then over {}", metrics.front()->averaged, promptsText(records))};
    bool band = false, points = false, cut = false;
    for (const CurvePanel& panel : curves.panels)
        for (const CurveSeries& series : panel.series) {
            band = band || !series.low.empty();
            points = points || !series.line;
            cut = cut || std::any_of(series.y.begin(), series.y.end(), [&](double y) { return y < panel.yLow; });
        }
    if (band)
        notes.emplace_back("band: 95 % bootstrap interval of the mean");
    if (axis == MethodAxis::bytes || axis == MethodAxis::byteTokens)
        notes.emplace_back("bytes: measured on the prompt's cache at the end of prefill");
    if (points)
        notes.emplace_back("points without a line: methods whose size does not follow the budget");
    if (cut)
        notes.emplace_back("lines that leave a panel at the bottom go on below");
    if (const std::string uneven = unevenNote(curves); !uneven.empty())
        notes.push_back(uneven);
    return notes;
}

void addLeftOut(const std::vector<ReplayRecord>& held, const std::vector<ReplayRecord>& drawn,
                const std::vector<MethodValues>& methods, const MethodMetric& metric, std::vector<LeftOut>& leftOut)
{
    std::set<std::string> known;
    for (const ReplayRecord& record : drawn)
        known.insert(methodSpecification(record));
    for (const ReplayRecord& record : held)
        if (const std::string method = methodSpecification(record); known.insert(method).second)
            leftOut.push_back({method, "not among --methods"});
    for (const MethodValues& method : methods)
        if (method.withoutValue > 0)
            leftOut.push_back({method.specification,
                               fmt::format("{} replays without a value of '{}'", method.withoutValue, metric.name)});
}

std::string joined(const std::vector<std::string>& texts, const char* separator)
{
    std::string result;
    for (const std::string& text : texts)
        result += (result.empty() ? "" : separator) + text;
    return result;
}

} // namespace

Figure methodsFigure(const std::vector<ReplayRecord>& held, const std::vector<Provenance>& sources,
                     const MethodRequest& request)
{
    const std::vector<ReplayRecord> records = held.empty() ? held : recordsOf(held, request.methods);
    const bool families = methodCount(records) > kMostMethodsAPanel;
    const MethodAxis axis = axisFor(records);
    const Colors colors = colorsOf(records);
    const auto metrics = metricsFor(request.metric, records, families);
    Figure figure;
    CurveFigure curves;
    curves.shared = families;
    std::vector<std::string> names;
    for (const MethodMetric* metric : metrics) {
        const std::vector<MethodValues> methods = gather(records, *metric, axis);
        addLeftOut(metric == metrics.front() ? held : records, records, methods, *metric, figure.leftOut);
        if (families)
            curves.panels = familyPanels(methods, *metric, axis, request.seed, figure.leftOut);
        else
            curves.panels.push_back(onePanel(methods, *metric, axis, colors, request.seed));
        names.push_back(metric->name);
    }
    if (!families && curves.panels.size() > 1)
        for (std::size_t i = 0; i < curves.panels.size(); ++i)
            curves.panels[i].letter = std::string(1, static_cast<char>('a' + i));
    curves.notes = notesFor(curves, records, metrics, axis);
    figure.name = "methods";
    figure.content = std::move(curves);
    figure.sources = sources;
    figure.parameters = {{"methods", request.methods.empty() ? "all" : joined(request.methods, ";")},
                         {"metric", joined(names, ", ")},
                         {"axis", axisName(axis)},
                         {"aggregate", fmt::format("mean over {}, then over prompts", metrics.front()->averaged)},
                         {"interval", "95 % percentile bootstrap over prompts, 2000 resamples"},
                         {"seed", std::to_string(request.seed)}};
    return figure;
}

} // namespace kvviz::plot
