// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_data.hpp"

#include "core/error.hpp"
#include "core/pooling.hpp"
#include "views/capture_choice.hpp"
#include "views/color_range.hpp"
#include "views/map_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;
using core::Span;

Span within(const std::optional<Span>& wanted, Span whole, std::string_view what)
{
    if (!wanted)
        return whole;
    const Span part{std::max(wanted->begin, whole.begin), std::min(wanted->end, whole.end)};
    if (part.empty())
        throw Error(ErrorCode::usage, fmt::format("{} {}-{} lie outside the capture, which has {} {} to {}", what,
                                                  wanted->begin, wanted->end - 1, what, whole.begin, whole.end - 1));
    return part;
}

/// A capture without maps has its window rows only.
Span availableQueries(const io::CaptureReader& capture, Span queries)
{
    const core::CaptureInfo& info = capture.info();
    const bool onlyWindow = !capture.hasFullMap() && capture.mapLevels() == 0
                            && core::includes(capture.available(), core::Need::windowRows);
    if (!onlyWindow)
        return queries;
    const Span window{info.nPrompt() - info.window, info.nPrompt()};
    const Span part{std::max(queries.begin, window.begin), std::min(queries.end, window.end)};
    if (part.empty())
        throw Error(ErrorCode::usage,
                    fmt::format("'{}' holds the rows of queries {} to {} only (tier {}); capture with "
                                "--tier map for the others",
                                capture.name(), window.begin, window.end - 1, core::tierName(info.tier)));
    return part;
}

/// Stored tiles end where the tokens do; drawing wants cells of one size, so the last cell gets its full extent. A cell
/// stands for a multiple of `unit` tokens.
double fullExtent(double begin, double end, std::int64_t cells, std::int64_t unit)
{
    const auto units = static_cast<std::int64_t>(std::ceil((end - begin) / static_cast<double>(unit) - 1e-9));
    const std::int64_t perCell = (units + cells - 1) / cells;
    return begin + static_cast<double>(cells * perCell * unit);
}

bool wantsTokenText(const MapRequest& request, const MapPanel& panel)
{
    const std::int64_t most = std::max(panel.keys.size(), panel.queries.size());
    if (request.axes == AxisMode::token && most > request.tokenTextLimit + request.tokenTextLimit / 4)
        throw Error(ErrorCode::usage,
                    fmt::format("{} tokens are too many to show as text at this width (room for {}); "
                                "zoom with --keys and --queries, use a larger --width, or --axes position",
                                most, request.tokenTextLimit));
    return request.axes == AxisMode::token || (request.axes == AxisMode::automatic && most <= request.tokenTextLimit);
}

/// "full", "level 0": what was read, and how many tokens a cell stands for.
std::string sourceNote(const core::CaptureInfo& info, const io::MapTile& tile)
{
    const double keysPerCell =
        (tile.keyEnd - tile.keyBegin) / static_cast<double>(std::max<std::int64_t>(1, tile.columns));
    const std::string cells = keysPerCell > 1.001 ? fmt::format(", {:.3g} keys a cell", keysPerCell) : "";
    return fmt::format("source: {} (tier {}){}", tile.source, core::tierName(info.tier), cells);
}

std::vector<std::pair<std::string, std::string>> parametersOf(const MapRequest& request, const HeatmapFigure& figure)
{
    std::vector<std::pair<std::string, std::string>> parameters{
        {"head", headParameter(request.head)},
        {"pooling", request.pooling == io::Pooling::max ? "max" : "mean"},
        {"sink_rule", fmt::format("first {} tokens", request.sinkTokens)},
        {"max_cells", std::to_string(request.maxCells)}};
    for (const MapPanel& panel : figure.panels)
        parameters.emplace_back("layer" + (panel.letter.empty() ? "" : " (" + panel.letter + ")"),
                                std::to_string(panel.layer));
    return parameters;
}

Figure makeFigure(std::string name, HeatmapFigure maps, std::vector<Provenance> sources, const MapRequest& request)
{
    maps.scale = colorScaleFor(maps.panels, request);
    Figure figure;
    figure.name = std::move(name);
    figure.sources = std::move(sources);
    figure.parameters = parametersOf(request, maps);
    figure.content = std::move(maps);
    return figure;
}

} // namespace

