// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layers are run again from the recorded streams, from the last to the first, and turned around at once, so no more
// than one layer's intermediate values are in memory. Rows of gradients are ordered [t, c].
#include "capture/readout.hpp"

#include "capture/cpu_kernels.hpp"
#include "capture/gradients.hpp"
#include "capture/layer_math.hpp"
#include "capture/recorders.hpp"
#include "core/error.hpp"
#include "core/head_map.hpp"
#include "core/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::capture {
namespace {

std::size_t sizeOf(std::int64_t count) { return static_cast<std::size_t>(count); }

/// linear input[rows, in] + bias, which may be empty.
std::vector<float> project(const Linear& linear, const std::vector<float>& bias, const std::vector<float>& input,
                           std::int64_t rows)
{
    std::vector<float> out(sizeOf(rows * linear.outputs()));
    linear.apply(input.data(), rows, out.data());
    for (std::int64_t i = 0; i < rows && !bias.empty(); ++i)
        addBias(out.data() + i * linear.outputs(), bias.data(), linear.outputs());
    return out;
}

/// One query's attention over the keys up to its own, and how it is turned around; [keys] each.
struct AttendedRow {
    explicit AttendedRow(std::int64_t keys) : weight(sizeOf(keys)), slope(sizeOf(keys)), change(sizeOf(keys)) {}
    std::vector<float> weight;
    std::vector<float> slope;  ///< of the logit by the product of query and key
    std::vector<float> change; ///< scratch
};

class Backward {
public:
    Backward(const std::shared_ptr<const Model>& model, const KvCache& cache, const StreamRecorder& streams,
             std::span<const std::int32_t> ids, int others)
        : m_model(*model), m_cache(cache), m_streams(streams), m_ids(ids),
          m_map(m_model.info.nHeads, m_model.info.nKvHeads), m_math(model), m_t(std::ssize(ids)),
          m_n(cache.size() - m_t), m_c(others + 1), m_d(m_model.info.headDim),
          m_hidden(m_model.info.hiddenSize)
    {
        const bool fits = m_t > 0 && m_n > 0 && std::ssize(streams.into(0)) == m_t * m_hidden;
        if (!fits)
            throw core::Error(core::ErrorCode::failure, "a readout needs the streams of every decode step");
        m_math.setSteps(m_n, m_t);
    }

    core::ReadoutTokens start();
    [[nodiscard]] ReadoutLayer turn(int layer);

private:
    void load(int layer);
    void chooseCandidates(const float* logits, std::int64_t step, core::ReadoutTokens& tokens) const;
    void runAttention(int layer);
    void attendHead(int layer, int head, std::int64_t step, AttendedRow& row) const;
    void turnFeedForward();
    void measureWritten(int layer, ReadoutLayer& out) const;
    void turnAttention(int layer, ReadoutLayer& out);
    void turnHead(int layer, int head, std::int64_t step, AttendedRow& row);
    void turnHeadNorms(int layer);
    [[nodiscard]] std::vector<float> normed(const std::vector<float>& stream, const std::vector<float>& weight) const;

