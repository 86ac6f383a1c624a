// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/published_series.hpp"

#include <fmt/format.h>

namespace kvviz::plot {

namespace {

CurveSeries publishedSeries(const CurveSeries& measured, const PublishedValues& values, const EvalMetric& metric)
{
    CurveSeries series;
    series.name = fmt::format("{}, published, {}", measured.name, values.model);
    series.origin = fmt::format("{}: {}, {}", values.paper, values.model, values.block);
    series.color = measured.color;
    series.shade = measured.shade;
    series.method = measured.method;
    series.dashed = series.markers = series.hollow = true;
    series.named = false;
    series.x = values.ratio;
    series.y = metric.change ? values.change : values.score;
    series.remarks = values.remarks;
    series.x.push_back(1.0);
    series.y.push_back(metric.change ? 0.0 : values.base);
    series.remarks.emplace_back("full cache");
    for (double& y : series.y)
        y *= metric.scale;
    return series;
}

} // namespace

void addPublished(CurvePanel& panel, const std::vector<DeltaLine>& lines, const EvalMetric& metric,
                  const PublishedSource& source, bool sameShots, Published& published)
{
    std::set<std::string> drawn;
    const std::vector<CurveSeries> measured = panel.series;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto values = source(*lines[i].records.begin()->second, sameShots);
        if (!values || !measured[i].line)
            continue;
        CurveSeries series = publishedSeries(measured[i], *values, metric);
        if (!drawn.insert(series.origin + measured[i].method).second)
            continue;
        published.papers.insert(values->paper);
        published.models.insert(values->model);
        published.blocks.insert(values->block);
        published.misprints = published.misprints || values->misprints;
        panel.series.push_back(std::move(series));
    }
}

} // namespace kvviz::plot
