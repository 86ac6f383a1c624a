// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The interface of a compression method: a pure function from one layer of a capture and a budget to a plan. Adding a
// method touches its file pair, the registry line, its test row and docs/methods.md.
#pragma once

#include "compress/budget.hpp"
#include "core/capture_source.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::compress {

struct ParamSpec {
    std::string name;
    std::string defaultValue;
    std::string help;                 ///< with unit
    std::vector<std::string> choices; ///< empty: a number or free text
};

struct MethodInfo {
    std::string name;     ///< "snapkv"
    std::string title;    ///< "SnapKV"
    std::string klass;    ///< class tag of methods.md 2.5: "E", "E+", ...
    std::string acts;     ///< "prefill end", "each step"
    std::string idea;     ///< one or two sentences
    std::string equation; ///< plain text
    std::string source;   ///< paper and, where it differs, reference code
    std::vector<ParamSpec> params;
    std::map<std::string, std::map<std::string, std::string>> presets; ///< variant name -> parameter values
};

/// Resolved parameters: every parameter of the method has a value.
class Params {
public:
    Params() = default;
    /// Defaults, then the preset (empty = none), then the overrides. Throws Error(usage) for an unknown preset,
    /// parameter or choice, suggesting the nearest.
    Params(const MethodInfo& info, const std::string& preset, const std::map<std::string, std::string>& overrides);
    [[nodiscard]] std::int64_t integer(std::string_view name) const; ///< throws Error(usage) if not an integer
    [[nodiscard]] double real(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const; ///< true/false
    [[nodiscard]] const std::string& text(std::string_view name) const;
    [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const { return m_values; }
    [[nodiscard]] std::string json() const;

private:
    std::map<std::string, std::string, std::less<>> m_values;
};

/// What a method sees of one layer. Rows after the eviction are there for oracles and online methods only: the others
/// must not look (property test: causality of information).
struct LayerInput {
    const core::LayerData& data;
    const std::vector<core::Segment>& segments; ///< token spans of the whole capture
    std::int64_t slot = 0;                      ///< index of the layer among the captured ones
    std::int64_t layers = 1;                    ///< captured layers
    std::uint64_t seed = 0;
};

/// What stays of one layer.
struct LayerPlan {
    /// Prompt positions kept at the end of prefill, per KV head, ascending. [G][..]
    std::vector<std::vector<std::int32_t>> kept;
    /// E+ methods: keys visible to each decode query, [G, t, T] of 0 or 1 (the query's own key always 1). Empty for E
    /// methods, whose decode queries see `kept` and every generated key up to themselves.
    std::vector<std::uint8_t> keptDecode;
    std::int64_t tiesAtCut = 0;     ///< candidates that tie with the last one kept
    std::vector<std::string> flags; ///< "no_shot_fits", ...
};

class Method {
public:
    virtual ~Method() = default;
    [[nodiscard]] virtual const MethodInfo& info() const = 0;
    [[nodiscard]] virtual const Params& params() const = 0;
    /// Arrays that plan() reads (evaluation adds its own).
    [[nodiscard]] virtual core::Need needs() const = 0;
    [[nodiscard]] virtual LayerPlan plan(const LayerInput& input, const Budget& budget) const = 0;
};

/// Names in the registry's order.
[[nodiscard]] const std::vector<MethodInfo>& methodList();
/// Throws Error(usage) for an unknown name, suggesting the nearest.
[[nodiscard]] const MethodInfo& methodInfo(const std::string& name);
/// "snapkv", "snapkv:factory" (preset), "snapkv:window=8,kernel=7" or "snapkv:factory,window=16".
[[nodiscard]] std::unique_ptr<Method> makeMethod(const std::string& specification);

} // namespace kvviz::compress
