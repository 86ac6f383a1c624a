// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The search runs all sentences once for each pair of layers that it tries.
#include "capture/layer_sharing.hpp"

#include "capture/shared_runner.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;

void checkSource(const core::ModelInfo& info, std::span<const int> source)
{
    if (std::ssize(source) != info.nLayers)
        throw Error(ErrorCode::badInput,
                    fmt::format("a sharing map names {} layers, the model has {}", source.size(), info.nLayers));
    for (int layer = 0; layer < info.nLayers; ++layer) {
        const int from = source[static_cast<std::size_t>(layer)];
        if (from < 0 || from > layer || source[static_cast<std::size_t>(from)] != from)
            throw Error(ErrorCode::badInput,
                        fmt::format("layer {} of a sharing map uses the cache of layer {}, expected an earlier layer "
                                    "with a cache of its own",
                                    layer, from));
    }
}

std::vector<int> ownCaches(const Model& model)
{
    std::vector<int> source(static_cast<std::size_t>(model.info.nLayers));
    std::iota(source.begin(), source.end(), 0);
    return source;
}

/// The common length of the sentences, which are checked.
std::int64_t lengthOf(const Model& model, const Sentences& sentences)
{
    if (sentences.empty())
        throw Error(ErrorCode::badInput, "a sharing search needs at least one sentence");
    for (const std::vector<std::int32_t>& sentence : sentences) {
        if (sentence.size() != sentences.front().size())
            throw Error(ErrorCode::badInput,
                        fmt::format("the sentences of a sharing search have different lengths, {} and {} tokens",
                                    sentences.front().size(), sentence.size()));
        checkIds(model, sentence);
    }
    return std::ssize(sentences.front());
}

/// Sums over sentences; the common factor 1 / sentences is put in by the reader.
struct CacheSums {
    std::vector<std::vector<double>> key, value; // [layer] of [tokens, G, d]

    explicit CacheSums(const core::ModelInfo& info, std::int64_t tokens)
        : key(static_cast<std::size_t>(info.nLayers),
              std::vector<double>(static_cast<std::size_t>(tokens * info.nKvHeads * info.headDim))),
          value(key)
    {
    }
    void add(int layer, const float* keys, const float* values, std::int64_t sentences)
    {
        std::vector<double>& keySum = key[static_cast<std::size_t>(layer)];
        std::vector<double>& valueSum = value[static_cast<std::size_t>(layer)];
        for (std::int64_t s = 0; s < sentences; ++s)
            for (std::size_t c = 0; c < keySum.size(); ++c) {
                keySum[c] += keys[s * std::ssize(keySum) + static_cast<std::int64_t>(c)];
                valueSum[c] += values[s * std::ssize(keySum) + static_cast<std::int64_t>(c)];
            }
    }
};

/// Mean over the vectors of d channels of their distance.
double meanDistance(const std::vector<double>& a, const std::vector<double>& b, std::size_t d)
{
    double sum = 0;
    for (std::size_t begin = 0; begin < a.size(); begin += d) {
        double squares = 0;
        for (std::size_t c = begin; c < begin + d; ++c)
            squares += (a[c] - b[c]) * (a[c] - b[c]);
        sum += std::sqrt(squares);
    }
    return sum / static_cast<double>(a.size() / d);
}

std::vector<double> distancesOf(const CacheSums& sums, int headDim, std::int64_t sentences)
{
    const std::int64_t layers = std::ssize(sums.key);
    const auto d = static_cast<std::size_t>(headDim);
    std::vector<double> distances(static_cast<std::size_t>(layers * layers));
    core::parallelFor(layers * layers, [&](std::int64_t pair) {
        const auto i = static_cast<std::size_t>(pair / layers), j = static_cast<std::size_t>(pair % layers);
        distances[static_cast<std::size_t>(pair)] =
            0.5 * (meanDistance(sums.key[i], sums.key[j], d) + meanDistance(sums.value[i], sums.value[j], d))
            / static_cast<double>(sentences);
    });
    return distances;
}

struct LayerPair {
    int deep = 0, shallow = 0;
};

