// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/eval_metric.hpp"

#include "core/error.hpp"

#include <array>

namespace kvviz::plot {

namespace {

using core::Estimate;
using io::EvalRecord;

/// `mean` as the record says it, with the interval of the prompts' values.
Estimate around(double mean, const std::vector<double>& values, const EvalRecord& record, std::uint64_t seed)
{
    Estimate estimate;
    if (!values.empty())
        estimate = core::bootstrapMean(values, {2000, 0.95, seed});
    estimate.value = mean;
    estimate.count = record.n;
    return estimate;
}

Estimate zero(const EvalRecord& record, std::uint64_t)
{
    Estimate estimate;
    estimate.value = 0;
    estimate.count = record.n;
    return estimate;
}

Estimate delta(const EvalRecord& record, std::uint64_t)
{
    return {record.delta, record.ciLow, record.ciHigh, record.n};
}

Estimate score(const EvalRecord& record, std::uint64_t seed)
{
    return around(record.score, record.scores, record, seed);
}

Estimate baseScore(const EvalRecord& record, std::uint64_t seed)
{
    return around(record.baseScore, record.baseScores, record, seed);
}

Estimate gold(const EvalRecord& record, std::uint64_t seed)
{
    return around(record.goldLogprobDelta, record.goldLogprobDeltas, record, seed);
}

} // namespace

const EvalMetric& evalMetric(const std::string& name)
{
    static const std::array<EvalMetric, 3> metrics{
        EvalMetric{"delta", "change of score \u0394P (%)",
                   "\u0394P = (score \u2212 score of the full cache) / score of the full cache",
                   "the full cache scores 0 there, or was not run", 100, true, delta, zero},
        EvalMetric{"score", "score", "score: mean over prompts", "no prompt was scored", 1, false, score, baseScore},
        EvalMetric{"gold", "change of log-probability (nats)",
                   "log-probability of the gold answer against the full cache, mean over prompts",
                   "the task has no gold answers to weigh", 1, true, gold, zero}};
    const std::string wanted = name.empty() ? "delta" : name;
    for (const EvalMetric& metric : metrics)
        if (metric.name == wanted)
            return metric;
    throw core::Error(core::ErrorCode::usage,
                      "unknown metric '" + name + "' of evaluations; known: delta, score, gold");
}

} // namespace kvviz::plot
