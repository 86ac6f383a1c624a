// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sequential replay (methods.md 2.4): a cache that loses keys for good at each decode step. Rows are divided by their
// mass on the keys still there, which is what a compressed run would see; queries are those of the uncompressed run.
#pragma once

#include "compress/head_groups.hpp"
#include "compress/method.hpp"

namespace kvviz::compress {

/// Query heads that read one cache: those of a KV head, or all of a layer when its heads share one set.
struct HeadRange {
    int first = 0, count = 1;
};
[[nodiscard]] HeadRange groupOf(const core::LayerData& data, int kvHead);
[[nodiscard]] HeadRange allHeads(const core::LayerData& data);

/// Attention of query n + step on the given keys, divided by its sum over them. [heads][keys]
[[nodiscard]] std::vector<std::vector<double>> renormalisedRows(const core::LayerData& data, HeadRange heads,
                                                                std::int64_t step, std::span<const std::int32_t> keys);

/// Runs all decode steps from the prompt keys `live` on (ascending). Returns the keys that each query sees, [t, T].
/// O(heads t |live|) and what the rule costs. Without `readsRows` decode rows need not be loaded.
[[nodiscard]] std::vector<std::uint8_t> replayOnline(const core::LayerData& data, HeadRange heads,
                                                     std::vector<std::int32_t> live, const StayRule& rule,
                                                     bool readsRows = true);

/// Prompt keys that the first decode query sees, per KV head: what a live run keeps after prefill.
[[nodiscard]] const std::vector<std::vector<std::int32_t>>& startKeys(const LayerPlan& plan, const StepRules& rules);

/// LayerPlan::keptDecode of a plan under these rules; empty where no query sees less than the kept prompt and what was
/// generated.
[[nodiscard]] std::vector<std::uint8_t> replayRules(const core::LayerData& data, const LayerPlan& plan,
                                                    const StepRules& rules);

/// Element-wise mean over the rows of a step. [live]
[[nodiscard]] std::vector<double> meanRow(std::span<const std::vector<double>> rows);

/// Keeps the elements at the given ascending places.
template <class Value>
void keepPlaces(std::vector<Value>& values, std::span<const std::int32_t> places)
{
    std::size_t to = 0;
    for (const std::int32_t place : places)
        values[to++] = values[static_cast<std::size_t>(place)];
    values.resize(to);
}

/// Attention received so far by the keys of a cache, for each query head that reads it.
class ReceivedScores {
public:
    /// Column sums over all prompt queries, for all prompt keys.
    ReceivedScores(const core::LayerData& data, HeadRange heads);
    /// A key more, then `rows` ([heads][keys]) added.
    void add(std::span<const std::vector<double>> rows);
    void keep(std::span<const std::int32_t> places);
    [[nodiscard]] std::vector<std::vector<double>>& heads() { return m_heads; }
    /// Over the heads; only the first `keys`.
    [[nodiscard]] std::vector<double> reduced(Reduce reduce, std::int64_t keys) const;

private:
    std::vector<std::vector<double>> m_heads; // [heads][keys]
};

/// The same mask for every KV head. [G, t, T]
[[nodiscard]] std::vector<std::uint8_t> sharedMask(const core::LayerData& data, std::span<const std::uint8_t> mask);

} // namespace kvviz::compress
