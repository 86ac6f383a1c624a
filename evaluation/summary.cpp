// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Each record is made from the prompts it has, so that score and base score are of the same ones.
#include "evaluation/summary.hpp"

#include "core/bootstrap.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace kvviz::evaluation {
namespace {

using OutcomeOf = std::function<const CacheOutcome&(const PromptOutcome&)>;

/// Mean of those that are known; NaN without any.
double knownMean(const std::vector<double>& values)
{
    std::vector<double> known;
    for (const double value : values)
        if (!std::isnan(value))
            known.push_back(value);
    return known.empty() ? kNotKnown : core::mean(known);
}

std::vector<double> valuesOf(std::span<const PromptOutcome* const> prompts,
                             const std::function<double(const PromptOutcome&)>& value)
{
    std::vector<double> values;
    for (const PromptOutcome* prompt : prompts)
        values.push_back(value(*prompt));
    return values;
}

void addFlag(std::vector<std::string>& flags, const std::string& flag)
{
    if (std::find(flags.begin(), flags.end(), flag) == flags.end())
        flags.push_back(flag);
}

/// Everything but method, parameters and ratio.
io::EvalRecord measure(const TaskDescription& task, std::span<const PromptOutcome> outcomes, const OutcomeOf& cacheOf,
                       std::uint64_t seed)
{
    std::vector<const PromptOutcome*> prompts;
    for (const PromptOutcome& outcome : outcomes)
        if (outcome.refused.empty() && cacheOf(outcome).obstacle.empty())
            prompts.push_back(&outcome);
    io::EvalRecord record;
    record.task = task.name;
    record.category = task.category;
    record.setting = task.setting;
    record.shots = task.shots;
    record.modelName = task.modelName;
    record.n = std::ssize(prompts);
    if (prompts.size() < outcomes.size())
        record.flags.emplace_back("prompts_left_out");
    const auto mean = [&](const std::function<double(const PromptOutcome&)>& value) {
        return knownMean(valuesOf(prompts, value));
    };
    const auto cacheMean = [&](auto member) {
        return mean([&](const PromptOutcome& p) { return static_cast<double>(cacheOf(p).*member); });
    };
    record.scores = valuesOf(prompts, [&](const PromptOutcome& p) { return cacheOf(p).score; });
    record.baseScores = valuesOf(prompts, [](const PromptOutcome& p) { return p.full.score; });
    record.goldLogprobDeltas = valuesOf(
        prompts, [&](const PromptOutcome& p) { return cacheOf(p).goldLogprob - p.full.goldLogprob; });
    record.score = knownMean(record.scores);
    record.baseScore = knownMean(record.baseScores);
    record.goldLogprobDelta = knownMean(record.goldLogprobDeltas);
    const core::ResamplingOptions resampling{.resamples = 2000, .level = 0.95, .seed = seed};
    const core::Estimate delta = core::bootstrapRelativeChange(record.scores, record.baseScores, resampling);
    record.delta = delta.value;
    record.ciLow = delta.low;
    record.ciHigh = delta.high;
    record.pValue = core::pairedTest(record.scores, record.baseScores, resampling);
    if (record.baseScore == 0)
        record.flags.emplace_back("base_zero");
    record.promptTokens = mean([](const PromptOutcome& p) { return static_cast<double>(p.promptTokens); });
    record.prefillSeconds = mean([](const PromptOutcome& p) { return p.prefillSeconds; });
    record.generatedTokens = cacheMean(&CacheOutcome::generated);
    record.decodeSeconds = cacheMean(&CacheOutcome::decodeSeconds);
    // The first token costs no step: it comes from the prefill.
    record.tokensPerSecond = (record.generatedTokens - 1) / record.decodeSeconds;
    record.actualRatio = cacheMean(&CacheOutcome::keptRatio);
    record.sizeRatio = cacheMean(&CacheOutcome::sizeRatio);
    const auto bytes = [](double value) { return std::isnan(value) ? 0 : static_cast<std::uint64_t>(value); };
    record.cacheBytes = bytes(cacheMean(&CacheOutcome::heldBytes));
    record.fullCacheBytes = bytes(mean([](const PromptOutcome& p) { return static_cast<double>(p.full.heldBytes); }));
    for (const PromptOutcome* prompt : prompts) {
        const CacheOutcome& cache = cacheOf(*prompt);
        record.promptIds.push_back(prompt->id);
        record.answers.push_back(cache.answer);
        record.keptTokens.push_back(cache.keptTokens);
        for (const std::string& flag : cache.flags)
            addFlag(record.flags, flag);
    }
    return record;
}

} // namespace

std::vector<io::EvalRecord> summarise(const TaskDescription& task, std::span<const compress::LivePair> pairs,
                                      std::span<const PromptOutcome> outcomes, std::uint64_t seed)
{
    std::vector<io::EvalRecord> records;
    const auto full = [](const PromptOutcome& outcome) -> const CacheOutcome& { return outcome.full; };
    records.push_back(measure(task, outcomes, full, seed));
    records.back().method = kFullCache;
    records.back().params = "{}";
    records.back().budgetUse = budgetUseName(compress::BudgetUse::fixed);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto cacheOf = [i](const PromptOutcome& outcome) -> const CacheOutcome& { return outcome.pairs.at(i); };
        io::EvalRecord record = measure(task, outcomes, cacheOf, seed);
        if (record.n == 0)
            continue;
        const compress::Method& method = *pairs[i].method;
        record.method = method.info().name;
        record.variant = method.params().variant();
        record.params = method.params().json();
        record.budgetUse = budgetUseName(method.budgetUse());
        record.budgetTokens = pairs[i].budget.tokens.value_or(0);
        switch (method.budgetUse()) {
        case compress::BudgetUse::follows:
            record.ratio = pairs[i].budget.nominalRatio(std::max<std::int64_t>(1, std::llround(record.promptTokens)));
            break;
        case compress::BudgetUse::fixed: record.ratio = record.sizeRatio; break;
        case compress::BudgetUse::finds: record.ratio = record.actualRatio; break;
        }
        records.push_back(std::move(record));
    }
    return records;
}

} // namespace kvviz::evaluation
