// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The transformer written out in double, one multiplication after the other: a second route for tests of everything
// that runs a model. For tiny models; a key may be hidden from a query, a layer may use another layer's keys and
// values.
#pragma once

#include "capture/model.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kvviz::test {

/// May query `query` of this layer see key `key` (<= query) of this KV head? Empty: it may.
using Visible = std::function<bool(int layer, int kvHead, std::int64_t query, std::int64_t key)>;

/// Sees the outputs of all heads of one query, [H, d], before the output projection, and may change them.
using Attended = std::function<void(int layer, std::int64_t query, std::span<double> outputs)>;

struct NaiveRun {
    std::vector<double> logits;                  // [n, vocab]
    std::vector<double> hidden;                  // [n, hidden] after the output norm
    std::vector<std::vector<double>> key, value; // [layer] of [n, G, d], keys after RoPE, as each layer computes them
};

/// ids[n] from position 0. source[i]: the layer whose keys and values layer i uses; empty: its own. The first `prompt`
/// tokens are one input, the others steps, which matters where the rotation follows the length; 0: all are one input.
[[nodiscard]] NaiveRun naiveRun(const capture::Model& model, std::span<const std::int32_t> ids,
                                const Visible& visible = {}, std::span<const int> source = {},
                                const Attended& attended = {}, std::size_t prompt = 0);

} // namespace kvviz::test
