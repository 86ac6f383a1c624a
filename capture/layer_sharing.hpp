// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// KVSharer (arXiv 2410.18517): a model whose layers use the keys and values of other layers, and the search for a
// sharing map that leaves its final hidden states alike. Runs the model; a capture is not enough for it.
#pragma once

#include "capture/model.hpp"
#include "core/model_tables.hpp"
#include "core/progress.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Token ids of calibration sentences, all of one length (the paper: 30 of 64 tokens).
using Sentences = std::vector<std::vector<std::int32_t>>;

/// Final hidden states [tokens, hidden], output norm included, of one short text read from position 0 with full causal
/// attention, when the queries of layer i meet the keys (after RoPE) and values of layer source[i]. Throws
/// Error(badInput): source is not [L] with source[i] <= i and source[source[i]] == source[i]; no tokens, an id outside
/// the vocabulary, more tokens than the context.
[[nodiscard]] std::vector<float> finalHidden(const std::shared_ptr<const Model>& model,
                                             std::span<const std::int32_t> ids, std::span<const int> source);

/// D [L, L]: D(i, j) = (mean over heads and tokens of ||Kbar_i - Kbar_j||_2 + the same for V) / 2, with keys after RoPE
/// and values averaged over the sentences. Throws Error(badInput): no sentences, different lengths, and as above.
[[nodiscard]] std::vector<double> layerDistances(const std::shared_ptr<const Model>& model, const Sentences& sentences,
                                                 const core::Progress& progress = {});

/// The strategy search: pairs of layers from the most distant on (equal distances: lower layers first); layer i, while
/// it has a cache of its own, tentatively uses that of layer j < i - and so do layers that used i's - and keeps to it
/// when the cosine of the flattened final hidden states with those of the unchanged model, averaged over the sentences,
/// is above `threshold` (the paper: 0.5). Ends with `layersToShare` shared layers, or fewer when no pair is left. Each
/// try is one pass over all sentences. Throws Error(badInput): layersToShare outside [0, L - 1], and as above.
[[nodiscard]] core::SharingMap searchSharing(const std::shared_ptr<const Model>& model, const Sentences& sentences,
                                             int layersToShare, double threshold, const core::Progress& progress = {});

} // namespace kvviz::capture
