// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The transformer, layer by layer. The row-wise parts are LayerMath's; attention runs over blocks of query rows.
#include "capture/decoder.hpp"

#include "core/io/capture_writer.hpp"

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kLogitChunk = 512; ///< rows of one product with the vocabulary
constexpr std::int64_t kBlock = io::kMapChunk; ///< query rows of one attention block: a row of map chunks

} // namespace

Decoder::Decoder(std::shared_ptr<const Model> model, const DecoderOptions& options)
    : m_model(std::move(model)), m_options(options),
      m_cache(m_model->info.nLayers, m_model->info.nKvHeads, options.capacity, m_model->info.headDim),
      m_attention({}), m_math(m_model)
{
    const core::ModelInfo& info = m_model->info;
    requireContext(*m_model, options.capacity);
    m_shape = {core::HeadMap(info.nHeads, info.nKvHeads), info.headDim, m_cache.headStride(), 0, options.sinks};
    m_attention = BlockAttention(m_shape);
    if (options.queryStatistics)
        m_moments = QueryMoments(info.nHeads, info.headDim);
    m_lastLogits.resize(static_cast<std::size_t>(info.vocabSize));
}

std::span<const float> Decoder::prefill(std::span<const std::int32_t> ids, const core::Progress& progress)
{
    if (ids.empty())
        throw core::Error(core::ErrorCode::badInput, "the prompt has no tokens");
    if (m_cache.size() != 0)
        throw core::Error(core::ErrorCode::failure, "a decoder prefills one prompt only");
    requireFits(*m_model, ids, 0, m_cache.capacity());
    const std::int64_t n = std::ssize(ids);
    const std::int64_t hidden = m_model->info.hiddenSize;
    m_attention.setWindow(n - m_options.window);
    resizeFor(m_hidden, n * hidden);
    m_math.embed(ids, m_hidden.data());
    m_math.setInput(n);
    for (int layer = 0; layer < m_model->info.nLayers; ++layer) {
        progress.throwIfStopped();
        progress("prefill", layer, m_model->info.nLayers);
        runLayer(layer, 0, n);
    }
    m_cache.setSize(n);
    const std::int64_t firstLogit = m_options.promptLogits ? 0 : n - 1;
    for (std::int64_t begin = firstLogit; begin < n; begin += kLogitChunk) {
        progress.throwIfStopped();
        emitLogits(begin, std::min(kLogitChunk, n - begin), m_hidden.data() + begin * hidden);
    }
    return m_lastLogits;
}

std::span<const float> Decoder::step(std::int32_t id)
{
    requireFits(*m_model, {&id, 1}, m_cache.size(), m_cache.capacity());
    const std::int64_t position = m_cache.size();
    m_math.embed({&id, 1}, m_hidden.data());
    m_math.setSteps(position, 1);
    for (int layer = 0; layer < m_model->info.nLayers; ++layer)
        runLayer(layer, position, 1);
    m_cache.setSize(position + 1);
    emitLogits(position, 1, m_hidden.data());
    return m_lastLogits;
}

void Decoder::runLayer(int layer, std::int64_t begin, std::int64_t rows)
{
    const std::int64_t width = static_cast<std::int64_t>(m_model->info.nHeads) * m_model->info.headDim;
    const bool isPrompt = begin == 0;
    resizeFor(m_query, rows * width);
    resizeFor(m_attended, rows * width);
    m_math.projectQkv(layer, m_hidden.data(), rows,
                      {m_query.data(), m_cache.key(layer, 0, begin), m_cache.value(layer, 0, begin),
                       m_model->info.headDim, m_cache.headStride()},
                      isPrompt ? promptWatch() : ProjectionWatch());
    if (isPrompt)
        attendPrompt(layer, rows);
    else
        attendStep(layer, begin);
    for (StreamHook* hook : m_streamHooks) // nothing has been added to the stream yet
        hook->onLayerInput(layer, begin, rows, m_hidden.data(), m_model->info.hiddenSize);
    const LayerState state{layer,
                           isPrompt ? Phase::prefill : Phase::decode,
                           begin,
                           rows,
                           m_model->info.nHeads,
                           m_query.data(),
                           0,
                           m_cache.key(layer),
                           m_cache.value(layer),
                           m_cache.headStride()};
    for (AttentionHook* hook : m_hooks)
        hook->onLayer(state, m_statistics);
    m_math.addAttentionOutput(layer, m_attended.data(), rows, m_hidden.data());
    m_math.addFeedForward(layer, rows, m_hidden.data());
}

