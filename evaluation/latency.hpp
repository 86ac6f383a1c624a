// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How long answers take with the full cache and with compressed ones, in the form of Table 5 of arXiv 2502.01941.
#pragma once

#include "capture/model.hpp"
#include "capture/tokenizer.hpp"
#include "compress/live_plan.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::evaluation {

/// So many prompt tokens, so many generated ones.
struct LatencyCase {
    std::int64_t input = 512, output = 128;
};

/// Medians over the repeats, in seconds.
struct Latency {
    std::optional<std::size_t> pair;  ///< of the planner; nothing: the full cache
    std::string obstacle;             ///< why it was not run; empty: it was
    double prefill = 0;  ///< reading the prompt; with the statistics of attention where the method reads any
    double compress = 0; ///< choosing what stays and moving it together
    double decode = 0;   ///< all generated tokens of the whole batch
    double tokensPerSecond = 0; ///< of the whole batch: generated tokens / (prefill + compress + decode)
    std::uint64_t heldBytes = 0; ///< of the caches of the whole batch after compression, float32

    [[nodiscard]] double total() const { return prefill + compress + decode; }
};

struct LatencySettings {
    std::int64_t batch = 1;  ///< streams over the same prompt, decoded together; the prompt is read once for all
    std::int64_t repeats = 3;
    std::int64_t window = 32;
};

/// The full cache first, then every pair, each repeat going through all of them in turn, so that a machine that slows
/// down slows all. The text is made up of calibration paragraphs; each stream generates exactly case.output tokens.
/// Throws Error(usage) for a case that does not fit the model's context.
[[nodiscard]] std::vector<Latency> measureLatency(const std::shared_ptr<const capture::Model>& model,
                                                  const capture::Tokenizer& tokenizer, compress::LivePlanner& planner,
                                                  const LatencyCase& length, const LatencySettings& settings,
                                                  const core::Progress& progress = {});
/// Bytes that a case needs beside the weights, at the most: what a caller compares with the machine's memory.
[[nodiscard]] std::uint64_t latencyBytes(const core::ModelInfo& model, const LatencyCase& length, std::int64_t batch);

} // namespace kvviz::evaluation
