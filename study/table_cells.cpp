// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Numbers as text.
#include "study/table_cells.hpp"

#include "study/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::study {
namespace {

constexpr const char* kFullCache = "FullKV";

/// What a flag of resources/paper means to a reader of the number.
std::string flagText(const std::string& flag)
{
    if (flag == "delta_mismatch")
        return "the printed change does not follow from the printed scores; it fits a full cache of 0.7023";
    if (flag == "deltas_imply_0.7023")
        return "the printed changes of this block fit 0.7023, not this score";
    if (flag == "model_inferred")
        return "the table names no model; it follows from equal values elsewhere";
    if (flag.starts_with("model_conflict"))
        return "the paper names two models for these numbers";
    if (flag == "delta_from_T10")
        return ""; // where it is printed is no fault
    return "printed oddity: " + flag;
}

/// Flags that say something about the whole block stand in its caption.
bool aboutTheModel(const std::string& flag) { return flag == "model_inferred" || flag.starts_with("model_conflict"); }

const datasets::PublishedScore* lookUp(const PublishedPlace& place, const std::string& method, double ratio)
{
    datasets::PublishedQuery query;
    query.model = place.model;
    query.benchmark = place.benchmark;
    query.setting = place.setting;
    query.method = method;
    query.ratio = ratio;
    const std::vector<const datasets::PublishedScore*> found = datasets::findPublished(query);
    return found.empty() ? nullptr : found.front();
}

std::string marks(const std::vector<std::string>& flags, TableNotes& notes)
{
    std::string text;
    for (const std::string& flag : flags)
        if (!aboutTheModel(flag) && !flagText(flag).empty())
            text += " " + notes.mark("published with an oddity: " + flagText(flag));
    return text;
}

} // namespace

std::string TableNotes::mark(const std::string& note)
{
    const auto known = std::find(m_notes.begin(), m_notes.end(), note);
    const auto number = static_cast<std::size_t>(known - m_notes.begin());
    if (known == m_notes.end())
        m_notes.push_back(note);
    return number < 26 ? fmt::format("({})", static_cast<char>('a' + number)) : fmt::format("({})", number + 1);
}

std::vector<std::string> TableNotes::list() const
{
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < m_notes.size(); ++i)
        lines.push_back((i < 26 ? fmt::format("({}) ", static_cast<char>('a' + i)) : fmt::format("({}) ", i + 1))
                        + m_notes[i]);
    return lines;
}

TableCell measuredCell(const ScoreBlock* block, const std::string& method, double ratio, TableNotes& notes)
{
    if (block == nullptr)
        return {notes.mark("not measured: this task was not run")};
    const ScoreCell* const cell = block->find(method, ratio);
    if (cell == nullptr)
        return {notes.mark("not measured: this method was not run at this ratio")};
    const io::EvalRecord& record = cell->record;
    const std::string change = percentText(record.delta);
    TableCell result{fmt::format("{:.2f}{}", record.score, change.empty() ? "" : " (" + change + ")")};
    if (change.empty())
        result.text += " " + notes.mark("no relative change: the full cache scores 0");
    else if (!std::isnan(record.ciLow) && !std::isnan(record.ciHigh))
        result.small = estimateText({record.delta, record.ciLow, record.ciHigh, record.n}).substr(change.size() + 1);
    return result;
}

TableCell measuredBase(const ScoreBlock* block, TableNotes& notes)
{
    if (block == nullptr)
        return {notes.mark("not measured: this task was not run")};
    return {fmt::format("{:.2f}", block->baseScore()), fmt::format("{} prompts", block->base.size())};
}

TableCell publishedCell(const PublishedPlace& place, const std::string& printedMethod, double ratio, TableNotes& notes)
{
    const datasets::PublishedScore* const score = lookUp(place, printedMethod, ratio);
    if (score == nullptr)
        return {}; // the paper's tables have no such cell
    const double change = std::isnan(score->deltaPercent) ? score->change : score->deltaPercent / 100;
    const std::string text = percentText(change);
    return {fmt::format("{:.4f}{}{}", score->fraction, text.empty() ? "" : " (" + text + ")",
                        marks(score->flags, notes))};
}

TableCell publishedBase(const PublishedPlace& place, TableNotes& notes)
{
    const datasets::PublishedScore* const score = lookUp(place, kFullCache, 1);
    return score == nullptr ? TableCell{} : TableCell{fmt::format("{:.4f}{}", score->fraction,
                                                                  marks(score->flags, notes))};
}

std::string publishedNote(const PublishedPlace& place)
{
    const datasets::PublishedScore* score = lookUp(place, kFullCache, 1);
    std::string text = fmt::format("published: {}, {}, {} (arXiv 2502.01941v4)", place.model, place.benchmark,
                                   place.setting);
    if (score != nullptr)
        for (const std::string& flag : score->flags)
            if (aboutTheModel(flag))
                text += "; " + flagText(flag);
    return text;
}

} // namespace kvviz::study
