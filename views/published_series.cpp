// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/published_series.hpp"

#include "views/published_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::plot {

namespace {

std::string blockText(const PublishedLine& line)
{
    return line.setting.empty() ? line.benchmark : fmt::format("{} ({})", line.benchmark, line.setting);
}

CurveSeries publishedSeries(const CurveSeries& measured, const PublishedLine& line, const EvalMetric& metric)
{
    CurveSeries series;
    series.name = fmt::format("{}, published, {}", measured.name, line.model);
    series.origin = fmt::format("arXiv 2502.01941v4: {}, {}", line.model, blockText(line));
    series.color = measured.color;
    series.shade = measured.shade;
    series.method = measured.method;
    series.dashed = series.markers = series.hollow = true;
    series.named = false;
    for (const PublishedPoint& point : line.points) {
        series.x.push_back(point.ratio);
        series.y.push_back((metric.change ? point.change : point.score) * metric.scale);
        std::string remark = fmt::format("table {}", point.table);
        for (const std::string& flag : point.flags)
            remark += "; " + flag;
        series.remarks.push_back(remark);
    }
    series.x.push_back(1.0);
    series.y.push_back(metric.change ? 0.0 : line.base * metric.scale);
    series.remarks.emplace_back("full cache");
    return series;
}

} // namespace

void addPublished(CurvePanel& panel, const std::vector<DeltaLine>& lines, const EvalMetric& metric, bool sameShots,
                  Published& published)
{
    std::set<std::string> drawn;
    const std::vector<CurveSeries> measured = panel.series;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto line = publishedLine(*lines[i].records.begin()->second, sameShots);
        if (!line || !measured[i].line)
            continue;
        CurveSeries series = publishedSeries(measured[i], *line, metric);
        if (!drawn.insert(series.origin + measured[i].method).second)
            continue;
        published.models.insert(line->model);
        published.blocks.insert(blockText(*line));
        published.misprints = published.misprints || std::any_of(line->points.begin(), line->points.end(), isMisprint);
        panel.series.push_back(std::move(series));
    }
}

} // namespace kvviz::plot
