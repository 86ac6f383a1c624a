// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The first token of an answer comes from the prefill and is the same for all caches; what follows sees the compressed
// ones.
#include "evaluation/prompt_runner.hpp"

#include "capture/batch_decoder.hpp"
#include "capture/continuer.hpp"
#include "capture/live_capture.hpp"
#include "core/stopwatch.hpp"
#include "evaluation/compressed_cache.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::evaluation {
namespace {

/// log softmax(logits)[id]
double logprobOf(std::span<const float> logits, std::int32_t id)
{
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits)
        sum += std::exp(logit - largest);
    return logits[static_cast<std::size_t>(id)] - largest - std::log(sum);
}

} // namespace

/// A cache on its way to an answer.
struct PromptRunner::Stream {
    capture::CompactCache cache;
    compress::LiveRules rules;
    CacheOutcome* outcome;
};

PromptRunner::PromptRunner(std::shared_ptr<const capture::Model> model,
                           std::shared_ptr<const capture::Tokenizer> tokenizer, compress::LivePlanner& planner,
                           RunnerSettings settings)
    : m_model(std::move(model)), m_tokenizer(std::move(tokenizer)), m_planner(planner), m_settings(std::move(settings))
{
}

PromptOutcome PromptRunner::run(const capture::PromptSource& source,
                                const std::function<double(const std::string&)>& score, const core::Progress& progress)
{
    const capture::TokenizedPrompt prompt = capture::tokenizePrompt(
        source, *m_tokenizer, m_model->info, capture::Continuation::greedy, m_settings.generate);
    std::vector<std::int32_t> gold;
    if (!source.target.empty())
        gold = capture::tokenizePrompt(source, *m_tokenizer, m_model->info, capture::Continuation::gold,
                                       m_model->info.contextLength).goldIds;
    gold.resize(std::min(gold.size(), static_cast<std::size_t>(m_model->info.contextLength - prompt.size())));

    PromptOutcome outcome;
    outcome.task = source.task;
    outcome.id = source.id;
    outcome.promptTokens = prompt.size();
    capture::CaptureSettings settings;
    settings.window = m_settings.window;
    settings.sinkTokens = m_settings.sinkTokens;
    settings.creator = m_settings.creator;
    const core::Stopwatch prefill;
    const capture::LiveCapture capture(m_model, *m_tokenizer, source, prompt, settings, progress);
    outcome.prefillSeconds = prefill.seconds();

    for (std::string& obstacle : m_planner.obstacles(capture))
        outcome.pairs.emplace_back().obstacle = std::move(obstacle);
    bool first = true;
    for (const std::vector<std::size_t>& group : groups(capture, outcome)) {
        std::vector<Stream> streams;
        if (first) // the full cache runs with others: a stream alone would use other kernels and round differently
            streams.push_back({capture::CompactCache::whole(m_model->info, capture.cache()), {}, &outcome.full});
        first = false;
        std::vector<CompressedCache> caches = compressCache(m_planner, capture, group, progress);
        for (std::size_t i = 0; i < group.size(); ++i) {
            CacheOutcome& pair = outcome.pairs[group[i]];
            pair.keptTokens = caches[i].keptTokens;
            pair.keptRatio = caches[i].keptRatio;
            pair.sizeRatio = caches[i].sizeRatio;
            pair.flags = std::move(caches[i].flags);
            streams.push_back({std::move(caches[i].cache), std::move(caches[i].rules), &pair});
        }
        scoreGold(capture, streams, gold);
        generate(capture, streams, source, prompt, progress);
    }
    outcome.full.score = score(outcome.full.answer);
    outcome.full.keptRatio = outcome.full.sizeRatio = 1;
    outcome.full.keptTokens = std::int64_t{m_model->info.nLayers} * m_model->info.nKvHeads * prompt.size();
    for (CacheOutcome& pair : outcome.pairs)
        if (pair.obstacle.empty())
            pair.score = score(pair.answer);
    return outcome;
}

