// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From captures to training samples, one layer in memory at a time.
#include "capture/scorer_samples.hpp"

#include "core/token_features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;
using core::Need;

[[noreturn]] void refuse(const std::string& name, const std::string& why)
{
    throw Error(ErrorCode::badInput, fmt::format("{}: {}", name, why));
}

void requireWhole(const core::CaptureSource& source)
{
    const core::CaptureInfo& info = source.info();
    if (std::ssize(info.layers) != info.model.nLayers || std::ssize(info.heads) != info.model.nHeads)
        refuse(source.name(), fmt::format("holds {} of {} layers and {} of {} query heads; a scorer is trained on "
                                          "captures of all of them",
                                          info.layers.size(), info.model.nLayers, info.heads.size(),
                                          info.model.nHeads));
    if (info.nPrompt() <= info.sinkTokens)
        refuse(source.name(), fmt::format("its prompt of {} tokens has none beyond the {} sinks", info.nPrompt(),
                                          info.sinkTokens));
}

/// Adds the attention of all decode rows on prompt tokens from `first` on.
void addFuture(const core::LayerData& layer, std::int64_t first, std::vector<double>& future)
{
    for (int h = 0; h < layer.heads.queryHeads(); ++h)
        for (std::int64_t i = 0; i < layer.t; ++i) {
            const float* const row = layer.decodeRow(h, i) + first;
            for (std::size_t k = 0; k < future.size(); ++k)
                future[k] += row[k];
        }
}

/// Mean length of the keys of tokens from `first` on; rotation does not change it.
std::vector<double> meanKeyNorms(const core::LayerData& layer, std::int64_t first)
{
    std::vector<double> norms;
    for (std::int64_t token = first; token < layer.n; ++token) {
        double sum = 0;
        for (int g = 0; g < layer.heads.kvHeads(); ++g) {
            const float* const key = layer.key.data() + (g * layer.total() + token) * layer.headDim;
            sum += std::sqrt(std::inner_product(key, key + layer.headDim, key, 0.0));
        }
        norms.push_back(sum / layer.heads.kvHeads());
    }
    return norms;
}

void addFeatures(const core::CaptureSource& source, const core::LayerData& layer, std::int64_t first,
                 ScorerSample& sample)
{
    const std::vector<float> all = core::tokenFeatures(layer, core::Rotary(source.info().model, layer.layer), layer.n);
    const std::int64_t inputs = std::ssize(all) / layer.n;
    sample.features.assign(all.begin() + first * inputs, all.end());
    sample.keyNorms = meanKeyNorms(layer, first);
    if (!std::all_of(sample.features.begin(), sample.features.end(), [](float v) { return std::isfinite(v); }))
        refuse(source.name(), fmt::format("keys or values of layer {} are not finite", layer.layer));
}

/// Why a capture cannot teach a scorer, or nothing.
std::string unfit(const core::CaptureSource& source)
{
    if (source.info().nGenerated() == 0)
        return "it has no decode steps";
    const Need needs = Need::decodeRows | Need::keys | Need::values;
    return core::includes(source.available(), needs) ? std::string() : "it holds no decode rows, keys and values";
}

void requireSameModel(const core::CaptureSource& source, const core::ModelInfo& model)
{
    const core::ModelInfo& own = source.info().model;
    if (own.sha256 != model.sha256 || own.nLayers != model.nLayers || own.nKvHeads != model.nKvHeads
        || own.nHeads != model.nHeads || own.headDim != model.headDim)
        refuse(source.name(),
               fmt::format("it was made with {} ({:.12}...), the captures before it with {} ({:.12}...); a scorer "
                           "belongs to one model",
                           own.name, own.sha256, model.name, model.sha256));
}

int chosenLayer(const core::ModelInfo& model, std::optional<int> layer)
{
    const int chosen = layer.value_or(model.nLayers / 5);
    if (chosen < 0 || chosen >= model.nLayers)
        throw Error(ErrorCode::usage, fmt::format("--layer {}: {} has layers 0 to {}", chosen, model.name,
                                                  model.nLayers - 1));
    return chosen;
}

void requireEnough(const ScorerData& data)
{
    std::set<std::vector<std::int32_t>> prompts;
    for (const ScorerSample& sample : data.samples)
        prompts.insert(sample.promptIds);
    if (std::ssize(prompts) >= kFewestPrompts)
        return;
    throw Error(ErrorCode::badInput,
                fmt::format("a scorer is trained on captures of at least {} different prompts with decode steps (tier "
                            "cache or more); {} found{}{}",
                            kFewestPrompts, prompts.size(), data.skipped.empty() ? "" : ", and left out ",
                            data.skipped.empty() ? "" : data.skipped.front()));
}

} // namespace

ScorerSample readScorerSample(const core::CaptureSource& source, int layer, const core::Progress& progress)
{
    requireWhole(source);
    const core::CaptureInfo& info = source.info();
    const std::int64_t first = info.sinkTokens;
    ScorerSample sample;
    sample.name = source.name();
    sample.promptIds.assign(info.tokens.ids.begin(), info.tokens.ids.begin() + info.nPrompt());
    sample.tokens = info.nPrompt() - first;
    sample.future.assign(static_cast<std::size_t>(sample.tokens), 0.0);
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot) {
        progress.throwIfStopped();
        const bool featured = info.layers[static_cast<std::size_t>(slot)] == layer;
        const core::LayerData data =
            source.loadLayer(slot, featured ? Need::decodeRows | Need::keys | Need::values : Need::decodeRows);
        addFuture(data, first, sample.future);
        if (featured)
            addFeatures(source, data, first, sample);
    }
    const double sum = std::accumulate(sample.future.begin(), sample.future.end(), 0.0);
    if (!(sum > 0) || !std::isfinite(sum))
        refuse(source.name(), "its decode rows pay no attention to the prompt beyond the sinks");
    for (double& share : sample.future)
        share /= sum;
    return sample;
}

ScorerData readScorerData(const std::vector<io::CaptureRef>& captures, std::optional<int> layer,
                          const core::Progress& progress)
{
    ScorerData data;
    for (std::size_t i = 0; i < captures.size(); ++i) {
        progress.throwIfStopped();
        progress("read", static_cast<std::int64_t>(i), std::ssize(captures));
        const io::CaptureReader reader(captures[i]);
        if (i == 0) {
            data.model = reader.info().model;
            data.layer = chosenLayer(data.model, layer);
            data.inputs = 2 * data.model.nKvHeads * data.model.headDim;
        }
        requireSameModel(reader, data.model);
        if (const std::string why = unfit(reader); !why.empty())
            data.skipped.push_back(fmt::format("{} ({})", reader.name(), why));
        else
            data.samples.push_back(readScorerSample(reader, data.layer, progress));
    }
    requireEnough(data);
    return data;
}

} // namespace kvviz::capture
