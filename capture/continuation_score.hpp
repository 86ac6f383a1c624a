// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How far the predictions of a run over a compressed cache are from those of the uncompressed run, token by token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kvviz::capture {

/// One value for each continuation token i, about what is predicted after it.
struct ContinuationScore {
    std::vector<double> logprob;       ///< natural log-probability of the token that follows, NaN where unknown
    std::vector<double> change;        ///< logprob minus that of the uncompressed run, NaN likewise
    std::vector<double> divergence;    ///< KL(uncompressed || compressed) in nats, >= 0
    std::vector<std::uint8_t> sameTop; ///< 1: both runs hold the same token for the most likely (lowest id of equals)
};

/// The uncompressed run, against which any number of runs is scored. Keeps a view of its logits.
class ContinuationReference {
public:
    /// logits: [t, vocab] of the t tokens `ids`, row i predicting the token after token i. `next`: the token after the
    /// last, when it is known. Throws Error(badInput): no tokens, an id outside the vocabulary; Error(failure): another
    /// number of logits.
    ContinuationReference(std::span<const float> logits, std::span<const std::int32_t> ids, std::int64_t vocab,
                          std::optional<std::int32_t> next = std::nullopt);

    /// Natural log-probability of the token after each token, NaN where unknown.
    [[nodiscard]] const std::vector<double>& logprob() const noexcept { return m_logprob; }
    /// logits: [t, vocab] of another run of the same tokens; all threads. Equal logits give changes and divergences of
    /// exactly 0. Sums in double; a divergence keeps a relative error below 1e-9 however small it is, because no term
    /// of its sum is negative (see divergeFrom).
    [[nodiscard]] ContinuationScore score(std::span<const float> logits) const;

private:
    [[nodiscard]] std::int64_t tokens() const noexcept { return std::ssize(m_following); }

    std::span<const float> m_logits;
    std::int64_t m_vocab;
    std::vector<std::int32_t> m_following; // [t] the token after each, -1: unknown
    std::vector<double> m_logSum;          // [t] log of the sum of exponentials of each row
    std::vector<double> m_logprob;         // [t]
    std::vector<std::int64_t> m_top;       // [t] most likely token
};

} // namespace kvviz::capture
