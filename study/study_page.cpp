// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Order and words of the page.
#include "study/study_page.hpp"

#include "study/paper_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace kvviz::study {
namespace {

Tone toneOf(Outcome outcome)
{
    switch (outcome) {
    case Outcome::holds: return Tone::good;
    case Outcome::doesNotHold: return Tone::bad;
    default: return Tone::open;
    }
}

std::string samplesText(const std::vector<Sample>& samples)
{
    std::string text;
    for (const Sample& sample : samples)
        text += fmt::format("{}{}: {} prompts, full cache {:.2f}", text.empty() ? "" : "; ", sample.name,
                            sample.prompts, sample.base);
    return text;
}

std::string secondsText(double seconds)
{
    const auto whole = std::llround(seconds);
    return whole < 60 ? fmt::format("{} s", whole) : fmt::format("{} min {} s", whole / 60, whole % 60);
}

Table summary(const std::vector<Verdict>& verdicts)
{
    Table table;
    table.columns = {"observation", "model", "verdict", "why"};
    for (const Verdict& verdict : verdicts)
        table.rows.push_back({{{fmt::format("{} {}", verdict.observation, observationTitle(verdict.observation))},
                               {verdict.model.empty() ? "all" : verdict.model},
                               {outcomeName(verdict.outcome), "", toneOf(verdict.outcome)},
                               {verdict.reason}}});
    return table;
}

Table findingsTable(const Verdict& verdict)
{
    Table table;
    table.columns = {"statement", "number and interval", "outcome", "why", "prompts"};
    for (const Finding& finding : verdict.findings)
        table.rows.push_back({{{finding.statement},
                               {estimateText(finding.estimate), finding.quantity},
                               {outcomeName(finding.outcome), "", toneOf(finding.outcome)},
                               {finding.reason},
                               {samplesText(finding.samples)}}});
    return table;
}

void addObservation(Document& page, const PageContent& content, int observation)
{
    page.parts.emplace_back(Heading{2, fmt::format("Observation {}: {}", observation, observationTitle(observation))});
    page.parts.emplace_back(Paragraph{observationClaim(observation), "The paper reports:"});
    for (const Verdict& verdict : content.verdicts) {
        if (verdict.observation != observation)
            continue;
        const std::string lead = fmt::format("{}{}{}.", verdict.model, verdict.model.empty() ? "" : ": ",
                                             outcomeName(verdict.outcome));
        page.parts.emplace_back(Paragraph{verdict.reason + ".", lead, toneOf(verdict.outcome)});
        page.parts.emplace_back(findingsTable(verdict));
    }
    for (const StudyFigure& figure : content.figures)
        if (figure.observation == observation)
            page.parts.emplace_back(figure.figure);
    for (const PaperTable& table : paperTables(content.data, content.latencies)) {
        if (table.observation != observation)
            continue;
        page.parts.emplace_back(Heading{3, fmt::format("Table {} of the paper, measured here: {}", table.number,
                                                       table.title)});
        for (const Table& part : table.parts)
            page.parts.emplace_back(part);
    }
}

void addReading(Document& page)
{
    page.parts.emplace_back(Heading{2, "How to read this"});
    page.parts.emplace_back(Bullets{{
        "The change of a score is equation 1 of the paper, (P with the compressed cache - P with the full cache) / P "
        "with the full cache. The ratio is the fraction of the prompt's cache that is kept.",
        "Intervals are of 95 % and come from resampling the prompts; they say how far other prompts of the same task "
        "might lead, not other tasks or models.",
        "A statement holds if the whole interval of its number lies above 0, and does not hold if it lies below 0 "
        "(or, for task dependence, if all differences are surely small). Anything else is not decidable here.",
        fmt::format("A statement is also not decidable with fewer than {} prompts, or where the full cache scores "
                    "below {:.1f}: there is too little to lose.", kLeastPrompts, kLeastBase),
        "The first statement of an observation decides; the others say more. They are not corrected for their number.",
        "Rows marked \"published\" are the paper's (arXiv 2502.01941v4): other models and other data, to be compared "
        "in direction, not in size. A cell in brackets names its note.",
    }});
}

void addRuns(Document& page, const PageContent& content)
{
    page.parts.emplace_back(Heading{2, "What was run"});
    page.parts.emplace_back(Code{content.manifest.commandLine});
    Table table;
    table.columns = {"task", "model", "prompts", "observations", "state", "time", "file"};
    for (const StepRecord& step : content.manifest.steps)
        table.rows.push_back({{{step.label},
                               {step.modelLabel},
                               {std::to_string(step.prompts)},
                               {fmt::format("{}", fmt::join(step.observations, ", "))},
                               {step.state, step.message, step.state == "done" ? Tone::plain : Tone::bad},
                               {secondsText(step.seconds)},
                               {step.file}}});
    page.parts.emplace_back(table);
    std::vector<std::string> notes = content.manifest.notes;
    notes.insert(notes.end(), content.data.faults.begin(), content.data.faults.end());
    if (!notes.empty())
        page.parts.emplace_back(Bullets{notes});
    page.parts.emplace_back(Paragraph{fmt::format("Written by {}.", content.manifest.creator), "", Tone::quiet});
}

std::string titleOf(const PageContent& content)
{
    std::vector<std::string> models;
    for (const ScoreBlock& block : content.data.blocks)
        if (std::find(models.begin(), models.end(), block.model) == models.end())
            models.push_back(block.model);
    return models.empty() ? "KVFundaBench study" : fmt::format("KVFundaBench study: {}", fmt::join(models, ", "));
}

} // namespace

Document studyPage(const PageContent& content)
{
    Document page;
    page.title = titleOf(content);
    page.parts.emplace_back(Paragraph{
        "The observations of KVFundaBench (arXiv 2502.01941) measured again: the model answers with the full cache and "
        "with the cache that each method leaves, and every observation is a statement that these numbers support, "
        "contradict, or cannot decide."});
    page.parts.emplace_back(summary(content.verdicts));
    if (!content.noFigures.empty())
        page.parts.emplace_back(Paragraph{content.noFigures, "Figures were not drawn:"});
    for (const int observation : content.manifest.observations)
        addObservation(page, content, observation);
    addReading(page);
    addRuns(page, content);
    return page;
}

} // namespace kvviz::study
