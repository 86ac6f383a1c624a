// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a method knows of a model beyond one capture: made once per model, kept in *.kvtab.h5 files, given to a replay
// with --table. Plain values; the file is read and written by core/io/tables.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::core {

/// How often each query head looked at the answer while giving it (HeadKV-R2), from captures with known answer spans.
struct HeadImportance {
    int layers = 0, heads = 0;  // L, H of the model
    std::vector<double> values; // [L, H], >= 0
    std::int64_t samples = 0;   ///< captures that counted
};

/// Orthonormal bases of the row spaces of a layer's K and V projections, for low-rank methods. W is [G d, hidden] as
/// applied to a column; directions live in the output space, before RoPE.
struct WeightFactors {
    int layers = 0, kvWidth = 0;              // L, G d
    std::vector<float> keyBasis, valueBasis;  // [L, Gd, Gd] row i: direction of the i-th largest singular value
    std::vector<double> keySingular, valueSingular; // [L, Gd] descending
    /// The same for activation-scaled weights (CSKV); a low-rank map of the output: x -> sum_i read_i (write_i . x),
    /// where rows of `read` and `write` are [L, Gd, Gd]; empty when no activations were measured.
    std::vector<float> keyRead, keyWrite, valueRead, valueWrite;
};

/// One score a token from its early keys and values: s = w2 . silu(W1 x + b1) + b2 with x standardised.
struct TokenScorer {
    int layer = 0;                    ///< whose keys (before RoPE) and values of all KV heads are the features
    int inputs = 0, hidden = 0;       // 2 G d, width
    std::vector<float> mean, scale;   // [inputs] x = (feature - mean) * scale
    std::vector<float> w1, b1, w2;    // [hidden, inputs], [hidden], [hidden]
    float b2 = 0;
    std::int64_t captures = 0;        ///< trained on
};

/// Which layers use the cache of another one (KVSharer), accepted by running the model.
struct SharingMap {
    std::vector<int> source;          // [L] source[i] == i: own cache
    std::vector<double> similarity;   // [L] cosine of the final hidden states when layer i was accepted, NaN: not shared
    double threshold = 0;
    std::int64_t sentences = 0;
};

struct ModelTables {
    std::string modelSha256; ///< of the model file; a table of another model must not be used
    std::string modelName;
    std::string creator, commandLine;
    std::optional<HeadImportance> heads;
    std::optional<WeightFactors> weights;
    std::optional<TokenScorer> scorer;
    std::optional<SharingMap> sharing;
    std::map<std::string, std::string> extra; ///< how it was made, shown as it is
};

} // namespace kvviz::core
