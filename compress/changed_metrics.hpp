// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Losses of plans that change keys, values or positions: attention is computed again from the captured queries.
#pragma once

#include "compress/metrics.hpp"

namespace kvviz::compress {

/// evaluateHead() for a plan with `changed`; the reference must have been through addRecomputed().
std::int64_t evaluateChangedHead(const core::LayerData& data, const LayerPlan& plan, const LayerReference& reference,
                                 int kvHead, LayerMetrics& metrics);
/// Writes one row's entries of errorSq, normSq and outputError; `dead`: the output is undefined.
void storeOutputError(LayerMetrics& metrics, std::size_t at, double difference, double norm, bool dead);

/// How far the prompt's keys and values are from the captured ones, in the form the last decode query sees, over kept
/// tokens of all KV heads (methods.md 2.3).
struct Reconstruction {
    double keyError = 0, valueError = 0;   ///< |x - x^|_F / |x|_F
    double keyCosine = 1, valueCosine = 1; ///< mean over tokens and KV heads
};
/// `plan.changed` must be set, keys and values loaded.
[[nodiscard]] Reconstruction reconstruction(const core::LayerData& data, const LayerPlan& plan);

} // namespace kvviz::compress
