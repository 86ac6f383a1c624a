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
[[nodiscard]] MethodEntry h2oEntry();
[[nodiscard]] MethodEntry snapkvEntry();
[[nodiscard]] MethodEntry chunkkvEntry();
[[nodiscard]] MethodEntry shotkvEntry();
[[nodiscard]] MethodEntry dbudgetkvEntry();
[[nodiscard]] MethodEntry kvcompressEntry();
[[nodiscard]] MethodEntry randomEntry();
// Oracles
[[nodiscard]] MethodEntry oracleMassEntry();
[[nodiscard]] MethodEntry oracleLayerEntry();
[[nodiscard]] MethodEntry oracleGlobalEntry();
[[nodiscard]] MethodEntry oracleTokenEntry();
[[nodiscard]] MethodEntry oracleShotEntry();
[[nodiscard]] MethodEntry oracleOutEntry();

} // namespace kvviz::compress
