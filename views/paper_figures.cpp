// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/paper_figures.hpp"

#include "core/error.hpp"
#include "views/eval_names.hpp"
#include "views/label_text.hpp"
#include "views/sensitivity_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace kvviz::plot {

namespace {

using io::EvalRecord;
using Records = std::vector<EvalRecord>;

/// From this many examples on a prompt is a many-shot one; studies fall back to it where 50 do not fit.
constexpr std::int64_t kManyShots = 16;

[[noreturn]] void missing(const PaperFigure& figure, const std::string& needs, const std::string& holds)
{
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("{} ({}) needs {}, and the results hold {}; make them with '{}' and name the "
                                  "*.kvres.h5 files",
                                  figure.name, figure.title, needs, holds, figure.command));
}

template <typename Text>
std::string listOf(const Records& records, Text&& text)
{
    std::set<std::string> seen;
    std::string list;
    for (const EvalRecord& record : records)
        if (const std::string one = text(record); seen.insert(one).second)
            list += (list.empty() ? "" : ", ") + one;
    return list;
}

std::string tasksOf(const Records& records)
{
    return listOf(records, [](const EvalRecord& record) {
        return labelText(record.task)
               + (record.category.empty() ? "" : fmt::format(" ({})", labelText(record.category)));
    });
}

std::string modelsOf(const Records& records)
{
    return listOf(records, [](const EvalRecord& record) { return labelText(record.modelName); });
}

std::string shotsText(const Records& records)
{
    return listOf(records, [](const EvalRecord& record) {
        const std::int64_t shots = shotsOf(record);
        return fmt::format("{} with {}", labelText(record.task),
                           shots < 0 ? "an unknown number" : std::to_string(shots));
    });
}

template <typename Keep>
Records kept(const Records& records, Keep&& keep, const char* reason, std::vector<LeftOut>& leftOut)
{
    Records result;
    std::set<std::string> told;
    for (const EvalRecord& record : records)
        if (keep(record))
            result.push_back(record);
        else if (told.insert(record.task).second)
            leftOut.push_back({labelText(record.task), reason});
    return result;
}

bool isArithmetic(const EvalRecord& record) { return record.category == "arithmetic"; }

bool readsLong(const EvalRecord& record)
{
    return record.category == "long-context retrieval" || record.category == "document QA";
}

bool has(const Records& records, bool (*is)(const EvalRecord&))
{
    return std::any_of(records.begin(), records.end(), is);
}

/// Arithmetic alone where it is there and nobody asked for other tasks: that is what the paper draws.
Records arithmeticIfAny(const Records& records, const DeltaRequest& request, std::vector<LeftOut>& leftOut)
{
    if (!request.tasks.empty() || !has(records, isArithmetic))
        return records;
    return kept(records, isArithmetic, "no arithmetic; --task draws it", leftOut);
}

Records longAndArithmetic(const PaperFigure& figure, const Records& records, std::vector<LeftOut>& leftOut)
{
    if (!has(records, readsLong) || !has(records, isArithmetic))
        missing(figure, "an arithmetic task and one of long-context retrieval or document QA", tasksOf(records));
    Records chosen =
        kept(records, [](const EvalRecord& record) { return isArithmetic(record) || readsLong(record); },
             "neither arithmetic nor long-context", leftOut);
    std::stable_sort(chosen.begin(), chosen.end(),
                     [](const EvalRecord& a, const EvalRecord& b) { return readsLong(a) && !readsLong(b); });
    return chosen;
}

Records ofSeveralModels(const PaperFigure& figure, const Records& records, const DeltaRequest& request,
                        std::vector<LeftOut>& leftOut)
{
    const Records chosen = arithmeticIfAny(records, request, leftOut);
    std::map<std::string, std::set<std::string>> models;
    for (const EvalRecord& record : chosen)
        models[record.task].insert(record.modelName);
    if (std::none_of(models.begin(), models.end(), [](const auto& task) { return task.second.size() > 1; }))
        missing(figure, "one task evaluated with two or more models",
                fmt::format("{} with {}", tasksOf(chosen), modelsOf(chosen)));
    return chosen;
}

