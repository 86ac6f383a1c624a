// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/sidecar.hpp"

#include "views/sidecar_blocks.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace kvviz::plot {

namespace {

using Json = nlohmann::ordered_json;

Json number(double value)
{
    if (!std::isfinite(value))
        return nullptr;
    return std::strtod(fmt::format("{:.5g}", value).c_str(), nullptr);
}

Json numbers(const std::vector<double>& values)
{
    Json list = Json::array();
    for (const double value : values)
        list.push_back(number(value));
    return list;
}

Json span(core::Span range) { return Json::array({range.begin, range.end}); }

Json tileJson(const io::MapTile& tile)
{
    if (tile.rows == 0)
        return nullptr;
    Json rows = Json::array();
    for (std::int64_t r = 0; r < tile.rows; ++r) {
        const float* row = tile.values.data() + r * tile.columns;
        std::int64_t last = tile.columns;
        while (last > 0 && std::isnan(row[last - 1]))
            --last;
        Json cells = Json::array();
        for (std::int64_t c = 0; c < last; ++c)
            cells.push_back(number(row[c]));
        rows.push_back(std::move(cells));
    }
    return Json{{"source", tile.source},
                {"rows", tile.rows},
                {"columns", tile.columns},
                {"queries", {tile.queryBegin, tile.queryEnd}},
                {"keys", {tile.keyBegin, tile.keyEnd}},
                {"values", std::move(rows)}};
}

/// The keys that each KV head has lost, as ranges.
Json keptJson(const KeptMarks& kept)
{
    Json rows = Json::array();
    for (const KeptRow& row : kept.rows) {
        Json ranges = Json::array();
        for (auto from = row.keys.begin();;) {
            from = std::find(from, row.keys.end(), KeyState::evicted);
            if (from == row.keys.end())
                break;
            const auto to = std::find_if(from, row.keys.end(), [](KeyState s) { return s != KeyState::evicted; });
            ranges.push_back(span({from - row.keys.begin(), to - row.keys.begin()}));
            from = to;
        }
        rows.push_back({{"kv_head", row.name}, {"evicted", std::move(ranges)}});
    }
    return Json{{"label", kept.label}, {"rows", std::move(rows)}};
}

Json panelJson(const MapPanel& panel)
{
    Json segments = Json::array();
    for (const SegmentMark& mark : panel.segments)
        segments.push_back(
            {{"label", mark.label}, {"kind", core::segmentKindName(mark.kind)}, {"tokens", span(mark.span)}});
    Json json{{"letter", panel.letter},
              {"title", panel.title},
              {"layer", panel.layer},
              {"heads", panel.heads},
              {"pooling", panel.pooling == io::Pooling::max ? "max" : "mean"},
              {"sink_tokens", panel.sinkTokens},
              {"keys", span(panel.keys)},
              {"queries", span(panel.queries)},
              {"decode_queries", span(panel.decodeQueries)},
              {"segments", std::move(segments)},
              {"notes", panel.notes},
              {"map", tileJson(panel.prompt)},
              {"decode", tileJson(panel.decode)}};
    if (panel.difference)
        json["difference"] = true;
    if (!panel.kept.rows.empty())
        json["kept"] = keptJson(panel.kept);
    return json;
}

Json panelJson(const CurvePanel& panel)
{
    Json list = Json::array();
    for (const CurveSeries& series : panel.series) {
        Json entry{{"name", series.name}, {"dashed", series.dashed}};
        if (!series.method.empty())
            entry["method"] = series.method;
        if (series.samples > 0)
            entry["prompts"] = series.samples;
        if (!series.origin.empty())
            entry["published"] = series.origin;
        entry["x"] = numbers(series.x);
        entry["y"] = numbers(series.y);
        if (!series.low.empty()) {
            entry["low"] = numbers(series.low);
            entry["high"] = numbers(series.high);
        }
        if (!series.remarks.empty())
            entry["remarks"] = series.remarks;
        list.push_back(std::move(entry));
    }
    Json json{{"letter", panel.letter}, {"title", panel.title}};
    if (!panel.subtitle.empty())
        json["subtitle"] = panel.subtitle;
    json.update({{"x_label", panel.xLabel}, {"y_label", panel.yLabel}, {"log_x", panel.logX}, {"log_y", panel.logY}});
    json["series"] = std::move(list);
    return json;
}

Json panelJson(const MatrixPanel& panel) { return matrixJson(panel); }
Json panelJson(const BarPanel& panel) { return barsJson(panel); }

Json scaleJson(const ColorScale& scale)
{
    return Json{{"map", core::colorMapName(scale.map)},
                {"scale", scale.logarithmic ? "log" : "linear"},
                {"low", scale.low},
                {"high", scale.high},
                {"label", scale.label}};
}

Json sourceJson(const Provenance& source)
{
    return Json{{"kind", source.kind},
                {"file", source.file},
                {"group", source.group},
                {"model", source.modelName},
                {"model_sha256", source.modelSha256},
                {"task", source.task},
                {"id", source.id},
                {"tier", source.tier},
                {"n_prompt", source.nPrompt},
                {"n_generated", source.nGenerated},
                {"created", source.created},
                {"creator", source.creator},
                {"command_line", source.commandLine}};
}

} // namespace

std::string sidecarJson(const Figure& figure, const std::string& creator, const std::string& commandLine)
{
    Json root{{"schema_version", 1},
              {"figure", figure.name},
              {"title", figure.title},
              {"creator", creator},
              {"command", commandLine}};
    Json parameters = Json::object();
    for (const auto& [name, value] : figure.parameters)
        parameters[name] = value;
    root["parameters"] = std::move(parameters);
    root["sources"] = Json::array();
    for (const Provenance& source : figure.sources)
        root["sources"].push_back(sourceJson(source));
    std::visit(
        [&](const auto& content) {
            if constexpr (requires { content.scale; })
                root["color_scale"] = scaleJson(content.scale);
            if constexpr (requires { content.notes; })
                root["notes"] = content.notes;
        },
        figure.content);
    if (!figure.leftOut.empty()) {
        root["left_out"] = Json::array();
        for (const LeftOut& left : figure.leftOut)
            root["left_out"].push_back({{"what", left.what}, {"reason", left.reason}});
    }
    root["panels"] = Json::array();
    std::visit(
        [&](const auto& content) {
            for (const auto& panel : content.panels)
                root["panels"].push_back(panelJson(panel));
        },
        figure.content);
    // Broken UTF-8 in a task name or a command must not cost the figure.
    return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace kvviz::plot