io::MapTile promptTile(const io::CaptureReader& capture, std::int64_t slot, const std::vector<std::int64_t>& heads,
                       Span queries, Span keys, const MapRequest& request)
{
    std::vector<io::MapTile> tiles;
    for (const std::int64_t head : heads)
        tiles.push_back(capture.tile(slot, head, queries, keys, request.maxCells, request.maxCells, request.pooling));
    io::MapTile tile = meanTile(std::move(tiles));
    const bool pyramid = !capture.hasFullMap() && capture.mapLevels() > 0;
    const std::int64_t unit =
        pyramid ? core::MapPyramid::levelCellSize(capture.info().nPrompt(), capture.mapCells(0), 0) : 1;
    tile.queryEnd = fullExtent(tile.queryBegin, tile.queryEnd, tile.rows, unit);
    tile.keyEnd = fullExtent(tile.keyBegin, tile.keyEnd, tile.columns, unit);
    return tile;
}

io::MapTile meanTile(std::vector<io::MapTile> tiles)
{
    io::MapTile mean = std::move(tiles.front());
    for (std::size_t i = 1; i < tiles.size(); ++i)
        for (std::size_t c = 0; c < mean.values.size(); ++c)
            mean.values[c] += tiles[i].values.at(c);
    for (float& value : mean.values)
        value /= static_cast<float>(tiles.size());
    return mean;
}

io::MapTile decodeTile(const core::LayerData& layer, const std::vector<std::int64_t>& heads, Span keys,
                       std::int64_t maxCells, io::Pooling pooling)
{
    io::MapTile exact;
    exact.rows = layer.t;
    exact.columns = keys.size();
    exact.queryBegin = static_cast<double>(layer.n);
    exact.queryEnd = static_cast<double>(layer.total());
    exact.keyBegin = static_cast<double>(keys.begin);
    exact.keyEnd = static_cast<double>(keys.end);
    exact.source = "decode rows";
    exact.values.assign(static_cast<std::size_t>(exact.rows * exact.columns), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t i = 0; i < layer.t; ++i)
        for (std::int64_t k = keys.begin; k < std::min(keys.end, layer.n + i + 1); ++k) {
            float sum = 0;
            for (const std::int64_t head : heads)
                sum += layer.decodeRow(static_cast<int>(head), i)[k];
            exact.values[static_cast<std::size_t>(i * exact.columns + k - keys.begin)] =
                sum / static_cast<float>(heads.size());
        }
    const auto rows = static_cast<int>(std::min(maxCells, exact.rows)),
               columns = static_cast<int>(std::min(maxCells, exact.columns));
    if (rows == exact.rows && columns == exact.columns)
        return exact;
    io::MapTile pooled = exact;
    pooled.rows = rows;
    pooled.columns = columns;
    pooled.values =
        resampleTile(exact, pooling, {exact.keyBegin, exact.keyEnd, exact.queryBegin, exact.queryEnd, columns, rows});
    return pooled;
}

MapPanel panelFrame(const io::CaptureReader& capture, const PanelChoice& choice, const MapRequest& request,
                    bool withDecode)
{
    const core::CaptureInfo& info = capture.info();
    MapPanel panel;
    panel.layer = info.layers.at(static_cast<std::size_t>(choice.slot));
    for (const std::int64_t head : choice.heads)
        panel.heads.push_back(info.heads.at(static_cast<std::size_t>(head)));
    panel.pooling = request.pooling;
    panel.sinkTokens = std::min<std::int64_t>(request.sinkTokens, info.nPrompt());
    panel.hatchSinks = request.rangeWithoutSinks && !request.range;
    panel.segments = segmentMarks(info);
    panel.keys = within(request.keys, {0, withDecode ? info.nTokens() : info.nPrompt()}, "keys");
    panel.queries = availableQueries(capture, within(request.queries, {0, info.nPrompt()}, "queries"));
    if (withDecode)
        panel.decodeQueries = {info.nPrompt(), info.nTokens()};
    return panel;
}

