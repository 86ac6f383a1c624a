// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz info` knows of a capture, gathered once and shown as text or as JSON.
#pragma once

#include "app/json_output.hpp"
#include "core/io/capture_reader.hpp"

#include <string>
#include <vector>

namespace kvviz::app {

struct ArraySummary {
    std::string path;              ///< "/stats/received"
    std::vector<std::string> axes; ///< "layer", "head", ...
    std::vector<std::int64_t> shape;
};

/// Means over heads and prompt queries.
struct LayerSummary {
    int layer = 0;
    double entropy = 0;         ///< nats
    double sinkMass = 0;        ///< attention on the first k tokens
    std::int64_t heaviestKey = 0; ///< beyond the sinks
    double heaviestShare = 0;   ///< its share of all attention
};

struct CaptureSummary {
    std::string name; ///< path, and the group in a pack
    core::CaptureInfo info;
    core::Need available = core::Need::none;
    std::vector<ArraySummary> arrays;
    std::vector<std::pair<std::string, std::uint64_t>> groupBytes; ///< stored, per top-level group
    std::uint64_t fileBytes = 0;
    std::vector<LayerSummary> layers; ///< only if asked for
};

/// "run/a.kvh5", or "pack.kvh5:/member"
[[nodiscard]] std::string refName(const io::CaptureRef& ref);
/// The files and folders as captures; throws Error(badInput).
[[nodiscard]] std::vector<io::CaptureRef> capturesOf(const std::vector<std::string>& paths);
[[nodiscard]] CaptureSummary summarise(const io::CaptureRef& ref, bool withLayers);
[[nodiscard]] Json toJson(const CaptureSummary& summary);
[[nodiscard]] std::string toText(const CaptureSummary& summary);

} // namespace kvviz::app
