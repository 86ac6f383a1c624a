// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Do queries and keys of an import give the attention that stands beside them? Internal to core/io.
#pragma once

#include "core/io/import_layer.hpp"

namespace kvviz::io {

/// Keys and queries of a layer as they meet in a score: both after norms and rotation.
struct ScoredVectors {
    const std::vector<float>& queries; // [H, T, d]
    const std::vector<float>& keys;    // [G, T, d]
    bool coarse = false;               ///< the model computed in bfloat16
};

/// Did the model compute this layer in bfloat16? By the metadata, the types of the arrays, or keys that all are such numbers
/// (scripts save them as float32).
[[nodiscard]] bool isCoarse(const ImportDescription& description, const std::vector<float>& keys);

/// Computes some rows of each head anew, kComparedRows spread over the tokens and the last one among them, by the model's
/// scale, cap and window. Throws Error(badInput) that names layer, head, query, key and both weights where one is further
/// off than the model's own arithmetic explains.
void requireAgreement(const ImportDescription& description, const ImportedRows& rows, const ScoredVectors& vectors,
                      std::int64_t layer, const std::string& place);

inline constexpr std::int64_t kComparedRows = 8;

} // namespace kvviz::io