/// All pairs, the most distant first.
std::vector<LayerPair> byDistance(const std::vector<double>& distances, int layers)
{
    std::vector<LayerPair> pairs;
    for (int i = 1; i < layers; ++i)
        for (int j = 0; j < i; ++j)
            pairs.push_back({i, j});
    const auto distance = [&](const LayerPair& pair) {
        return distances[static_cast<std::size_t>(pair.deep * layers + pair.shallow)];
    };
    std::stable_sort(pairs.begin(), pairs.end(),
                     [&](const LayerPair& a, const LayerPair& b) { return distance(a) > distance(b); });
    return pairs;
}

double cosine(const float* a, const float* b, std::int64_t size)
{
    double dot = 0, aa = 0, bb = 0;
    for (std::int64_t c = 0; c < size; ++c) {
        dot += static_cast<double>(a[c]) * b[c];
        aa += static_cast<double>(a[c]) * a[c];
        bb += static_cast<double>(b[c]) * b[c];
    }
    return dot / std::sqrt(aa * bb);
}

double meanCosine(const std::vector<float>& a, const std::vector<float>& b, std::int64_t sentences)
{
    const std::int64_t size = std::ssize(a) / sentences;
    double sum = 0;
    for (std::int64_t s = 0; s < sentences; ++s)
        sum += cosine(a.data() + s * size, b.data() + s * size, size);
    return sum / static_cast<double>(sentences);
}

/// `source` with layer `pair.deep`, and those that used its cache, at the cache that `pair.shallow` uses.
std::vector<int> shared(std::vector<int> source, const LayerPair& pair)
{
    const int root = source[static_cast<std::size_t>(pair.shallow)];
    std::replace(source.begin(), source.end(), pair.deep, root);
    return source;
}

} // namespace

std::vector<float> finalHidden(const std::shared_ptr<const Model>& model, std::span<const std::int32_t> ids,
                               std::span<const int> source)
{
    checkSource(model->info, source);
    checkIds(*model, ids);
    return SharedRunner(model, std::ssize(ids)).run(ids, source);
}

std::vector<double> layerDistances(const std::shared_ptr<const Model>& model, const Sentences& sentences,
                                   const core::Progress& progress)
{
    const std::int64_t tokens = lengthOf(*model, sentences);
    CacheSums sums(model->info, tokens);
    SharedRunner runner(model, tokens);
    (void)runner.run(sentences, ownCaches(*model), progress,
                     [&](int layer, const float* key, const float* value, std::int64_t count) {
                         sums.add(layer, key, value, count);
                     });
    return distancesOf(sums, model->info.headDim, std::ssize(sentences));
}

core::SharingMap searchSharing(const std::shared_ptr<const Model>& model, const Sentences& sentences, int layersToShare,
                               double threshold, const core::Progress& progress)
{
    const int layers = model->info.nLayers;
    if (layersToShare < 0 || layersToShare >= layers)
        throw Error(ErrorCode::badInput,
                    fmt::format("{} of {} layers cannot share the cache of another one, at most {}", layersToShare,
                                layers, layers - 1));
    const std::int64_t count = std::ssize(sentences);
    SharedRunner runner(model, lengthOf(*model, sentences));
    core::SharingMap map;
    map.source = ownCaches(*model);
    map.similarity.assign(static_cast<std::size_t>(layers), std::numeric_limits<double>::quiet_NaN());
    map.threshold = threshold;
    map.sentences = count;
    const std::vector<LayerPair> pairs = byDistance(layerDistances(model, sentences, progress), layers);
    const std::vector<float> unchanged = runner.run(sentences, map.source, progress);
    int accepted = 0;
    for (std::size_t tried = 0; tried < pairs.size() && accepted < layersToShare; ++tried) {
        const auto deep = static_cast<std::size_t>(pairs[tried].deep);
        progress("sharing search", static_cast<std::int64_t>(tried), std::ssize(pairs));
        if (map.source[deep] != pairs[tried].deep)
            continue;
        std::vector<int> tentative = shared(map.source, pairs[tried]);
        const double similarity = meanCosine(unchanged, runner.run(sentences, tentative, progress), count);
        if (!(similarity > threshold))
            continue;
        map.source = std::move(tentative);
        map.similarity[deep] = similarity;
        ++accepted;
    }
    return map;
}

} // namespace kvviz::capture
