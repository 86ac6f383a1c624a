// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/sidecar_blocks.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

namespace kvviz::plot {

namespace {

using Json = nlohmann::ordered_json;

Json number(double value)
{
    return std::isfinite(value) ? Json(std::strtod(fmt::format("{:.5g}", value).c_str(), nullptr)) : Json(nullptr);
}

template <typename Values>
Json numbers(const Values& values)
{
    Json list = Json::array();
    for (const double value : values)
        list.push_back(number(value));
    return list;
}

} // namespace

nlohmann::ordered_json matrixJson(const MatrixPanel& panel)
{
    Json rows = Json::array();
    const auto columns = static_cast<std::ptrdiff_t>(panel.columns.size());
    for (std::size_t row = 0; row < panel.rows.size() && !panel.values.empty(); ++row) {
        const auto begin = panel.values.begin() + static_cast<std::ptrdiff_t>(row) * columns;
        rows.push_back(numbers(std::vector<double>(begin, begin + columns)));
    }
    Json json{{"letter", panel.letter},      {"title", panel.title},
              {"row_label", panel.rowLabel}, {"column_label", panel.columnLabel},
              {"rows", panel.rows},          {"columns", panel.columns},
              {"values", std::move(rows)}};
    if (!panel.groups.empty())
        json.update({{"group_label", panel.groupLabel}, {"groups", panel.groups}, {"group_of", panel.groupOf}});
    if (!panel.rowMeans.empty())
        json.update({{"row_means", numbers(panel.rowMeans)}, {"column_means", numbers(panel.columnMeans)}});
    for (const io::MapTile& tile : panel.tiles) // [rows * columns of the matrix] of [rows * columns of the map]
        json["maps"].push_back(Json{
            {"source", tile.source}, {"rows", tile.rows}, {"columns", tile.columns}, {"values", numbers(tile.values)}});
    return json;
}

nlohmann::ordered_json barsJson(const BarPanel& panel)
{
    Json series = Json::array();
    for (const BarSeries& bars : panel.series) {
        Json entry{{"name", bars.name}};
        if (!bars.method.empty())
            entry["method"] = bars.method;
        entry["values"] = numbers(bars.values);
        if (!bars.marks.empty())
            entry["marks"] = numbers(bars.marks);
        series.push_back(std::move(entry));
    }
    Json lines = Json::array();
    for (const BarLine& line : panel.lines)
        lines.push_back(Json{{"name", line.name}, {"value", number(line.value)}});
    return Json{{"letter", panel.letter},      {"title", panel.title},           {"x_label", panel.xLabel},
                {"y_label", panel.yLabel},     {"categories", panel.categories}, {"mark", panel.markName},
                {"series", std::move(series)}, {"lines", std::move(lines)}};
}

} // namespace kvviz::plot
