// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The draws of a list are those that core::bootstrap makes for a statistic; they are kept and joined.
#include "study/resampling.hpp"

#include "core/statistics.hpp"

#include <algorithm>
#include <limits>

namespace kvviz::study {
namespace {

/// Resamples of one list, the first of them the list itself. A seed of its own, or two lists of one length would be
/// drawn alike.
std::vector<std::vector<std::uint32_t>> drawList(std::size_t size, std::size_t list, core::ResamplingOptions options)
{
    std::vector<std::vector<std::uint32_t>> resamples;
    options.seed += 0x9e3779b97f4a7c15u * list;
    static_cast<void>(core::bootstrap(size, [&](std::span<const std::size_t> chosen) {
        resamples.emplace_back(chosen.begin(), chosen.end());
        return 0.0;
    }, options));
    return resamples;
}

} // namespace

core::Estimate bootstrapLists(std::span<const std::size_t> sizes, const DrawStatistic& statistic,
                              const core::ResamplingOptions& options)
{
    std::vector<std::vector<std::vector<std::uint32_t>>> lists; // [list][resample][draw]
    core::Estimate estimate;
    bool enough = !sizes.empty();
    for (const std::size_t size : sizes) {
        lists.push_back(drawList(size, lists.size(), options));
        estimate.count += static_cast<std::int64_t>(size);
        enough = enough && size >= 2;
        if (size == 0)
            return estimate;
    }
    std::vector<double> values;
    Draws draws(lists.size());
    const std::size_t resamples = enough ? static_cast<std::size_t>(options.resamples) + 1 : 1;
    for (std::size_t r = 0; r < resamples && !lists.empty(); ++r) {
        for (std::size_t list = 0; list < lists.size(); ++list)
            draws[list] = std::move(lists[list][r]);
        values.push_back(statistic(draws));
    }
    if (values.empty())
        return estimate;
    estimate.value = values.front();
    values.erase(values.begin());
    const auto missing = static_cast<double>(values.size() - core::countDefined(values));
    if (values.empty() || missing > (1 - options.level) * static_cast<double>(values.size()))
        return estimate;
    estimate.low = core::quantile(values, (1 - options.level) / 2);
    estimate.high = core::quantile(values, (1 + options.level) / 2);
    return estimate;
}

} // namespace kvviz::study
