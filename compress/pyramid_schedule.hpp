// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PyramidKV's budgets by layer (methods.md 5.6), apart from the method so that each published rule can be tested alone.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

/// A layer among all layers of the model. A capture of some layers is scheduled as one of all: number and count are the
/// model's when the capture says them (LayerInput::info), else place and count among the captured ones. Throws
/// Error(badInput) if the model has no such layer.
struct LayerPlace {
    std::int64_t layer = 0, layers = 1;
};
[[nodiscard]] LayerPlace layerPlace(const LayerInput& input);

/// Python's a // b for positive b: the quotient that the references round down.
[[nodiscard]] double floorQuotient(double a, double b);

/// What a schedule shares out: n prompt tokens, capacity C and window w in tokens, L layers, beta >= 1 (beta = 1 is
/// flat). All results are tokens kept in each layer, window included, at most n. [L] One layer, and a capacity within
/// the window, get C in every layer.
struct PyramidRequest {
    std::int64_t n = 0, capacity = 0, window = 0, layers = 1;
    double beta = 20;
    bool flatRegime = false; ///< n < 2 (C - w) gets C in every layer, as in KVCache-Factory but not in AdaKV's port
};

/// A line from max to min = B / beta, B = C - w, in real numbers, rounded by largest remainders (lower layers first
/// among equals), so that the total is exactly L C.
[[nodiscard]] std::vector<std::int64_t> exactPyramid(const PyramidRequest& request);

/// The integer arithmetic of KVCache-Factory; its step is rounded down, so the total is L C or above.
[[nodiscard]] std::vector<std::int64_t> factoryPyramid(const PyramidRequest& request);

struct KvpressPyramid {
    std::vector<std::int64_t> capacities; // [L]
    bool fellBack = false;                ///< the same in every layer
};
/// kvpress: real arithmetic on `kept` = n (1 - c) tokens in place of C - w, so capacity and flatRegime of the request
/// are not used; the window is inside of the result. Uniform round(kept), at least 1, unless n >= max >= min >= w.
[[nodiscard]] KvpressPyramid kvpressPyramid(const PyramidRequest& request, double kept);
/// n (1 - c) as kvpress computes it from the removed fraction that its users type.
[[nodiscard]] double kvpressKept(const Budget& budget, std::int64_t n);

} // namespace kvviz::compress
