// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layout of the six tables.
#include "study/paper_tables.hpp"

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
constexpr PrintedMethod kTable5[] = {{"ChunkKV", "chunkkv"}, {"SnapKV", "snapkv"}, {"ShotKV", "shotkv"}};

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

double latencyOf(const io::EvalRecord& record) { return record.prefillSeconds + record.decodeSeconds; }

TableRow latencyRow(const char* name, const io::EvalRecord& record, const io::EvalRecord& full)
{
    const double latency = latencyOf(record), rate = record.tokensPerSecond;
    return {{{name},
             number(record.promptTokens, 0),
             number(record.generatedTokens, 0),
             number(latency, 2),
             number(rate, 1),
             {&record == &full ? "" : percentText((latencyOf(full) - latency) / latencyOf(full))},
             {&record == &full ? "" : percentText(rate / full.tokensPerSecond - 1)},
             {record.fullCacheBytes == 0 ? ""
                                         : percentText(static_cast<double>(record.cacheBytes)
                                                       / static_cast<double>(record.fullCacheBytes))}}};
}

/// The block of the longest prompts that were compressed to `ratio`.
const ScoreBlock* latencyBlock(const ModelBlocks& blocks, double ratio)
{
    std::vector<const ScoreBlock*> candidates = blocks.longGeneration();
    candidates.insert(candidates.begin(), blocks.manyShot());
    for (const ScoreBlock* block : candidates)
        if (block != nullptr && !block->full.method.empty() && block->find(kTable5[0].ours, ratio) != nullptr)
            return block;
    return nullptr;
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

Table latencyPart(const ModelBlocks& blocks)
{
    constexpr double kRatio = 0.3;
    Table table;
    table.columns = {"method", "input tokens", "output tokens", "latency s", "tokens/s", "latency gain",
                     "throughput gain", "cache held"};
    const ScoreBlock* const block = latencyBlock(blocks, kRatio);
    table.caption = fmt::format("{}, {} kept", captionOf(blocks.model(), block, "latency"), ratioText(kRatio));
    if (block == nullptr) {
        table.notes.emplace_back("not measured: no many-shot prompt and no long generation was run at this ratio");
    } else {
        table.rows.push_back(latencyRow("FullKV", block->full, block->full));
        for (const PrintedMethod& method : kTable5)
            if (const ScoreCell* cell = block->find(method.ours, kRatio))
                table.rows.push_back(latencyRow(method.printed, cell->record, block->full));
        table.notes.emplace_back("Seconds of a prompt as the evaluation measured them, where all caches of a prompt are "
                                 "decoded side by side; `kvviz bench` measures each alone.");
        if (std::isnan(latencyOf(block->full)))
            table.notes.emplace_back("not measured: these results hold no times");
    }
    addPublishedLatencies(table);
    table.notes.emplace_back("published: one A40, the model is not named, nor the ratio (arXiv 2502.01941v4)");
    return table;
}

PaperTable latencyTable(const std::vector<ModelBlocks>& models)
{
    PaperTable table{5, 6, "Latency and throughput", {}};
    for (const ModelBlocks& blocks : models)
        table.parts.push_back(latencyPart(blocks));
    return table;
}

} // namespace

std::vector<PaperTable> paperTables(const ScoreBlocks& data)
{
    const std::vector<ModelBlocks> models = modelsOf(data);
    return {longGenerationTable(models), manyShotTable(models), latencyTable(models),
            abilityTable(models),        shotTable(models),     manyShotRatioTable(models)};
}

} // namespace kvviz::study
