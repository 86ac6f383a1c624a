// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows of all streams are one block for the matrix products; attention is one task a stream and KV head.
#include "capture/batch_decoder.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/error.hpp"
#include "core/head_map.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kScoreRows = 256; ///< rows of one block of score(): their logits are held

void checkShape(const core::ModelInfo& model, const CompactCache& cache, std::int64_t position)
{
    if (cache.layers() != model.nLayers || cache.kvHeads() != model.nKvHeads || cache.headDim() != model.headDim)
        throw core::Error(core::ErrorCode::failure, "a stream's cache has the shape of another model");
    for (int layer = 0; layer < model.nLayers; ++layer)
        for (int g = 0; g < model.nKvHeads; ++g)
            if (const auto held = cache.positions(layer, g); !held.empty() && held.back() >= position)
                throw core::Error(core::ErrorCode::failure,
                                  fmt::format("a stream that goes on at position {} holds a key of position {}",
                                              position, held.back()));
}

/// Attention of the query at the last of these positions; those that have left its window get none.
void compactAttentionRow(float* row, std::span<const std::int32_t> positions, const core::ScoreRule& rule)
{
    const std::int64_t keys = std::ssize(positions);
    const std::int64_t first =
        std::lower_bound(positions.begin(), positions.end(), rule.firstKey(positions.back())) - positions.begin();
    // The kept keys as if they stood in a row: the rule sees positions only through `first`.
    core::ScoreRule kept = rule;
    kept.window = keys - first;
    attentionRow(row, keys - 1, keys, kept, 0);
}

} // namespace

BatchDecoder::BatchDecoder(std::shared_ptr<const Model> model) : m_model(std::move(model)), m_math(m_model) {}

std::int64_t BatchDecoder::add(CompactCache cache, std::int64_t position, std::unique_ptr<core::EvictionPolicy> policy)
{
    checkShape(m_model->info, cache, position);
    Stream stream{std::move(cache), position, position, std::move(policy)};
    if (stream.policy != nullptr)
        stream.rows.resize(static_cast<std::size_t>(m_model->info.nKvHeads));
    m_streams.emplace(m_nextNumber, std::move(stream));
    return m_nextNumber++;
}

void BatchDecoder::remove(std::int64_t stream)
{
    static_cast<void>(at(stream)); // throws when it is not there
    m_streams.erase(stream);
}

void BatchDecoder::step(std::span<const std::int64_t> streams, std::span<const std::int32_t> ids, float* logits)
{
    if (ids.size() != streams.size())
        throw core::Error(core::ErrorCode::failure, "a step of several streams needs one token for each");
    checkIds(*m_model, ids);
    Batch batch = makeBatch(streams, 1);
    run(batch, ids, logits);
}

std::vector<double> BatchDecoder::score(std::span<const std::int64_t> streams, std::span<const std::int32_t> ids)
{
    if (ids.empty())
        throw core::Error(core::ErrorCode::badInput, "there are no tokens to be scored");
    checkIds(*m_model, ids);
    const std::int64_t count = std::ssize(streams);
    const std::int64_t tokens = std::ssize(ids) - 1;
    const std::int64_t vocab = m_model->info.vocabSize;
    const Batch all = makeBatch(streams, tokens); // refuses what does not fit before anything runs
    const auto evicts = [](const Stream* stream) { return stream->policy != nullptr; };
    const bool oneByOne = std::any_of(all.streams.begin(), all.streams.end(), evicts);
    const std::int64_t most = oneByOne ? 1 : std::max<std::int64_t>(1, kScoreRows / std::max<std::int64_t>(1, count));
    std::vector<double> out(static_cast<std::size_t>(count * tokens));
    std::vector<float> logits;
    std::vector<std::int32_t> block;
    for (std::int64_t first = 0; first < tokens && count > 0; first += most) {
        Batch batch{all.streams, std::min(most, tokens - first)};
        block.clear();
        for (std::int64_t s = 0; s < count; ++s)
            block.insert(block.end(), ids.begin() + first, ids.begin() + first + batch.tokens);
        resizeFor(logits, batch.rows() * vocab);
        run(batch, block, logits.data());
        core::parallelFor(batch.rows(), [&](std::int64_t row) {
            const std::int64_t token = first + row % batch.tokens;
            const float* const given = logits.data() + row * vocab;
            out[static_cast<std::size_t>(row / batch.tokens * tokens + token)] =
                given[ids[static_cast<std::size_t>(token + 1)]] - logSumExp(given, vocab);
        });
    }
    return out;
}

const BatchDecoder::Stream& BatchDecoder::at(std::int64_t stream) const
{
    const auto found = m_streams.find(stream);
    if (found == m_streams.end())
        throw core::Error(core::ErrorCode::failure, fmt::format("there is no stream {}", stream));
    return found->second;
}

BatchDecoder::Stream& BatchDecoder::at(std::int64_t stream)
{
    return const_cast<Stream&>(std::as_const(*this).at(stream));
}

/// These streams, when each can take so many tokens more.
BatchDecoder::Batch BatchDecoder::makeBatch(std::span<const std::int64_t> streams, std::int64_t tokens)
{
    std::vector<std::int64_t> sorted(streams.begin(), streams.end());
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
        throw core::Error(core::ErrorCode::failure, "a stream was given twice in one step");
    Batch batch{{}, tokens};
    for (const std::int64_t number : streams) {
        Stream& stream = at(number);
        if (!stream.isWhole)
            throw core::Error(core::ErrorCode::failure,
                              fmt::format("stream {} was left half run by an error and cannot go on", number));
        if (stream.position + tokens > m_model->info.contextLength)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{} tokens from position {} exceed the context of {} tokens of {}", tokens,
                                          stream.position, m_model->info.contextLength, m_model->info.name));
        batch.streams.push_back(&stream);
    }
    return batch;
}

