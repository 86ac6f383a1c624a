// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The interface of a compression method: a pure function from one layer of a capture and a budget to a plan. Adding a
// method touches its file pair, the registry line, its test row and docs/methods.md.
#pragma once

#include "compress/budget.hpp"
#include "compress/step_rules.hpp"
#include "core/capture_source.hpp"
#include "core/model_tables.hpp"

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
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
    std::string klass;    ///< E eviction, E+ at each step, P moves positions, S shares layers, R low rank, Q quantizes, T trained
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
    /// Values as they are, for methods made of others.
    Params(std::string method, std::string variant, std::map<std::string, std::string, std::less<>> values)
        : m_method(std::move(method)), m_variant(std::move(variant)), m_values(std::move(values))
    {
    }
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

struct LayerInput;
struct LayerPlan;
class LayerMemo;

/// What a method gathers from all layers before any is planned (a budget shared by the whole model, distances between
/// layers). Does not depend on the budget. Made by Method::makeSurvey.
class Survey {
public:
    virtual ~Survey() = default;
    /// Called once for each captured layer, in order, one at a time.
    virtual void look(const LayerInput& input) = 0;
    /// After the last layer.
    virtual void finish() {}
};

/// What a method sees of one layer. Rows after the eviction are there for oracles and online methods only: the others
/// must not look (property test: causality of information).
struct LayerInput {
    const core::LayerData& data; ///< t = 0: a layer at the end of prefill, of which only the prompt is planned
    const std::vector<core::Segment>& segments; ///< token spans of the whole capture
    std::int64_t slot = 0;                      ///< index of the layer among the captured ones
    std::int64_t layers = 1;                    ///< captured layers
    std::uint64_t seed = 0;
    /// This method's plans of the captured layers before this one (without keptDecode and changed), for methods that
    /// copy or nest selections; empty when one layer is planned alone.
    std::span<const LayerPlan> earlier = {};
    /// Numbers in the model of the KV heads of `data`, so that a capture of some heads is planned as one of all; empty:
    /// 0, 1, ...
    std::span<const int> kvHeads = {};
    const core::CaptureInfo* info = nullptr;      ///< model (rotary embedding, layers), sinks; null in bare tests
    const core::ModelTables* tables = nullptr;    ///< given with --table, of this model
    const Survey* survey = nullptr;               ///< this method's own, over all layers
    LayerMemo* memo = nullptr;                    ///< results that methods and budgets share, of this layer
    const LayerPlan* base = nullptr;              ///< composed methods: what the eviction before this one keeps
    /// Another captured layer with at least these arrays, prepared as `data` is; empty when there is none to be had.
    /// Thread-safe.
    std::function<std::shared_ptr<const core::LayerData>(std::int64_t slot, core::Need needs)> otherLayer = {};

    [[nodiscard]] int kvHeadNumber(int kvHead) const
    {
        return kvHeads.empty() ? kvHead : kvHeads[static_cast<std::size_t>(kvHead)];
    }
};

/// Keys and values as decode queries see them, where a method changes them. A token has two forms, the captured one
/// and the compressed one, and the step from which queries see the second: that says all of residual buffers, windows
/// and blocks that are compressed when full.
struct ChangedCache {
    std::vector<float> key, value; // [G, T, d] compressed forms, keys after RoPE; empty: as captured
    /// [G, T] first decode step whose query sees the compressed form; 0: all; t or more: none. With key (value).
    std::vector<std::int32_t> keyFrom, valueFrom;
    /// [t, T] positions by which each key comes nearer to the query of the step (position re-indexing); empty: none.
    std::vector<std::int32_t> shift;
};

/// What stays of one layer.
struct LayerPlan {
    int layer = 0; ///< number in the model
    /// Prompt positions kept at the end of prefill, per KV head, ascending. [G][..]
    std::vector<std::vector<std::int32_t>> kept;
    /// E+ methods: keys visible to each decode query, [G, t, T] of 0 or 1 (the query's own key always 1). Empty for E
    /// methods, whose decode queries see `kept` and every generated key up to themselves.
    std::vector<std::uint8_t> keptDecode;
    std::shared_ptr<const ChangedCache> changed; ///< null: what stays is as captured
    /// Bytes of the prompt's cache of this layer at 2 bytes an element; nothing: 4 d for each kept key.
    std::optional<double> bytes;
    std::int64_t tiesAtCut = 0;     ///< candidates equal to the last one kept where the cut splits them, else 0
    std::vector<std::string> flags; ///< "no_shot_fits", ...
    std::map<std::string, double> facts; ///< numbers worth showing ("shared_from" = 3, "head_budget_min" = 12)
};

