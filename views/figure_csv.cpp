// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr const char* kEnd = "\r\n";

std::string field(const std::string& text)
{
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string quoted = "\"";
    for (const char c : text)
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.7g}", value) : std::string(); }

std::string numberAt(const std::vector<double>& values, std::size_t place)
{
    return place < values.size() ? number(values[place]) : std::string();
}

template <typename Panel>
std::string panelFields(const Panel& panel)
{
    return field(panel.letter) + "," + field(panel.title) + ",";
}

void addSeries(std::string& csv, const CurvePanel& panel, const CurveSeries& series)
{
    const std::string samples = series.samples > 0 ? std::to_string(series.samples) : "";
    const std::string origin = series.origin.empty() ? "measured" : series.origin;
    for (std::size_t i = 0; i < series.x.size(); ++i)
        csv += panelFields(panel)
               + fmt::format("{},{},{},{},{},{},{},{}{}", field(series.name), number(series.x[i]), numberAt(series.y, i),
                             numberAt(series.low, i), numberAt(series.high, i), samples, field(origin),
                             i < series.remarks.size() ? field(series.remarks[i]) : "", kEnd);
}

/// Cells of equal size; the last one is cut where the tokens end.
void addTile(std::string& csv, const MapPanel& panel, const io::MapTile& tile, const char* part, core::Span queries)
{
    const double rowStep = (tile.queryEnd - tile.queryBegin) / static_cast<double>(tile.rows);
    const double columnStep = (tile.keyEnd - tile.keyBegin) / static_cast<double>(tile.columns);
    const auto edge = [](double begin, double step, std::int64_t place, std::int64_t last) {
        return std::min(begin + step * static_cast<double>(place), static_cast<double>(last));
    };
    for (std::int64_t row = 0; row < tile.rows; ++row)
        for (std::int64_t column = 0; column < tile.columns; ++column) {
            const float value = tile.values[static_cast<std::size_t>(row * tile.columns + column)];
            if (std::isnan(value))
                continue;
            csv += panelFields(panel)
                   + fmt::format("{},{:g},{:g},{:g},{:g},{}{}", part, edge(tile.queryBegin, rowStep, row, queries.end),
                                 edge(tile.queryBegin, rowStep, row + 1, queries.end),
                                 edge(tile.keyBegin, columnStep, column, panel.keys.end),
                                 edge(tile.keyBegin, columnStep, column + 1, panel.keys.end),
                                 number(static_cast<double>(value)), kEnd);
        }
}

std::string csvOf(const CurveFigure& curves)
{
    std::string csv = std::string("panel,title,series,x,y,low,high,n,origin,remark") + kEnd;
    for (const CurvePanel& panel : curves.panels)
        for (const CurveSeries& series : panel.series)
            addSeries(csv, panel, series);
    return csv;
}

std::string csvOf(const HeatmapFigure& maps)
{
    std::string csv = std::string("panel,title,part,query_begin,query_end,key_begin,key_end,value") + kEnd;
    for (const MapPanel& panel : maps.panels) {
        if (panel.prompt.rows > 0)
            addTile(csv, panel, panel.prompt, "prompt", panel.queries);
        if (panel.decode.rows > 0)
            addTile(csv, panel, panel.decode, "decode", panel.decodeQueries);
    }
    return csv;
}

std::string csvOf(const MatrixFigure& matrices)
{
    std::string csv = std::string("panel,title,row,column,group,value") + kEnd;
    for (const MatrixPanel& panel : matrices.panels)
        for (std::size_t row = 0; row < panel.rows.size(); ++row)
            for (std::size_t column = 0; column < panel.columns.size(); ++column) {
                const double value = panel.values[row * panel.columns.size() + column];
                const std::string group =
                    panel.groups.empty() ? "" : panel.groups.at(static_cast<std::size_t>(panel.groupOf.at(column)));
                if (std::isfinite(value))
                    csv += panelFields(panel)
                           + fmt::format("{},{},{},{}{}", field(panel.rows[row]), field(panel.columns[column]),
                                         field(group), number(value), kEnd);
            }
    return csv;
}

std::string csvOf(const BarFigure& bars)
{
    std::string csv = std::string("panel,title,series,category,value,mark") + kEnd;
    for (const BarPanel& panel : bars.panels)
        for (const BarSeries& series : panel.series)
            for (std::size_t i = 0; i < panel.categories.size(); ++i)
                csv += panelFields(panel)
                       + fmt::format("{},{},{},{}{}", field(series.name), field(panel.categories[i]),
                                     numberAt(series.values, i), numberAt(series.marks, i), kEnd);
    return csv;
}

} // namespace

std::string figureCsv(const Figure& figure)
{
    return std::visit([](const auto& content) { return csvOf(content); }, figure.content);
}

} // namespace kvviz::plot
