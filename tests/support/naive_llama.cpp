// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Everything as plain loops over double vectors.
#include "tests/support/naive_llama.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::test {
namespace {

using Vector = std::vector<double>;

Vector times(const capture::Linear& matrix, const Vector& x)
{
    Vector y(static_cast<std::size_t>(matrix.outputs()));
    std::vector<float> row(x.size());
    for (std::size_t r = 0; r < y.size(); ++r) {
        matrix.copyRow(static_cast<std::int64_t>(r), row.data());
        for (std::size_t c = 0; c < x.size(); ++c)
            y[r] += row[c] * x[c];
    }
    return y;
}

Vector normed(const Vector& x, const std::vector<float>& weight, double eps)
{
    double squares = 0;
    for (const double value : x)
        squares += value * value;
    Vector y = x;
    for (std::size_t c = 0; c < x.size(); ++c)
        y[c] *= weight[c] / std::sqrt(squares / static_cast<double>(x.size()) + eps);
    return y;
}

void add(Vector& x, const Vector& y)
{
    for (std::size_t c = 0; c < x.size(); ++c)
        x[c] += y[c];
}

void addBias(Vector& x, const std::vector<float>& bias)
{
    for (std::size_t c = 0; c < bias.size(); ++c)
        x[c] += bias[c];
}

double capped(double x, double cap) { return cap > 0 ? cap * std::tanh(x / cap) : x; }

/// Channels c and c + r/2 as a complex number, turned by position times frequency c and stretched.
void turn(double* head, const capture::RopeSpec& rope, const std::vector<float>& frequencies, std::size_t position)
{
    const std::size_t half = frequencies.size();
    for (std::size_t c = 0; c < half; ++c) {
        const double angle = static_cast<double>(position) * frequencies[c];
        const double real = head[c] * std::cos(angle) - head[c + half] * std::sin(angle);
        head[c + half] = rope.attentionFactor * (head[c] * std::sin(angle) + head[c + half] * std::cos(angle));
        head[c] = rope.attentionFactor * real;
    }
}

double activated(capture::Activation kind, double x)
{
    switch (kind) {
    case capture::Activation::silu: return x / (1 + std::exp(-x));
    case capture::Activation::gelu: return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
    case capture::Activation::geluTanh:
        return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * std::pow(x, 3))));
    }
    return 0;
}

struct Layer {
    const capture::Model& model;
    const capture::LayerWeights& weights;
    int index;
    const Visible& visible;
    std::size_t queryHeads, kvHeads, d;
};

/// One query head over keys 0 .. query of its KV head; key, value: [n, G, d].
Vector attend(const Layer& layer, const double* head, std::size_t g, std::size_t query, const Vector& key,
              const Vector& value)
{
    Vector out(layer.d);
    double total = 0;
    const auto window = static_cast<std::size_t>(layer.model.info.slidingWindow(layer.index));
    const double scale = layer.model.info.scoreScale > 0 ? layer.model.info.scoreScale
                                                         : 1 / std::sqrt(static_cast<double>(layer.d));
    for (std::size_t j = 0; j <= query; ++j) {
        if (window > 0 && query - j >= window)
            continue;
        if (layer.visible
            && !layer.visible(layer.index, static_cast<int>(g), static_cast<std::int64_t>(query),
                              static_cast<std::int64_t>(j)))
            continue;
        double score = 0;
        for (std::size_t c = 0; c < layer.d; ++c)
            score += head[c] * key[(j * layer.kvHeads + g) * layer.d + c];
        const double weight = std::exp(capped(score * scale, layer.model.info.scoreCap));
        total += weight;
        for (std::size_t c = 0; c < layer.d; ++c)
            out[c] += weight * value[(j * layer.kvHeads + g) * layer.d + c];
    }
    for (double& channel : out)
        channel /= total;
    return out;
}

/// x += what a part writes, with its bias and norm.
void write(const Layer& layer, Vector& x, const capture::Linear& matrix, const std::vector<float>& bias,
           const std::vector<float>& norm, const Vector& input)
{
    Vector written = times(matrix, input);
    addBias(written, bias);
    add(x, norm.empty() ? written : normed(written, norm, layer.model.arch.normEps));
}

void feedForward(const Layer& layer, Vector& x)
{
    const auto ffn = static_cast<std::size_t>(layer.model.arch.ffnSize);
    const capture::LayerWeights& w = layer.weights;
    Vector both = times(w.gateUp, normed(x, w.ffnNorm, layer.model.arch.normEps));
    addBias(both, w.gateUpBias);
    Vector inner(ffn);
    for (std::size_t c = 0; c < ffn; ++c)
        inner[c] = activated(layer.model.arch.activation, both[c]) * both[ffn + c];
    write(layer, x, w.down, w.downBias, w.ffnOutputNorm, inner);
}