/// Lets the statistics of queries see them before they are rotated; empty when they are not wanted.
ProjectionWatch Decoder::promptWatch()
{
    m_moments.reset();
    if (!m_options.queryStatistics)
        return {};
    return [this](std::int64_t first, std::int64_t rows, const float* projected) {
        const core::ModelInfo& info = m_model->info;
        const std::int64_t outputs = std::int64_t{info.nHeads + 2 * info.nKvHeads} * info.headDim;
        const std::int64_t skip = std::max<std::int64_t>(0, m_options.sinks - first);
        if (skip < rows)
            m_moments.add(projected + skip * outputs, rows - skip, outputs);
    };
}

void Decoder::resetStatistics()
{
    m_statistics.stride = m_cache.capacity();
    const auto count = static_cast<std::size_t>(m_model->info.nHeads * m_statistics.stride);
    for (std::vector<float>* array : {&m_statistics.received, &m_statistics.receivedWindow, &m_statistics.receivedSq,
                                      &m_statistics.receivedSqFar, &m_statistics.entropy, &m_statistics.sinkMass})
        array->assign(count, 0.0f);
    m_moments.write(m_statistics.queryMean, m_statistics.queryCovariance);
}

void Decoder::attendPrompt(int layer, std::int64_t rows)
{
    const std::int64_t width = static_cast<std::int64_t>(m_model->info.nHeads) * m_model->info.headDim;
    resetStatistics();
    for (std::int64_t first = 0; first < rows; first += kBlock) {
        const std::int64_t count = std::min(kBlock, rows - first);
        const auto wants = [&](const AttentionHook* hook) {
            return hook->wantsRows(layer, Phase::prefill, first, first + count);
        };
        const bool keepRows = std::any_of(m_hooks.begin(), m_hooks.end(), wants);
        m_attention.run(m_model->info.scoreRule(layer), m_query.data() + first * width, m_cache.key(layer), m_cache.value(layer), first, count,
                        m_attended.data() + first * width, keepRows, m_statistics);
        if (!keepRows)
            continue;
        const AttentionRows view{layer, Phase::prefill, first, count, first + count, m_attention.probabilities(),
                                 m_attention.headStride(), m_attention.rowStride()};
        for (AttentionHook* hook : m_hooks)
            if (wants(hook))
                hook->onRows(view);
    }
}

void Decoder::attendStep(int layer, std::int64_t position)
{
    const std::int64_t keys = position + 1;
    resizeFor(m_stepRows, m_model->info.nHeads * m_cache.capacity());
    decodeAttention(m_shape, m_model->info.scoreRule(layer), m_query.data(), m_cache.key(layer), m_cache.value(layer), keys, m_stepRows.data(),
                    m_attended.data(), m_statistics);
    const AttentionRows view{layer, Phase::decode, position, 1, keys, m_stepRows.data(), keys, keys};
    for (AttentionHook* hook : m_hooks)
        if (hook->wantsRows(layer, Phase::decode, position, position + 1))
            hook->onRows(view);
}

void Decoder::emitLogits(std::int64_t begin, std::int64_t rows, const float* stream)
{
    const std::int64_t vocab = m_model->info.vocabSize;
    resizeFor(m_logits, rows * vocab);
    m_math.logits(stream, rows, m_logits.data());
    for (LogitsHook* hook : m_logitsHooks)
        hook->onLogits(begin, rows, m_logits.data(), vocab);
    std::copy_n(m_logits.data() + (rows - 1) * vocab, vocab, m_lastLogits.data());
    requireFinite(m_lastLogits, begin + rows - 1);
}

} // namespace kvviz::capture
