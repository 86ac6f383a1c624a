// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Row-wise arithmetic over chunks of rows: wide enough for the matrix products, small enough to stay cheap beside the
// cache at any length.
#include "capture/layer_math.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kChunk = 512; ///< rows of one projection

}

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

void LayerMath::embed(std::span<const std::int32_t> ids, float* hidden) const
{
    for (std::size_t i = 0; i < ids.size(); ++i)
        m_model->embedding.copyRow(ids[i], hidden + static_cast<std::int64_t>(i) * m_model->info.hiddenSize);
}

void LayerMath::setPositions(std::int64_t first, std::int64_t count)
{
    std::vector<std::int64_t> positions(static_cast<std::size_t>(count));
    std::iota(positions.begin(), positions.end(), first);
    setPositions(positions);
}

void LayerMath::setPositions(std::span<const std::int64_t> positions)
{
    const std::int64_t half = std::ssize(m_model->inverseFrequency);
    m_period = std::ssize(positions);
    resizeFor(m_cosine, m_period * half);
    resizeFor(m_sine, m_period * half);
    // Angles in float32, as transformers computes them: at position 8000 the rounding of a float64 angle differs.
    for (std::int64_t i = 0; i < m_period; ++i)
        for (std::int64_t c = 0; c < half; ++c) {
            const float angle = static_cast<float>(positions[static_cast<std::size_t>(i)])
                                * m_model->inverseFrequency[static_cast<std::size_t>(c)];
            m_cosine[static_cast<std::size_t>(i * half + c)] = std::cos(angle);
            m_sine[static_cast<std::size_t>(i * half + c)] = std::sin(angle);
        }
}

void LayerMath::norm(const std::vector<float>& weight, const float* hidden, std::int64_t rows, float* out) const
{
    const std::int64_t size = m_model->info.hiddenSize;
#pragma omp parallel for schedule(static) if (rows > 1)
    for (std::int64_t i = 0; i < rows; ++i)
        rmsNorm(hidden + i * size, weight.data(), out + i * size, size, m_model->normEps);
}

void LayerMath::projectQkv(int layer, const float* hidden, std::int64_t rows, const QkvPlaces& places,
                           const ProjectionWatch& watch)
{
    const core::ModelInfo& info = m_model->info;
    const LayerWeights& weights = m_model->layers[static_cast<std::size_t>(layer)];
    const std::int64_t d = info.headDim;
    const std::int64_t outputs = weights.qkv.outputs();
    const std::int64_t half = std::ssize(m_model->inverseFrequency);
    resizeFor(m_normed, std::min(rows, kChunk) * info.hiddenSize);
    resizeFor(m_qkv, std::min(rows, kChunk) * outputs);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
        norm(weights.attentionNorm, hidden + first * info.hiddenSize, count, m_normed.data());
        weights.qkv.apply(m_normed.data(), count, m_qkv.data());
        if (watch)
            watch(first, count, m_qkv.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t row = first + i;
            const std::int64_t position = row % m_period;
            float* const qkv = m_qkv.data() + i * outputs;
            for (int head = 0; head < info.nHeads + info.nKvHeads; ++head)
                rotate(qkv + head * d, m_cosine.data() + position * half, m_sine.data() + position * half,
                       info.ropeDim);
            std::copy_n(qkv, info.nHeads * d, places.query + row * info.nHeads * d);
            for (int g = 0; g < info.nKvHeads; ++g) {
                const std::int64_t to = row * places.rowStride + g * places.headStride;
                std::copy_n(qkv + (info.nHeads + g) * d, d, places.key + to);
                std::copy_n(qkv + (info.nHeads + info.nKvHeads + g) * d, d, places.value + to);
            }
        }
    }
}

void LayerMath::addAttentionOutput(int layer, const float* attended, std::int64_t rows, float* hidden) const
{
    const Linear& output = m_model->layers[static_cast<std::size_t>(layer)].attentionOutput;
    for (std::int64_t first = 0; first < rows; first += kChunk)
        output.apply(attended + first * output.inputs(), std::min(kChunk, rows - first),
                     hidden + first * output.outputs(), true);
}

void LayerMath::addFeedForward(int layer, std::int64_t rows, float* hidden)
{
    const LayerWeights& weights = m_model->layers[static_cast<std::size_t>(layer)];
    const std::int64_t size = m_model->info.hiddenSize;
    const std::int64_t ffn = m_model->ffnSize;
    resizeFor(m_normed, std::min(rows, kChunk) * size);
    resizeFor(m_gateUp, std::min(rows, kChunk) * 2 * ffn);
    resizeFor(m_gate, std::min(rows, kChunk) * ffn);
    for (std::int64_t first = 0; first < rows; first += kChunk) {
        const std::int64_t count = std::min(kChunk, rows - first);
        norm(weights.ffnNorm, hidden + first * size, count, m_normed.data());
        weights.gateUp.apply(m_normed.data(), count, m_gateUp.data());
#pragma omp parallel for schedule(static) if (count > 1)
        for (std::int64_t i = 0; i < count; ++i) {
            float* const row = m_gateUp.data() + i * 2 * ffn;
            siluMultiply(row, row + ffn, ffn);
            std::copy_n(row, ffn, m_gate.data() + i * ffn);
        }
        weights.down.apply(m_gate.data(), count, hidden + first * size, true);
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
}

} // namespace kvviz::capture