void addTokenTexts(MapPanel& panel, const core::CaptureInfo& info, const MapRequest& request)
{
    if (!wantsTokenText(request, panel))
        return;
    panel.tokenTexts.resize(static_cast<std::size_t>(info.nTokens()));
    for (const Span span : {panel.keys, panel.queries, panel.decodeQueries}) {
        // As far to both sides again, for panning; a long prompt has many more.
        const std::int64_t end = std::min(span.end + span.size(), info.nTokens());
        for (std::int64_t token = std::max<std::int64_t>(0, span.begin - span.size()); token < end; ++token)
            panel.tokenTexts[static_cast<std::size_t>(token)] = info.tokens.displayText(token);
    }
}

void addNotes(MapPanel& panel, const core::CaptureInfo& info, const PanelChoice& choice, const MapRequest& request)
{
    panel.notes.push_back(fmt::format("layer {}, {}", panel.layer, headsText(info, choice.heads)));
    const std::string pooled = panel.pooling == io::Pooling::max ? "largest value" : "mean value";
    panel.notes.push_back("cell: " + pooled + (panel.difference ? " of A minus that of B" : ""));
    panel.notes.push_back(sourceNote(info, panel.prompt.rows > 0 ? panel.prompt : panel.decode));
    if (panel.decode.rows > 0)
        panel.notes.push_back(fmt::format("strip: {} decode step{}", panel.decodeQueries.size(),
                                          panel.decodeQueries.size() == 1 ? "" : "s"));
    if (panel.sinkTokens > 0)
        panel.notes.push_back(fmt::format("\u25bc {}: sinks", firstKeys(panel.sinkTokens)));
    if (const std::string colors = rangeNote(request); !colors.empty())
        panel.notes.push_back(colors);
    panel.notes.push_back("grey: masked");
}

PanelChoice panelChoice(const io::CaptureReader& capture, const MapRequest& request)
{
    return {layerSlot(capture.info(), request.layer, capture.name()),
            headSlots(capture.info(), request.head, capture.name())};
}

MapPanel mapPanel(const io::CaptureReader& capture, const MapRequest& request)
{
    const core::CaptureInfo& info = capture.info();
    const PanelChoice choice = panelChoice(capture, request);
    const bool withDecode = info.nGenerated() > 0 && core::includes(capture.available(), core::Need::decodeRows)
                            && (!request.queries || request.queries->end > info.nPrompt());
    MapPanel panel = panelFrame(capture, choice, request, withDecode);
    const Span promptKeys{panel.keys.begin, std::min(panel.keys.end, info.nPrompt())};
    if (!promptKeys.empty())
        panel.prompt = promptTile(capture, choice.slot, choice.heads, panel.queries, promptKeys, request);
    if (withDecode)
        panel.decode = decodeTile(capture.loadLayer(choice.slot, core::Need::decodeRows), choice.heads, panel.keys,
                                  request.maxCells, request.pooling);
    addTokenTexts(panel, info, request);
    addNotes(panel, info, choice, request);
    return panel;
}

Figure heatmapFigure(const io::CaptureReader& capture, const MapRequest& request)
{
    HeatmapFigure maps;
    maps.panels.push_back(mapPanel(capture, request));
    return makeFigure("heatmap", std::move(maps), {provenanceOf(capture)}, request);
}

Figure tasksFigure(const std::vector<const io::CaptureReader*>& captures, const MapRequest& request)
{
    std::set<std::string> tasks;
    for (const auto* capture : captures)
        tasks.insert(capture->info().prompt.task);
    HeatmapFigure maps;
    std::vector<Provenance> sources;
    MapRequest plain = request;
    plain.axes = request.axes == AxisMode::automatic ? AxisMode::position : request.axes; // panels are small
    for (const auto* capture : captures) {
        MapPanel panel = mapPanel(*capture, plain);
        panel.letter = std::string(1, static_cast<char>('a' + maps.panels.size() % 26));
        const core::PromptInfo& prompt = capture->info().prompt;
        panel.title = tasks.size() == captures.size() && !prompt.task.empty() ? prompt.task : prompt.id;
        maps.panels.push_back(std::move(panel));
        sources.push_back(provenanceOf(*capture));
    }
    return makeFigure("tasks", std::move(maps), std::move(sources), request);
}

} // namespace kvviz::plot
