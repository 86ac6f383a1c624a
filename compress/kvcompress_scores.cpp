// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Squares or plain sums of the window's rows, pooled over neighbours, or the squares of all far queries.
#include "compress/kvcompress_scores.hpp"

#include "compress/memo.hpp"
#include "compress/window_scores.hpp"
#include "core/error.hpp"

#include <functional>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

std::vector<double> farSquares(const core::LayerData& data, int head)
{
    const auto from = data.receivedSqFar.begin() + head * data.total();
    return {from, from + data.n};
}

} // namespace

KvCompressScores::KvCompressScores(const Params& params)
    : m_full(params.text("metric") == "full"), m_squares(params.text("power") == "l2"),
      m_kernel(static_cast<int>(params.integer("kernel", 1, 1001))), m_window(params.integer("window", 1)),
      m_sinks(params.integer("sinks", 0)), m_protect(params.integer("protect", 0)),
      m_block(params.integer("block", 1, 1'000'000))
{
    if (m_full && !m_squares)
        throw core::Error(core::ErrorCode::usage, "kvcompress: power=l1 needs metric=window; captures hold the "
                                                  "attention of all far queries as sums of squares only");
    if (m_kernel % 2 == 0)
        throw core::Error(core::ErrorCode::usage, fmt::format("kvcompress: kernel must be odd, not {}", m_kernel));
}

bool KvCompressScores::clamped(const core::LayerData& data) const
{
    return !m_full && observationWindow(data, m_window).clamped;
}

std::string KvCompressScores::key() const
{
    return fmt::format("kvcompress/{}/{}/{}/{}/{}/{}", m_full, m_squares, m_kernel, m_window, m_sinks, m_protect);
}

std::vector<double> KvCompressScores::metric(const core::LayerData& data, int kvHead) const
{
    std::vector<double> total(static_cast<std::size_t>(data.n), 0.0);
    for (int r = 0; r < data.heads.groupSize(); ++r) {
        const int head = data.heads.firstQueryHead(kvHead) + r;
        const std::vector<double> part = m_full ? farSquares(data, head) : windowMetric(data, head);
        std::transform(part.begin(), part.end(), total.begin(), total.begin(), std::plus<>());
    }
    return total;
}

std::vector<double> KvCompressScores::windowMetric(const core::LayerData& data, int head) const
{
    const std::int64_t window = observationWindow(data, m_window).size;
    const std::vector<double> sums =
        m_squares ? windowSquares(data, head, window, data.n) : windowScores(data, head, window, data.n);
    return pool1d(sums, m_kernel, Pool::maximum);
}

std::shared_ptr<const Ranking> KvCompressScores::evictable(const LayerInput& input, int kvHead) const
{
    return memoised(input, fmt::format("{}/{}", key(), kvHead), [&] {
        const std::vector<double> all = metric(input.data, kvHead);
        const auto from = all.begin() + sinks(input.data.n);
        return rank({from, from + (input.data.n - safeTokens(input.data.n))});
    });
}

std::vector<double> KvCompressScores::groupCosts(const LayerInput& input, int kvHead) const
{
    const auto ranking = evictable(input, kvHead);
    const std::int64_t count = std::ssize(ranking->order);
    std::vector<double> costs;
    for (std::int64_t gone = firstGroup(input.data.n); gone <= count; gone += m_block) {
        const std::int32_t best = ranking->order[static_cast<std::size_t>(count - gone)];
        costs.push_back(ranking->scores[static_cast<std::size_t>(best)]);
    }
    std::reverse(costs.begin(), costs.end());
    return costs;
}

std::int64_t KvCompressScores::groupTokens(std::int64_t n, std::int64_t groups) const
{
    return groups == 0 ? 0 : firstGroup(n) + (groups - 1) * m_block;
}

} // namespace kvviz::compress
