// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Row-wise arithmetic over chunks of rows: wide enough for the matrix products, small enough to stay cheap beside the
// cache at any length.
#include "capture/layer_math.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/error.hpp"
#include "core/kernels.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kChunk = 512; ///< rows of one projection

std::vector<std::int64_t> positionsFrom(std::int64_t first, std::int64_t count)
{
    std::vector<std::int64_t> positions(static_cast<std::size_t>(count));
    std::iota(positions.begin(), positions.end(), first);
    return positions;
}

} // namespace

void resizeFor(std::vector<float>& buffer, std::int64_t count)
{
    if (std::ssize(buffer) < count)
        buffer.resize(static_cast<std::size_t>(count));
}

void checkIds(const Model& model, std::span<const std::int32_t> ids)
{
    for (const std::int32_t id : ids)
        if (id < 0 || id >= model.info.vocabSize)
            throw core::Error(
                core::ErrorCode::badInput,
                fmt::format("token id {} is outside the vocabulary of {} tokens", id, model.info.vocabSize));
}

std::shared_ptr<const LayerWeights> LayerMath::weightsOf(int layer)
{
    if (layer != m_layer) {
        m_weights.reset(); // before the next is read: two layers of a large model may not fit
        m_weights = m_model->layer(layer);
        m_layer = layer;
    }
    return m_weights;
}

void LayerMath::embed(std::span<const std::int32_t> ids, float* hidden) const
{
    const std::int64_t size = m_model->info.hiddenSize;
    const float scale = m_model->arch.embeddingScale;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        float* const row = hidden + static_cast<std::int64_t>(i) * size;
        m_model->embedding.copyRow(ids[i], row);
        if (scale != 1)
            for (std::int64_t c = 0; c < size; ++c)
                row[c] *= scale;
    }
}

void LayerMath::setInput(std::int64_t tokens) { setTables(positionsFrom(0, tokens), ropeTable); }

void LayerMath::setSteps(std::int64_t first, std::int64_t count) { setSteps(positionsFrom(first, count)); }

void LayerMath::setSteps(std::span<const std::int64_t> positions) { setTables(positions, ropeStepTable); }

void LayerMath::setTables(std::span<const std::int64_t> positions, TableOf table)
{
    m_period = std::ssize(positions);
    m_global = table(m_model->arch.rope, positions);
    if (!m_model->info.localRopeFrequencies.empty())
        m_local = table(m_model->arch.localRope, positions);
}

const RopeTable& LayerMath::rotationOf(int layer) const
{
    return m_model->info.slidingWindow(layer) > 0 && !m_model->info.localRopeFrequencies.empty() ? m_local : m_global;
}

void LayerMath::norm(const std::vector<float>& weight, const float* hidden, std::int64_t rows, float* out) const
{
    const std::int64_t size = std::ssize(weight);
#pragma omp parallel for schedule(static) if (rows > 1)
    for (std::int64_t i = 0; i < rows; ++i)
        rmsNorm(hidden + i * size, weight.data(), out + i * size, size, m_model->arch.normEps);
}

void LayerMath::projectQkv(int layer, const float* hidden, std::int64_t rows, const QkvPlaces& places,
                           const ProjectionWatch& watch)
{
    const core::ModelInfo& info = m_model->info;
    const std::shared_ptr<const LayerWeights> held = weightsOf(layer);
    const LayerWeights& weights = *held;
    const std::int64_t outputs = weights.qkv.outputs();
    const std::int64_t d = info.headDim, heads = info.nHeads, headsAndKeys = info.nHeads + info.nKvHeads;
    resizeFor(m_normed, std::min(rows, kChunk) * info.hiddenSize);
    resizeFor(m_qkv, std::min(rows, kChunk) * outputs);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
        norm(weights.attentionNorm, hidden + first * info.hiddenSize, count, m_normed.data());
        weights.qkv.apply(m_normed.data(), count, m_qkv.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            float* const qkv = m_qkv.data() + i * outputs;
            if (!weights.qkvBias.empty())
                addBias(qkv, weights.qkvBias.data(), outputs);
            for (std::int64_t head = 0; head < headsAndKeys && !weights.queryNorm.empty(); ++head)
                rmsNorm(qkv + head * d, (head < heads ? weights.queryNorm : weights.keyNorm).data(), qkv + head * d, d,
                        m_model->arch.normEps);
        }
        if (watch)
            watch(first, count, m_qkv.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i)
            placeRow(layer, first + i, m_qkv.data() + i * outputs, places);
    }
}

