// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Learns a token scorer from captures: which prompt tokens will decode steps attend to, told by the tokens' early keys
// and values alone. In the spirit of KV-Distill's scorer, but it changes no weights. No LibTorch in this header.
#pragma once

#include "capture/scorer_quality.hpp"

namespace kvviz::capture {

struct ScorerSettings {
    int hidden = 32;             ///< width of the one hidden layer
    int epochs = 200;            ///< at most
    int patience = 20;           ///< epochs without a better stopping loss before the end
    int batch = 4;               ///< captures a step
    double learningRate = 2e-3;  ///< of Adam
    double weightDecay = 0.01;   ///< decoupled, on W1 and w2
    double ratio = 0.3;          ///< tokens kept when the scorer is judged
    std::uint64_t seed = 0;      ///< of split, start and order
};

struct TrainedScorer {
    core::TokenScorer scorer;
    int epochs = 0;    ///< run
    int bestEpoch = 0; ///< whose weights were taken; 0: none was better than equal scores
    ScorerQuality training;
    ScorerQuality stopping; ///< chose the epoch, so a little optimistic
    ScorerQuality heldOut;  ///< never looked at before the end: the honest figure
    std::vector<std::string> heldOutNames;
    /// Share of a held-out prompt that is the beginning of some training prompt too (the longest such), mean over the
    /// held-out ones. Prompts of one task often have their shots in common: near 1, "held out" means little.
    double sharedPrefix = 0;
};

/// Which samples do what; indices into the list given.
struct ScorerSplit {
    std::vector<std::size_t> training, stopping, heldOut;
};
/// By prompt: a fifth of the prompts, at least one, are held out, as many stop the training, the rest train. Throws
/// Error(badInput) for fewer than kFewestPrompts prompts.
[[nodiscard]] ScorerSplit splitSamples(const std::vector<ScorerSample>& samples, std::uint64_t seed);

/// Minimises the mean over captures of the cross-entropy between softmax(scores) and the future attention. One thread:
/// the same data and seed give the same scorer whatever the machine's number of cores. Throws Error(usage) for settings
/// out of range, Error(badInput) for too few prompts, Error(cancelled).
[[nodiscard]] TrainedScorer trainScorer(const ScorerData& data, const ScorerSettings& settings,
                                        const core::Progress& progress = {});

} // namespace kvviz::capture
