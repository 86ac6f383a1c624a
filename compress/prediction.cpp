// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The softmax is taken exactly over the candidates; all other tokens together move like the mean of the candidates, so
// a change of all logits by the same amount changes nothing.
#include "compress/prediction.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// First-order change of one query's next token.
struct FirstOrder {
    double delta = std::numeric_limits<double>::quiet_NaN(); ///< of the first candidate; NaN if there is none
    double kl = 0;
};

FirstOrder firstOrder(const std::int32_t* ids, const float* logprob, const double* change, std::int64_t c)
{
    std::vector<double> probability(static_cast<std::size_t>(c), 0.0);
    double known = 0, mean = 0;
    for (std::int64_t i = 0; i < c; ++i) {
        double& p = probability[static_cast<std::size_t>(i)];
        p = ids[i] >= 0 ? std::exp(static_cast<double>(logprob[i])) : 0.0;
        known += p;
        mean += p > 0 ? p * change[i] : 0.0;
    }
    mean = known > 0 ? mean / known : 0;
    const double rest = std::max(0.0, 1 - known);
    // Changes relative to the largest, so that no exponential overflows.
    double top = mean;
    for (std::int64_t i = 0; i < c; ++i)
        if (probability[static_cast<std::size_t>(i)] > 0)
            top = std::max(top, change[i]);
    double sum = rest * std::exp(mean - top), total = rest;
    for (std::int64_t i = 0; i < c; ++i)
        if (const double p = probability[static_cast<std::size_t>(i)]; p > 0) {
            sum += p * std::exp(change[i] - top);
            total += p;
        }
    const double logSum = top + std::log(sum / total); // stored probabilities may sum to more than 1 by rounding
    FirstOrder result;
    if (ids[0] >= 0)
        result.delta = change[0] - logSum;
    result.kl = std::max(0.0, logSum - mean); // sum of p (logSum - change) over candidates and the rest
    return result;
}

} // namespace

LogprobPrediction::LogprobPrediction(std::int64_t t, std::int64_t c)
    : m_t(t), m_c(c), m_logitChange(static_cast<std::size_t>(t * c), 0.0), m_missing(static_cast<std::size_t>(t), 0.0)
{
}

void LogprobPrediction::add(const core::LayerData& data, const LayerMetrics& metrics)
{
    const std::int64_t heads = data.heads.queryHeads();
    if (data.t != m_t || std::ssize(data.written) != heads * m_t || std::ssize(metrics.logitChange) != heads * m_t * m_c
        || std::ssize(metrics.outputError) != heads * m_t)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the readout of layer {} does not have the shape of {} decode queries with {} "
                                      "candidates", data.layer, m_t, m_c));
    for (std::int64_t row = 0; row < heads * m_t; ++row) {
        const std::int64_t step = row % m_t;
        const double error = static_cast<double>(metrics.outputError[static_cast<std::size_t>(row)]);
        const double wrong = (std::isnan(error) ? 1 : error) // a dead query: the head gives nothing
                             * static_cast<double>(data.written[static_cast<std::size_t>(row)]);
        m_missing[static_cast<std::size_t>(step)] += wrong * wrong;
        for (std::int64_t i = 0; i < m_c; ++i)
            m_logitChange[static_cast<std::size_t>(step * m_c + i)] +=
                static_cast<double>(metrics.logitChange[static_cast<std::size_t>(row * m_c + i)]);
    }
}

LogprobPrediction::Result LogprobPrediction::finish(const core::ReadoutTokens& tokens) const
{
    if (tokens.candidates != m_c || std::ssize(tokens.ids) != m_t * m_c || tokens.logprob.size() != tokens.ids.size())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the candidates of a readout must be {} x {} tokens", m_t, m_c));
    Result result;
    for (std::int64_t step = 0; step < m_t; ++step) {
        const std::int64_t at = step * m_c;
        const FirstOrder first = firstOrder(tokens.ids.data() + at, tokens.logprob.data() + at,
                                            m_logitChange.data() + at, m_c);
        const double missing = std::sqrt(m_missing[static_cast<std::size_t>(step)]);
        const double remainder = kRemainder * std::pow(missing, kRemainderPower) * std::sqrt(first.kl);
        result.delta.push_back(static_cast<float>(first.delta - remainder));
        result.kl.push_back(static_cast<float>(first.kl + remainder));
    }
    return result;
}

} // namespace kvviz::compress
