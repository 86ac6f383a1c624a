// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_figure.hpp"

#include "views/capture_choice.hpp"

#include <fmt/format.h>

namespace kvviz::plot {

namespace {

std::string rangeRule(const MapRequest& request)
{
    if (request.range)
        return "fixed";
    const std::string rule = request.rangePercentile ? "percentile 1 to 99" : "all values";
    return request.rangeWithoutSinks ? rule + ", without sinks" : rule;
}

std::string spanText(core::Span span) { return fmt::format("{} to {}", span.begin, span.end - 1); }

} // namespace

Figure mapFigure(const LoadedMap& map, MapPanel panel, const ColorScale& scale)
{
    Figure figure;
    figure.name = map.other ? "difference" : "heatmap";
    figure.sources.push_back(provenanceOf(*map.reader));
    if (map.other)
        figure.sources.push_back(provenanceOf(*map.other));
    figure.parameters = {
        {"layer", std::to_string(panel.layer)},
        {"head", headParameter(map.request.head)},
        {"pooling", panel.pooling == io::Pooling::max ? "max" : "mean"},
        {"queries", spanText(panel.queries)},
        {"keys", spanText(panel.keys)},
        {"color_range", rangeRule(map.request)},
        {"sink_rule", fmt::format("first {} tokens", map.request.sinkTokens)}};
    if (!panel.kept.label.empty() && !panel.kept.rows.empty())
        figure.parameters.emplace_back("overlay", panel.kept.label);
    if (panel.marks.query >= 0 && panel.marks.key >= 0)
        figure.parameters.emplace_back("crosshair", fmt::format("query {}, key {}", panel.marks.query, panel.marks.key));
    HeatmapFigure maps;
    maps.scale = scale;
    maps.panels.push_back(std::move(panel));
    figure.content = std::move(maps);
    return figure;
}

} // namespace kvviz::plot
