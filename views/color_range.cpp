// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/color_range.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

/// Calls `use(value, key begins within the sinks)` for every cell in sight that is not masked.
template <typename Use>
void forEachCell(const std::vector<MapPanel>& panels, Use&& use)
{
    const auto touches = [](double begin, double end, core::Span visible) {
        return visible.empty() || (begin < static_cast<double>(visible.end) && end > static_cast<double>(visible.begin));
    };
    for (const MapPanel& panel : panels)
        for (const auto& [tile, queries] :
             {std::pair{&panel.prompt, panel.queries}, {&panel.decode, panel.decodeQueries}}) {
            const double high = (tile->queryEnd - tile->queryBegin) / static_cast<double>(std::max<std::int64_t>(1, tile->rows));
            const double wide = (tile->keyEnd - tile->keyBegin) / static_cast<double>(std::max<std::int64_t>(1, tile->columns));
            for (std::int64_t r = 0; r < tile->rows; ++r) {
                const double query = tile->queryBegin + static_cast<double>(r) * high;
                if (!touches(query, query + high, queries))
                    continue;
                for (std::int64_t c = 0; c < tile->columns; ++c) {
                    const double key = tile->keyBegin + static_cast<double>(c) * wide;
                    const float value = tile->values[static_cast<std::size_t>(r * tile->columns + c)];
                    if (!std::isnan(value) && touches(key, key + wide, panel.keys))
                        use(static_cast<double>(value), key < static_cast<double>(panel.sinkTokens));
                }
            }
        }
}

double roundUp(double value)
{
    const double decade = std::pow(10.0, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0})
        if (value <= step * decade * (1 + 1e-6))
            return step * decade;
    return 10 * decade;
}

void checkRange(const ColorScale& scale)
{
    if (!(scale.low < scale.high) || (scale.logarithmic && scale.low <= 0))
        throw Error(ErrorCode::usage,
                    fmt::format("--range {:g},{:g} is not a colour range: low must be below high{}", scale.low,
                                scale.high, scale.logarithmic ? ", and above 0 on a log scale" : ""));
}

void autoRange(ColorScale& scale, const std::vector<MapPanel>& panels, bool withoutSinks)
{
    double largest = 0, largestBesideSinks = 0;
    std::vector<double> positive;
    forEachCell(panels, [&](double value, bool sink) {
        largest = std::max(largest, value);
        if (!sink)
            largestBesideSinks = std::max(largestBesideSinks, value);
        if (value > 0)
            positive.push_back(value);
    });
    if (positive.empty())
        return;
    const bool withSinks = scale.logarithmic && !withoutSinks;
    const double top = withSinks || largestBesideSinks <= 0 ? largest : largestBesideSinks;
    scale.high = std::min(1.0, roundUp(top));
    scale.low = 0;
    if (!scale.logarithmic)
        return;
    const auto fifth = positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 20);
    std::nth_element(positive.begin(), fifth, positive.end());
    const double decade = std::floor(std::log10(*fifth)), topDecade = std::ceil(std::log10(scale.high) - 1e-9);
    scale.low = std::pow(10.0, std::clamp(decade, topDecade - 5, topDecade - 2));
}

/// The value below which `share` of them lie. Reorders.
double percentile(std::vector<double>& values, double share)
{
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

void percentileRange(ColorScale& scale, const std::vector<MapPanel>& panels, bool withoutSinks)
{
    std::vector<double> values;
    forEachCell(panels, [&](double value, bool sink) {
        if (!(sink && withoutSinks) && (value > 0 || !scale.logarithmic))
            values.push_back(value);
    });
    if (values.empty())
        return;
    scale.high = percentile(values, 0.99);
    scale.low = percentile(values, 0.01);
    if (!(scale.low < scale.high)) { // nearly every value is the same
        scale.high = scale.low > 0 ? 1.01 * scale.low : 1;
        scale.low *= 0.99;
    }
}

} // namespace

ColorScale colorScaleFor(const std::vector<MapPanel>& panels, const MapRequest& request)
{
    ColorScale scale;
    scale.map = request.colors;
    scale.logarithmic = request.logarithmic;
    scale.label = request.pooling == io::Pooling::max ? "attention (largest in cell)" : "attention (mean in cell)";
    if (request.range) {
        scale.low = request.range->first;
        scale.high = request.range->second;
        checkRange(scale);
    } else if (request.rangePercentile) {
        percentileRange(scale, panels, request.rangeWithoutSinks);
    } else {
        autoRange(scale, panels, request.rangeWithoutSinks);
    }
    return scale;
}

ColorScale differenceScale(const std::vector<MapPanel>& panels, const MapRequest& request)
{
    constexpr double kNoDifference = 1e-3; // a range must have a length
    std::vector<double> sizes;
    forEachCell(panels, [&](double value, bool sink) {
        if (!(sink && request.rangeWithoutSinks))
            sizes.push_back(std::abs(value));
    });
    double reach = 0;
    if (request.range)
        reach = std::max(std::abs(request.range->first), std::abs(request.range->second));
    else if (!sizes.empty())
        reach = request.rangePercentile ? percentile(sizes, 0.99) : *std::max_element(sizes.begin(), sizes.end());
    if (!(reach > 0))
        reach = kNoDifference;
    else if (!request.range)
        reach = roundUp(reach);
    ColorScale scale;
    scale.map = core::ColorMap::diverging;
    scale.logarithmic = false;
    scale.low = -reach;
    scale.high = reach;
    scale.label = "attention A \u2212 B";
    return scale;
}

std::pair<double, double> usableRange(std::pair<double, double> range, bool logarithmic)
{
    constexpr double kFloor = 1e-5;
    if (!(range.second > 0))
        range.second = 1;
    if (logarithmic && range.first <= 0)
        range.first = range.second * kFloor;
    if (!(range.first < range.second))
        range.first = logarithmic ? range.second * kFloor : 0;
    return range;
}

std::string firstKeys(std::int64_t count) { return count == 1 ? "first key" : fmt::format("first {} keys", count); }

std::string rangeNote(const MapRequest& request)
{
    if (request.range)
        return fmt::format("colours: fixed, {:.3g} to {:.3g}", request.range->first, request.range->second);
    const std::string beside = request.rangeWithoutSinks
                                   ? fmt::format("{} left out (hatched)", firstKeys(request.sinkTokens))
                                   : std::string();
    if (request.rangePercentile)
        return "colours: 1st to 99th percentile of what is visible" + (beside.empty() ? "" : ", " + beside);
    return beside.empty() ? "" : "colours: " + beside;
}

} // namespace kvviz::plot
