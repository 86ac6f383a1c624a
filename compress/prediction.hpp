// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a replay predicts of the change of log-probability that a plan would cause, without running the model: output
// errors carried to the logits to first order, and a remainder for what first order leaves out (docs/prediction.md).
#pragma once

#include "compress/metrics.hpp"

#include <vector>

namespace kvviz::compress {

/// First order leaves out kRemainder M^kRemainderPower sqrt(KL), M being the error that heads write relative to the
/// residual stream and KL the first-order divergence. Two numbers for all models and tasks, chosen on prompts of
/// SmolLM2-135M that no figure of docs/prediction.md uses.
inline constexpr double kRemainder = 3.0;
inline constexpr double kRemainderPower = 3.0;

/// One plan's prediction, gathered over the layers of a capture with a readout.
class LogprobPrediction {
public:
    /// t decode queries, c candidates of each.
    LogprobPrediction(std::int64_t t, std::int64_t c);

    /// A layer with data.readout and data.written, and the metrics of the plan on it. Throws Error(badInput) if the
    /// arrays have another shape.
    void add(const core::LayerData& data, const LayerMetrics& metrics);

    /// Of each decode query, about the token after it. A head whose query sees no key counts as giving nothing.
    struct Result {
        std::vector<float> delta; // [t] expected change of the log-probability of the token that followed; last: NaN
        std::vector<float> kl;    // [t] expected divergence of the next token's distribution, nats, >= 0
    };
    /// Throws Error(badInput) for candidates of another shape.
    [[nodiscard]] Result finish(const core::ReadoutTokens& tokens) const;

private:
    std::int64_t m_t, m_c;
    std::vector<double> m_logitChange; // [t, c] sum over layers and heads of gradient . (o' - o)
    std::vector<double> m_missing;     // [t] sum over layers and heads of (relative output error x written)^2
};

} // namespace kvviz::compress
