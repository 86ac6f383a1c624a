// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Kept rows are copied layer by layer, so that one layer of the prompt is held twice at a time.
#include "evaluation/compressed_cache.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace kvviz::evaluation {
namespace {

void addFlags(std::vector<std::string>& flags, const std::vector<std::string>& more)
{
    for (const std::string& flag : more)
        if (std::find(flags.begin(), flags.end(), flag) == flags.end())
            flags.push_back(flag);
}

/// Kept rows of a layer go into the cache, in the form that the first generated token sees.
void loadLayer(capture::CompactCache& cache, const core::LayerData& data, const compress::LivePlan& live)
{
    const std::int64_t d = data.headDim;
    const compress::ChangedCache* const changed = live.plan.changed.get();
    for (int g = 0; g < data.heads.kvHeads(); ++g) {
        const std::int64_t first = g * data.total();
        const std::vector<std::int32_t>& kept = live.kept()[static_cast<std::size_t>(g)];
        cache.load(data.layer, g, data.key.data() + first * d, data.value.data() + first * d, kept);
        for (std::size_t place = 0; changed && place < kept.size(); ++place) {
            const std::int64_t token = first + kept[place];
            const auto form = [&](const std::vector<float>& forms, const std::vector<std::int32_t>& from) {
                const bool seen = !forms.empty() && from[static_cast<std::size_t>(token)] <= 0;
                return seen ? forms.data() + token * d : nullptr;
            };
            cache.replace(data.layer, g, static_cast<std::int64_t>(place), form(changed->key, changed->keyFrom),
                          form(changed->value, changed->valueFrom));
        }
    }
}

} // namespace

std::vector<CompressedCache> compressCache(compress::LivePlanner& planner, const core::CaptureSource& prompt,
                                           std::span<const std::size_t> pairs, const core::Progress& progress)
{
    const core::ModelInfo& model = prompt.info().model;
    std::vector<CompressedCache> caches;
    std::map<std::size_t, std::size_t> placeOf; // of a pair among the chosen ones
    for (const std::size_t pair : pairs) {
        placeOf[pair] = caches.size();
        caches.emplace_back(capture::CompactCache(model.nLayers, model.nKvHeads, model.headDim));
    }
    std::vector<double> bytes(caches.size(), 0.0);
    planner.run(
        prompt, pairs,
        [&](const core::LayerData& data, std::size_t pair, compress::LivePlan&& live) {
            const std::size_t place = placeOf.at(pair);
            CompressedCache& compressed = caches[place];
            loadLayer(compressed.cache, data, live);
            double kept = 0;
            for (const auto& positions : live.plan.kept)
                kept += static_cast<double>(positions.size());
            compressed.keptTokens += std::llround(kept);
            bytes[place] += live.plan.bytes.value_or(kept * 4 * data.headDim);
            addFlags(compressed.flags, live.plan.flags);
            compressed.rules.add(data.layer, std::move(live.rules));
        },
        progress);
    const double whole =
        static_cast<double>(model.nLayers) * model.nKvHeads * static_cast<double>(prompt.info().nPrompt());
    for (std::size_t i = 0; i < caches.size(); ++i) {
        caches[i].keptRatio = static_cast<double>(caches[i].keptTokens) / whole;
        caches[i].sizeRatio = bytes[i] / (whole * 4 * model.headDim);
    }
    return caches;
}

} // namespace kvviz::evaluation
