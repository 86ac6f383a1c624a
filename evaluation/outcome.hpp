// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What an evaluation finds out from one prompt.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace kvviz::evaluation {

inline constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

/// One cache, the full one or what a (method, budget) leaves of it.
struct CacheOutcome {
    std::string obstacle; ///< why it was not run on this prompt; empty: it was
    std::string answer;   ///< exact bytes of what was generated
    double score = kNotKnown;       ///< 0 to 1
    double goldLogprob = kNotKnown; ///< of the gold answer, summed over its tokens, nats; NaN: the task gives none
    std::int64_t generated = 0;     ///< tokens
    std::int64_t keptTokens = 0;    ///< sum over layers and KV heads at the end of prefill
    double keptRatio = 0;           ///< keptTokens / (L G n)
    double sizeRatio = 0;           ///< bytes as the method counts them / those of the full cache
    std::uint64_t heldBytes = 0;    ///< memory really held after prefill, float32
    double decodeSeconds = 0;       ///< its share of the steps that it decoded in, together with others
    std::vector<std::string> flags; ///< distinct
};

struct PromptOutcome {
    std::string task, id;
    std::int64_t index = 0;        ///< of the prompt in its task
    std::string refused;           ///< why the prompt was not run at all; empty: it was
    std::int64_t promptTokens = 0;
    double prefillSeconds = 0;     ///< one prefill for all caches
    CacheOutcome full;
    std::vector<CacheOutcome> pairs; ///< in the order of LivePlanner::pairs()
};

} // namespace kvviz::evaluation
