// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Low-rank bases of a model's K and V projections, for the methods LoRC and CSKV: made once per model from its weights
// and, for CSKV, from the size of the activations on some text. No LibTorch in this header.
#pragma once

#include "capture/model.hpp"
#include "core/model_tables.hpp"
#include "core/progress.hpp"

#include <memory>
#include <vector>

namespace kvviz::capture {

/// How large the inputs of each layer's K and V projections are.
struct InputMagnitudes {
    std::int64_t tokens = 0;         ///< averaged over
    std::vector<double> meanAbsolute; // [L, hidden] mean of |x|, x the output of the attention norm
};

/// Runs the model over each piece of text, as a prompt of its own. Throws Error(badInput): no tokens, ids outside the
/// vocabulary, a piece longer than the context; Error(cancelled).
[[nodiscard]] InputMagnitudes measureInputs(const std::shared_ptr<const Model>& model,
                                            const std::vector<std::vector<std::int32_t>>& pieces,
                                            const core::Progress& progress = {});

/// Singular vectors, in output space, of W_K and W_V of every layer (LoRC); with `inputs` also of W D, where
/// D = diag((mean |x| + 1e-6)^0.5) (the initialisation of CSKV, methods.md 7.2).
///
/// Why a map of the output is enough. CSKV writes y = x W with W [hidden, out], takes the SVD D W = U S V^T, and
/// replaces W by A_r B_r with A_r = D^-1 U_r S_r^0.5 and B_r = S_r^0.5 V_r^T. Multiplying D W from the right by
/// V_r V_r^T keeps exactly its first r terms, U_r S_r V_r^T = (D W) V_r V_r^T. So A_r B_r = D^-1 (D W) V_r V_r^T
/// = W V_r V_r^T, and x A_r B_r = y V_r V_r^T: an orthogonal projection of y on the first r right singular vectors of
/// D W, which are the left ones of W^T D, our [out, hidden] weights with scaled columns. It holds for every W, whatever
/// its rank, and the projections are nested, so read_i = write_i = v_i serves all: y -> sum_{i<r} v_i (v_i . y). The
/// scaling only decides which directions are kept first. Throws Error(badInput) for a model whose keys or values have a
/// bias or a norm (Qwen, Gemma 3): there y is not x W.
[[nodiscard]] core::WeightFactors weightFactors(const Model& model, const InputMagnitudes* inputs = nullptr,
                                                const core::Progress& progress = {});

} // namespace kvviz::capture
