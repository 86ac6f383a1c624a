// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PyramidInfer's layer sizes (methods.md 5.19). They depend on lengths alone, not on attention.
#pragma once

#include <cstdint>
#include <vector>

namespace kvviz::compress {

enum class Decay { cosine, constant };
/// Fraction of its context that a layer lets the next one see: cosine falls from 1 at layer 0 towards p.
[[nodiscard]] double passedOn(double p, std::int64_t layer, std::int64_t layers, Decay decay);

struct PyramidRules {
    std::int64_t n = 0, layers = 1;
    std::int64_t recent = 0;     ///< floor(recent_ratio n); this many tokens and one more are never dropped
    std::int64_t minContext = 64;
    Decay decay = Decay::cosine;
};

/// Tokens that enter each layer, which its cache therefore holds. [layers], descending from n.
[[nodiscard]] std::vector<std::int64_t> enteringTokens(const PyramidRules& rules, double p);

struct PyramidSchedule {
    double p = 1;
    std::vector<std::int64_t> entering; // [layers]
    bool outOfReach = false; ///< even p = 0 keeps more than asked for
};
/// The largest p whose mean number of entering tokens does not exceed `capacity` (bisection to 1e-12).
[[nodiscard]] PyramidSchedule scheduleFor(const PyramidRules& rules, std::int64_t capacity);

} // namespace kvviz::compress