std::vector<std::vector<std::size_t>> PromptRunner::groups(const capture::LiveCapture& capture,
                                                           const PromptOutcome& outcome) const
{
    const core::ModelInfo& model = m_model->info;
    const double token = 2.0 * sizeof(float) * model.nLayers * model.nKvHeads * model.headDim;
    const auto n = static_cast<double>(capture.info().nPrompt());
    const double most = static_cast<double>(m_settings.cacheBytes);
    std::vector<std::vector<std::size_t>> result(1);
    double used = 2 * n * token; // the full cache, and its copy
    for (std::size_t i = 0; i < outcome.pairs.size(); ++i) {
        if (!outcome.pairs[i].obstacle.empty())
            continue;
        const compress::LivePair& pair = m_planner.pairs()[i];
        const bool follows = pair.method->budgetUse() == compress::BudgetUse::follows;
        const double ratio = follows ? pair.budget.nominalRatio(capture.info().nPrompt()) : 1.0;
        // Twice: the gold answer is scored on a copy. Generated tokens and reserves are small beside a quarter more.
        const double bytes = 2.5 * ratio * n * token;
        if (used + bytes > most && !result.back().empty()) {
            result.emplace_back();
            used = 0;
        }
        used += bytes;
        result.back().push_back(i);
    }
    return result;
}

void PromptRunner::scoreGold(const capture::LiveCapture& capture, std::span<Stream> streams,
                             std::span<const std::int32_t> gold) const
{
    if (gold.empty())
        return;
    const double first = logprobOf(capture.logits(), gold.front());
    for (Stream& stream : streams)
        stream.outcome->goldLogprob = first;
    if (gold.size() == 1)
        return;
    capture::BatchDecoder decoder(m_model);
    std::vector<std::int64_t> numbers;
    for (const Stream& stream : streams)
        numbers.push_back(decoder.add(stream.cache, capture.info().nPrompt(), stream.rules.policy()));
    const std::vector<double> logprobs = decoder.score(numbers, gold);
    const std::size_t each = gold.size() - 1;
    for (std::size_t i = 0; i < streams.size(); ++i)
        for (std::size_t token = 0; token < each; ++token)
            streams[i].outcome->goldLogprob += logprobs[i * each + token];
}

void PromptRunner::generate(const capture::LiveCapture& capture, std::span<Stream> streams,
                            const capture::PromptSource& source, const capture::TokenizedPrompt& prompt,
                            const core::Progress& progress) const
{
    struct Running {
        CacheOutcome* outcome;
        capture::Continuer continuer;
        std::int64_t number;
        std::int32_t id;
    };
    const auto vocabulary = static_cast<std::size_t>(m_model->info.vocabSize);
    capture::BatchDecoder decoder(m_model);
    std::vector<Running> running;
    for (Stream& stream : streams) {
        CacheOutcome& outcome = *stream.outcome;
        outcome.heldBytes = static_cast<std::uint64_t>(stream.cache.bytes());
        capture::Continuer continuer(*m_tokenizer, prompt, source.stops, capture::Continuation::greedy);
        const std::optional<std::int32_t> id = continuer.next(capture.logits());
        if (!id)
            continue;
        outcome.generated = 1;
        outcome.answer = continuer.text();
        std::unique_ptr<core::EvictionPolicy> policy = stream.rules.policy();
        running.push_back({&outcome, std::move(continuer),
                           decoder.add(std::move(stream.cache), prompt.size(), std::move(policy)), *id});
    }
    std::vector<float> logits;
    for (std::int64_t count = 1; count < prompt.mostGenerated && !running.empty(); ++count) {
        progress.throwIfStopped();
        std::vector<std::int64_t> numbers;
        std::vector<std::int32_t> ids;
        for (const Running& one : running) {
            numbers.push_back(one.number);
            ids.push_back(one.id);
        }
        logits.resize(running.size() * vocabulary);
        const core::Stopwatch step;
        decoder.step(numbers, ids, logits.data());
        const double share = step.seconds() / static_cast<double>(running.size());
        std::vector<Running> still;
        for (std::size_t i = 0; i < running.size(); ++i) {
            Running& one = running[i];
            one.outcome->decodeSeconds += share;
            const std::optional<std::int32_t> id =
                one.continuer.next(std::span(logits).subspan(i * vocabulary, vocabulary));
            if (!id) {
                decoder.remove(one.number);
                continue;
            }
            one.id = *id;
            ++one.outcome->generated;
            one.outcome->answer = one.continuer.text();
            still.push_back(std::move(one));
        }
        running = std::move(still);
    }
}

} // namespace kvviz::evaluation
