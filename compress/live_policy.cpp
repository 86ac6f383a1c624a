// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows become double, as the rules have them; copying the rules copies their state.
#include "compress/live_policy.hpp"

#include "compress/kept_sets.hpp"
#include "core/error.hpp"
#include "core/head_map.hpp"

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

using Places = std::vector<std::int32_t>;

class LivePolicy final : public core::EvictionPolicy {
public:
    explicit LivePolicy(const std::map<int, StepRules>& layers) : m_layers(layers) {}

    [[nodiscard]] std::vector<Places> stay(const core::StepAttention& attention) override
    {
        const core::HeadMap heads(static_cast<int>(attention.rows.size()), static_cast<int>(attention.live.size()));
        const auto found = m_layers.find(attention.layer);
        if (found == m_layers.end())
            return everything(attention);
        const StepRules& layer = found->second;
        if (layer.rules.size() == 1) { // one set: the live keys of all KV heads are the same
            Places places = apply(layer, 0, attention, 0, {0, heads.queryHeads()});
            return std::vector(attention.live.size(), std::move(places));
        }
        if (layer.rules.size() != attention.live.size())
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("layer {} is evicted by {} KV heads, but the model has {}", attention.layer,
                                          layer.rules.size(), attention.live.size()));
        std::vector<Places> places;
        for (int kvHead = 0; kvHead < heads.kvHeads(); ++kvHead)
            places.push_back(apply(layer, static_cast<std::size_t>(kvHead), attention, kvHead,
                                   {heads.firstQueryHead(kvHead), heads.groupSize()}));
        return places;
    }

private:
    [[nodiscard]] static std::vector<Places> everything(const core::StepAttention& attention)
    {
        std::vector<Places> places;
        for (const auto& live : attention.live)
            places.push_back(positionRange(0, std::ssize(live)));
        return places;
    }

    [[nodiscard]] Places apply(const StepRules& layer, std::size_t rule, const core::StepAttention& attention,
                               int kvHead, HeadRange heads)
    {
        const std::span<const std::int32_t> live = attention.live[static_cast<std::size_t>(kvHead)];
        m_rows.resize(static_cast<std::size_t>(layer.readsRows ? heads.count : 0));
        for (std::size_t r = 0; r < m_rows.size(); ++r) {
            const std::span<const float> row = attention.rows[static_cast<std::size_t>(heads.first) + r];
            if (row.size() != live.size())
                throw core::Error(core::ErrorCode::badInput,
                                  fmt::format("query head {} of layer {} has attention on {} keys, but {} are live",
                                              static_cast<std::size_t>(heads.first) + r, attention.layer, row.size(),
                                              live.size()));
            m_rows[r].assign(row.begin(), row.end());
        }
        return layer.rules[rule]({attention.step, live, m_rows});
    }

    std::map<int, StepRules> m_layers;
    std::vector<std::vector<double>> m_rows; // [heads][live], kept to save allocations
};

} // namespace

void LiveRules::add(int layer, StepRules rules)
{
    if (!rules.rules.empty())
        m_layers.insert_or_assign(layer, std::move(rules));
}

std::unique_ptr<core::EvictionPolicy> LiveRules::policy() const
{
    return m_layers.empty() ? nullptr : std::make_unique<LivePolicy>(m_layers);
}

} // namespace kvviz::compress