/// Does a budget change what the method does?
enum class BudgetUse : std::uint8_t {
    follows, ///< spends it
    fixed,   ///< its size follows from its parameters (bits, channels): replayed once
    finds    ///< decides its own size from the data: replayed once
};

/// "follows", "fixed", "finds"
[[nodiscard]] std::string_view budgetUseName(BudgetUse use);

class Method {
public:
    virtual ~Method() = default;
    [[nodiscard]] virtual const MethodInfo& info() const = 0;
    [[nodiscard]] virtual const Params& params() const = 0;
    /// Arrays that plan() and the survey read (evaluation adds its own).
    [[nodiscard]] virtual core::Need needs() const = 0;
    /// The same at the end of prefill (t = 0); needs() without decode rows.
    [[nodiscard]] virtual core::Need promptNeeds() const;
    /// Does plan() read attention of queries after the eviction to choose what they see (oracles)?
    [[nodiscard]] virtual bool usesFuture() const { return false; }
    /// Does plan() need this method's plans of the layers before (LayerInput::earlier) to choose what it chooses in a
    /// replay of the whole model?
    [[nodiscard]] virtual bool usesEarlier() const { return false; }
    /// Why it cannot run inside a generating model, though it can be replayed, as half a sentence; empty: it can.
    [[nodiscard]] virtual std::string liveObstacle() const;
    [[nodiscard]] virtual BudgetUse budgetUse() const { return BudgetUse::follows; }
    /// Independent draws that a replay averages (random baselines).
    [[nodiscard]] virtual std::int64_t draws() const { return 1; }
    /// May it stand behind '+', changing what an eviction before it keeps (LayerInput::base)?
    [[nodiscard]] virtual bool composes() const { return false; }
    /// Why it cannot run on this capture with these tables (null: none given), as half a sentence; empty: it can. Arrays
    /// are not looked at here.
    [[nodiscard]] virtual std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const;
    /// Null for methods that decide layer by layer.
    [[nodiscard]] virtual std::unique_ptr<Survey> makeSurvey() const { return nullptr; }
    /// Scores of all prompt positions of a KV head, of which the method keeps the best C; protected positions score
    /// +infinity. [n] Empty: it does not choose by one score a key. For methods that build on any scorer (AdaKV).
    [[nodiscard]] virtual std::vector<double> scores(const LayerInput& input, int kvHead) const;
    /// Thread-safe. Throws Error(badInput) if an array of needs() was not loaded. Without input.survey a method that
    /// makes one surveys this layer alone.
    [[nodiscard]] virtual LayerPlan plan(const LayerInput& input, const Budget& budget) const = 0;
    /// What happens to the layer's cache while decoding, from the end of prefill on (decode rows are not read): `plan`
    /// is plan(input, budget), of which only `kept` counts. No rules for methods that act at the end of prefill only
    /// and for those with a liveObstacle(). Thread-safe.
    [[nodiscard]] virtual StepRules stepRules(const LayerInput& input, const LayerPlan& plan,
                                              const Budget& budget) const;
};

/// Does it change keys or values, their positions included?
[[nodiscard]] bool changesCache(const MethodInfo& info);

/// Names in the registry's order.
[[nodiscard]] const std::vector<MethodInfo>& methodList();
/// Throws Error(usage) for an unknown name, suggesting the nearest.
[[nodiscard]] const MethodInfo& methodInfo(const std::string& name);
/// "snapkv", "snapkv:factory" (preset), "snapkv:window=8,kernel=7", "snapkv:factory,window=16", or an eviction with a
/// change of what it keeps: "snapkv:factory+kivi:bits=2". Throws Error(usage).
[[nodiscard]] std::unique_ptr<Method> makeMethod(const std::string& specification);
/// What makeMethod() takes, from a method's name and variant as results carry them: "snapkv+think" and "factory+ratio=0.5"
/// give "snapkv:factory+think:ratio=0.5".
[[nodiscard]] std::string specificationOf(const std::string& name, const std::string& variant);
/// What a capture must hold for a method to be replayed: what planning reads, and where keys or values change, all that
/// attention is computed again from.
[[nodiscard]] core::Need replayNeeds(const Method& method);
/// Specifications that "all methods" means in a replay.
[[nodiscard]] std::vector<std::string> defaultReplaySet();

} // namespace kvviz::compress