    const Model& m_model;
    const KvCache& m_cache;
    const StreamRecorder& m_streams;
    std::span<const std::int32_t> m_ids;
    core::HeadMap m_map;
    LayerMath m_math;
    std::int64_t m_t, m_n, m_c, m_d, m_hidden;
    std::shared_ptr<const LayerWeights> m_weights; // of the layer at hand
    core::ScoreRule m_rule;                        // likewise, with its scale
    std::vector<float> m_minusSine;           // [t, ropeDim / 2]: turning back is turning by the negative angle
    std::vector<float> m_gradient;            // [t, c, hidden] by the stream after the layer at hand
    std::vector<float> m_query;               // [t, H, d]
    std::vector<float> m_key, m_value;        // [t, G, d]
    std::vector<float> m_attended;            // [t, H, d]
    std::vector<float> m_wrote;               // [t, hidden] what attention writes, before the norm of it; empty: no norm
    std::vector<float> m_middle;              // [t, hidden] stream between attention and feed-forward
    std::vector<float> m_byHead;              // [t, c, H, d]
    std::vector<float> m_byQkv;               // [t, c, (H + 2 G) d]
    std::vector<float> m_scratch, m_wide;
};

/// Weights, rule and sines of a layer.
void Backward::load(int layer)
{
    m_weights.reset();
    m_weights = m_model.layer(layer);
    m_rule = m_model.info.scoreRule(layer);
    m_rule.scale = m_rule.scaleFor(m_d);
    m_minusSine = m_math.rotationOf(layer).sine;
    for (float& sine : m_minusSine)
        sine = -sine;
}

/// m_query, m_key, m_value, m_attended and m_middle of a layer.
void Backward::runAttention(int layer)
{
    load(layer);
    const core::ModelInfo& info = m_model.info;
    resizeFor(m_query, m_t * info.nHeads * m_d);
    resizeFor(m_key, m_t * info.nKvHeads * m_d);
    resizeFor(m_value, m_t * info.nKvHeads * m_d);
    resizeFor(m_attended, m_t * info.nHeads * m_d);
    const std::vector<float>& stream = m_streams.into(layer);
    m_math.projectQkv(layer, stream.data(), m_t,
                      {m_query.data(), m_key.data(), m_value.data(), info.nKvHeads * m_d, m_d});
    core::parallelFor(m_t, [&](std::int64_t step) {
        AttendedRow row(m_n + m_t);
        for (int head = 0; head < info.nHeads; ++head) {
            attendHead(layer, head, step, row);
            weightedSum(row.weight.data(), m_cache.value(layer) + m_map.kvHeadOf(head) * m_cache.headStride(),
                        m_attended.data() + (step * info.nHeads + head) * m_d, m_n + step + 1, m_d);
        }
    });
    m_wrote.clear();
    if (!m_weights->attentionOutputNorm.empty())
        m_wrote = project(m_weights->attentionOutput, m_weights->attentionOutputBias, m_attended, m_t);
    m_middle = stream;
    m_math.addAttentionOutput(layer, m_attended.data(), m_t, m_middle.data());
}

/// The attention of one head of one step over the keys up to its own.
void Backward::attendHead(int layer, int head, std::int64_t step, AttendedRow& row) const
{
    const std::int64_t keys = m_n + step + 1;
    const float* const key = m_cache.key(layer) + m_map.kvHeadOf(head) * m_cache.headStride();
    float* const products = row.weight.data();
    matrixVector(key, m_query.data() + (step * m_model.info.nHeads + head) * m_d, products, 0, keys, m_d, false);
    const float cap = m_rule.softcap, scale = m_rule.scale;
    for (std::int64_t j = 0; j < keys; ++j)
        row.slope[sizeOf(j)] = cap > 0 ? scale * capSlope(cap * std::tanh(products[j] * scale / cap), cap) : scale;
    attentionRow(products, keys - 1, keys, m_rule, 0);
}

/// The norm of each step's stream[t, hidden].
std::vector<float> Backward::normed(const std::vector<float>& stream, const std::vector<float>& weight) const
{
    std::vector<float> out(sizeOf(m_t * m_hidden));
    core::parallelFor(m_t, [&](std::int64_t i) {
        rmsNorm(stream.data() + i * m_hidden, weight.data(), out.data() + i * m_hidden, m_hidden, m_model.arch.normEps);
    });
    return out;
}

void Backward::chooseCandidates(const float* logits, std::int64_t step, core::ReadoutTokens& tokens) const
{
    const std::int64_t vocab = m_model.info.vocabSize;
    const double logSum = logSumExp(logits, vocab);
    const std::int32_t follows = step + 1 < m_t ? m_ids[sizeOf(step + 1)] : -1;
    std::vector<std::int32_t> chosen{follows};
    for (const std::int32_t id : mostLikely({logits, sizeOf(vocab)}, static_cast<int>(m_c)))
        if (id != follows && std::ssize(chosen) < m_c)
            chosen.push_back(id);
    for (std::int64_t i = 0; i < m_c; ++i) {
        const std::int32_t id = chosen[sizeOf(i)];
        tokens.ids[sizeOf(step * m_c + i)] = id;
        tokens.logprob[sizeOf(step * m_c + i)] =
            id < 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(logits[id] - logSum);
    }
}

/// The candidates, and m_gradient by the stream after the last layer.
core::ReadoutTokens Backward::start()
{
    const std::int64_t vocab = m_model.info.vocabSize;
    if (vocab < m_c)
        throw core::Error(core::ErrorCode::usage, "a readout follows more tokens than the vocabulary has");
    const int last = m_model.info.nLayers - 1;
    runAttention(last);
    std::vector<float> stream = m_middle;
    m_math.addFeedForward(last, m_t, stream.data());
    const std::size_t rows = sizeOf(m_t * m_c);
    core::ReadoutTokens tokens{m_c, std::vector<std::int32_t>(rows), std::vector<float>(rows)};
    m_gradient.assign(sizeOf(m_t * m_c * m_hidden), 0.0f);
    std::vector<float> logits(sizeOf(vocab)), weightsOfToken(sizeOf(m_hidden));
    for (std::int64_t step = 0; step < m_t; ++step) {
        const float* const x = stream.data() + step * m_hidden;
        m_math.logits(x, 1, logits.data());
        chooseCandidates(logits.data(), step, tokens);
        for (std::int64_t i = 0; i < m_c; ++i) {
            const std::int32_t id = tokens.ids[sizeOf(step * m_c + i)];
            if (id < 0)
                continue;
            m_model.head().copyRow(id, weightsOfToken.data());
            if (m_model.arch.logitCap > 0)
                for (float& weight : weightsOfToken)
                    weight *= capSlope(logits[sizeOf(id)], m_model.arch.logitCap);
            addNormGradient(x, m_model.outputNorm, m_model.arch.normEps, weightsOfToken.data(),
                            m_gradient.data() + (step * m_c + i) * m_hidden);
        }
    }
    return tokens;
}

/// m_gradient by the stream after the layer becomes the one by m_middle.
void Backward::turnFeedForward()
{
    const LayerWeights& w = *m_weights;
    const std::int64_t rows = m_t * m_c, ffn = m_model.arch.ffnSize;
    const std::vector<float> gateUp = project(w.gateUp, w.gateUpBias, normed(m_middle, w.ffnNorm), m_t);
    std::vector<float> byWritten;
    if (!w.ffnOutputNorm.empty()) {
        std::vector<float> gated(sizeOf(m_t * ffn));
        for (std::int64_t i = 0; i < m_t; ++i) {
            std::copy_n(gateUp.data() + i * 2 * ffn, ffn, gated.data() + i * ffn);
            gateMultiply(m_model.arch.activation, gated.data() + i * ffn, gateUp.data() + i * 2 * ffn + ffn, ffn);
        }
        byWritten = normGradients(project(w.down, w.downBias, gated, m_t), w.ffnOutputNorm, m_model.arch.normEps,
                                  m_gradient, m_c);
    }
    std::vector<float> inner(sizeOf(rows * ffn));
    w.down.applyTransposed(byWritten.empty() ? m_gradient.data() : byWritten.data(), rows, inner.data());
    resizeFor(m_wide, rows * 2 * ffn);
    core::parallelFor(rows, [&](std::int64_t row) {
        const float* const gate = gateUp.data() + row / m_c * 2 * ffn;
        float* const out = m_wide.data() + row * 2 * ffn;
        for (std::int64_t i = 0; i < ffn; ++i) {
            const float g = gate[i], given = inner[sizeOf(row * ffn + i)];
            out[i] = given * gate[ffn + i] * static_cast<float>(activationSlope(m_model.arch.activation, g));
            out[ffn + i] = given * static_cast<float>(activate(m_model.arch.activation, g));
        }
    });
    resizeFor(m_scratch, rows * m_hidden);
    w.gateUp.applyTransposed(m_wide.data(), rows, m_scratch.data());
    core::parallelFor(rows, [&](std::int64_t row) {
        addNormGradient(m_middle.data() + row / m_c * m_hidden, w.ffnNorm, m_model.arch.normEps,
                        m_scratch.data() + row * m_hidden, m_gradient.data() + row * m_hidden);
    });
}

void Backward::measureWritten(int layer, ReadoutLayer& out) const
{
    const std::int64_t heads = m_model.info.nHeads, width = heads * m_d;
    const std::vector<float>& stream = m_streams.into(layer);
    out.written.resize(sizeOf(heads * m_t));
    std::vector<float> alone(sizeOf(m_t * width)), wrote(sizeOf(m_t * m_hidden));
    for (std::int64_t head = 0; head < heads; ++head) {
        std::fill(alone.begin(), alone.end(), 0.0f);
        for (std::int64_t step = 0; step < m_t; ++step)
            std::copy_n(m_attended.data() + step * width + head * m_d, m_d, alone.data() + step * width + head * m_d);
        m_weights->attentionOutput.apply(alone.data(), m_t, wrote.data());
        for (std::int64_t step = 0; step < m_t; ++step) {
            const float* const x = stream.data() + step * m_hidden;
            float* const added = wrote.data() + step * m_hidden;
            if (!m_wrote.empty()) { // the head's share of what the norm lets through
                const float* const all = m_wrote.data() + step * m_hidden;
                const double square = dotProduct(all, all, m_hidden) / static_cast<double>(m_hidden);
                const double inverse = 1 / std::sqrt(square + static_cast<double>(m_model.arch.normEps));
                for (std::int64_t i = 0; i < m_hidden; ++i)
                    added[i] *= m_weights->attentionOutputNorm[sizeOf(i)] * static_cast<float>(inverse);
            }
            out.written[sizeOf(head * m_t + step)] =
                static_cast<float>(std::sqrt(dotProduct(added, added, m_hidden) / std::max(dotProduct(x, x, m_hidden), 1e-30)));
        }
    }
}

/// Adds to m_byQkv what one head's output owes to its query and to the step's own key and value. `row`: scratch.
void Backward::turnHead(int layer, int head, std::int64_t step, AttendedRow& row)
{
    const core::ModelInfo& info = m_model.info;
    const std::int64_t keys = m_n + step + 1, own = keys - 1, group = m_map.kvHeadOf(head);
    const std::int64_t qkvWidth = (info.nHeads + 2 * info.nKvHeads) * m_d;
    const float* const key = m_cache.key(layer) + group * m_cache.headStride();
    const float* const value = m_cache.value(layer) + group * m_cache.headStride();
    const float* const query = m_query.data() + (step * info.nHeads + head) * m_d;
    const float* const output = m_attended.data() + (step * info.nHeads + head) * m_d;
    attendHead(layer, head, step, row);
    for (std::int64_t i = step * m_c; i < (step + 1) * m_c; ++i) {
        const float* const given = m_byHead.data() + (i * info.nHeads + head) * m_d;
        float* const to = m_byQkv.data() + i * qkvWidth;
        float* const toKey = to + (info.nHeads + group) * m_d;
        float* const toValue = toKey + info.nKvHeads * m_d;
        float* const change = row.change.data();
        matrixVector(value, given, change, 0, keys, m_d, false);
        const auto mean = static_cast<float>(dotProduct(given, output, m_d));
        for (std::int64_t j = 0; j < keys; ++j) // the derivative of a softmax
            change[j] = row.weight[sizeOf(j)] * (change[j] - mean) * row.slope[sizeOf(j)];
        weightedSum(change, key, to + head * m_d, keys, m_d);
        for (std::int64_t channel = 0; channel < m_d; ++channel) {
            toKey[channel] += change[own] * query[channel];
            toValue[channel] += row.weight[sizeOf(own)] * given[channel];
        }
    }
}

/// m_byQkv by the normed queries and keys becomes the one by what is projected.
void Backward::turnHeadNorms(int layer)
{
    const LayerWeights& w = *m_weights;
    const std::int64_t heads = m_model.info.nHeads, width = (heads + 2 * m_model.info.nKvHeads) * m_d;
    const std::vector<float> plain = project(w.qkv, w.qkvBias, normed(m_streams.into(layer), w.attentionNorm), m_t);
    core::parallelFor(m_t * m_c, [&](std::int64_t row) {
        std::vector<float> turned(sizeOf(m_d));
        for (std::int64_t head = 0; head < heads + m_model.info.nKvHeads; ++head) {
            std::fill(turned.begin(), turned.end(), 0.0f);
            float* const given = m_byQkv.data() + row * width + head * m_d;
            addNormGradient(plain.data() + row / m_c * width + head * m_d, head < heads ? w.queryNorm : w.keyNorm,
                            m_model.arch.normEps, given, turned.data());
            std::copy(turned.begin(), turned.end(), given);
        }
    });
}

/// m_gradient by m_middle becomes the one by the stream before the layer; gives the gradients by the heads' outputs.
void Backward::turnAttention(int layer, ReadoutLayer& out)
{
    const core::ModelInfo& info = m_model.info;
    const LayerWeights& w = *m_weights;
    const std::int64_t rows = m_t * m_c, heads = info.nHeads, width = heads * m_d;
    const std::int64_t half = info.ropeDim / 2;
    const std::int64_t qkvWidth = (heads + 2 * info.nKvHeads) * m_d;
    resizeFor(m_byHead, rows * width);
    if (m_wrote.empty())
        w.attentionOutput.applyTransposed(m_gradient.data(), rows, m_byHead.data());
    else
        w.attentionOutput.applyTransposed(
            normGradients(m_wrote, w.attentionOutputNorm, m_model.arch.normEps, m_gradient, m_c).data(), rows,
            m_byHead.data());
    out.gradient.resize(sizeOf(rows * width));
    for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t row = 0; row < rows; ++row)
            std::copy_n(m_byHead.data() + (row * heads + head) * m_d, m_d,
                        out.gradient.data() + (head * rows + row) * m_d);
    m_byQkv.assign(sizeOf(rows * qkvWidth), 0.0f);
    core::parallelFor(m_t, [&](std::int64_t step) {
        AttendedRow row(m_n + m_t);
        for (int head = 0; head < info.nHeads; ++head)
            turnHead(layer, head, step, row);
        for (std::int64_t i = step * m_c; i < (step + 1) * m_c; ++i)
            for (int head = 0; head < info.nHeads + info.nKvHeads; ++head) // keys come after the queries
                rotate(m_byQkv.data() + i * qkvWidth + head * m_d, m_math.rotationOf(layer).cosine.data() + step * half,
                       m_minusSine.data() + step * half, info.ropeDim);
    });
    if (!w.queryNorm.empty())
        turnHeadNorms(layer);
    resizeFor(m_scratch, rows * m_hidden);
    w.qkv.applyTransposed(m_byQkv.data(), rows, m_scratch.data());
    const std::vector<float>& stream = m_streams.into(layer);
    core::parallelFor(rows, [&](std::int64_t row) {
        addNormGradient(stream.data() + row / m_c * m_hidden, w.attentionNorm, m_model.arch.normEps,
                        m_scratch.data() + row * m_hidden, m_gradient.data() + row * m_hidden);
    });
}

