// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From data to verdicts: which block stands for what, and one function an observation.
#include "study/verdicts.hpp"

#include "study/observations.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>

namespace kvviz::study {
namespace {

struct Observation {
    const char* title;
    const char* claim;
};

constexpr Observation kObservations[] = {
    {"Task dependence", "How much a compressed cache costs depends on the task: world knowledge and commonsense lose "
                        "little, arithmetic, code and safety lose much."},
    {"Model types", "A model trained to reason in steps loses less on arithmetic than an instruction-tuned one."},
    {"Shot numbers", "With fewer examples in the prompt, the same ratio costs more."},
    {"Chunk level on many-shot prompts", "Methods that keep whole chunks lose less on many-shot prompts than methods "
                                         "that choose single tokens."},
    {"Prompt gain", "Tasks that gain more from examples in the prompt lose more when the prompt's cache is "
                    "compressed."},
    {"Long generation", "Generating long answers suffers more from compression than short answers do."},
};

std::vector<std::string> modelsOf(const ScoreBlocks& data)
{
    std::vector<std::string> models;
    for (const ScoreBlock& block : data.blocks)
        if (std::find(models.begin(), models.end(), block.model) == models.end())
            models.push_back(block.model);
    return models;
}

Verdict verdictOf(int observation, std::string model, std::vector<Finding> findings)
{
    Verdict verdict;
    verdict.observation = observation;
    verdict.model = std::move(model);
    verdict.outcome = findings.front().outcome;
    verdict.reason = findings.front().reason;
    verdict.findings = std::move(findings);
    return verdict;
}

std::vector<Finding> judgeModel(int observation, const ModelBlocks& blocks, const Resampling& options)
{
    switch (observation) {
    case 1: return judgeTaskDependence(blocks, options);
    case 3: return judgeShotNumbers(blocks, options);
    case 4: return judgeChunkLevel(blocks, options);
    case 5: return judgePromptGain(blocks, options);
    default: return judgeLongGeneration(blocks, options);
    }
}

std::vector<std::string> wordsOf(const std::string& name)
{
    std::vector<std::string> words(1);
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else
            words.emplace_back();
    return words;
}

} // namespace

const char* observationTitle(int observation) { return kObservations[observation - 1].title; }
const char* observationClaim(int observation) { return kObservations[observation - 1].claim; }

std::vector<Verdict> judge(const ScoreBlocks& data, const std::set<int>& observations,
                           const core::ResamplingOptions& options)
{
    std::vector<ModelBlocks> models;
    for (const std::string& model : modelsOf(data))
        models.emplace_back(data, model);
    std::vector<Verdict> verdicts;
    for (const int observation : observations) {
        if (observation == 2) {
            verdicts.push_back(verdictOf(2, "", judgeModelTypes(models, options)));
            continue;
        }
        for (const ModelBlocks& blocks : models)
            verdicts.push_back(verdictOf(observation, blocks.model(), judgeModel(observation, blocks, options)));
        if (models.empty())
            verdicts.push_back(verdictOf(observation, "", {missing(observationClaim(observation),
                                                                   "nothing was measured")}));
    }
    return verdicts;
}

ModelRole modelRole(const std::string& name)
{
    const std::vector<std::string> words = wordsOf(name);
    const auto has = [&](std::initializer_list<const char*> wanted) {
        return std::find_first_of(words.begin(), words.end(), wanted.begin(), wanted.end()) != words.end();
    };
    if (has({"r1", "distill", "reasoning", "thinking", "think", "qwq", "o1"}))
        return ModelRole::reasoning;
    return has({"instruct", "chat", "it", "sft"}) ? ModelRole::instruct : ModelRole::base;
}

ModelBlocks::ModelBlocks(const ScoreBlocks& data, const std::string& model) : m_model(model)
{
    for (const ScoreBlock& block : data.blocks)
        if (block.model == model)
            m_blocks.push_back(&block);
}

const ScoreBlock* ModelBlocks::usual(const std::string& ability) const
{
    const ScoreBlock* best = nullptr;
    for (const ScoreBlock* block : m_blocks)
        if (block->ability == ability && !block->cells.empty() && block->questions == 0 && block->shots < kManyShots
            && (best == nullptr || block->shots > best->shots))
            best = block;
    return best;
}

const ScoreBlock* ModelBlocks::withShots(const ScoreBlock& task, std::int64_t shots) const
{
    for (const ScoreBlock* block : m_blocks)
        if (block->task == task.task && block->shots == shots && block->questions == task.questions)
            return block;
    return nullptr;
}

std::vector<const ScoreBlock*> ModelBlocks::shotNumbers() const
{
    std::vector<const ScoreBlock*> result;
    const ScoreBlock* const task = usual("AR");
    for (const ScoreBlock* block : m_blocks)
        if (task != nullptr && block->task == task->task && !block->cells.empty() && block->shots > 0
            && block->shots < kManyShots && block->questions == 0)
            result.push_back(block);
    std::sort(result.begin(), result.end(), [](const auto* a, const auto* b) { return a->shots < b->shots; });
    return result;
}

const ScoreBlock* ModelBlocks::manyShot() const
{
    const ScoreBlock* best = nullptr;
    for (const ScoreBlock* block : m_blocks)
        if (block->ability == "AR" && !block->cells.empty() && block->shots >= kManyShots
            && (best == nullptr || block->shots > best->shots))
            best = block;
    return best;
}

std::vector<const ScoreBlock*> ModelBlocks::longGeneration() const
{
    std::vector<const ScoreBlock*> result;
    for (const ScoreBlock* block : m_blocks)
        if (block->ability == "LG" && !block->cells.empty())
            result.push_back(block);
    std::stable_sort(result.begin(), result.end(),
                     [](const auto* a, const auto* b) { return a->questions > b->questions; });
    return result;
}

Finding missing(std::string statement, std::string reason)
{
    Finding finding;
    finding.statement = std::move(statement);
    finding.reason = std::move(reason);
    return finding;
}

std::string dropWeak(std::vector<const ScoreBlock*>& blocks)
{
    std::string names;
    for (const ScoreBlock* block : blocks)
        if (!(block->baseScore() >= kLeastBase))
            names += fmt::format("{}{} ({:.2f})", names.empty() ? "" : ", ", block->label(), block->baseScore());
    std::erase_if(blocks, [](const ScoreBlock* block) { return !(block->baseScore() >= kLeastBase); });
    return names.empty() ? "" : fmt::format("left out, because the full cache scores below {:.1f}: {}", kLeastBase,
                                            names);
}

std::string ratiosText(const std::vector<CellRef>& cells)
{
    std::vector<double> ratios;
    for (const CellRef& cell : cells)
        ratios.push_back(cell.ratio);
    std::sort(ratios.rbegin(), ratios.rend());
    ratios.erase(std::unique(ratios.begin(), ratios.end()), ratios.end());
    std::string text;
    for (std::size_t i = 0; i < ratios.size(); ++i)
        text += fmt::format("{}{:g}", i == 0 ? "" : i + 1 == ratios.size() ? " and " : ", ", ratios[i]);
    return text;
}

} // namespace kvviz::study
