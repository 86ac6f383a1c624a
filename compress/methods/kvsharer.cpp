// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 6.1. Whether a replacement is acceptable takes runs of the model: with a table of them that map is used,
// without one the ranking alone.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/layer_sharing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// The first prompt tokens of every layer, and from them the ranking of replacements.
class SharingSurvey final : public Survey {
public:
    explicit SharingSurvey(std::int64_t calibration) : m_calibration(calibration) {}

    void look(const LayerInput& input) override
    {
        const core::LayerData& data = input.data;
        m_width = data.headDim;
        m_samples.push_back({firstTokens(data, data.key), firstTokens(data, data.value)});
    }

    void finish() override
    {
        const int layers = size();
        m_distance.assign(m_samples.size() * m_samples.size(), 0.0);
        for (int layer = 0; layer < layers; ++layer)
            for (int source = 0; source < layer; ++source) {
                const Sample &a = m_samples[static_cast<std::size_t>(layer)],
                             &b = m_samples[static_cast<std::size_t>(source)];
                m_distance[static_cast<std::size_t>(layer * layers + source)] =
                    0.5 * (meanDistance(a.key, b.key, m_width) + meanDistance(a.value, b.value, m_width));
            }
        m_order = sharingOrder(m_distance, layers);
    }

    [[nodiscard]] int size() const { return static_cast<int>(m_samples.size()); }
    /// Slots instead of numbers of layers, most distant first.
    [[nodiscard]] const std::vector<SharedLayer>& order() const { return m_order; }
    [[nodiscard]] double distance(std::int64_t slot, std::int64_t source) const
    {
        return m_distance[static_cast<std::size_t>(std::max(slot, source) * size() + std::min(slot, source))];
    }

private:
    struct Sample {
        std::vector<float> key, value; // [G, calibration, d]
    };

    [[nodiscard]] std::vector<float> firstTokens(const core::LayerData& data, const std::vector<float>& tensor) const
    {
        std::vector<float> sample;
        for (std::int64_t g = 0; g < data.heads.kvHeads(); ++g) {
            const auto first = tensor.begin() + g * data.total() * data.headDim;
            sample.insert(sample.end(), first, first + std::min(m_calibration, data.n) * data.headDim);
        }
        return sample;
    }

    std::int64_t m_calibration;
    int m_width = 1;
    std::vector<Sample> m_samples;
    std::vector<double> m_distance; // [layers, layers], lower triangle
    std::vector<SharedLayer> m_order;
};

class KvSharer final : public MethodBase {
public:
    KvSharer(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_calibration(params().integer("calibration", 1))
    {
        if (params().text("shared") != "ratio")
            m_shared = params().integer("shared", 0);
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }
    [[nodiscard]] BudgetUse budgetUse() const override { return m_shared ? BudgetUse::fixed : BudgetUse::follows; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        if (tables && tables->sharing && std::ssize(tables->sharing->source) != info.model.nLayers)
            return fmt::format("the table's sharing map is for {} layers, the model has {}",
                               tables->sharing->source.size(), info.model.nLayers);
        return {};
    }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return std::make_unique<SharingSurvey>(m_calibration);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        LayerPlan plan = keepAll(input);
        const Source source = sourceOf(input, budget.nominalRatio(data.n), plan);
        if (source.slot == input.slot)
            return plan;
        const auto other = source.slot >= 0 && input.otherLayer ? input.otherLayer(source.slot, needs()) : nullptr;
        if (!other || other->key.size() != data.key.size() || other->value.size() != data.value.size()) {
            addFlag(plan, "source_not_captured");
            return plan;
        }
        plan.facts["shared_from"] = other->layer;
        const auto& survey = static_cast<const SharingSurvey&>(*input.survey);
        if (std::max(source.slot, input.slot) < survey.size())
            plan.facts["distance"] = survey.distance(input.slot, source.slot);
        const std::vector<std::int32_t> always(static_cast<std::size_t>(data.heads.kvHeads() * data.total()), 0);
        setChange(plan, {.key = other->key, .value = other->value, .keyFrom = always, .valueFrom = always, .shift = {}},
                  data.t);
        plan.bytes = 0;
        return plan;
    }

private:
    struct Source {
        std::int64_t slot = -1; ///< own slot: not shared; -1: not captured
    };

