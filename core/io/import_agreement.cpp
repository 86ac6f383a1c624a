// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Weights are softmax of scores, so an error of a score is a factor of its weight; how large it may be follows from the
// arithmetic that the model was run in.
#include "core/io/import_agreement.hpp"

#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

namespace kvviz::io {
namespace {

/// What a model's arithmetic may do to scores and weights.
///
/// A score q.k in numbers of unit roundoff u is off by a few u |q| |k|, whatever cancels in it: the rotation of the query
/// rounds three times, then the product, the scale, the cap and the mask round once each. The errors of channels make up for
/// each other in part: 0.92 u |q| |k| was the most in runs of transformers (six kinds of models, bfloat16 and float16,
/// |q| |k| times the scale from 8 to 5000), and 4 leaves room for other kernels. u is 2^-8 for bfloat16 and 2^-11 for
/// float16; for float32, too, since GPUs may round its factors to 11 bits (TF32).
/// Weights have an error of their own where they are stored: bfloat16 moves the sum of a row by up to 1 % (kRowTolerance),
/// others by less than 0.1 %.
struct Arithmetic {
    double scoreError; ///< of |q| |k| times the scale
    double weightError;
};
constexpr Arithmetic kBFloat16{4.0 / 256, kRowTolerance};
constexpr Arithmetic kFiner{4.0 / 2048, 1e-3};

/// A row as it should be: weights of keys [first, first + count), and how far each score may be off.
struct ExpectedRow {
    std::vector<double> weights, slack;
};

double norm(const float* vector, std::int64_t d)
{
    double sum = 0;
    for (std::int64_t c = 0; c < d; ++c)
        sum += static_cast<double>(vector[c]) * static_cast<double>(vector[c]);
    return std::sqrt(sum);
}

/// `keys`: of the first key that the query sees, [count, d].
ExpectedRow expectedRow(const float* query, const float* keys, std::int64_t count, std::int64_t d,
                        const core::ScoreRule& rule, const Arithmetic& arithmetic)
{
    const double scale = static_cast<double>(rule.scaleFor(d)), cap = static_cast<double>(rule.softcap);
    const double length = norm(query, d);
    ExpectedRow row;
    for (std::int64_t k = 0; k < count; ++k) {
        const float* const key = keys + k * d;
        double score = 0;
        for (std::int64_t c = 0; c < d; ++c)
            score += static_cast<double>(query[c]) * static_cast<double>(key[c]);
        score *= scale;
        row.weights.push_back(cap > 0 ? cap * std::tanh(score / cap) : score);
        row.slack.push_back(arithmetic.scoreError * scale * length * norm(key, d));
    }
    const double largest = *std::max_element(row.weights.begin(), row.weights.end());
    double sum = 0;
    for (double& weight : row.weights)
        sum += weight = std::exp(weight - largest);
    for (double& weight : row.weights)
        weight /= sum;
    return row;
}

/// The key whose weight is furthest outside of what the row allows; -1: there is none.
std::int64_t worstKey(const ExpectedRow& expected, const float* given, const Arithmetic& arithmetic)
{
    const auto size = expected.weights.size();
    double moved = 0; // the sum that weights are divided by, with all scores off by their slack
    for (std::size_t k = 0; k < size; ++k)
        moved += expected.weights[k] * std::exp(expected.slack[k]);
    std::int64_t worst = -1;
    double most = arithmetic.weightError;
    for (std::size_t k = 0; k < size; ++k) {
        const double factor = moved * std::exp(expected.slack[k]), weight = static_cast<double>(given[k]);
        const double beyond = std::max(weight - expected.weights[k] * factor, expected.weights[k] / factor - weight);
        if (beyond > most) {
            most = beyond;
            worst = static_cast<std::int64_t>(k);
        }
    }
    return worst;
}

[[noreturn]] void refuse(const ImportDescription& description, std::int64_t layer, const std::string& row, double given,
                         double expected, const std::string& place)
{
    const char* const turned = description.rawQueries
        ? "queries from after the rotation given as 'query_raw' (name them 'query')"
        : "queries from before the rotation, or before their norm, given as 'query' (name the former 'query_raw')";
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("{}'attention', layer {}, {}: the weight is {:.4g}, but '{}' and 'key' give {:.4g}. Likely "
                                  "causes: {}; score_scale, score_cap or frequencies of the metadata that are not the model's; "
                                  "another order of heads; a model that adds a bias to its scores (then leave the queries out)",
                                  place, layer, row, given, description.query.name(), expected, turned));
}

} // namespace

bool isCoarse(const ImportDescription& description, const std::vector<float>& keys)
{
    const auto isBFloat16 = [](const LayeredArray& array) { return array.isThere() && array.type() == ElementType::bf16; };
    const auto isShort = [](float value) { return (std::bit_cast<std::uint32_t>(value) & 0xffffu) == 0; };
    return description.info.dtype == "bfloat16" || isBFloat16(description.attention) || isBFloat16(description.query)
           || isBFloat16(description.key) || std::all_of(keys.begin(), keys.end(), isShort);
}

void requireAgreement(const ImportDescription& description, const ImportedRows& rows, const ScoredVectors& vectors,
                      std::int64_t layer, const std::string& place)
{
    const core::ModelInfo& model = description.info.model;
    const core::HeadMap heads(model.nHeads, model.nKvHeads);
    const core::ScoreRule rule = model.scoreRule(static_cast<int>(layer));
    const Arithmetic& arithmetic = vectors.coarse ? kBFloat16 : kFiner;
    const std::int64_t total = rows.total, d = model.headDim, count = std::min(kComparedRows, total);
    core::parallelFor(rows.heads, [&](std::int64_t head) {
        const float* const queries = vectors.queries.data() + head * total * d;
        const float* const keys = vectors.keys.data() + heads.kvHeadOf(static_cast<int>(head)) * total * d;
        for (std::int64_t i = 1; i <= count; ++i) {
            const std::int64_t query = i * total / count - 1, first = rule.firstKey(query);
            const ExpectedRow expected =
                expectedRow(queries + query * d, keys + first * d, query + 1 - first, d, rule, arithmetic);
            const float* const given = rows.row(head, query) + first;
            if (const std::int64_t key = worstKey(expected, given, arithmetic); key >= 0)
                refuse(description, layer, fmt::format("head {}, query {}, key {}", head, query, first + key),
                       static_cast<double>(given[key]), expected.weights[static_cast<std::size_t>(key)], place);
        }
    });
}

} // namespace kvviz::io
