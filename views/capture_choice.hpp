// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a figure or a window takes from a capture: layer and heads by number, segments as marks, provenance.
#pragma once

#include "core/capture_source.hpp"
#include "views/figure_data.hpp"

namespace kvviz::plot {

/// Index among the captured layers; -1 chooses the middle one. Throws Error(usage) naming the layers that are there.
[[nodiscard]] std::int64_t layerSlot(const core::CaptureInfo& info, int layer, const std::string& name);
/// Choices of query heads beside the number of one: all, and those that one KV head serves (eviction is per KV head).
inline constexpr int kAllHeads = -1;
[[nodiscard]] int headOfGroup(int kvHead);
/// The KV head of such a choice; -1: it is none.
[[nodiscard]] int groupOf(int head);
/// Of a choice, for sidecars: "3", "mean of all captured heads", "mean of the heads of KV head 1".
[[nodiscard]] std::string headParameter(int head);
/// Indices among the captured query heads. Throws Error(usage) when there are none.
[[nodiscard]] std::vector<std::int64_t> headSlots(const core::CaptureInfo& info, int head, const std::string& name);
/// "head 3", "mean of 9 heads" or "mean of 3 heads (KV 1)".
[[nodiscard]] std::string headsText(const core::CaptureInfo& info, const std::vector<std::int64_t>& slots);
/// I, S1, S2, ..., Q, A, G; BOS has no label.
[[nodiscard]] std::vector<SegmentMark> segmentMarks(const core::CaptureInfo& info);
[[nodiscard]] Provenance provenanceOf(const core::CaptureSource& source);

} // namespace kvviz::plot