    [[nodiscard]] Source sourceOf(const LayerInput& input, double ratio, LayerPlan& plan) const
    {
        if (input.tables && input.tables->sharing)
            return sourceInMap(input, *input.tables->sharing, ratio, plan);
        const auto& survey = static_cast<const SharingSurvey&>(*input.survey);
        const std::int64_t wanted = sharedLayers(survey.size(), ratio);
        addFlag(plan, "fewer_layers_shared", wanted > std::ssize(survey.order()));
        addFlag(plan, "captured_layers_only", input.info && survey.size() < input.info->model.nLayers);
        const auto count = static_cast<std::size_t>(std::min<std::int64_t>(wanted, std::ssize(survey.order())));
        plan.facts["layers_shared"] = static_cast<double>(count);
        return {sharingSources(std::span(survey.order()).first(count), survey.size())[static_cast<std::size_t>(
            input.slot)]};
    }

    /// The search accepts one layer after the other and the hidden states only drift, so the similarity at acceptance
    /// tells their order.
    [[nodiscard]] Source sourceInMap(const LayerInput& input, const core::SharingMap& map, double ratio,
                                     LayerPlan& plan) const
    {
        const core::CaptureInfo& capture = requireInfo(input, info().name);
        std::vector<int> accepted;
        for (int layer = 0; layer < static_cast<int>(map.source.size()); ++layer)
            if (map.source[static_cast<std::size_t>(layer)] != layer)
                accepted.push_back(layer);
        const auto similarity = [&map](int layer) {
            const auto i = static_cast<std::size_t>(layer);
            return i < map.similarity.size() && !std::isnan(map.similarity[i])
                       ? map.similarity[i]
                       : -std::numeric_limits<double>::infinity();
        };
        std::stable_sort(accepted.begin(), accepted.end(),
                         [&](int a, int b) { return similarity(a) > similarity(b); });
        const std::int64_t wanted = sharedLayers(std::ssize(map.source), ratio);
        addFlag(plan, "fewer_layers_shared", wanted > std::ssize(accepted));
        accepted.resize(static_cast<std::size_t>(std::min<std::int64_t>(wanted, std::ssize(accepted))));
        plan.facts["layers_shared"] = static_cast<double>(accepted.size());
        if (std::find(accepted.begin(), accepted.end(), input.data.layer) == accepted.end())
            return {input.slot};
        const int source = map.source[static_cast<std::size_t>(input.data.layer)];
        const auto found = std::find(capture.layers.begin(), capture.layers.end(), source);
        return {found == capture.layers.end() ? -1 : found - capture.layers.begin()};
    }

    [[nodiscard]] std::int64_t sharedLayers(std::int64_t layers, double ratio) const
    {
        return m_shared.value_or(
            static_cast<std::int64_t>(std::floor((1 - ratio) * static_cast<double>(layers) + 1e-9)));
    }

    std::int64_t m_calibration;
    std::optional<std::int64_t> m_shared;
};

const MethodInfo& kvsharerInfo()
{
    static const MethodInfo info{
        .name = "kvsharer",
        .title = "KVSharer",
        .klass = "S",
        .acts = "prefill and each step",
        .idea = "Lets deeper layers use the keys and values of shallower ones, the most dissimilar pairs first. The "
                "paper accepts a replacement only if the model's final hidden states stay close, which takes runs of "
                "the model: with a table of that search its map is used, without one the ranking alone, whose errors "
                "here say little about the model's answers.",
        .equation = "D(i,j) = 1/2 (mean |K_i - K_j| + mean |V_i - V_j|) over heads and tokens, i > j; floor((1-r) L) "
                    "layers by descending D use the cache of j, chains flattened",
        .source = "Yang et al. 2024, arXiv 2410.18517; distance as in its published code",
        .params = {{"shared", "ratio", "layers that use another's cache: ratio, floor((1-r) L), or a number", {}},
                   {"calibration", "64", "first prompt tokens that distances are taken over", {}}},
        .presets = {{"notebook", {{"shared", "4"}}}}};
    return info;
}

} // namespace

MethodEntry kvsharerEntry() { return entryOf<KvSharer>(kvsharerInfo); }

} // namespace kvviz::compress
