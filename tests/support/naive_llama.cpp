// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Everything as plain loops over double vectors.
#include "tests/support/naive_llama.hpp"

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

/// Channels c and c + d/2 as a complex number, turned by position times frequency c.
void turn(double* head, const capture::Model& model, std::size_t position)
{
    const std::size_t half = model.inverseFrequency.size();
    for (std::size_t c = 0; c < half; ++c) {
        const double angle = static_cast<double>(position) * model.inverseFrequency[c];
        const double real = head[c] * std::cos(angle) - head[c + half] * std::sin(angle);
        head[c + half] = head[c] * std::sin(angle) + head[c + half] * std::cos(angle);
        head[c] = real;
    }
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
    for (std::size_t j = 0; j <= query; ++j) {
        if (layer.visible
            && !layer.visible(layer.index, static_cast<int>(g), static_cast<std::int64_t>(query),
                              static_cast<std::int64_t>(j)))
            continue;
        double score = 0;
        for (std::size_t c = 0; c < layer.d; ++c)
            score += head[c] * key[(j * layer.kvHeads + g) * layer.d + c];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(layer.d)));
        total += weight;
        for (std::size_t c = 0; c < layer.d; ++c)
            out[c] += weight * value[(j * layer.kvHeads + g) * layer.d + c];
    }
    for (double& channel : out)
        channel /= total;
    return out;
}

void feedForward(const Layer& layer, Vector& x)
{
    const auto ffn = static_cast<std::size_t>(layer.model.ffnSize);
    const Vector both = times(layer.weights.gateUp, normed(x, layer.weights.ffnNorm, layer.model.normEps));
    Vector inner(ffn);
    for (std::size_t c = 0; c < ffn; ++c)
        inner[c] = both[c] / (1 + std::exp(-both[c])) * both[ffn + c];
    add(x, times(layer.weights.down, inner));
}

/// Fills query [n][H d], key and value [n, G, d] of one layer.
void project(const Layer& layer, const std::vector<Vector>& stream, std::vector<Vector>& query, Vector& key,
             Vector& value)
{
    const std::size_t queryWidth = layer.queryHeads * layer.d;
    const std::size_t keyWidth = layer.kvHeads * layer.d;
    for (std::size_t i = 0; i < stream.size(); ++i) {
        Vector qkv = times(layer.weights.qkv, normed(stream[i], layer.weights.attentionNorm, layer.model.normEps));
        for (std::size_t head = 0; head < layer.queryHeads + layer.kvHeads; ++head)
            turn(qkv.data() + head * layer.d, layer.model, i);
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
                  std::span<const int> source, const Attended& change)
{
    NaiveRun run;
    std::vector<Vector> stream;
    for (const std::int32_t id : ids) {
        std::vector<float> row(static_cast<std::size_t>(model.info.hiddenSize));
        model.embedding.copyRow(id, row.data());
        stream.emplace_back(row.begin(), row.end());
    }
    for (int l = 0; l < model.info.nLayers; ++l) {
        const Layer layer{model,
                          model.layers[static_cast<std::size_t>(l)],
                          l,
                          visible,
                          static_cast<std::size_t>(model.info.nHeads),
                          static_cast<std::size_t>(model.info.nKvHeads),
                          static_cast<std::size_t>(model.info.headDim)};
        std::vector<Vector> query;
        project(layer, stream, query, run.key.emplace_back(), run.value.emplace_back());
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
            add(stream[i], times(layer.weights.attentionOutput, attended));
            feedForward(layer, stream[i]);
        }
    }
    for (const Vector& row : stream) {
        const Vector last = normed(row, model.outputNorm, model.normEps);
        const Vector logits = times(model.head(), last);
        run.hidden.insert(run.hidden.end(), last.begin(), last.end());
        run.logits.insert(run.logits.end(), logits.begin(), logits.end());
    }
    return run;
}

} // namespace kvviz::test