/// Rotates the heads of one projected row and copies them to where they go.
void LayerMath::placeRow(int layer, std::int64_t row, float* qkv, const QkvPlaces& places) const
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t d = info.headDim, half = info.ropeDim / 2;
    const RopeTable& rotation = rotationOf(layer);
    const std::int64_t position = row % m_period;
    for (int head = 0; head < info.nHeads + info.nKvHeads; ++head)
        rotate(qkv + head * d, rotation.cosine.data() + position * half, rotation.sine.data() + position * half,
               info.ropeDim);
    std::copy_n(qkv, info.nHeads * d, places.query + row * info.nHeads * d);
    for (int g = 0; g < info.nKvHeads; ++g) {
        const std::int64_t to = row * places.rowStride + g * places.headStride;
        std::copy_n(qkv + (info.nHeads + g) * d, d, places.key + to);
        std::copy_n(qkv + (info.nHeads + info.nKvHeads + g) * d, d, places.value + to);
    }
}

void LayerMath::addProjected(const Linear& linear, const std::vector<float>& bias, const std::vector<float>& outputNorm,
                             const float* input, std::int64_t rows, float* hidden)
{
    if (bias.empty() && outputNorm.empty()) {
        linear.apply(input, rows, hidden, true);
        return;
    }
    const std::int64_t size = linear.outputs();
    resizeFor(m_projected, rows * size);
    linear.apply(input, rows, m_projected.data());
#pragma omp parallel for schedule(static) if (rows > 1)
    for (std::int64_t i = 0; i < rows; ++i) {
        float* const row = m_projected.data() + i * size;
        if (!bias.empty())
            addBias(row, bias.data(), size);
        if (!outputNorm.empty())
            rmsNorm(row, outputNorm.data(), row, size, m_model->arch.normEps);
        addBias(hidden + i * size, row, size);
    }
}

void LayerMath::addAttentionOutput(int layer, const float* attended, std::int64_t rows, float* hidden)
{
    const std::shared_ptr<const LayerWeights> weights = weightsOf(layer);
    const Linear& output = weights->attentionOutput;
    for (std::int64_t first = 0; first < rows; first += kChunk)
        addProjected(output, weights->attentionOutputBias, weights->attentionOutputNorm,
                     attended + first * output.inputs(), std::min(kChunk, rows - first),
                     hidden + first * output.outputs());
}

void LayerMath::addFeedForward(int layer, std::int64_t rows, float* hidden)
{
    const std::shared_ptr<const LayerWeights> weights = weightsOf(layer);
    const std::int64_t size = m_model->info.hiddenSize;
    const std::int64_t ffn = m_model->arch.ffnSize;
    resizeFor(m_normed, std::min(rows, kChunk) * size);
    resizeFor(m_gateUp, std::min(rows, kChunk) * 2 * ffn);
    resizeFor(m_gate, std::min(rows, kChunk) * ffn);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
        norm(weights->ffnNorm, hidden + first * size, count, m_normed.data());
        weights->gateUp.apply(m_normed.data(), count, m_gateUp.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            float* const row = m_gateUp.data() + i * 2 * ffn;
            if (!weights->gateUpBias.empty())
                addBias(row, weights->gateUpBias.data(), 2 * ffn);
            gateMultiply(m_model->arch.activation, row, row + ffn, ffn);
            std::copy_n(row, ffn, m_gate.data() + i * ffn);
        }
        addProjected(weights->down, weights->downBias, weights->ffnOutputNorm, m_gate.data(), count,
                     hidden + first * size);
    }
}

void LayerMath::outputNorm(const float* hidden, std::int64_t rows, float* out) const
{
    norm(m_model->outputNorm, hidden, rows, out);
}

void LayerMath::logits(const float* hidden, std::int64_t rows, float* out)
{
    resizeFor(m_normed, rows * m_model->info.hiddenSize);
    outputNorm(hidden, rows, m_normed.data());
    m_model->head().apply(m_normed.data(), rows, out);
    if (m_model->arch.logitCap > 0)
        core::parallelFor(rows, [&](std::int64_t i) {
            core::capScores(out + i * m_model->info.vocabSize, m_model->info.vocabSize, 1.0f, m_model->arch.logitCap);
        });
}

} // namespace kvviz::capture
