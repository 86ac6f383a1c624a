// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The methods of kvviz, one function each, defined in the file of that name. A new method adds its line here and in
// registry.cpp.
#pragma once

#include "compress/method_base.hpp"

namespace kvviz::compress {

struct MethodEntry {
    const MethodInfo& (*info)() = nullptr;
    std::unique_ptr<Method> (*make)(const MethodInfo&, Params) = nullptr;
};

/// For a class with a constructor (const MethodInfo&, Params).
template <class Class>
MethodEntry entryOf(const MethodInfo& (*info)())
{
    return {info, [](const MethodInfo& about, Params params) -> std::unique_ptr<Method> {
                return std::make_unique<Class>(about, std::move(params));
            }};
}

// Eviction
[[nodiscard]] MethodEntry fullkvEntry();
[[nodiscard]] MethodEntry streamingNoshiftEntry();
[[nodiscard]] MethodEntry streamingEntry();
[[nodiscard]] MethodEntry h2oEntry();
[[nodiscard]] MethodEntry h2oOnlineEntry();
[[nodiscard]] MethodEntry tovaOnlineEntry();
[[nodiscard]] MethodEntry observedAttentionEntry();
[[nodiscard]] MethodEntry tovaEntry();
[[nodiscard]] MethodEntry snapkvEntry();
[[nodiscard]] MethodEntry pyramidkvEntry();
[[nodiscard]] MethodEntry adakvEntry();
[[nodiscard]] MethodEntry headkvEntry();
[[nodiscard]] MethodEntry chunkkvEntry();
[[nodiscard]] MethodEntry shotkvEntry();
[[nodiscard]] MethodEntry knormEntry();
[[nodiscard]] MethodEntry keydiffEntry();
[[nodiscard]] MethodEntry expectedAttentionEntry();
[[nodiscard]] MethodEntry lagkvEntry();
[[nodiscard]] MethodEntry pyramidinferEntry();
[[nodiscard]] MethodEntry dbudgetkvEntry();
[[nodiscard]] MethodEntry kvcompressEntry();
[[nodiscard]] MethodEntry randomEntry();
[[nodiscard]] MethodEntry randomShotEntry();
// Trained
[[nodiscard]] MethodEntry kvDistillEntry();
[[nodiscard]] MethodEntry tokenScorerEntry();
// Sharing and merging of layers
[[nodiscard]] MethodEntry kvsharerEntry();
[[nodiscard]] MethodEntry minicacheEntry();
// Low rank, channels, quantization
[[nodiscard]] MethodEntry lorcEntry();
[[nodiscard]] MethodEntry cskvEntry();
[[nodiscard]] MethodEntry thinkEntry();
[[nodiscard]] MethodEntry kiviEntry();
// Oracles
[[nodiscard]] MethodEntry oracleMassEntry();
[[nodiscard]] MethodEntry oracleStepEntry();
[[nodiscard]] MethodEntry oracleLayerEntry();
[[nodiscard]] MethodEntry oracleGlobalEntry();
[[nodiscard]] MethodEntry oracleTokenEntry();
[[nodiscard]] MethodEntry oracleShotEntry();
[[nodiscard]] MethodEntry oracleOutEntry();

} // namespace kvviz::compress
