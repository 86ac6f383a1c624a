// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Values of tables, one function a kind.
#include "core/io/table_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

/// What both directions hold a table to, beyond the shapes of its arrays.
struct TableChecker {
    ErrorCode code;
    std::string where; ///< "'x.kvtab.h5': /heads/"

    void require(bool condition, const std::string& what) const
    {
        if (!condition)
            throw Error(code, where + what);
    }
    template <typename T, typename Sound>
    void all(const char* name, const std::vector<T>& values, const char* expected, Sound&& sound) const
    {
        const auto bad = std::find_if_not(values.begin(), values.end(), sound);
        if (bad != values.end())
            throw Error(code, fmt::format("{}{}: element {} is {}, expected {}", where, name, bad - values.begin(),
                                          *bad, expected));
    }
    template <typename T>
    void finite(const char* name, const std::vector<T>& values) const
    {
        all(name, values, "a finite number", [](T value) { return std::isfinite(value); });
    }
};

void checkTable(const core::HeadImportance& t, const TableChecker& check)
{
    check.require(t.layers > 0 && t.heads > 0, fmt::format("importance: {} layers of {} heads", t.layers, t.heads));
    check.all("importance", t.values, "a number >= 0", [](double value) { return std::isfinite(value) && value >= 0; });
}

void checkTable(const core::WeightFactors& t, const TableChecker& check)
{
    check.require(t.layers > 0 && t.kvWidth > 0,
                  fmt::format("key_basis: {} layers of {} channels", t.layers, t.kvWidth));
    for (const auto& [name, values] : {std::pair("key_basis", &t.keyBasis), {"value_basis", &t.valueBasis},
                                       {"key_read", &t.keyRead}, {"key_write", &t.keyWrite},
                                       {"value_read", &t.valueRead}, {"value_write", &t.valueWrite}})
        check.finite(name, *values);
    for (const auto* values : {&t.keyRead, &t.valueRead, &t.valueWrite})
        check.require(values->empty() == t.keyWrite.empty(),
                      "key_read, key_write, value_read and value_write come together, or none of them");
    for (const auto& [name, values] :
         {std::pair("key_singular", &t.keySingular), {"value_singular", &t.valueSingular}}) {
        check.all(name, *values, "a number >= 0", [](double value) { return std::isfinite(value) && value >= 0; });
        for (std::size_t i = 1; i < values->size(); ++i)
            if (i % static_cast<std::size_t>(t.kvWidth) != 0)
                check.require((*values)[i] <= (*values)[i - 1],
                              fmt::format("{}: element {} is larger than the one before", name, i));
    }
}

void checkTable(const core::TokenScorer& t, const TableChecker& check)
{
    check.require(t.layer >= 0 && t.inputs > 0 && t.hidden > 0,
                  fmt::format("w1: {} hidden units over {} inputs of layer {}", t.hidden, t.inputs, t.layer));
    for (const auto& [name, values] : {std::pair("mean", &t.mean), {"scale", &t.scale}, {"w1", &t.w1}, {"b1", &t.b1},
                                       {"w2", &t.w2}})
        check.finite(name, *values);
    check.require(std::isfinite(t.b2), "b2 is no finite number");
}

void checkTable(const core::SharingMap& t, const TableChecker& check)
{
    check.require(!t.source.empty(), "source: no layers");
    check.all("source", t.source, "a layer that has its own cache", [&](int source) {
        return source >= 0 && source < std::ssize(t.source) && t.source[static_cast<std::size_t>(source)] == source;
    });
    check.all("similarity", t.similarity, "a cosine or NaN",
              [](double value) { return std::isnan(value) || std::abs(value) <= 1.001; });
    check.require(std::isfinite(t.threshold), "threshold is no finite number");
}

} // namespace

void checkTables(const core::ModelTables& tables, ErrorCode code, const std::string& where)
{
    const auto check = [&](const char* group, const auto& table) {
        if (table)
            checkTable(*table, {code, fmt::format("{}{}/", where, group)});
    };
    check("heads", tables.heads);
    check("weights", tables.weights);
    check("scorer", tables.scorer);
    check("sharing", tables.sharing);
    if (!tables.heads && !tables.weights && !tables.scorer && !tables.sharing)
        throw Error(code, where + ": there is no table; expected heads, weights, scorer or sharing");
    if (tables.modelSha256.empty())
        throw Error(code, where + ": model_sha256 is empty, so nobody can tell which model the tables are of");
}

} // namespace kvviz::io