ReadoutLayer Backward::turn(int layer)
{
    ReadoutLayer out;
    out.layer = layer;
    runAttention(layer);
    turnFeedForward();
    measureWritten(layer, out);
    turnAttention(layer, out);
    return out;
}

} // namespace

void StreamRecorder::onLayerInput(int layer, std::int64_t begin, std::int64_t rows, const float* stream,
                                  std::int64_t hidden)
{
    const std::int64_t skip = std::clamp<std::int64_t>(m_first - begin, 0, rows);
    std::vector<float>& kept = m_streams[static_cast<std::size_t>(layer)];
    kept.insert(kept.end(), stream + skip * hidden, stream + rows * hidden);
}

core::ReadoutTokens computeReadout(const std::shared_ptr<const Model>& model, const KvCache& cache,
                                   const StreamRecorder& streams, std::span<const std::int32_t> ids, int others,
                                   const std::function<void(const ReadoutLayer&)>& take, const core::Progress& progress)
{
    if (others < 1)
        throw core::Error(core::ErrorCode::usage,
                          "a readout needs at least one candidate beside the token that followed");
    Backward backward(model, cache, streams, ids, others);
    core::ReadoutTokens tokens = backward.start();
    for (int layer = model->info.nLayers - 1; layer >= 0; --layer) {
        progress.throwIfStopped();
        progress("readout", model->info.nLayers - 1 - layer, model->info.nLayers);
        take(backward.turn(layer));
    }
    return tokens;
}

} // namespace kvviz::capture
