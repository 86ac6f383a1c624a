// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.13. If queries were normal with this mean and covariance, z is the logarithm of the expected
// unnormalised attention.
#include "compress/methods/entries.hpp"

#include "compress/mean_rotation.hpp"
#include "compress/ranked_plan.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

// Methods run one a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace kvviz::compress {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr std::int64_t kMostFuture = 1'000'000;

struct Options {
    std::int64_t future = 512, sinks = 4;
    bool covariance = true, valueNorm = true;
    double epsilon = 0;
};

/// Adds softmax(logits) / heads to `attention`; logits that are no numbers get nothing.
void addSoftmax(const Eigen::VectorXd& logits, int heads, Eigen::VectorXd& attention)
{
    double largest = -std::numeric_limits<double>::infinity();
    for (const double z : logits)
        largest = std::isfinite(z) ? std::max(largest, z) : largest;
    const auto weight = [&](double z) { return std::isfinite(z) ? std::exp(z - largest) : 0.0; };
    double sum = 0;
    for (const double z : logits)
        sum += weight(z);
    for (Eigen::Index j = 0; sum > 0 && j < logits.size(); ++j)
        attention[j] += weight(logits[j]) / (sum * heads);
}

/// Expected attention on keys s..n-1, mean over the query heads of the group. [n - s]
Eigen::VectorXd expectedAttention(const core::LayerData& data, int kvHead, const MeanRotation& rotation,
                                  const Options& options)
{
    const std::int64_t d = data.headDim;
    const float* const first = data.key.data() + (kvHead * data.total() + options.sinks) * d;
    using Keys = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Matrix keys = Eigen::Map<const Keys>(first, data.n - options.sinks, d).cast<double>();
    const int group = data.heads.groupSize();
    const double scale = data.rule.scale > 0 ? data.rule.scale : 1 / std::sqrt(static_cast<double>(d));
    Eigen::VectorXd attention = Eigen::VectorXd::Zero(keys.rows());
    for (int head = data.heads.firstQueryHead(kvHead); head < data.heads.firstQueryHead(kvHead) + group; ++head) {
        std::vector<double> mean(data.queryMean.begin() + head * d, data.queryMean.begin() + (head + 1) * d);
        rotation.applyTo(mean);
        Eigen::VectorXd logits = keys * Eigen::Map<const Eigen::VectorXd>(mean.data(), d) * scale;
        if (options.covariance) {
            std::vector<double> covariance(data.queryCovariance.begin() + head * d * d,
                                           data.queryCovariance.begin() + (head + 1) * d * d);
            rotation.applyToBothSides(covariance);
            const Matrix turned = keys * Eigen::Map<const Matrix>(covariance.data(), d, d);
            logits += turned.cwiseProduct(keys).rowwise().sum() * (scale * scale / 2.0);
        }
        addSoftmax(logits, group, attention);
    }
    return attention;
}

/// Scores of all prompt positions; sinks first. [n]
std::vector<double> expectedScores(const core::LayerData& data, int kvHead, const MeanRotation& rotation,
                                   const Options& options)
{
    std::vector<double> scores(static_cast<std::size_t>(data.n), std::numeric_limits<double>::infinity());
    if (data.n <= options.sinks)
        return scores;
    const Eigen::VectorXd attention = expectedAttention(data, kvHead, rotation, options);
    const float* value = data.value.data() + (kvHead * data.total() + options.sinks) * data.headDim;
    for (std::int64_t j = options.sinks; j < data.n; ++j) {
        double square = 0;
        for (int i = 0; i < data.headDim; ++i, ++value)
            square += static_cast<double>(*value) * *value;
        const double expected = attention[j - options.sinks];
        scores[static_cast<std::size_t>(j)] =
            options.valueNorm ? (expected + options.epsilon) * std::sqrt(square) : expected;
    }
    return scores;
}

class ExpectedAttention final : public MethodBase {
public:
    ExpectedAttention(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_options{params().integer("future", 1, kMostFuture), params().integer("sinks", 0),
                    params().flag("covariance"), params().flag("value_norm"), params().real("epsilon", 0.0, 1e9)},
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override
    {
        return core::Need::queryStats | core::Need::keys | core::Need::values;
    }

    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables*) const override
    {
        try {
            (void)MeanRotation(core::Rotary(info.model, 0), info.model.headDim, 0, 1, 1.0);
            return {};
        } catch (const core::Error& error) {
            return error.what();
        }
    }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = budget.capacity(n, m_compat);
        LayerPlan plan = rankedPlan(input, capacity, [&](int kvHead) { return ranking(input, kvHead); });
        addFlag(plan, "sinks_exceed_budget", capacity < std::min(n, m_options.sinks));
        // The capture's statistics leave out its own number of first queries; the scores hold for these.
        addFlag(plan, "stats_from_sinks", capacity < n && input.info && input.info->sinkTokens != m_options.sinks);
        return plan;
    }

private:
    [[nodiscard]] std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead) const
    {
        if (!input.info)
            throw core::Error(core::ErrorCode::badInput,
                              "expected_attention: needs the model's rotary embedding, and no model is described");
        const auto rotation = memoised(input, fmt::format("mean_rotation/{}", m_options.future), [&] {
            const core::ModelInfo& model = input.info->model;
            return MeanRotation(core::Rotary(model, input.data.layer), input.data.headDim, input.data.n,
                                m_options.future, model.ropeFactor);
        });
        const std::string key =
            fmt::format("expected_attention/{}/{}/{}/{}/{}/{}", kvHead, m_options.future, m_options.sinks,
                        m_options.covariance, m_options.valueNorm, m_options.epsilon);
        return memoised(input, key, [&] { return rank(expectedScores(input.data, kvHead, *rotation, m_options)); });
    }

    Options m_options;
    bool m_compat;
};

const std::vector<std::string> kTrueFalse{"true", "false"};

const MethodInfo& expectedAttentionInfo()
{
    static const MethodInfo info{
        .name = "expected_attention",
        .title = "ExpectedAttention",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps the keys that future queries are expected to attend to, if these are distributed as the "
                "prompt's queries and stand at the next positions; weighs them by the norm of their values.",
        .equation = "mu' = Rbar mu, Sigma' = Rbar Sigma Rbar^T; z_j = mu'.k_j/sqrt(d) + k_j.Sigma'k_j/(2d); e = "
                    "mean_{h in g} softmax_{j>=s} z; score_j = (e_j + eps) |v_j|; S = sinks + top-(C-s)",
        .source = "Devoto et al. 2025, arXiv 2510.00636; kvpress",
        .params = {{"future", "512", "positions after the prompt over which the rotation is averaged", {}},
                   {"sinks", "4", "first tokens that are always kept and left out of the softmax", {}},
                   {"covariance", "true", "use the covariance of the queries, not their mean alone", kTrueFalse},
                   {"value_norm", "true", "multiply by the norm of the value", kTrueFalse},
                   {"epsilon", "0", "added to the expected attention before the value norm is applied", {}},
                   compatParam()},
        .presets = {{"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry expectedAttentionEntry() { return entryOf<ExpectedAttention>(expectedAttentionInfo); }

} // namespace kvviz::compress
