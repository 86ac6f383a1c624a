// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How a method of a replay or an evaluation is called in a figure, and among which others it is drawn.
#pragma once

#include "core/io/results.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::plot {

/// Panels of a figure of many methods, in this order.
enum class MethodFamily : std::uint8_t {
    equalBudgets,  ///< evict once, at the end of prefill, every layer and head as much
    unevenBudgets, ///< evict once, layers or heads by their need
    eachStep,      ///< evict at each step
    shots,         ///< keep whole shots or chunks
    withoutAttention, ///< score keys and values, not attention
    layersAndRank, ///< layers share a cache, or it has fewer dimensions
    quantized,     ///< fewer bits, and an eviction with a change of what it keeps
    bounds,        ///< random baselines and oracles
    other          ///< not of this program's methods
};

[[nodiscard]] std::string familyTitle(MethodFamily family);

/// A method as records have it; params: JSON object of the resolved parameters.
struct MethodName {
    std::string method, variant, params;

    MethodName() = default;
    template <typename Record>
        requires requires(const Record& r) { r.method, r.variant, r.params; }
    MethodName(const Record& record) : method(record.method), variant(record.variant), params(record.params)
    {
        // Not explicit: a record stands for its method.
    }
};

/// From the classes that the registry gives a method, by name where they do not tell.
[[nodiscard]] MethodFamily familyOf(const MethodName& name);
/// "SnapKV (factory) + KIVI"
[[nodiscard]] std::string methodLabel(const MethodName& name);
/// As it is typed: "snapkv:factory+kivi".
[[nodiscard]] std::string methodSpecification(const MethodName& name);

[[nodiscard]] bool isOracle(const io::ReplayRecord& record);

/// Places of the records of these methods, method by method in the order asked for; all of them when `specifications`
/// is empty or says "all". A specification means what has its name, or the same values of all parameters. Throws
/// Error(usage), naming what there is, for one that no record fits.
[[nodiscard]] std::vector<std::size_t> placesOf(const std::vector<MethodName>& names,
                                                const std::vector<std::string>& specifications);

/// The records themselves, of replays or of evaluations.
template <typename Record>
[[nodiscard]] std::vector<Record> recordsOf(const std::vector<Record>& records,
                                            const std::vector<std::string>& specifications)
{
    std::vector<Record> chosen;
    for (const std::size_t place : placesOf({records.begin(), records.end()}, specifications))
        chosen.push_back(records[place]);
    return chosen;
}

} // namespace kvviz::plot
