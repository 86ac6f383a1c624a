// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Only counts are shared out here; which keys a head keeps follows from its own order.
#include "compress/head_budgets.hpp"

#include "compress/pyramid_schedule.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::compress {

LayerOrder::LayerOrder(std::span<const std::vector<double>> scores, std::span<const double> weights)
    : m_heads(scores.size())
{
    const std::size_t n = scores.front().size();
    std::vector<double> entries(n * m_heads);
    for (std::size_t head = 0; head < m_heads; ++head)
        for (std::size_t position = 0; position < n; ++position)
            entries[position * m_heads + head] = scores[head][position] * weights[head];
    m_ranking = rank(std::move(entries));
}

LayerOrder::Share LayerOrder::take(std::span<const std::int64_t> skipped, std::int64_t entries) const
{
    Share share{std::vector<std::int64_t>(m_heads, 0), 0};
    std::vector<std::int64_t> seen(m_heads, 0);
    std::int64_t equal = 0; // taken entries that score like the last one taken
    double last = 0;
    for (const std::int32_t entry : m_ranking.order) {
        const std::size_t head = static_cast<std::size_t>(entry) % m_heads;
        if (seen[head]++ < skipped[head])
            continue;
        const double score = m_ranking.scores[static_cast<std::size_t>(entry)];
        if (entries > 0) {
            --entries;
            ++share.counts[head];
            equal = equal > 0 && score == last ? equal + 1 : 1;
            last = score;
        } else if (equal > 0 && score == last) {
            share.tiesAtCut = std::max(share.tiesAtCut, equal) + 1;
        } else {
            break;
        }
    }
    return share;
}

std::vector<std::int64_t> mixedBudgets(std::span<const std::int64_t> counts, std::int64_t pool, double alpha,
                                       double slack)
{
    const double least = std::floor(alpha * static_cast<double>(pool) + slack);
    std::vector<std::int64_t> budgets;
    for (const std::int64_t count : counts) // nearbyint rounds halves to even
        budgets.push_back(std::llround(std::nearbyint((1 - alpha) * static_cast<double>(count) + least)));
    return budgets;
}

std::vector<std::int64_t> headkvBudgets(const core::HeadImportance& table, std::int64_t pool, double beta,
                                        double temperature)
{
    const auto heads = static_cast<std::int64_t>(table.layers) * table.heads;
    const auto possible = [](double value) { return std::isfinite(value) && value >= 0; };
    if (heads < 1 || std::ssize(table.values) != heads
        || !std::all_of(table.values.begin(), table.values.end(), possible))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the head-importance table must hold {} x {} finite numbers of at least 0; make "
                                      "it anew",
                                      table.layers, table.heads));
    const double sum = std::accumulate(table.values.begin(), table.values.end(), 0.0);
    std::vector<double> share;
    for (const double value : table.values)
        share.push_back(sum > 0 ? std::pow(value / sum, temperature) : 1.0);
    const double total = std::accumulate(share.begin(), share.end(), 0.0);
    const double pooled = floorQuotient(static_cast<double>(pool), beta);
    const double base = static_cast<double>(pool) - pooled;
    std::vector<std::int64_t> budgets;
    for (const double part : share)
        budgets.push_back(std::llround(std::nearbyint(part / total * pooled * static_cast<double>(heads) + base)));
    return budgets;
}

} // namespace kvviz::compress
