// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One row of logits at a time.
#include "core/io/import_logits.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kCandidates = 10;
constexpr std::int64_t kMostVocabulary = 1 << 24; ///< no model comes near it; one row is in memory

ImportedLogits fromLogprob(ArraySource& source, const NamedArray& array, std::int64_t total, ImportedLogits result)
{
    if (array.elements() != total)
        source.fail(fmt::format("'logprob' has the shape {}, expected [{}]", array.shapeText(), total));
    result.logprob = source.floats(array, 0, total);
    for (std::int64_t i = 1; i < total; ++i)
        if (const float value = result.logprob[static_cast<std::size_t>(i)]; !(value <= 1e-4f) && !std::isnan(value))
            source.fail(fmt::format("'logprob': {} at token {} is no logarithm of a probability", value, i));
    result.logprob[0] = kUnknown; // nothing stands before it
    result.known = true;
    return result;
}

/// The largest logits of a row, largest first, lower id first among equals.
std::vector<std::int32_t> largest(const std::vector<float>& row, std::int64_t count)
{
    std::vector<std::int32_t> ids(row.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto value = [&](std::int32_t id) { return row[static_cast<std::size_t>(id)]; };
    std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), [&](std::int32_t a, std::int32_t b) {
        return value(a) > value(b) || (value(a) == value(b) && a < b);
    });
    ids.resize(static_cast<std::size_t>(count));
    return ids;
}

double logSum(const std::vector<float>& row)
{
    const auto top = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double sum = 0;
    for (const float logit : row)
        sum += std::exp(static_cast<double>(logit) - top);
    return top + std::log(sum);
}

/// -inf is what a token has that cannot come; others must be finite.
void requireLogits(const ArraySource& source, const std::vector<float>& row, std::int64_t token)
{
    const auto bad = std::find_if(row.begin(), row.end(), [](float logit) {
        return std::isnan(logit) || logit == std::numeric_limits<float>::infinity();
    });
    if (bad != row.end())
        source.fail(fmt::format("'logits', row {}: the logit of token {} is {}, expected a finite one, or -inf", token,
                                 bad - row.begin(), *bad));
    if (std::none_of(row.begin(), row.end(), [](float logit) { return std::isfinite(logit); }))
        source.fail(fmt::format("'logits', row {}: all logits are -inf, so that no token could come", token));
}

ImportedLogits fromLogits(ArraySource& source, const NamedArray& array, const core::CaptureInfo& info,
                          ImportedLogits result)
{
    const std::int64_t total = info.nTokens(), vocabulary = array.shape.empty() ? 0 : array.shape.back();
    if (vocabulary < 1 || vocabulary > kMostVocabulary || array.shape.size() < 2 || array.elements() != total * vocabulary)
        source.fail(fmt::format("'logits' has the shape {}, expected [{}, vocabulary], at most {} tokens",
                                 array.shapeText(), total, kMostVocabulary));
    result.topK = static_cast<int>(std::min(kCandidates, vocabulary));
    for (std::int64_t i = 0; i < total; ++i) {
        const std::vector<float> row = source.floats(array, i * vocabulary, vocabulary);
        requireLogits(source, row, i);
        const double sum = logSum(row);
        for (const std::int32_t id : largest(row, result.topK)) {
            result.topIds.push_back(id);
            result.topLogprobs.push_back(static_cast<float>(static_cast<double>(row[static_cast<std::size_t>(id)]) - sum));
        }
        if (i + 1 == total)
            break;
        const std::int32_t next = info.tokens.ids[static_cast<std::size_t>(i + 1)];
        if (next >= vocabulary)
            source.fail(fmt::format("'input_ids': {} at {} is outside of the {} 'logits'", next, i + 1, vocabulary));
        result.logprob[static_cast<std::size_t>(i + 1)] =
            static_cast<float>(static_cast<double>(row[static_cast<std::size_t>(next)]) - sum);
    }
    result.known = true;
    return result;
}

} // namespace

ImportedLogits loadLogits(ArraySource& source, const core::CaptureInfo& info)
{
    ImportedLogits result;
    result.logprob.assign(static_cast<std::size_t>(info.nTokens()), kUnknown);
    if (const NamedArray* logits = source.find("logits"))
        return fromLogits(source, *logits, info, std::move(result));
    if (const NamedArray* logprob = source.find("logprob"))
        return fromLogprob(source, *logprob, info.nTokens(), std::move(result));
    return result;
}

} // namespace kvviz::io
