// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Several sentences at once are one block of rows for the matrix products; attention is one task a sentence and head.
#include "capture/shared_runner.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/error.hpp"
#include "core/head_map.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kBatchRows = 512; ///< tokens that run together, about

} // namespace

SharedRunner::SharedRunner(std::shared_ptr<const Model> model, std::int64_t tokens)
    : m_model(std::move(model)),
      m_tokens(tokens),
      m_math(m_model)
{
    if (tokens == 0)
        throw core::Error(core::ErrorCode::badInput, "a sentence has no tokens");
    if (tokens > m_model->info.contextLength)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("a sentence of {} tokens exceeds the context of {} tokens of {}", tokens,
                                      m_model->info.contextLength, m_model->info.name));
    m_math.setInput(tokens);
}

std::vector<float> SharedRunner::run(std::span<const std::int32_t> ids, std::span<const int> source,
                                     const SeenLayer& seen)
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t rows = std::ssize(ids);
    const std::int64_t keyWidth = static_cast<std::int64_t>(info.nKvHeads) * info.headDim;
    std::vector<float> hidden(static_cast<std::size_t>(rows * info.hiddenSize));
    m_math.embed(ids, hidden.data());
    resizeFor(m_query, rows * info.nHeads * info.headDim);
    resizeFor(m_attended, rows * info.nHeads * info.headDim);
    std::vector<std::vector<float>> keys(source.size()), values(source.size());
    for (int layer = 0; layer < info.nLayers; ++layer) {
        const auto at = static_cast<std::size_t>(layer);
        keys[at].resize(static_cast<std::size_t>(rows * keyWidth));
        values[at].resize(static_cast<std::size_t>(rows * keyWidth));
        m_math.projectQkv(layer, hidden.data(), rows,
                          {m_query.data(), keys[at].data(), values[at].data(), keyWidth, info.headDim});
        if (seen)
            seen(layer, keys[at].data(), values[at].data(), rows / m_tokens);
        const auto from = static_cast<std::size_t>(source[at]);
        attend(layer, keys[from].data(), values[from].data(), rows / m_tokens);
        m_math.addAttentionOutput(layer, m_attended.data(), rows, hidden.data());
        m_math.addFeedForward(layer, rows, hidden.data());
        if (std::find(source.begin() + layer + 1, source.end(), layer) == source.end()) { // of no use to deeper layers
            keys[at] = {};
            values[at] = {};
        }
    }
    std::vector<float> normed(hidden.size());
    m_math.outputNorm(hidden.data(), rows, normed.data());
    return normed;
}

std::vector<float> SharedRunner::run(const std::vector<std::vector<std::int32_t>>& sentences,
                                     std::span<const int> source, const core::Progress& progress, const SeenLayer& seen)
{
    const auto batch = static_cast<std::size_t>(std::max<std::int64_t>(1, kBatchRows / m_tokens));
    std::vector<float> hidden;
    std::vector<std::int32_t> ids;
    for (std::size_t first = 0; first < sentences.size(); first += batch) {
        progress.throwIfStopped();
        ids.clear();
        for (std::size_t s = first; s < std::min(first + batch, sentences.size()); ++s)
            ids.insert(ids.end(), sentences[s].begin(), sentences[s].end());
        const std::vector<float> part = run(ids, source, seen);
        hidden.insert(hidden.end(), part.begin(), part.end());
    }
    return hidden;
}

void SharedRunner::attend(int layer, const float* key, const float* value, std::int64_t sentences)
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t queries = m_tokens * info.nHeads * info.headDim; // values of one sentence
    const std::int64_t keys = m_tokens * info.nKvHeads * info.headDim;
    core::parallelFor(sentences * info.nHeads, [&](std::int64_t i) {
        const std::int64_t s = i / info.nHeads;
        attendHead(layer, static_cast<int>(i % info.nHeads), m_query.data() + s * queries, key + s * keys, value + s * keys,
                   m_attended.data() + s * queries);
    });
}

void SharedRunner::attendHead(int layer, int head, const float* query, const float* key, const float* value,
                              float* out) const
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t d = info.headDim;
    const std::int64_t queryStride = info.nHeads * d;
    const std::int64_t keyStride = info.nKvHeads * d;
    const std::int64_t g = core::HeadMap(info.nHeads, info.nKvHeads).kvHeadOf(head);
    core::ScoreRule rule = info.scoreRule(layer);
    rule.scale = rule.scaleFor(d);
    thread_local std::vector<float> scores; // [tokens, tokens]
    resizeFor(scores, m_tokens * m_tokens);
    multiplyBlock(true, m_tokens, m_tokens, d, query + head * d, queryStride, key + g * d, keyStride, scores.data(),
                  m_tokens);
    for (std::int64_t i = 0; i < m_tokens; ++i)
        attentionRow(scores.data() + i * m_tokens, i, m_tokens, rule, 0);
    multiplyBlock(false, m_tokens, d, m_tokens, scores.data(), m_tokens, value + g * d, keyStride, out + head * d,
                  queryStride);
}

} // namespace kvviz::capture
