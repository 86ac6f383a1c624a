// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A value for every token (attention it receives, who keeps it, how probable it was) and the tint that shows it behind
// its text. No widgets.
#pragma once

#include "compress/method.hpp"
#include "core/capture_source.hpp"
#include "views/plot_style.hpp"
#include "views/scale_bar.hpp"

#include <cstdint>
#include <vector>

namespace kvviz::plot {

enum class TokenFate : std::uint8_t {
    kept,    ///< or not a question
    evicted, ///< no KV head keeps it: struck through
    later    ///< not generated yet at the step that is shown
};

struct TokenValues {
    std::vector<float> values;    ///< [T] NaN: none
    std::vector<TokenFate> fates; ///< [T] empty: all kept
    QString label;                ///< what the values are
    bool logarithmic = false;
    bool diverging = false;   ///< zero in the middle: losses in one hue, gains in another
    double low = 0, high = 1; ///< high is tinted most; low above high for scales where less is more
    int color = 0;            ///< index into the palette; diverging: of losses
};

/// Attention that each key receives, mean over `heads`: summed over the prompt queries (needs core::Need::stats), or of
/// decode query `step` (needs decodeRows). `skipped`: the first keys do not count for the range.
[[nodiscard]] TokenValues receivedValues(const core::LayerData& layer, const std::vector<std::int64_t>& heads,
                                         std::int64_t step, std::int64_t skipped, bool logarithmic);

/// Share of the KV heads that keep each token, [total]: at the end of prefill, or as decode query `step` sees it; plans
/// that evict at steps are shown at their last one (t > 0) for step -1. NaN for prompt tokens that the plan does not
/// know (n of the plan below the prompt's) and for tokens after the step.
[[nodiscard]] std::vector<float> keptShares(const compress::LayerPlan& plan, std::int64_t n, std::int64_t t,
                                            std::int64_t total, std::int64_t step);
/// Those shares as values; what no head keeps is evicted.
[[nodiscard]] TokenValues survivalValues(std::vector<float> shares, std::int64_t n, std::int64_t step);

/// Log-probability of each token given those before it, [T], the less probable the stronger; or, where `delta` [t] is
/// given, its predicted change: entry i belongs to the token after decode query i.
[[nodiscard]] TokenValues logprobValues(const std::vector<float>& logprob);
[[nodiscard]] TokenValues deltaValues(const std::vector<float>& delta, std::int64_t n, std::int64_t total);

/// Background of a token; the style's own where there is no value.
[[nodiscard]] QColor tokenTint(const TokenValues& values, double value, const PlotStyle& style);
[[nodiscard]] ScaleBar scaleBarOf(const TokenValues& values, const PlotStyle& style);

} // namespace kvviz::plot
