// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 6.2. Each layer of a pair is planned on its own from both, so a pair needs both captured.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/slerp.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// Which layer of a pair a plan is for.
struct Pair {
    int other = 0;       ///< number in the model
    bool deeper = false; ///< is this layer the deeper one?
};

class MiniCache final : public MethodBase {
public:
    MiniCache(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_t(params().real("t", 0, 1)), m_gamma(params().real("gamma", 0, 1)),
          m_threshold(params().text("rule") == "threshold")
    {
        if (params().text("start") != "half")
            m_start = params().integer("start", 0);
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }
    [[nodiscard]] BudgetUse budgetUse() const override { return BudgetUse::fixed; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget&) const override
    {
        const core::LayerData& data = input.data;
        const core::CaptureInfo& capture = requireInfo(input, info().name);
        LayerPlan plan = keepAll(input);
        plan.facts["merged"] = 0;
        const std::optional<Pair> pair = pairOf(data.layer, capture.model.nLayers);
        if (!pair)
            return plan;
        const auto other = layerNumbered(input, capture, pair->other, needs());
        if (!other || other->key.size() != data.key.size() || other->value.size() != data.value.size()) {
            addFlag(plan, "pair_not_captured");
            return plan;
        }
        plan.facts["merged"] = 1;
        ChangedCache change = unseenChange(data);
        merge(data, {data.key, other->key}, pair->deeper, "key", change.key, change.keyFrom, plan);
        merge(data, {data.value, other->value}, pair->deeper, "value", change.value, change.valueFrom, plan);
        setChange(plan, std::move(change), data.t);
        return plan;
    }

private:
    struct Tensors {
        const std::vector<float>&own, &other; // [G, T, d]
    };

    /// Pairs (S, S+1), (S+2, S+3), ...; an odd last layer stays alone.
    [[nodiscard]] std::optional<Pair> pairOf(int layer, int layers) const
    {
        const std::int64_t start = m_start.value_or(layers / 2);
        if (layer < start)
            return std::nullopt;
        const bool deeper = (layer - start) % 2 == 1;
        const Pair pair{deeper ? layer - 1 : layer + 1, deeper};
        return pair.other < layers ? std::optional(pair) : std::nullopt;
    }

    /// One tensor: own length on the common direction, except where the two directions differ most. Adds facts and
    /// this layer's half of the pair's bytes.
    void merge(const core::LayerData& data, const Tensors& tensors, bool deeper, const std::string& name,
               std::vector<float>& forms, std::vector<std::int32_t>& from, LayerPlan& plan) const
    {
        const auto d = static_cast<std::size_t>(data.headDim);
        std::vector<float> angles;
        std::int64_t retained = 0;
        for (std::int64_t g = 0; g < data.heads.kvHeads(); ++g) {
            const auto vectorOf = [&](const std::vector<float>& tensor, std::int64_t token) {
                return std::span(tensor).subspan(static_cast<std::size_t>(g * data.total() + token) * d, d);
            };
            std::vector<double> angle;
            for (std::int64_t token = 0; token < data.total(); ++token)
                angle.push_back(angleBetween(vectorOf(tensors.own, token), vectorOf(tensors.other, token)));
            const std::vector<bool> keep = retention(angle, data.n, plan);
            for (std::int64_t token = 0; token < data.total(); ++token) {
                if (keep[static_cast<std::size_t>(token)])
                    continue;
                const auto own = vectorOf(tensors.own, token), other = vectorOf(tensors.other, token);
                const auto form = std::span(forms).subspan(static_cast<std::size_t>(g * data.total() + token) * d, d);
                slerp(deeper ? other : own, deeper ? own : other, m_t, form);
                const auto length = static_cast<float>(lengthOf(own));
                for (float& value : form)
                    value *= length;
                from[static_cast<std::size_t>(g * data.total() + token)] =
                    static_cast<std::int32_t>(std::max<std::int64_t>(0, token - data.n + 1));
            }
            retained += std::count(keep.begin(), keep.begin() + data.n, true);
            angles.insert(angles.end(), angle.begin(), angle.begin() + data.n);
        }
        report(data, name, angles, retained, plan);
    }

    /// Tokens that stay as they are in both layers. The prompt decides what counts as far apart, also for generated
    /// tokens. [T]
    [[nodiscard]] std::vector<bool> retention(const std::vector<double>& angle, std::int64_t n, LayerPlan& plan) const
    {
        const std::span<const double> prompt = std::span(angle).first(static_cast<std::size_t>(n));
        std::vector<bool> keep(angle.size(), false);
        double limit = std::numeric_limits<double>::infinity(); // of generated tokens
        if (m_threshold) {
            const auto [least, most] = std::minmax_element(prompt.begin(), prompt.end());
            limit = std::nextafter(*most - m_gamma * (*most - *least), limit);
            std::transform(prompt.begin(), prompt.end(), keep.begin(), [limit](double a) { return a >= limit; });
        } else {
            const double wanted = std::ceil(m_gamma * static_cast<double>(n) - 1e-9);
            const TopK top = topK(prompt, static_cast<std::int64_t>(wanted));
            plan.tiesAtCut += top.tiesAtCut;
            for (const std::int32_t token : top.positions) {
                keep[static_cast<std::size_t>(token)] = true;
                limit = std::min(limit, angle[static_cast<std::size_t>(token)]);
            }
        }
        for (std::size_t token = prompt.size(); token < angle.size(); ++token)
            keep[token] = angle[token] >= limit;
        return keep;
    }

    static void report(const core::LayerData& data, const std::string& name, const std::vector<float>& angles,
                       std::int64_t retained, LayerPlan& plan)
    {
        plan.facts["mean_angle_" + name] = core::mean(angles);
        for (const int percent : {5, 50, 95})
            plan.facts[fmt::format("angle_{}_p{:02}", name, percent)] = core::quantile(angles, percent / 100.0);
        plan.facts["retained_" + name] = static_cast<double>(retained);
        const double vectors = static_cast<double>(data.n * data.heads.kvHeads());
        plan.bytes = plan.bytes.value_or(0)
                     + vectors * (2 * data.headDim + 2 * 2) / 2 // direction and two lengths, for both layers
                     + static_cast<double>(retained) * 2 * data.headDim;
    }

    double m_t, m_gamma;
    bool m_threshold;
    std::optional<std::int64_t> m_start;
};

const MethodInfo& minicacheInfo()
{
    static const MethodInfo info{
        .name = "minicache",
        .title = "MiniCache",
        .klass = "S",
        .acts = "prefill end and each step",
        .idea = "Neighbouring layers of the upper half point almost the same way: each pair stores one direction a "
                "token and two lengths. Tokens whose directions differ most stay unmerged.",
        .equation = "e = [sin((1-t) Om) u_{l-1} + sin(t Om) u_l]/sin Om, x^ = |x| e, Om = angle(u_{l-1}, u_l); the "
                    "ceil(gamma n) tokens of largest Om a head stay exact; K and V apart",
        .source = "Liu et al. 2024, arXiv 2405.14366; no code of the authors was published, and the paper's retention "
                  "inequality could not be verified",
        .params = {{"start", "half", "first layer S that is merged: half, of the model's layers, or a number", {}},
                   {"t", "0.6", "place on the arc from the shallower (0) to the deeper (1) direction", {}},
                   {"gamma", "0.05", "fraction of the tokens, or of the range of angles, that stays exact", {}},
                   {"rule", "top", "top: the gamma n largest angles; threshold: Om > max - gamma (max - min)",
                    {"top", "threshold"}}},
        .presets = {{"threshold", {{"rule", "threshold"}}}}};
    return info;
}

} // namespace

MethodEntry minicacheEntry() { return entryOf<MiniCache>(minicacheInfo); }

} // namespace kvviz::compress