void BatchDecoder::run(Batch& batch, std::span<const std::int32_t> ids, float* logits)
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t rows = batch.rows();
    if (rows == 0)
        return;
    const std::int64_t queryWidth = static_cast<std::int64_t>(info.nHeads) * info.headDim;
    const std::int64_t keyWidth = static_cast<std::int64_t>(info.nKvHeads) * info.headDim;
    resizeFor(m_hidden, rows * info.hiddenSize);
    resizeFor(m_query, rows * queryWidth);
    resizeFor(m_key, rows * keyWidth);
    resizeFor(m_value, rows * keyWidth);
    resizeFor(m_attended, rows * queryWidth);
    std::vector<std::int64_t> positions;
    for (Stream* stream : batch.streams) {
        stream->isWhole = false;
        for (std::int64_t i = 0; i < batch.tokens; ++i)
            positions.push_back(stream->position + i);
    }
    m_math.embed(ids, m_hidden.data());
    m_math.setSteps(positions);
    for (int layer = 0; layer < info.nLayers; ++layer) {
        m_math.projectQkv(layer, m_hidden.data(), rows,
                          {m_query.data(), m_key.data(), m_value.data(), keyWidth, info.headDim});
        attend(layer, batch);
        m_math.addAttentionOutput(layer, m_attended.data(), rows, m_hidden.data());
        m_math.addFeedForward(layer, rows, m_hidden.data());
    }
    m_math.logits(m_hidden.data(), rows, logits);
    for (Stream* stream : batch.streams) {
        stream->position += batch.tokens;
        stream->isWhole = true;
    }
}

void BatchDecoder::attend(int layer, const Batch& batch)
{
    const int kvHeads = m_model->info.nKvHeads;
    const std::int64_t count = std::ssize(batch.streams);
    core::parallelFor(count * kvHeads, [&](std::int64_t i) {
        const std::int64_t s = i / kvHeads;
        attendHead(layer, static_cast<int>(i % kvHeads), s * batch.tokens, batch.tokens,
                   *batch.streams[static_cast<std::size_t>(s)]);
    });
    core::parallelFor(count, [&](std::int64_t s) {
        if (Stream& stream = *batch.streams[static_cast<std::size_t>(s)]; stream.policy != nullptr)
            evict(layer, stream);
    });
}

/// Appends the new keys of one stream and KV head, then softmax(logits) V of its query heads; each token sees
/// the keys up to its own.
void BatchDecoder::attendHead(int layer, int kvHead, std::int64_t firstRow, std::int64_t tokens, Stream& stream)
{
    const core::ModelInfo& info = m_model->info;
    const core::HeadMap map(info.nHeads, info.nKvHeads);
    const std::int64_t d = info.headDim;
    core::ScoreRule rule = info.scoreRule(layer);
    rule.scale = rule.scaleFor(d);
    thread_local std::vector<float> scratch;
    std::vector<float>* const rows = stream.policy ? &stream.rows[static_cast<std::size_t>(kvHead)] : &scratch;
    for (std::int64_t i = firstRow; i < firstRow + tokens; ++i) {
        const std::int64_t from = (i * info.nKvHeads + kvHead) * d;
        stream.cache.append(layer, kvHead, static_cast<std::int32_t>(stream.position + i - firstRow),
                            m_key.data() + from, m_value.data() + from);
        const std::int64_t keys = stream.cache.size(layer, kvHead);
        resizeFor(*rows, map.groupSize() * keys);
        for (int r = 0; r < map.groupSize(); ++r) {
            const std::int64_t query = (i * info.nHeads + map.firstQueryHead(kvHead) + r) * d;
            float* const row = rows->data() + r * keys;
            matrixVector(stream.cache.key(layer, kvHead), m_query.data() + query, row, 0, keys, d, false);
            compactAttentionRow(row, stream.cache.positions(layer, kvHead), rule);
            weightedSum(row, stream.cache.value(layer, kvHead), m_attended.data() + query, keys, d);
        }
    }
}

void BatchDecoder::evict(int layer, Stream& stream) const
{
    const core::HeadMap map(m_model->info.nHeads, m_model->info.nKvHeads);
    std::vector<std::span<const std::int32_t>> live;
    std::vector<std::span<const float>> rows;
    for (int g = 0; g < map.kvHeads(); ++g) {
        live.push_back(stream.cache.positions(layer, g));
        const std::size_t keys = live.back().size();
        const std::span<const float> group(stream.rows[static_cast<std::size_t>(g)]);
        for (int r = 0; r < map.groupSize(); ++r)
            rows.push_back(group.subspan(static_cast<std::size_t>(r) * keys, keys));
    }
    const auto stay = stream.policy->stay({layer, stream.position - stream.promptTokens, live, rows});
    if (std::ssize(stay) != map.kvHeads())
        throw core::Error(core::ErrorCode::failure, "an eviction policy did not answer for every KV head");
    for (int g = 0; g < map.kvHeads(); ++g)
        stream.cache.keep(layer, g, stay[static_cast<std::size_t>(g)]);
}

} // namespace kvviz::capture
