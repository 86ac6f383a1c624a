// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows of the vocabulary are independent: one task each.
#include "capture/continuation_score.hpp"

#include "capture/divergence.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kvviz::capture {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::int64_t topOf(const float* row, std::int64_t vocab) { return std::max_element(row, row + vocab) - row; }

void checkLogits(std::span<const float> logits, std::int64_t tokens, std::int64_t vocab)
{
    if (std::ssize(logits) != tokens * vocab)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("{} logits are not {} rows of a vocabulary of {}", logits.size(), tokens, vocab));
}

} // namespace

ContinuationReference::ContinuationReference(std::span<const float> logits, std::span<const std::int32_t> ids,
                                             std::int64_t vocab, std::optional<std::int32_t> next)
    : m_logits(logits),
      m_vocab(vocab),
      m_following(ids.begin(), ids.end()),
      m_logSum(ids.size()),
      m_logprob(ids.size(), kUnknown),
      m_top(ids.size())
{
    if (ids.empty())
        throw core::Error(core::ErrorCode::badInput, "the continuation has no tokens");
    if (next)
        m_following.push_back(*next);
    for (const std::int32_t id : m_following)
        if (id < 0 || id >= vocab)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("token id {} is outside the vocabulary of {} tokens", id, vocab));
    m_following.erase(m_following.begin());
    m_following.resize(ids.size(), -1);
    checkLogits(logits, tokens(), vocab);
    core::parallelFor(tokens(), [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        const float* const row = m_logits.data() + i * m_vocab;
        m_logSum[at] = preciseLogSumExp(row, m_vocab);
        m_top[at] = topOf(row, m_vocab);
        if (m_following[at] >= 0)
            m_logprob[at] = row[m_following[at]] - m_logSum[at];
    });
}

ContinuationScore ContinuationReference::score(std::span<const float> logits) const
{
    checkLogits(logits, tokens(), m_vocab);
    const auto count = static_cast<std::size_t>(tokens());
    ContinuationScore score{std::vector<double>(count, kUnknown), std::vector<double>(count, kUnknown),
                            std::vector<double>(count), std::vector<std::uint8_t>(count)};
    core::parallelFor(tokens(), [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        const float* const full = m_logits.data() + i * m_vocab;
        const float* const other = logits.data() + i * m_vocab;
        const Divergence divergence = divergeFrom(full, m_logSum[at], other, m_vocab);
        score.divergence[at] = divergence.nats;
        score.sameTop[at] = topOf(other, m_vocab) == m_top[at] ? 1 : 0;
        if (const std::int32_t id = m_following[at]; id >= 0) {
            // The other row's log-sum-exp is the reference's plus meanChange plus nats.
            score.change[at] = static_cast<double>(other[id]) - full[id] - (divergence.meanChange + divergence.nats);
            score.logprob[at] = m_logprob[at] + score.change[at];
        }
    });
    return score;
}

} // namespace kvviz::capture
