// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// H2O at each decode step (methods.md 5.3): the policy of the paper, the reference code with its off-by-one, and the
// mask with look-ahead behind the published likelihood tables.
#pragma once

#include "compress/online_steps.hpp"
#include "compress/top_k.hpp"

namespace kvviz::compress {

struct H2oSizes {
    std::int64_t heavy = 0, recent = 0; ///< tokens; their sum is below n
};

/// Between steps the cache holds the last `recent` keys and the best `heavy` of the others by the attention received
/// so far; a query also sees its own key. The cut of the prompt for one KV head, and the rules of the layer from there
/// on. Need stats.
[[nodiscard]] TopK h2oPromptCut(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce);
[[nodiscard]] StepRules h2oRules(const core::LayerData& data, const LayerPlan& plan, H2oSizes sizes, Reduce reduce);

/// One KV head of a replay; those that follow cannot be run and need decode rows too.
struct OnlineHead {
    TopK kept;                      ///< prompt keys that the first decode query sees
    std::vector<std::uint8_t> mask; // [t, T]
};

/// utils_hh: the mask already counts the coming key among the last `recent`, the candidates end before the last
/// `recent` that exist. Key T - recent is in neither set: hidden from one query, it keeps its score and competes at the
/// next. Keys not chosen lose their score but stay in memory, so they return when positive scores run out.
[[nodiscard]] OnlineHead h2oHf(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce);

/// utils_lm_eval: the best `heavy` columns by the attention of all queries, later ones too, and a band of `recent` keys
/// before each query.
[[nodiscard]] OnlineHead h2oLookAhead(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce);

} // namespace kvviz::compress