Records ofSeveralShots(const PaperFigure& figure, const Records& records, const DeltaRequest& request,
                       std::vector<LeftOut>& leftOut)
{
    const Records chosen = arithmeticIfAny(records, request, leftOut);
    std::map<std::string, std::set<std::int64_t>> shots;
    for (const EvalRecord& record : chosen)
        if (shotsOf(record) >= 0)
            shots[record.task].insert(shotsOf(record));
    const auto several = [&](const EvalRecord& record) {
        const auto found = shots.find(record.task);
        return found != shots.end() && found->second.size() > 1;
    };
    if (std::none_of(chosen.begin(), chosen.end(), several))
        missing(figure, "one task with different numbers of examples", shotsText(chosen));
    return kept(chosen, several, "one number of examples only", leftOut);
}

Records ofManyShots(const PaperFigure& figure, const Records& records, std::vector<LeftOut>& leftOut)
{
    const auto many = [](const EvalRecord& record) { return shotsOf(record) >= kManyShots; };
    if (std::none_of(records.begin(), records.end(), many))
        missing(figure, fmt::format("prompts of {} examples or more (the paper: 50)", kManyShots), shotsText(records));
    return kept(records, many, "fewer examples in a prompt", leftOut);
}

Records choose(const PaperFigure& figure, const Records& records, const DeltaRequest& request,
               std::vector<LeftOut>& leftOut)
{
    if (figure.name == "fig1")
        return longAndArithmetic(figure, records, leftOut);
    if (figure.name == "fig6")
        return ofSeveralModels(figure, records, request, leftOut);
    if (figure.name == "fig7")
        return ofSeveralShots(figure, records, request, leftOut);
    if (figure.name == "fig8")
        return ofManyShots(figure, records, leftOut);
    return records;
}

} // namespace

const std::vector<PaperFigure>& paperFigures()
{
    using enum PaperInput;
    static const std::vector<PaperFigure> figures{
        {"fig1", "methods on long-context and on arithmetic tasks", evaluations, "method", true,
         "kvviz eval --task needle --task addition -o eval.kvres.h5"},
        {"fig2", "attention maps of several tasks", captures, "", false,
         "kvviz capture --task addition --task needle --tier map -o run/"},
        {"fig3", "cumulative attention with and without sinks", captures, "", false,
         "kvviz capture --task addition --task needle -o run/"},
        {"fig4", "sensitivity of abilities, mean of the methods", evaluations, "", true,
         "kvviz eval --task facts --task addition -o eval.kvres.h5"},
        {"fig5", "abilities under each method", evaluations, "task", true,
         "kvviz eval --task facts --task addition -o eval.kvres.h5"},
        {"fig6", "training dynamics, models under each method", evaluations, "model", true,
         "kvviz eval --model OTHER.gguf --task addition -o other.kvres.h5"},
        {"fig7", "numbers of examples under each method", evaluations, "shots", true,
         "kvviz eval --task addition --shots 2 -o shots2.kvres.h5"},
        {"fig8", "methods on many-shot prompts", evaluations, "method", true,
         "kvviz eval --task addition --shots 50 -o many.kvres.h5"},
        {"fig9", "methods on further models", evaluations, "method", false,
         "kvviz eval --model OTHER.gguf --task addition -o other.kvres.h5"}};
    return figures;
}

const PaperFigure* findPaperFigure(const std::string& name)
{
    for (const PaperFigure& figure : paperFigures())
        if (figure.name == name)
            return &figure;
    return nullptr;
}

std::pair<std::string, std::string> paperParameter(const PaperFigure& figure)
{
    return {"paper", fmt::format("{} of arXiv 2502.01941v4: {}", figure.name, figure.title)};
}

Figure paperFigure(const PaperFigure& figure, const Records& records, const std::vector<Provenance>& sources,
                   DeltaRequest request)
{
    if (records.empty())
        missing(figure, "evaluations", "none");
    if (!figure.published)
        request.published = nullptr;
    std::vector<LeftOut> leftOut;
    const Records chosen = choose(figure, records, request, leftOut);
    request.by = figure.by.empty() ? "task" : figure.by;
    Figure drawn = figure.by.empty() ? sensitivityFigure(chosen, sources, request)
                                     : deltaFigure(chosen, sources, request);
    drawn.name = figure.name;
    drawn.parameters.insert(drawn.parameters.begin(), paperParameter(figure));
    drawn.leftOut.insert(drawn.leftOut.begin(), leftOut.begin(), leftOut.end());
    return drawn;
}

} // namespace kvviz::plot
