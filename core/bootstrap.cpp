// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Draw i of resample r is a hash of (seed, r, i).
#include "core/bootstrap.hpp"

#include "core/correlation.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <vector>

#include <fmt/format.h>

namespace kvviz::core {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostExactSigns = 16;

/// Uniform in [0, 1), determined by the counters: multiply and fold, once a counter and once more to mix the last.
double uniform(std::initializer_list<std::uint64_t> counters)
{
    __extension__ using Wide = unsigned __int128;
    std::uint64_t state = 0xd1342543de82ef95u;
    const auto absorb = [&](std::uint64_t counter) {
        const Wide product = Wide{state ^ 0xa0761d6478bd642fu} * Wide{(counter + 1) * 0xe7037ed1a0b428dbu | 1};
        state += static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    for (const std::uint64_t counter : counters)
        absorb(counter);
    absorb(state);
    return static_cast<double>(state >> 11) * 0x1.0p-53;
}

void requireSound(const ResamplingOptions& options)
{
    if (options.resamples < 1)
        throw Error(ErrorCode::usage, fmt::format("{} resamples are too few, at least 1 is needed", options.resamples));
    if (!(options.level > 0 && options.level < 1))
        throw Error(ErrorCode::usage, fmt::format("the level {} of an interval is not between 0 and 1", options.level));
}

struct Pairs {
    std::vector<double> a, b;
    std::vector<std::int64_t> groups; ///< empty if none were given
};

Pairs definedPairs(std::span<const double> a, std::span<const double> b, std::span<const std::int64_t> groups = {})
{
    if (a.size() != b.size())
        throw Error(ErrorCode::usage, fmt::format("paired scores need two lists of one length, not {} and {} numbers",
                                                  a.size(), b.size()));
    if (!groups.empty() && groups.size() != a.size())
        throw Error(ErrorCode::usage, fmt::format("{} pairs need as many group numbers, not {}", a.size(),
                                                  groups.size()));
    Pairs pairs;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!std::isnan(a[i]) && !std::isnan(b[i])) {
            pairs.a.push_back(a[i]);
            pairs.b.push_back(b[i]);
            if (!groups.empty())
                pairs.groups.push_back(groups[i]);
        }
    return pairs;
}

/// Indices of the pairs of each unit that is drawn as one.
std::vector<std::vector<std::size_t>> unitsOf(const Pairs& pairs)
{
    std::vector<std::vector<std::size_t>> units;
    std::map<std::int64_t, std::size_t> unitOfGroup;
    for (std::size_t i = 0; i < pairs.a.size(); ++i) {
        std::size_t unit = units.size();
        if (!pairs.groups.empty())
            unit = unitOfGroup.try_emplace(pairs.groups[i], unit).first->second;
        if (unit == units.size())
            units.emplace_back();
        units[unit].push_back(i);
    }
    return units;
}

Estimate bootstrapCorrelation(double (*correlation)(std::span<const double>, std::span<const double>),
                              const Pairs& pairs, const ResamplingOptions& options)
{
    const std::vector<std::vector<std::size_t>> units = unitsOf(pairs);
    std::vector<double> a, b;
    const auto statistic = [&](std::span<const std::size_t> chosen) {
        a.clear();
        b.clear();
        for (const std::size_t unit : chosen)
            for (const std::size_t i : units[unit]) {
                a.push_back(pairs.a[i]);
                b.push_back(pairs.b[i]);
            }
        return correlation(a, b);
    };
    Estimate estimate = bootstrap(units.size(), statistic, options);
    estimate.count = static_cast<std::int64_t>(pairs.a.size());
    return estimate;
}

/// How often, of all 2^m signs, the sum is at least as far from 0 as the one seen. By symmetry the last sign stays.
double exactSignFlip(const std::vector<double>& differences, double threshold)
{
    const std::uint32_t flips = 1u << (differences.size() - 1);
    std::uint32_t hits = 0;
    for (std::uint32_t signs = 0; signs < flips; ++signs) {
        double sum = 0;
        for (std::size_t i = 0; i < differences.size(); ++i)
            sum += (signs >> i & 1u) != 0 ? -differences[i] : differences[i];
        hits += std::abs(sum) >= threshold;
    }
    return static_cast<double>(hits) / flips;
}

double sampledSignFlip(const std::vector<double>& differences, double threshold, const ResamplingOptions& options)
{
    std::int64_t hits = 1;
    for (std::int64_t r = 0; r < options.resamples; ++r) {
        double sum = 0;
        for (std::size_t i = 0; i < differences.size(); ++i)
            sum += uniform({options.seed, static_cast<std::uint64_t>(r), i}) < 0.5 ? -differences[i] : differences[i];
        hits += std::abs(sum) >= threshold;
    }
    return static_cast<double>(hits) / static_cast<double>(options.resamples + 1);
}

bool rightOrWrong(const std::vector<double>& scores)
{
    return std::all_of(scores.begin(), scores.end(), [](double score) { return score == 0 || score == 1; });
}

} // namespace

