// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layout of the six tables.
#include "study/paper_tables.hpp"

#include "core/text.hpp"
#include "study/finding.hpp"
#include "study/observations.hpp"
#include "study/paper_sets.hpp"
#include "study/table_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::study {
namespace {

constexpr PrintedMethod kFive[] = {{"StreamingLLM", "streaming_noshift"},
                                   {"H2O", "h2o"},
                                   {"SnapKV", "snapkv"},
                                   {"PyramidKV", "pyramidkv"},
                                   {"ChunkKV", "chunkkv"}};
constexpr PrintedMethod kTable2[] = {
    {"StreamingLLM", "streaming_noshift"}, {"H2O", "h2o"}, {"PyramidInfer", "pyramidinfer"}, {"ShotKV", "shotkv"}};
constexpr PrintedMethod kTable4[] = {{"StreamingLLM", "streaming_noshift"},
                                     {"H2O", "h2o"},
                                     {"PyramidKV", "pyramidkv"},
                                     {"SnapKV", "snapkv"},
                                     {"ChunkKV", "chunkkv"},
                                     {"Random Shot", "random_shot"},
                                     {"ShotKV", "shotkv"}};
const std::vector<std::string> kLatencyColumns{"method", "input tokens", "output tokens", "latency s", "tokens/s",
                                               "latency gain", "throughput gain", "cache held"};

constexpr const char* kLlama = "LLaMA-3.1-8B-Instruct";
constexpr const char* kReasoningLlama = "DeepSeek-R1-Distill-Llama-8B";

std::string ratioText(double ratio) { return fmt::format("{:g} %", std::round(1000 * ratio) / 10); }

std::string captionOf(const std::string& model, const ScoreBlock* block, const std::string& otherwise)
{
    const std::string task = block != nullptr ? block->label() : otherwise;
    return model.empty() ? task : fmt::format("{}: {}", model, task);
}

/// Rows are ratios, columns methods: tables 7, 9 and 10.
Table ratioTable(const std::string& caption, const ScoreBlock* block, const PublishedPlace& place)
{
    Table table;
    table.caption = caption;
    table.columns = {"kept"};
    TableNotes notes;
    TableRow base{{{"100 % (FullKV)"}}}, printedBase{{{"100 % (FullKV), published"}}, true};
    for (const PrintedMethod& method : kFive) {
        table.columns.emplace_back(method.printed);
        base.cells.push_back(measuredBase(block, notes)); // the same for all: nothing is evicted
        printedBase.cells.push_back(publishedBase(place, notes));
    }
    table.rows = {base, printedBase};
    for (const double ratio : kPaperRatios) {
        TableRow measured{{{ratioText(ratio)}}}, published{{{ratioText(ratio) + ", published"}}, true};
        for (const PrintedMethod& method : kFive) {
            measured.cells.push_back(measuredCell(block, method.ours, ratio, notes));
            published.cells.push_back(publishedCell(place, method.printed, ratio, notes));
        }
        table.rows.insert(table.rows.end(), {measured, published});
    }
    table.notes = notes.list();
    table.notes.push_back(publishedNote(place));
    return table;
}

/// Rows are methods, columns ratios: tables 2 and 4.
template <std::size_t count>
Table methodTable(const std::string& caption, const ScoreBlock* block, const PublishedPlace& place,
                  const PrintedMethod (&methods)[count], const std::vector<double>& ratios)
{
    Table table;
    table.caption = caption;
    table.columns = {"method"};
    TableNotes notes;
    TableRow base{{{"FullKV"}}}, printedBase{{{"FullKV, published"}}, true};
    for (const double ratio : ratios) {
        table.columns.push_back(ratioText(ratio));
        base.cells.push_back(measuredBase(block, notes)); // the same at every ratio
        printedBase.cells.push_back(publishedBase(place, notes));
    }
    table.rows = {base, printedBase};
    for (const PrintedMethod& method : methods) {
        TableRow measured{{{method.printed}}}, published{{{fmt::format("{}, published", method.printed)}}, true};
        for (const double ratio : ratios) {
            measured.cells.push_back(measuredCell(block, method.ours, ratio, notes));
            published.cells.push_back(publishedCell(place, method.printed, ratio, notes));
        }
        table.rows.insert(table.rows.end(), {measured, published});
    }
    table.notes = notes.list();
    table.notes.push_back(publishedNote(place));
    return table;
}

std::vector<ModelBlocks> modelsOf(const ScoreBlocks& data)
{
    std::vector<std::string> names;
    for (const ScoreBlock& block : data.blocks)
        if (std::find(names.begin(), names.end(), block.model) == names.end())
            names.push_back(block.model);
    if (names.empty())
        names.emplace_back();
    std::vector<ModelBlocks> models;
    for (const std::string& name : names)
        models.emplace_back(data, name);
    return models;
}

PaperTable longGenerationTable(const std::vector<ModelBlocks>& models)
{
    PaperTable table{2, 6, "Long generation", {}};
    const PublishedPlace place{"LLaMA-3-8B-Instruct", "LG-GSM8K", "K=35; T=20"};
    for (const ModelBlocks& blocks : models) {
        std::vector<const ScoreBlock*> tasks = blocks.longGeneration();
        if (tasks.empty())
            tasks.push_back(nullptr);
        for (const ScoreBlock* block : tasks)
            table.parts.push_back(methodTable(captionOf(blocks.model(), block, "long generation"), block, place,
                                              kTable2, kLongRatios));
    }
    return table;
}

PaperTable manyShotTable(const std::vector<ModelBlocks>& models)
{
    PaperTable table{4, 4, "Many-shot arithmetic", {}};
    for (const ModelBlocks& blocks : models)
        table.parts.push_back(methodTable(captionOf(blocks.model(), blocks.manyShot(), "many-shot arithmetic"),
                                          blocks.manyShot(), {kLlama, "many-shot AR", "shots=50"}, kTable4,
                                          kManyShotRatios));
    return table;
}

PaperTable abilityTable(const std::vector<ModelBlocks>& models)
{
    struct Printed {
        const char *ability, *setting, *words;
    };
    constexpr Printed kPrinted[] = {{"WK", "shots=5", "world knowledge"},
                                    {"CSR", "shots=4", "commonsense"},
                                    {"CG", "shots=8", "code"},
                                    {"SA", "shots=8", "safety"}};
    PaperTable table{7, 1, "World knowledge, commonsense, code, safety", {}};
    for (const ModelBlocks& blocks : models)
        for (const Printed& printed : kPrinted) {
            const ScoreBlock* const block = blocks.usual(printed.ability);
            table.parts.push_back(
                ratioTable(fmt::format("{} ({})", captionOf(blocks.model(), block, printed.words), printed.ability),
                           block, {kLlama, printed.ability, printed.setting}));
        }
    return table;
}

PaperTable shotTable(const std::vector<ModelBlocks>& models)
{
    PaperTable table{9, 3, "Arithmetic with 1 to 8 examples", {}};
    for (const ModelBlocks& blocks : models) {
        const std::vector<const ScoreBlock*> forms = blocks.shotNumbers();
        for (const int shots : {1, 2, 4, 6, 8}) {
            const auto found = std::find_if(forms.begin(), forms.end(),
                                            [&](const ScoreBlock* block) { return block->shots == shots; });
            const ScoreBlock* const block = found == forms.end() ? nullptr : *found;
            // The 8-shot block repeats table 6, which has it under another label.
            const std::string setting = shots == 8 ? "shots=8; w/ instruct" : fmt::format("shots={}", shots);
            table.parts.push_back(ratioTable(captionOf(blocks.model(), block, fmt::format("arithmetic, {} {}", shots,
                                                                                          shots == 1 ? "shot"
                                                                                                     : "shots")),
                                             block, {kLlama, "AR", setting}));
        }
    }
    return table;
}

PaperTable manyShotRatioTable(const std::vector<ModelBlocks>& models)
{
    PaperTable table{10, 4, "Many-shot arithmetic at all ratios", {}};
    const auto addPart = [&](const std::string& model, const ScoreBlock* block, const char* printedModel) {
        table.parts.push_back(ratioTable(captionOf(model, block, "many-shot arithmetic"), block,
                                         {printedModel, "many-shot AR", "shots=50"}));
    };
    bool reasoning = false, other = false;
    for (const ModelBlocks& blocks : models) {
        const bool reasons = modelRole(blocks.model()) == ModelRole::reasoning;
        (reasons ? reasoning : other) = true;
        addPart(blocks.model(), blocks.manyShot(), reasons ? kReasoningLlama : kLlama);
    }
    if (!other)
        addPart("no other model", nullptr, kLlama);
    if (!reasoning)
        addPart("no reasoning model", nullptr, kReasoningLlama);
    return table;
}

TableCell number(double value, int digits)
{
    return {std::isnan(value) ? std::string() : fmt::format("{:.{}f}", value, digits)};
}

/// A length of a model, with the full cache first.
Table latencyPart(const std::vector<MeasuredLatency>& rows)
{
    const MeasuredLatency& first = rows.front();
    Table table;
    table.columns = kLatencyColumns;
    table.caption = fmt::format("{}: {} tokens in, {} out, {} kept", first.model, first.inputTokens,
                                first.outputTokens, ratioText(kLatencyRatio));
    TableNotes notes;
    for (const MeasuredLatency& row : rows) {
        const std::string printed = datasets::publishedName(row.method);
        TableCell seconds = number(row.seconds, 2);
        if (!row.obstacle.empty())
            seconds.text = notes.mark("not measured: " + row.obstacle);
        const bool full = row.method == "fullkv";
        table.rows.push_back({{{printed.empty() ? row.method : printed},
                               {std::to_string(row.inputTokens)},
                               {std::to_string(row.outputTokens)},
                               seconds,
                               number(row.tokensPerSecond, 1),
                               {full ? "" : percentText(row.latencyGain)},
                               {full ? "" : percentText(row.throughputGain)},
                               {std::isnan(row.cacheBytes) ? ""
                                                           : core::humanBytes(static_cast<std::uint64_t>(
                                                                 row.cacheBytes))}}});
    }
    table.notes = notes.list();
    return table;
}

void addPublishedLatencies(Table& table)
{
    for (const datasets::PublishedLatency& row : datasets::publishedLatencies())
        table.rows.push_back({{{row.method + ", published"},
                               {std::to_string(row.inputTokens)},
                               {std::to_string(row.outputTokens)},
                               number(row.seconds, 2),
                               number(row.tokensPerSecond, 1),
                               {percentText(row.latencyGainPercent / 100)},
                               {percentText(row.throughputGainPercent / 100)},
                               {}},
                              true});
}

PaperTable latencyTable(const std::vector<MeasuredLatency>& latencies)
{
    PaperTable table{5, 6, "Latency and throughput", {}};
    std::vector<std::vector<MeasuredLatency>> groups;
    for (const MeasuredLatency& row : latencies) {
        const bool fresh = groups.empty() || groups.back().front().model != row.model
                           || groups.back().front().inputTokens != row.inputTokens
                           || groups.back().front().outputTokens != row.outputTokens;
        if (fresh)
            groups.emplace_back();
        groups.back().push_back(row);
    }
    for (const std::vector<MeasuredLatency>& group : groups)
        table.parts.push_back(latencyPart(group));
    Table printed;
    printed.caption = "published";
    printed.columns = kLatencyColumns;
    addPublishedLatencies(printed);
    if (groups.empty())
        printed.notes.emplace_back("not measured here: kvviz bench was not run");
    printed.notes.emplace_back("published: one A40; neither the model nor the ratio is named (arXiv 2502.01941v4)");
    table.parts.push_back(printed);
    return table;
}

} // namespace

std::vector<PaperTable> paperTables(const ScoreBlocks& data, const std::vector<MeasuredLatency>& latencies)
{
    const std::vector<ModelBlocks> models = modelsOf(data);
    return {longGenerationTable(models), manyShotTable(models), latencyTable(latencies),
            abilityTable(models),        shotTable(models),     manyShotRatioTable(models)};
}

} // namespace kvviz::study
