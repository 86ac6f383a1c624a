// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What methods that change keys and values share: the tokens they work on, and the plan they hand back.
#pragma once

#include "compress/kept_sets.hpp"

namespace kvviz::compress {

/// A plan over what the eviction before keeps, or over everything. Without flags, facts and bytes.
[[nodiscard]] LayerPlan planOver(const LayerInput& input);

/// Tokens of a KV head in the order of its cache: the kept prompt positions, then all generated ones.
[[nodiscard]] std::vector<std::int32_t> cacheOrder(const core::LayerData& data, std::span<const std::int32_t> kept);

/// Bytes of the kept prompt keys and values at 2 bytes an element.
[[nodiscard]] double fullBytes(const LayerPlan& plan, int headDim);

/// Copies of the captured keys and values that no query sees yet; the method then changes tokens and their steps.
[[nodiscard]] ChangedCache unseenChange(const core::LayerData& data, bool keys = true, bool values = true);

/// Puts the change into the plan; leaves out keys or values whose compressed form no decode query sees.
void setChange(LayerPlan& plan, ChangedCache change, std::int64_t decodeSteps);

/// Throws Error(badInput) naming the method when the capture's description was not given.
[[nodiscard]] const core::CaptureInfo& requireInfo(const LayerInput& input, std::string_view who);

/// Another captured layer by its number in the model; null when there is none to be had.
[[nodiscard]] std::shared_ptr<const core::LayerData> layerNumbered(const LayerInput& input,
                                                                   const core::CaptureInfo& info, int layer,
                                                                   core::Need needs);

} // namespace kvviz::compress
