// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Scores in plain C++, so that what is judged is what a replay will use, not the network that was trained.
#include "capture/scorer_quality.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvviz::capture {
namespace {

double crossEntropy(const std::vector<double>& scores, const std::vector<double>& target)
{
    const double largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0, expected = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        sum += std::exp(scores[i] - largest);
        expected += target[i] * (scores[i] - largest);
    }
    return std::log(sum) - expected;
}

double entropyOf(const std::vector<double>& shares)
{
    double entropy = 0;
    for (const double share : shares)
        entropy -= share > 0 ? share * std::log(share) : 0;
    return entropy;
}

/// Share on the `count` tokens of highest score; among equal scores the earlier token wins.
double retainedBy(const std::vector<double>& scores, const std::vector<double>& future, std::int64_t count)
{
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    double kept = 0;
    for (std::int64_t i = 0; i < count; ++i)
        kept += future[order[static_cast<std::size_t>(i)]];
    return kept;
}

std::vector<double> negated(std::vector<double> values)
{
    for (double& value : values)
        value = -value;
    return values;
}

} // namespace

std::vector<double> scorerOutput(const core::TokenScorer& scorer, std::span<const float> features)
{
    const auto inputs = static_cast<std::size_t>(scorer.inputs), hidden = static_cast<std::size_t>(scorer.hidden);
    std::vector<double> scores, x(inputs);
    for (std::size_t token = 0; token * inputs < features.size(); ++token) {
        for (std::size_t i = 0; i < inputs; ++i)
            x[i] = (static_cast<double>(features[token * inputs + i]) - scorer.mean[i]) * scorer.scale[i];
        double score = scorer.b2;
        for (std::size_t j = 0; j < hidden; ++j) {
            double sum = scorer.b1[j];
            for (std::size_t i = 0; i < inputs; ++i)
                sum += scorer.w1[j * inputs + i] * x[i];
            score += scorer.w2[j] * sum / (1 + std::exp(-sum));
        }
        scores.push_back(score);
    }
    return scores;
}

ScorerQuality judgeScorer(const core::TokenScorer& scorer, const std::vector<const ScorerSample*>& samples,
                          double ratio)
{
    ScorerQuality quality;
    quality.captures = std::ssize(samples);
    for (const ScorerSample* sample : samples) {
        const double weight = 1.0 / static_cast<double>(samples.size());
        const auto tokens = static_cast<double>(sample->tokens);
        const auto count = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(ratio * tokens + 1e-9)));
        const std::vector<double> scores = scorerOutput(scorer, sample->features);
        quality.crossEntropy += weight * crossEntropy(scores, sample->future);
        quality.uniform += weight * std::log(tokens);
        quality.entropy += weight * entropyOf(sample->future);
        quality.retained += weight * retainedBy(scores, sample->future, count);
        quality.random += weight * static_cast<double>(count) / tokens;
        quality.keyNorm += weight * retainedBy(negated(sample->keyNorms), sample->future, count);
        quality.oracle += weight * retainedBy(sample->future, sample->future, count);
    }
    return quality;
}

} // namespace kvviz::capture
