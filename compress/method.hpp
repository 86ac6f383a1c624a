// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The interface of a compression method: a pure function from one layer of a capture and a budget to a plan. Adding a
// method touches its file pair, the registry line, its test row and docs/methods.md.
#pragma once

#include "compress/budget.hpp"
#include "core/capture_source.hpp"

#include <limits>
#include <map>
#include <memory>
#include <span>
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
    /// These throw Error(usage) for text that is not such a number or lies outside the bounds.
    [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t minimum = -kMostTokens,
                                       std::int64_t maximum = kMostTokens) const;
    [[nodiscard]] double real(std::string_view name, double minimum, double maximum) const;
    [[nodiscard]] bool flag(std::string_view name) const; ///< true/false
    [[nodiscard]] const std::string& text(std::string_view name) const;
    [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const { return m_values; }
    /// A JSON object; numbers and booleans as such.
    [[nodiscard]] std::string json() const;
    /// What followed the method's name in the specification: "factory,window=16"; empty for the defaults.
    [[nodiscard]] const std::string& variant() const noexcept { return m_variant; }

    /// More than any prompt has, and small enough that sums of a few parameters do not overflow.
    static constexpr std::int64_t kMostTokens = 1'000'000'000;
    static constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();

private:
    std::string m_method, m_variant;
    std::map<std::string, std::string, std::less<>> m_values;
};

struct LayerPlan;

/// What a method sees of one layer. Rows after the eviction are there for oracles and online methods only: the others
/// must not look (property test: causality of information).
struct LayerInput {
    const core::LayerData& data;
    const std::vector<core::Segment>& segments; ///< token spans of the whole capture
    std::int64_t slot = 0;                      ///< index of the layer among the captured ones
    std::int64_t layers = 1;                    ///< captured layers
    std::uint64_t seed = 0;
    /// This method's plans of the captured layers before this one (without keptDecode), for methods that copy or nest
    /// selections; empty when one layer is planned alone.
    std::span<const LayerPlan> earlier = {};
    /// Numbers in the model of the KV heads of `data`, so that a capture of some heads is planned as one of all; empty:
    /// 0, 1, ...
    std::span<const int> kvHeads = {};

    [[nodiscard]] int kvHeadNumber(int kvHead) const
    {
        return kvHeads.empty() ? kvHead : kvHeads[static_cast<std::size_t>(kvHead)];
    }
};

/// What stays of one layer.
struct LayerPlan {
    int layer = 0; ///< number in the model
    /// Prompt positions kept at the end of prefill, per KV head, ascending. [G][..]
    std::vector<std::vector<std::int32_t>> kept;
    /// E+ methods: keys visible to each decode query, [G, t, T] of 0 or 1 (the query's own key always 1). Empty for E
    /// methods, whose decode queries see `kept` and every generated key up to themselves.
    std::vector<std::uint8_t> keptDecode;
    std::int64_t tiesAtCut = 0;     ///< candidates equal to the last one kept where the cut splits them, else 0
    std::vector<std::string> flags; ///< "no_shot_fits", ...
};

class Method {
public:
    virtual ~Method() = default;
    [[nodiscard]] virtual const MethodInfo& info() const = 0;
    [[nodiscard]] virtual const Params& params() const = 0;
    /// Arrays that plan() reads (evaluation adds its own).
    [[nodiscard]] virtual core::Need needs() const = 0;
    /// Thread-safe. Throws Error(badInput) if an array of needs() was not loaded.
    [[nodiscard]] virtual LayerPlan plan(const LayerInput& input, const Budget& budget) const = 0;
};

/// Names in the registry's order.
[[nodiscard]] const std::vector<MethodInfo>& methodList();
/// Throws Error(usage) for an unknown name, suggesting the nearest.
[[nodiscard]] const MethodInfo& methodInfo(const std::string& name);
/// "snapkv", "snapkv:factory" (preset), "snapkv:window=8,kernel=7" or "snapkv:factory,window=16".
[[nodiscard]] std::unique_ptr<Method> makeMethod(const std::string& specification);
/// Specifications that "all methods" means in a replay.
[[nodiscard]] std::vector<std::string> defaultReplaySet();

} // namespace kvviz::compress
