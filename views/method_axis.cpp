// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_axis.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace kvviz::plot {

namespace {

using io::ReplayRecord;

constexpr double kRatioUnits = 1e6;  // ratios are told apart to this
constexpr double kOffBudget = 0.1;   // of the cache: more than whole shots, blocks and protected tokens usually cost

std::int64_t ratioKey(const ReplayRecord& record) { return std::llround(record.ratio * kRatioUnits); }

/// Older files hold only methods that keep or drop whole tokens.
double sizeOf(const ReplayRecord& record)
{
    return std::isfinite(record.sizeRatio) ? record.sizeRatio : record.actualRatio;
}

bool missesBudget(const ReplayRecord& record)
{
    if (record.method == "fullkv" || !std::isfinite(record.sizeRatio))
        return false;
    return record.budgetUse == "fixed" || std::abs(record.sizeRatio - record.actualRatio) > 1e-3
        || std::abs(record.sizeRatio - record.ratio) > kOffBudget;
}

/// A budget in tokens gives ratios of tokens / n; a ratio rarely gives a whole number of tokens, unless it is round.
bool askedInTokens(const std::vector<ReplayRecord>& records)
{
    std::set<std::int64_t> tokens, ratios;
    bool whole = true, round = true;
    for (const ReplayRecord& record : records) {
        if (!followsBudget(record))
            continue;
        tokens.insert(record.budgetTokens);
        ratios.insert(ratioKey(record));
        const double exact = record.ratio * static_cast<double>(record.n);
        whole = whole && record.n > 0 && std::abs(exact - static_cast<double>(record.budgetTokens)) < 1e-6;
        round = round && ratioKey(record) % 1000 == 0;
    }
    return ratios.size() > tokens.size() || (!tokens.empty() && whole && !round);
}

} // namespace

bool followsBudget(const ReplayRecord& record) { return record.budgetUse.empty() || record.budgetUse == "follows"; }

MethodAxis axisFor(const std::vector<ReplayRecord>& records)
{
    const bool measured = std::any_of(records.begin(), records.end(), missesBudget);
    if (askedInTokens(records))
        return measured ? MethodAxis::byteTokens : MethodAxis::tokens;
    return measured ? MethodAxis::bytes : MethodAxis::ratio;
}

std::string axisLabel(MethodAxis axis)
{
    switch (axis) {
    case MethodAxis::tokens:
        return "tokens kept per layer and KV head";
    case MethodAxis::bytes:
        return "fraction of cache bytes kept";
    case MethodAxis::byteTokens:
        return "bytes kept, in tokens per layer and KV head";
    case MethodAxis::ratio:
        break;
    }
    return "ratio of tokens kept";
}

std::string axisName(MethodAxis axis)
{
    switch (axis) {
    case MethodAxis::tokens:
        return "tokens";
    case MethodAxis::bytes:
        return "bytes";
    case MethodAxis::byteTokens:
        return "bytes as tokens";
    case MethodAxis::ratio:
        break;
    }
    return "ratio";
}

double abscissa(const ReplayRecord& record, MethodAxis axis)
{
    switch (axis) {
    case MethodAxis::tokens:
        return static_cast<double>(record.budgetTokens);
    case MethodAxis::bytes:
        return sizeOf(record);
    case MethodAxis::byteTokens:
        return sizeOf(record) * static_cast<double>(record.n);
    case MethodAxis::ratio:
        break;
    }
    return static_cast<double>(ratioKey(record)) / kRatioUnits;
}

std::int64_t budgetKey(const ReplayRecord& record, MethodAxis axis)
{
    if (!followsBudget(record))
        return 0;
    return axis == MethodAxis::tokens || axis == MethodAxis::byteTokens ? record.budgetTokens : ratioKey(record);
}

} // namespace kvviz::plot
