// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bookkeeping only; every number comes from metrics, changed_metrics and kept_statistics.
#include "compress/replay_job.hpp"

#include "compress/kept_sets.hpp"
#include "compress/kept_statistics.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::compress {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

template <class List>
void append(List& to, const List& from)
{
    to.insert(to.end(), from.begin(), from.end());
}

/// Errors of whole layers from those of heads: every query with its heads joined, and all of it as one matrix.
void storeJoinedErrors(ReplayJob& job, const core::LayerData& data)
{
    const LayerMetrics& metrics = job.metrics;
    if (metrics.errorSq.empty())
        return;
    double layerError = 0, layerNorm = 0;
    for (std::int64_t step = 0; step < data.t; ++step) {
        double error = 0, norm = 0;
        for (std::int64_t head = 0; head < data.heads.queryHeads(); ++head) {
            error += metrics.errorSq[static_cast<std::size_t>(head * data.t + step)];
            norm += metrics.normSq[static_cast<std::size_t>(head * data.t + step)];
        }
        if (std::isnan(error) || !(norm > 0))
            continue;
        job.concatErrors.push_back(std::sqrt(error / norm));
        layerError += error;
        layerNorm += norm;
    }
    if (layerNorm > 0)
        job.blockErrors.push_back(std::sqrt(layerError / layerNorm));
}

void storeMasks(ReplayResult& result, const LayerPlan& plan, std::int64_t n)
{
    for (const auto& positions : plan.kept) {
        const std::size_t base = result.kept.size();
        result.kept.resize(base + static_cast<std::size_t>(n), 0);
        for (const std::int32_t position : positions)
            result.kept[base + static_cast<std::size_t>(position)] = 1;
    }
    append(result.keptDecode, plan.keptDecode);
}

double meanOf(const std::vector<double>& values) { return values.empty() ? kUndefined : core::mean(values); }

template <class Member>
double meanOf(const std::vector<Reconstruction>& all, Member member)
{
    std::vector<double> values;
    for (const Reconstruction& one : all)
        values.push_back(one.*member);
    return meanOf(values);
}

} // namespace

ReplayJob makeJob(const Method& method, const Budget& budget, std::int64_t nPrompt)
{
    ReplayJob job;
    job.method = &method;
    job.result.method = method.info().name;
    job.result.variant = method.params().variant();
    job.result.params = method.params().json();
    job.result.budget = budget;
    job.result.budgetUse = method.budgetUse();
    job.result.budgetTokens = budget.tokens.value_or(budget.capacity(nPrompt));
    return job;
}

namespace {

/// In a layer with a sliding window: what the method keeps although no query after the prompt sees it any more. It costs
/// memory and keeps nothing from being lost.
void noteUnseen(LayerPlan& plan, const core::LayerData& data)
{
    const std::int64_t first = data.rule.firstKey(data.n);
    if (data.rule.window == 0)
        return;
    std::int64_t unseen = 0;
    for (const auto& positions : plan.kept)
        unseen += std::count_if(positions.begin(), positions.end(), [first](std::int32_t key) { return key < first; });
    plan.facts["kept_unseen"] = static_cast<double>(unseen) / static_cast<double>(plan.kept.size());
    if (unseen > 0)
        addFlag(plan, "keeps_unseen", true);
}

} // namespace

void storeLayer(ReplayJob& job, const core::LayerData& data, const std::vector<core::Segment>& segments, bool keepMasks)
{
    ReplayResult& result = job.result;
    append(result.lostMass, job.metrics.lostMass);
    append(result.lostNonSink, job.metrics.lostNonSink);
    append(result.lostGenerated, job.metrics.lostGenerated);
    append(result.outputError, job.metrics.outputError);
    append(result.survival, segmentSurvival(segments, job.plan, data.n));
    append(result.intact, segmentIntact(segments, job.plan, data.n));
    storeJoinedErrors(job, data);
    if (job.prediction)
        job.prediction->add(data, job.metrics);
    if (job.plan.changed)
        job.reconstructions.push_back(reconstruction(data, job.plan));
    result.seconds += core::sum(job.headSeconds);
    for (const std::int64_t dead : job.headDead)
        result.deadQueries += dead;
    result.tiesAtCut += job.plan.tiesAtCut;
    noteUnseen(job.plan, data);
    for (const std::string& flag : job.plan.flags)
        if (std::find(result.flags.begin(), result.flags.end(), flag) == result.flags.end())
            result.flags.push_back(flag);
    for (const auto& [name, value] : job.plan.facts) {
        job.facts[name].first += value;
        ++job.facts[name].second;
    }
    std::int64_t kept = 0;
    for (const auto& positions : job.plan.kept)
        kept += std::ssize(positions);
    result.keptTokens += kept;
    job.bytes += job.plan.bytes.value_or(static_cast<double>(4 * data.headDim * kept));
    if (keepMasks)
        storeMasks(result, job.plan, data.n);
    job.plan.keptDecode = std::vector<std::uint8_t>(); // gives the memory back
    job.plan.changed.reset();
    job.plans.push_back(std::move(job.plan));
}

