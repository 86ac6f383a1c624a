// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The transformer, layer by layer. Projections run over chunks of rows, so that memory beside the cache stays small
// at any length; attention runs over blocks of query rows.
#include "capture/decoder.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/io/capture_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kChunk = 512;     ///< rows of one projection
constexpr std::int64_t kLogitChunk = 512; ///< rows of one product with the vocabulary
constexpr std::int64_t kBlock = io::kMapChunk; ///< query rows of one attention block: a row of map chunks

void resizeFor(std::vector<float>& buffer, std::int64_t count)
{
    if (std::ssize(buffer) < count)
        buffer.resize(static_cast<std::size_t>(count));
}

} // namespace

Decoder::Decoder(std::shared_ptr<const Model> model, const DecoderOptions& options)
    : m_model(std::move(model)), m_options(options),
      m_cache(m_model->info.nLayers, m_model->info.nKvHeads, options.capacity, m_model->info.headDim),
      m_attention({})
{
    const core::ModelInfo& info = m_model->info;
    if (options.capacity > info.contextLength)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} tokens (prompt and continuation) exceed the context of {} tokens of {}",
                                      options.capacity, info.contextLength, info.name));
    m_shape = {core::HeadMap(info.nHeads, info.nKvHeads), info.headDim, m_cache.headStride(), 0, options.sinks};
    m_attention = BlockAttention(m_shape);
    m_lastLogits.resize(static_cast<std::size_t>(info.vocabSize));
}

void Decoder::checkIds(std::span<const std::int32_t> ids) const
{
    for (const std::int32_t id : ids)
        if (id < 0 || id >= m_model->info.vocabSize)
            throw core::Error(
                core::ErrorCode::badInput,
                fmt::format("token id {} is outside the vocabulary of {} tokens", id, m_model->info.vocabSize));
    if (m_cache.size() + std::ssize(ids) > m_cache.capacity())
        throw core::Error(core::ErrorCode::badInput, fmt::format("{} tokens do not fit into a cache of {}",
                                                                 m_cache.size() + std::ssize(ids), m_cache.capacity()));
}

std::span<const float> Decoder::prefill(std::span<const std::int32_t> ids, const core::Progress& progress)
{
    if (ids.empty())
        throw core::Error(core::ErrorCode::badInput, "the prompt has no tokens");
    if (m_cache.size() != 0)
        throw core::Error(core::ErrorCode::failure, "a decoder prefills one prompt only");
    checkIds(ids);
    const std::int64_t n = std::ssize(ids);
    const std::int64_t hidden = m_model->info.hiddenSize;
    m_attention.setWindow(n - m_options.window);
    resizeFor(m_hidden, n * hidden);
    for (std::int64_t i = 0; i < n; ++i)
        m_model->embedding.copyRow(ids[static_cast<std::size_t>(i)], m_hidden.data() + i * hidden);
    prepareRotations(0, n);
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
    checkIds({&id, 1});
    const std::int64_t position = m_cache.size();
    m_model->embedding.copyRow(id, m_hidden.data());
    prepareRotations(position, 1);
    for (int layer = 0; layer < m_model->info.nLayers; ++layer)
        runLayer(layer, position, 1);
    m_cache.setSize(position + 1);
    emitLogits(position, 1, m_hidden.data());
    return m_lastLogits;
}

void Decoder::runLayer(int layer, std::int64_t begin, std::int64_t rows)
{
    const std::int64_t hidden = m_model->info.hiddenSize;
    const std::int64_t width = static_cast<std::int64_t>(m_model->info.nHeads) * m_model->info.headDim;
    const bool isPrompt = begin == 0;
    resizeFor(m_query, rows * width);
    resizeFor(m_attended, rows * width);
    projectQkv(layer, begin, rows);
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
                           m_cache.key(layer),
                           m_cache.value(layer),
                           m_cache.headStride()};
    for (AttentionHook* hook : m_hooks)
        hook->onLayer(state, m_statistics);
    for (std::int64_t first = 0; first < rows; first += kChunk)
        m_model->layers[static_cast<std::size_t>(layer)].attentionOutput.apply(
            m_attended.data() + first * width, std::min(kChunk, rows - first), m_hidden.data() + first * hidden, true);
    feedForward(layer, rows);
}

void Decoder::prepareRotations(std::int64_t begin, std::int64_t rows)
{
    const std::int64_t half = std::ssize(m_model->inverseFrequency);
    resizeFor(m_cosine, rows * half);
    resizeFor(m_sine, rows * half);
    // Angles in float32, as transformers computes them: at position 8000 the rounding of a float64 angle differs.
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t c = 0; c < half; ++c) {
            const float angle = static_cast<float>(begin + i) * m_model->inverseFrequency[static_cast<std::size_t>(c)];
            m_cosine[static_cast<std::size_t>(i * half + c)] = std::cos(angle);
            m_sine[static_cast<std::size_t>(i * half + c)] = std::sin(angle);
        }
}

