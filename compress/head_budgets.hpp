// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Budgets that differ from head to head: AdaKV's two allocations over the heads of a layer (methods.md 5.9), HeadKV's
// from an importance table (5.10).
#pragma once

#include "compress/top_k.hpp"
#include "core/model_tables.hpp"

#include <span>

namespace kvviz::compress {

/// Scores of all heads of a layer in one order, best first; equal scores by position, then by head, so that no head is
/// preferred as a whole.
class LayerOrder {
public:
    /// `scores` [G][n], each times the head's `weight`.
    LayerOrder(std::span<const std::vector<double>> scores, std::span<const double> weights);

    struct Share {
        std::vector<std::int64_t> counts; ///< entries of each head among those taken [G]
        std::int64_t tiesAtCut = 0;
    };
    /// Leaves out the first `skipped[g]` entries of each head and takes the best `entries` of the others.
    [[nodiscard]] Share take(std::span<const std::int64_t> skipped, std::int64_t entries) const;

private:
    Ranking m_ranking; // of entry position * G + head
    std::size_t m_heads;
};

/// round_half_even((1 - alpha) counts + floor(alpha B)) for B = `pool` tokens a head on average; the sum may miss the
/// sum of the counts by rounding. `slack` guards the floor against binary arithmetic (0: as the references).
[[nodiscard]] std::vector<std::int64_t> mixedBudgets(std::span<const std::int64_t> counts, std::int64_t pool,
                                                     double alpha, double slack);

/// HeadKV-R2's tokens before the window for each query head of the model, row-major [L, H]: p = (I / sum I)^temp,
/// normalised; round_half_even(p floor(B / beta) L H + B - floor(B / beta)), B = `pool`. A table of zeros counts as
/// uniform. Throws Error(badInput) for a table whose size or numbers are not possible.
[[nodiscard]] std::vector<std::int64_t> headkvBudgets(const core::HeadImportance& table, std::int64_t pool, double beta,
                                                      double temperature);

} // namespace kvviz::compress