void finishJob(ReplayJob& job, const ReplayRequest& request, std::int64_t nPrompt, int headDim,
               const core::ReadoutTokens* readout)
{
    ReplayResult& result = job.result;
    const auto slots = std::ssize(job.plans);
    const auto heads = slots > 0 ? std::ssize(job.plans.front().kept) : 0;
    const auto whole = static_cast<double>(slots * heads * nPrompt);
    result.actualRatio = whole > 0 ? static_cast<double>(result.keptTokens) / whole : 0;
    result.bytes = static_cast<std::uint64_t>(std::llround(job.bytes));
    result.sizeRatio = whole > 0 ? job.bytes / (whole * 4 * headDim) : 0;
    if (result.budgetUse != BudgetUse::follows) {
        result.budget = {result.budgetUse == BudgetUse::finds ? result.actualRatio : result.sizeRatio, std::nullopt};
        result.budgetTokens = std::llround(result.budget.ratio * static_cast<double>(nPrompt));
    }
    for (const auto& [name, sum] : job.facts)
        result.facts[name] = sum.first / static_cast<double>(sum.second);
    result.meanLost = core::mean(result.lostMass);
    result.p95Lost = core::quantile(result.lostMass, 0.95);
    result.maxLost = core::maximum(result.lostMass);
    result.meanLostNonSink = core::mean(result.lostNonSink);
    result.stdLost = kUndefined;
    result.meanLostGenerated = result.lostGenerated.empty() ? kUndefined : core::mean(result.lostGenerated);
    const bool output = request.depth != Depth::mass;
    result.meanOutputError = output ? core::mean(result.outputError) : kUndefined;
    result.p95OutputError = output ? core::quantile(result.outputError, 0.95) : kUndefined;
    result.meanConcatError = meanOf(job.concatErrors);
    result.meanBlockError = meanOf(job.blockErrors);
    result.keyError = meanOf(job.reconstructions, &Reconstruction::keyError);
    result.valueError = meanOf(job.reconstructions, &Reconstruction::valueError);
    result.keyCosine = meanOf(job.reconstructions, &Reconstruction::keyCosine);
    result.valueCosine = meanOf(job.reconstructions, &Reconstruction::valueCosine);
    result.adjacentJaccard = adjacentJaccard(job.plans);
    result.runLengths = runLengths(job.plans);
    result.meanRun = meanRun(job.plans);
    result.meanPredictedDelta = result.meanPredictedKl = kUndefined;
    if (job.prediction && readout != nullptr) {
        LogprobPrediction::Result prediction = job.prediction->finish(*readout);
        result.predictedDelta = std::move(prediction.delta);
        result.predictedKl = std::move(prediction.kl);
        result.meanPredictedDelta = core::mean(result.predictedDelta);
        result.meanPredictedKl = core::mean(result.predictedKl);
    }
    result.meanLogprobDelta = result.meanKl = result.top1Agreement = kUndefined;
}

ReplayResult mergeDraws(std::vector<ReplayResult> draws)
{
    ReplayResult merged = std::move(draws.front());
    const auto count = static_cast<double>(draws.size());
    if (draws.size() < 2)
        return merged;
    std::vector<double> lost{merged.meanLost};
    auto kept = static_cast<double>(merged.keptTokens), bytes = static_cast<double>(merged.bytes);
    const std::vector<std::vector<float> ReplayResult::*> arrays{
        &ReplayResult::lostMass, &ReplayResult::lostNonSink, &ReplayResult::lostGenerated, &ReplayResult::outputError,
        &ReplayResult::survival, &ReplayResult::intact, &ReplayResult::predictedDelta, &ReplayResult::predictedKl};
    const std::vector<double ReplayResult::*> means{
        &ReplayResult::meanLost,        &ReplayResult::p95Lost,        &ReplayResult::maxLost,
        &ReplayResult::meanLostNonSink, &ReplayResult::meanOutputError, &ReplayResult::p95OutputError,
        &ReplayResult::meanConcatError, &ReplayResult::meanBlockError, &ReplayResult::adjacentJaccard,
        &ReplayResult::meanRun,         &ReplayResult::actualRatio,    &ReplayResult::sizeRatio,
        &ReplayResult::meanPredictedDelta, &ReplayResult::meanPredictedKl};
    for (std::size_t i = 1; i < draws.size(); ++i) {
        lost.push_back(draws[i].meanLost);
        for (const auto array : arrays)
            for (std::size_t at = 0; at < (merged.*array).size(); ++at)
                (merged.*array)[at] += (draws[i].*array)[at];
        for (const auto mean : means)
            merged.*mean += draws[i].*mean;
        merged.seconds += draws[i].seconds;
        merged.deadQueries += draws[i].deadQueries;
        kept += static_cast<double>(draws[i].keptTokens);
        bytes += static_cast<double>(draws[i].bytes);
    }
    merged.keptTokens = std::llround(kept / count);
    merged.bytes = static_cast<std::uint64_t>(std::llround(bytes / count));
    for (const auto array : arrays)
        for (float& value : merged.*array)
            value = static_cast<float>(value / count);
    for (const auto mean : means)
        merged.*mean /= count;
    merged.stdLost = core::standardDeviation(lost);
    merged.draws = std::ssize(draws);
    return merged;
}

} // namespace kvviz::compress