void Decoder::projectQkv(int layer, std::int64_t begin, std::int64_t rows)
{
    const core::ModelInfo& info = m_model->info;
    const LayerWeights& weights = m_model->layers[static_cast<std::size_t>(layer)];
    const std::int64_t hidden = info.hiddenSize;
    const std::int64_t d = info.headDim;
    const std::int64_t outputs = weights.qkv.outputs();
    const std::int64_t half = std::ssize(m_model->inverseFrequency);
    resizeFor(m_normed, std::min(rows, kChunk) * hidden);
    resizeFor(m_qkv, std::min(rows, kChunk) * outputs);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i)
            rmsNorm(m_hidden.data() + (first + i) * hidden, weights.attentionNorm.data(), m_normed.data() + i * hidden,
                    hidden, m_model->normEps);
        weights.qkv.apply(m_normed.data(), count, m_qkv.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            const float* const cosine = m_cosine.data() + (first + i) * half;
            const float* const sine = m_sine.data() + (first + i) * half;
            float* const row = m_qkv.data() + i * outputs;
            for (int head = 0; head < info.nHeads + info.nKvHeads; ++head)
                rotate(row + head * d, cosine, sine, info.ropeDim);
            std::copy_n(row, info.nHeads * d, m_query.data() + (first + i) * info.nHeads * d);
            for (int g = 0; g < info.nKvHeads; ++g) {
                std::copy_n(row + (info.nHeads + g) * d, d, m_cache.key(layer, g, begin + first + i));
                std::copy_n(row + (info.nHeads + info.nKvHeads + g) * d, d, m_cache.value(layer, g, begin + first + i));
            }
        }
    }
}

void Decoder::resetStatistics()
{
    m_statistics.stride = m_cache.capacity();
    const auto count = static_cast<std::size_t>(m_model->info.nHeads * m_statistics.stride);
    for (std::vector<float>* array : {&m_statistics.received, &m_statistics.receivedWindow, &m_statistics.receivedSq,
                                      &m_statistics.entropy, &m_statistics.sinkMass})
        array->assign(count, 0.0f);
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
        m_attention.run(m_query.data() + first * width, m_cache.key(layer), m_cache.value(layer), first, count,
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
    decodeAttention(m_shape, m_query.data(), m_cache.key(layer), m_cache.value(layer), keys, m_stepRows.data(),
                    m_attended.data(), m_statistics);
    const AttentionRows view{layer, Phase::decode, position, 1, keys, m_stepRows.data(), keys, keys};
    for (AttentionHook* hook : m_hooks)
        if (hook->wantsRows(layer, Phase::decode, position, position + 1))
            hook->onRows(view);
}

void Decoder::feedForward(int layer, std::int64_t rows)
{
    const LayerWeights& weights = m_model->layers[static_cast<std::size_t>(layer)];
    const std::int64_t hidden = m_model->info.hiddenSize;
    const std::int64_t ffn = m_model->ffnSize;
    resizeFor(m_gateUp, std::min(rows, kChunk) * 2 * ffn);
    resizeFor(m_gate, std::min(rows, kChunk) * ffn);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i)
            rmsNorm(m_hidden.data() + (first + i) * hidden, weights.ffnNorm.data(), m_normed.data() + i * hidden,
                    hidden, m_model->normEps);
        weights.gateUp.apply(m_normed.data(), count, m_gateUp.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            float* const row = m_gateUp.data() + i * 2 * ffn;
            siluMultiply(row, row + ffn, ffn);
            std::copy_n(row, ffn, m_gate.data() + i * ffn);
        }
        weights.down.apply(m_gate.data(), count, m_hidden.data() + first * hidden, true);
    }
}

void Decoder::emitLogits(std::int64_t begin, std::int64_t rows, const float* stream)
{
    const std::int64_t hidden = m_model->info.hiddenSize;
    const std::int64_t vocab = m_model->info.vocabSize;
    resizeFor(m_normed, rows * hidden);
    resizeFor(m_logits, rows * vocab);
    for (std::int64_t i = 0; i < rows; ++i)
        rmsNorm(stream + i * hidden, m_model->outputNorm.data(), m_normed.data() + i * hidden,
                hidden, m_model->normEps);
    m_model->head().apply(m_normed.data(), rows, m_logits.data());
    for (LogitsHook* hook : m_logitsHooks)
        hook->onLogits(begin, rows, m_logits.data(), vocab);
    std::copy_n(m_logits.data() + (rows - 1) * vocab, vocab, m_lastLogits.data());
}

} // namespace kvviz::capture
