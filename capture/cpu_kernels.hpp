// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The arithmetic of the decoder that is not a matrix product, for one CPU thread and plain float arrays. Callers share
// out rows and heads among threads. Each function is compiled for AVX-512, AVX2 and the baseline and chosen at run
// time.
#pragma once

#include "core/half.hpp"
#include "core/score_rule.hpp"

#include <cstdint>

namespace kvviz::capture {

/// out = x / sqrt(mean(x^2) + eps) * weight, over `size` channels.
void rmsNorm(const float* x, const float* weight, float* out, std::int64_t size, float eps);

/// Rotates the first `rotated` channels of `vector` by position angles, pairing channel i with i + rotated/2 (the
/// Hugging Face layout). cosine, sine: [rotated/2].
void rotate(float* vector, const float* cosine, const float* sine, std::int64_t rotated);

/// What the gate of a feed-forward part goes through.
enum class Activation : std::uint8_t {
    silu,    ///< x sigmoid(x)
    gelu,    ///< x Phi(x), exact
    geluTanh ///< the same with the tanh approximation ("gelu_pytorch_tanh")
};
/// gate = activation(gate) * up.
void gateMultiply(Activation activation, float* gate, const float* up, std::int64_t size);
/// The activation and its derivative at one value, for gradients.
[[nodiscard]] double activate(Activation activation, double x);
[[nodiscard]] double activationSlope(Activation activation, double x);

/// row += bias.
void addBias(float* row, const float* bias, std::int64_t size);

/// What one softmax row tells: entropy in nats, mass on the first `sinks` keys.
struct RowSummary {
    float entropy = 0;
    float sinkMass = 0;
};

/// In place: row[0..valid) = softmax(scale * row), row[valid..padded) = 0.
RowSummary softmaxRow(float* row, std::int64_t valid, std::int64_t padded, float scale, std::int64_t sinks);

/// Products of a query at position `query` with keys 0..query in place: row[j] becomes its attention to key j by the
/// rule (scale > 0), 0 for keys outside of its window and for j in (query, padded).
RowSummary attentionRow(float* row, std::int64_t query, std::int64_t padded, const core::ScoreRule& rule,
                        std::int64_t sinks);

/// sum[j] += row[j] and squares[j] += row[j]^2; `squares` may be null.
void accumulateRow(const float* row, std::int64_t count, float* sum, float* squares);

/// gram[i, j] += rows[0, i] rows[0, j] + ... + rows[3, i] rows[3, j] of rows [4, d]. Only j >= i is filled.
void addOuterProducts(const float* rows, std::int64_t d, float* gram);

/// y[r] (+)= dot(weight[r, :], x) for rows [begin, end) of a [.., columns] matrix.
void matrixVector(const float* weight, const float* x, float* y, std::int64_t begin, std::int64_t end,
                  std::int64_t columns, bool accumulate);
/// The same for bfloat16 weights, with x in the order of splitPairs().
void matrixVector(const core::BFloat16* weight, const float* pairs, float* y, std::int64_t begin, std::int64_t end,
                  std::int64_t columns, bool accumulate);
/// out[size] = the values of x at even places, then those at odd places.
void splitPairs(const float* x, std::int64_t size, float* out);

/// out[0..d) = sum_j p[j] * rows[j, 0..d).
void weightedSum(const float* p, const float* rows, float* out, std::int64_t count, std::int64_t d);

/// log(sum(exp(x))) of `size` values.
[[nodiscard]] double logSumExp(const float* x, std::int64_t size);

/// Bulk conversion to bfloat16 (round to nearest even) and back.
void toBFloat16(const float* from, core::BFloat16* to, std::int64_t count);
void toFloat(const core::BFloat16* from, float* to, std::int64_t count);

} // namespace kvviz::capture