/// Fills query [n][H d], key and value [n, G, d] of one layer.
void project(const Layer& layer, const std::vector<Vector>& stream, std::vector<Vector>& query, Vector& key,
             Vector& value, std::size_t prompt)
{
    const std::size_t queryWidth = layer.queryHeads * layer.d;
    const std::size_t keyWidth = layer.kvHeads * layer.d;
    const capture::LayerWeights& w = layer.weights;
    const capture::RopeSpec& rope = layer.model.ropeOf(layer.index);
    for (std::size_t i = 0; i < stream.size(); ++i) {
        const std::vector<float> frequencies =
            capture::ropeFrequencies(rope, static_cast<std::int64_t>(std::max(prompt, i + 1)));
        Vector qkv = times(w.qkv, normed(stream[i], w.attentionNorm, layer.model.arch.normEps));
        addBias(qkv, w.qkvBias);
        for (std::size_t head = 0; head < layer.queryHeads + layer.kvHeads; ++head) {
            double* const first = qkv.data() + head * layer.d;
            if (!w.queryNorm.empty()) {
                const Vector made = normed(Vector(first, first + layer.d), head < layer.queryHeads ? w.queryNorm : w.keyNorm,
                                           layer.model.arch.normEps);
                std::copy(made.begin(), made.end(), first);
            }
            turn(first, rope, frequencies, i);
        }
        const auto part = [&](std::size_t begin, std::size_t size) {
            return Vector(qkv.data() + begin, qkv.data() + begin + size);
        };
        query.push_back(part(0, queryWidth));
        const Vector keys = part(queryWidth, keyWidth);
        const Vector values = part(queryWidth + keyWidth, keyWidth);
        key.insert(key.end(), keys.begin(), keys.end());
        value.insert(value.end(), values.begin(), values.end());
    }
}

} // namespace

NaiveRun naiveRun(const capture::Model& model, std::span<const std::int32_t> ids, const Visible& visible,
                  std::span<const int> source, const Attended& change, std::size_t prompt)
{
    NaiveRun run;
    std::vector<Vector> stream;
    for (const std::int32_t id : ids) {
        std::vector<float> row(static_cast<std::size_t>(model.info.hiddenSize));
        model.embedding.copyRow(id, row.data());
        stream.emplace_back(row.begin(), row.end());
        for (double& value : stream.back())
            value *= model.arch.embeddingScale;
    }
    for (int l = 0; l < model.info.nLayers; ++l) {
        const std::shared_ptr<const capture::LayerWeights> weights = model.layer(l);
        const Layer layer{model,
                          *weights,
                          l,
                          visible,
                          static_cast<std::size_t>(model.info.nHeads),
                          static_cast<std::size_t>(model.info.nKvHeads),
                          static_cast<std::size_t>(model.info.headDim)};
        std::vector<Vector> query;
        project(layer, stream, query, run.key.emplace_back(), run.value.emplace_back(),
                prompt > 0 ? prompt : stream.size());
        const auto from = static_cast<std::size_t>(source.empty() ? l : source[static_cast<std::size_t>(l)]);
        for (std::size_t i = 0; i < stream.size(); ++i) {
            Vector attended;
            for (std::size_t h = 0; h < layer.queryHeads; ++h) {
                const std::size_t g = h * layer.kvHeads / layer.queryHeads;
                const Vector head = attend(layer, query[i].data() + h * layer.d, g, i, run.key[from], run.value[from]);
                attended.insert(attended.end(), head.begin(), head.end());
            }
            if (change)
                change(l, static_cast<std::int64_t>(i), attended);
            write(layer, stream[i], weights->attentionOutput, weights->attentionOutputBias, weights->attentionOutputNorm,
                  attended);
            feedForward(layer, stream[i]);
        }
    }
    for (const Vector& row : stream) {
        const Vector last = normed(row, model.outputNorm, model.arch.normEps);
        Vector logits = times(model.head(), last);
        for (double& logit : logits)
            logit = capped(logit, model.arch.logitCap);
        run.hidden.insert(run.hidden.end(), last.begin(), last.end());
        run.logits.insert(run.logits.end(), logits.begin(), logits.end());
    }
    return run;
}

} // namespace kvviz::test