Estimate bootstrap(std::size_t units, const Statistic& statistic, const ResamplingOptions& options)
{
    requireSound(options);
    Estimate estimate;
    estimate.count = static_cast<std::int64_t>(units);
    if (units == 0)
        return estimate;
    std::vector<std::size_t> chosen(units);
    for (std::size_t i = 0; i < units; ++i)
        chosen[i] = i;
    estimate.value = statistic(chosen);
    if (units == 1)
        return estimate;
    std::vector<double> values(static_cast<std::size_t>(options.resamples));
    for (std::size_t r = 0; r < values.size(); ++r) {
        for (std::size_t i = 0; i < units; ++i)
            chosen[i] = std::min(static_cast<std::size_t>(uniform({options.seed, r, i}) * static_cast<double>(units)),
                                 units - 1);
        values[r] = statistic(chosen);
    }
    const std::size_t missing = values.size() - countDefined(values);
    if (static_cast<double>(missing) > (1 - options.level) * static_cast<double>(values.size()))
        return estimate;
    estimate.low = quantile(values, (1 - options.level) / 2);
    estimate.high = quantile(values, (1 + options.level) / 2);
    return estimate;
}

Estimate bootstrapMean(std::span<const double> scores, const ResamplingOptions& options)
{
    std::vector<double> defined;
    std::copy_if(scores.begin(), scores.end(), std::back_inserter(defined), [](double s) { return !std::isnan(s); });
    return bootstrap(defined.size(), [&](std::span<const std::size_t> chosen) {
        double total = 0;
        for (const std::size_t i : chosen)
            total += defined[i];
        return total / static_cast<double>(chosen.size());
    }, options);
}

Estimate bootstrapRelativeChange(std::span<const double> compressed, std::span<const double> base,
                                 const ResamplingOptions& options)
{
    const Pairs pairs = definedPairs(compressed, base);
    return bootstrap(pairs.a.size(), [&](std::span<const std::size_t> chosen) {
        double totalCompressed = 0, totalBase = 0;
        for (const std::size_t i : chosen) {
            totalCompressed += pairs.a[i];
            totalBase += pairs.b[i];
        }
        return totalBase != 0 ? (totalCompressed - totalBase) / totalBase : kNone;
    }, options);
}

Estimate bootstrapSpearman(std::span<const double> a, std::span<const double> b, std::span<const std::int64_t> groups,
                           const ResamplingOptions& options)
{
    return bootstrapCorrelation(spearman, definedPairs(a, b, groups), options);
}

Estimate bootstrapKendall(std::span<const double> a, std::span<const double> b, std::span<const std::int64_t> groups,
                          const ResamplingOptions& options)
{
    return bootstrapCorrelation(kendall, definedPairs(a, b, groups), options);
}

double mcNemar(std::int64_t onlyFirst, std::int64_t onlySecond)
{
    if (onlyFirst < 0 || onlySecond < 0)
        throw Error(ErrorCode::usage, fmt::format("{} and {} cannot both count prompts", onlyFirst, onlySecond));
    const double n = static_cast<double>(onlyFirst + onlySecond);
    const double fewer = static_cast<double>(std::min(onlyFirst, onlySecond));
    double tail = 0; // P(X <= fewer) for X from Binomial(n, 1/2), term by term in logarithms
    for (double k = 0; k <= fewer; ++k)
        tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
    return std::min(1.0, 2 * tail);
}

double signFlip(std::span<const double> first, std::span<const double> second, const ResamplingOptions& options)
{
    requireSound(options);
    const Pairs pairs = definedPairs(first, second);
    std::vector<double> differences;
    double total = 0, size = 0;
    for (std::size_t i = 0; i < pairs.a.size(); ++i)
        if (const double difference = pairs.a[i] - pairs.b[i]; difference != 0) {
            differences.push_back(difference);
            total += difference;
            size += std::abs(difference);
        }
    if (differences.empty())
        return 1;
    const double threshold = std::abs(total) - 1e-12 * size; // sums that differ by rounding only are equal
    return differences.size() <= kMostExactSigns ? exactSignFlip(differences, threshold)
                                                 : sampledSignFlip(differences, threshold, options);
}

double pairedTest(std::span<const double> first, std::span<const double> second, const ResamplingOptions& options)
{
    const Pairs pairs = definedPairs(first, second);
    if (pairs.a.empty())
        return kNone;
    if (!rightOrWrong(pairs.a) || !rightOrWrong(pairs.b))
        return signFlip(pairs.a, pairs.b, options);
    std::int64_t onlyFirst = 0, onlySecond = 0;
    for (std::size_t i = 0; i < pairs.a.size(); ++i) {
        onlyFirst += pairs.a[i] > pairs.b[i];
        onlySecond += pairs.a[i] < pairs.b[i];
    }
    return mcNemar(onlyFirst, onlySecond);
}

} // namespace kvviz::core
