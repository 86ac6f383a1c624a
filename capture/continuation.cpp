// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Streams lie one after the other, so the rows of neighbouring streams are one block for every matrix product.
#include "capture/continuation.hpp"

#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kBatchRows = 2048; ///< rows that go from projection to feed-forward together, about

void checkPlace(const Model& model, std::int64_t firstPosition, std::int64_t tokens, std::int64_t streams)
{
    if (tokens == 0)
        throw core::Error(core::ErrorCode::badInput, "the continuation has no tokens");
    if (firstPosition < 0 || firstPosition > model.info.contextLength - tokens)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} tokens from position {} exceed the context of {} tokens of {}", tokens,
                                      firstPosition, model.info.contextLength, model.info.name));
    if (streams < 1)
        throw core::Error(core::ErrorCode::failure, "a continuation was made without streams");
}

} // namespace

Continuation::Continuation(std::shared_ptr<const Model> model, std::int64_t firstPosition,
                           std::span<const std::int32_t> ids, std::int64_t streams)
    : m_model(std::move(model)),
      m_tokens(std::ssize(ids)),
      m_math(m_model)
{
    checkPlace(*m_model, firstPosition, m_tokens, streams);
    checkIds(*m_model, ids);
    m_layersDone.assign(static_cast<std::size_t>(streams), 0);
    const std::int64_t size = m_tokens * m_model->info.hiddenSize;
    m_hidden.resize(static_cast<std::size_t>(streams * size));
    m_math.embed(ids, m_hidden.data());
    for (std::int64_t stream = 1; stream < streams; ++stream)
        std::copy_n(m_hidden.data(), size, m_hidden.data() + stream * size);
    m_math.setSteps(firstPosition, m_tokens);
}

void Continuation::runLayer(int layer, std::int64_t firstStream,
                            std::span<const ContinuationAttention* const> perStream)
{
    const std::int64_t count = std::ssize(perStream);
    if (layer < 0 || layer >= m_model->info.nLayers || firstStream < 0 || firstStream + count > streams())
        throw core::Error(core::ErrorCode::failure, "a continuation was asked for a layer or stream that it lacks");
    for (std::int64_t stream = firstStream; stream < firstStream + count; ++stream)
        if (m_layersDone[static_cast<std::size_t>(stream)] != layer)
            throw core::Error(core::ErrorCode::failure,
                              fmt::format("stream {} of a continuation is at layer {}, not {}", stream,
                                          m_layersDone[static_cast<std::size_t>(stream)], layer));
    const std::int64_t batch = std::max<std::int64_t>(1, kBatchRows / m_tokens);
    for (std::int64_t first = 0; first < count; first += batch)
        runBatch(layer, firstStream + first,
                 perStream.subspan(static_cast<std::size_t>(first),
                                   static_cast<std::size_t>(std::min(batch, count - first))));
}

void Continuation::runLayer(int layer, std::int64_t stream, const ContinuationAttention& attention)
{
    const ContinuationAttention* const one = &attention;
    runLayer(layer, stream, {&one, 1});
}

void Continuation::runBatch(int layer, std::int64_t firstStream,
                            std::span<const ContinuationAttention* const> perStream)
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t queries = m_tokens * info.nHeads * info.headDim; // values of one stream
    const std::int64_t keys = m_tokens * info.nKvHeads * info.headDim;
    const std::int64_t count = std::ssize(perStream);
    const std::int64_t rows = count * m_tokens;
    float* const hidden = m_hidden.data() + firstStream * m_tokens * info.hiddenSize;
    resizeFor(m_query, count * queries);
    resizeFor(m_key, count * keys);
    resizeFor(m_value, count * keys);
    resizeFor(m_attended, count * queries);
    m_math.projectQkv(layer, hidden, rows,
                      {m_query.data(), m_key.data(), m_value.data(),
                       static_cast<std::int64_t>(info.nKvHeads) * info.headDim, info.headDim});
    const auto attend = [&](std::int64_t i) {
        perStream[static_cast<std::size_t>(i)]->attend(layer, m_query.data() + i * queries, m_key.data() + i * keys,
                                                       m_value.data() + i * keys, m_attended.data() + i * queries);
    };
    if (count == 1)
        attend(0); // outside of a parallel loop, so that it may have all threads
    else
        core::parallelFor(count, attend);
    m_math.addAttentionOutput(layer, m_attended.data(), rows, hidden);
    m_math.addFeedForward(layer, rows, hidden);
    for (std::int64_t i = 0; i < count; ++i)
        m_layersDone[static_cast<std::size_t>(firstStream + i)] = layer + 1;
}

void Continuation::logits(std::int64_t stream, float* out)
{
    if (stream < 0 || stream >= streams() || m_layersDone[static_cast<std::size_t>(stream)] != m_model->info.nLayers)
        throw core::Error(core::ErrorCode::failure, "logits were asked of a stream that has not run all layers");
    m_math.logits(m_hidden.data() + stream * m_tokens * m_model->info.hiddenSize, m_tokens, out);
}

} // namespace kvviz::capture
