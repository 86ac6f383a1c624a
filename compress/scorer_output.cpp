// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The two layers of the network.
#include "compress/scorer_output.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

// Methods run one a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace kvviz::compress {
namespace {

using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Doubles = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

[[noreturn]] void refuse(const std::string& message) { throw core::Error(core::ErrorCode::badInput, message); }

Eigen::RowVectorXd rowOf(const std::vector<float>& values)
{
    return Eigen::Map<const Eigen::RowVectorXf>(values.data(), std::ssize(values)).cast<double>();
}

} // namespace

void checkScorer(const core::TokenScorer& scorer)
{
    const auto inputs = static_cast<std::size_t>(std::max(0, scorer.inputs));
    const auto hidden = static_cast<std::size_t>(std::max(0, scorer.hidden));
    const bool fits = inputs > 0 && hidden > 0 && scorer.mean.size() == inputs && scorer.scale.size() == inputs
                      && scorer.w1.size() == hidden * inputs && scorer.b1.size() == hidden
                      && scorer.w2.size() == hidden;
    if (!fits)
        refuse(fmt::format("the scorer table is damaged: {} inputs and {} hidden units do not fit its arrays",
                           scorer.inputs, scorer.hidden));
    const auto finite = [](float value) { return std::isfinite(value); };
    for (const auto* values : std::array{&scorer.mean, &scorer.scale, &scorer.w1, &scorer.b1, &scorer.w2})
        if (!std::all_of(values->begin(), values->end(), finite) || !finite(scorer.b2))
            refuse("the scorer table is damaged: it holds values that are no finite numbers");
}

std::vector<double> scorerOutput(const core::TokenScorer& scorer, std::span<const float> features)
{
    const auto inputs = static_cast<std::size_t>(scorer.inputs);
    if (features.size() % inputs != 0)
        refuse(fmt::format("the scorer reads {} numbers a token, and {} numbers are not a whole number of tokens",
                           inputs, features.size()));
    const auto tokens = static_cast<Eigen::Index>(features.size() / inputs);
    Doubles x = Eigen::Map<const Floats>(features.data(), tokens, scorer.inputs).cast<double>();
    x.rowwise() -= rowOf(scorer.mean);
    x.array().rowwise() *= rowOf(scorer.scale).array();
    const Doubles w1 = Eigen::Map<const Floats>(scorer.w1.data(), scorer.hidden, scorer.inputs).cast<double>();
    Doubles hidden = x * w1.transpose();
    hidden.rowwise() += rowOf(scorer.b1);
    hidden = hidden.unaryExpr([](double value) { return value / (1 + std::exp(-value)); });
    const Eigen::VectorXd output = hidden * rowOf(scorer.w2).transpose();
    std::vector<double> scores(output.begin(), output.end());
    for (double& score : scores)
        score += static_cast<double>(scorer.b2);
    return scores;
}

} // namespace kvviz::compress
