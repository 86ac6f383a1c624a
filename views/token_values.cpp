// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr int kLossColor = 1, kGainColor = 0;
constexpr double kDecades = 1e-4; // of a logarithmic scale, at most

void setRange(TokenValues& result, std::int64_t skipped)
{
    std::vector<float> positive;
    for (std::size_t i = static_cast<std::size_t>(skipped); i < result.values.size(); ++i)
        if (result.values[i] > 0)
            positive.push_back(result.values[i]);
    if (positive.empty())
        return;
    const auto tenth = positive.begin() + std::ssize(positive) / 10;
    std::nth_element(positive.begin(), tenth, positive.end());
    const double rare = static_cast<double>(*tenth);
    result.high = static_cast<double>(*std::max_element(positive.begin(), positive.end()));
    result.low = result.logarithmic ? std::min(std::max(rare, result.high * kDecades), result.high / 10) : 0.0;
}

double shareOf(const TokenValues& values, double value)
{
    const auto place = [&](double v) { return values.logarithmic ? std::log(std::max(v, 1e-30)) : v; };
    const double low = place(values.low), high = place(values.high);
    return std::clamp((place(value) - low) / (high - low), 0.0, 1.0);
}

QColor mixed(const QColor& from, const QColor& to, double share)
{
    const auto mix = [share](int a, int b) { return static_cast<int>(std::lround(a + (b - a) * share)); };
    return {mix(from.red(), to.red()), mix(from.green(), to.green()), mix(from.blue(), to.blue())};
}

QColor tintAt(const TokenValues& values, double share, const PlotStyle& style)
{
    if (!values.diverging)
        return mixed(style.background, seriesColor(values.color, style), share);
    return share < 0.5 ? mixed(style.background, seriesColor(values.color, style), 1 - 2 * share)
                       : mixed(style.background, seriesColor(kGainColor, style), 2 * share - 1);
}

} // namespace

TokenValues receivedValues(const core::LayerData& layer, const std::vector<std::int64_t>& heads, std::int64_t step,
                           std::int64_t skipped, bool logarithmic)
{
    TokenValues result;
    const std::int64_t total = layer.total();
    const bool decode = step >= 0 && step < layer.t && !layer.decodeRows.empty();
    result.values.assign(static_cast<std::size_t>(total), kNone);
    const std::int64_t known = decode ? layer.n + step + 1 : layer.n;
    for (std::int64_t key = 0; key < known; ++key) {
        float sum = 0;
        for (const std::int64_t head : heads)
            sum += decode ? layer.decodeRow(static_cast<int>(head), step)[key]
                          : layer.received[static_cast<std::size_t>(head * total + key)];
        result.values[static_cast<std::size_t>(key)] = sum / static_cast<float>(heads.size());
    }
    if (decode) {
        result.fates.assign(static_cast<std::size_t>(total), TokenFate::kept);
        std::fill(result.fates.begin() + known, result.fates.end(), TokenFate::later);
    }
    result.logarithmic = logarithmic;
    result.label = decode ? QStringLiteral("attention of decode step %1").arg(step)
                          : QStringLiteral("attention received, sum over prompt queries");
    setRange(result, std::clamp<std::int64_t>(skipped, 0, known));
    return result;
}

std::vector<float> keptShares(const compress::LayerPlan& plan, std::int64_t n, std::int64_t t, std::int64_t total,
                              std::int64_t step)
{
    std::vector<float> shares(static_cast<std::size_t>(total), kNone);
    const auto groups = std::ssize(plan.kept);
    if (groups == 0)
        return shares;
    const auto part = 1.0f / static_cast<float>(groups);
    const bool atSteps = !plan.keptDecode.empty() && t > 0;
    const std::int64_t shown = step < 0 ? t - 1 : std::min(step, t - 1);
    const std::int64_t length = n + t; // of the plan's arrays
    std::vector<int> counts(static_cast<std::size_t>(total), 0);
    for (std::int64_t group = 0; group < groups; ++group) {
        if (!atSteps)
            for (const std::int32_t key : plan.kept[static_cast<std::size_t>(group)])
                ++counts[static_cast<std::size_t>(key)];
        for (std::int64_t key = 0; atSteps && key < std::min(length, total); ++key)
            counts[static_cast<std::size_t>(key)] +=
                plan.keptDecode[static_cast<std::size_t>((group * t + shown) * length + key)] != 0;
    }
    for (std::int64_t key = 0; key < std::min(n, total); ++key)
        shares[static_cast<std::size_t>(key)] = static_cast<float>(counts[static_cast<std::size_t>(key)]) * part;
    // Evictions at the end of prefill keep every generated token.
    for (std::int64_t key = n; t > 0 && key <= std::min(n + shown, total - 1); ++key)
        shares[static_cast<std::size_t>(key)] =
            atSteps ? static_cast<float>(counts[static_cast<std::size_t>(key)]) * part : 1.0f;
    return shares;
}

TokenValues survivalValues(std::vector<float> shares, std::int64_t n, std::int64_t step)
{
    TokenValues result;
    result.values = std::move(shares);
    for (std::size_t i = 0; i < result.values.size(); ++i) {
        const bool later = step >= 0 && static_cast<std::int64_t>(i) > n + step;
        result.fates.push_back(later ? TokenFate::later : result.values[i] == 0 ? TokenFate::evicted : TokenFate::kept);
    }
    result.label = QStringLiteral("share of the layer's KV heads that keep the token");
    result.color = 2;
    return result;
}

TokenValues logprobValues(const std::vector<float>& logprob)
{
    TokenValues result;
    result.values = logprob;
    result.label = QStringLiteral("log-probability of the token (full cache), unlikely tokens strong");
    std::vector<float> known;
    std::copy_if(logprob.begin(), logprob.end(), std::back_inserter(known), [](float v) { return std::isfinite(v); });
    result.low = 0;
    result.high = -1;
    if (!known.empty()) { // the few most surprising tokens do not set the scale
        const auto rare = known.begin() + std::ssize(known) / 50;
        std::nth_element(known.begin(), rare, known.end());
        result.high = std::min(-1.0, std::floor(static_cast<double>(*rare)));
    }
    result.color = 3;
    return result;
}

TokenValues deltaValues(const std::vector<float>& delta, std::int64_t n, std::int64_t total)
{
    TokenValues result;
    result.values.assign(static_cast<std::size_t>(total), kNone);
    double largest = 0;
    for (std::size_t i = 0; i < delta.size(); ++i) {
        const std::int64_t token = n + static_cast<std::int64_t>(i) + 1;
        if (token >= total)
            break;
        result.values[static_cast<std::size_t>(token)] = delta[i];
        if (std::isfinite(delta[i]))
            largest = std::max(largest, std::abs(static_cast<double>(delta[i])));
    }
    result.label = QStringLiteral("predicted change of the log-probability of generated tokens");
    result.diverging = true;
    result.color = kLossColor;
    result.high = largest > 0 ? largest : 1.0;
    result.low = -result.high;
    return result;
}

QColor tokenTint(const TokenValues& values, double value, const PlotStyle& style)
{
    return std::isfinite(value) ? tintAt(values, shareOf(values, value), style) : style.background;
}

ScaleBar scaleBarOf(const TokenValues& values, const PlotStyle& style)
{
    const double middle = values.logarithmic ? std::sqrt(values.low * values.high) : (values.low + values.high) / 2;
    return {values.label, shortNumber(values.low), shortNumber(middle), shortNumber(values.high),
            [values, style](double share) { return tintAt(values, share, style); }};
}

} // namespace kvviz::plot
