// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a token scorer learns from: the early keys and values of each prompt token of a capture, and how much attention
// the decode steps gave it. No LibTorch here.
#pragma once

#include "core/capture_source.hpp"
#include "core/io/capture_reader.hpp"
#include "core/progress.hpp"

#include <optional>
#include <string>
#include <vector>

namespace kvviz::capture {

/// The prompt tokens of one capture from its first sinkTokens on. Sinks draw attention for reasons of their own (their
/// keys and values are outliers) and every method that uses a scorer keeps them anyway.
struct ScorerSample {
    std::string name;
    std::vector<std::int32_t> promptIds; ///< two captures of one prompt are never on both sides of a split
    std::int64_t tokens = 0;
    std::vector<float> features;  // [tokens, 2 G d]
    std::vector<double> future;   // [tokens] share of the attention that decode steps pay to these tokens; sums to 1
    std::vector<double> keyNorms; // [tokens] mean over KV heads of the key's length, at the same layer
};

struct ScorerData {
    core::ModelInfo model;
    int layer = 0;    ///< whose keys and values the features are
    int inputs = 0;   // 2 G d
    std::vector<ScorerSample> samples;
    std::vector<std::string> skipped; ///< captures that cannot be used, each with its reason
};

/// Reads each layer once. Throws Error(badInput) naming the capture: layers or heads missing, a prompt without tokens
/// beyond the sinks, values that are not finite, no attention on the prompt.
[[nodiscard]] ScorerSample readScorerSample(const core::CaptureSource& source, int layer,
                                            const core::Progress& progress = {});

/// `layer` not given: the one at a fifth of the depth. Captures without decode steps, or of tier stats, are skipped.
/// Throws Error(badInput): captures of different models, or fewer than 4 prompts left; Error(usage) for a layer that
/// the model does not have.
[[nodiscard]] ScorerData readScorerData(const std::vector<io::CaptureRef>& captures, std::optional<int> layer,
                                        const core::Progress& progress = {});

/// Fewest different prompts that a training needs: two to learn from, one to stop by, one to judge on.
inline constexpr std::int64_t kFewestPrompts = 4;

} // namespace kvviz::capture
