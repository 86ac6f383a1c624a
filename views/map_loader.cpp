// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_loader.hpp"

#include "core/error.hpp"
#include "views/color_range.hpp"
#include "views/map_difference.hpp"
#include "views/map_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace kvviz::plot {

using core::Span;

namespace {

constexpr std::int64_t kWholeCells = 256; ///< a side of the coarse whole; a stored level may have twice as many

Span common(Span a, Span b, std::string_view what, std::string_view where)
{
    const Span both{std::max(a.begin, b.begin), std::min(a.end, b.end)};
    if (both.empty())
        throw core::Error(core::ErrorCode::usage, fmt::format("{} {} to {} lie outside of {}, which is {} to {}", what,
                                                              a.begin, a.end - 1, where, b.begin, b.end - 1));
    return both;
}

/// Lends a panel its cells for as long as this lives.
class WithCells {
public:
    WithCells(MapPanel& panel, io::MapTile& prompt, io::MapTile& decode)
        : m_panel(panel), m_prompt(prompt), m_decode(decode)
    {
        swap();
    }
    ~WithCells() { swap(); }
    WithCells(const WithCells&) = delete;
    WithCells& operator=(const WithCells&) = delete;

private:
    void swap()
    {
        std::swap(m_panel.prompt, m_prompt);
        std::swap(m_panel.decode, m_decode);
    }
    MapPanel& m_panel;
    io::MapTile& m_prompt;
    io::MapTile& m_decode;
};

MapCells differenceCells(const MapCells& a, const MapCells& b)
{
    return {differenceTile(a.prompt, b.prompt), differenceTile(a.decode, b.decode),
            differenceTile(a.wholePrompt, b.wholePrompt), differenceTile(a.wholeDecode, b.wholeDecode)};
}

} // namespace

struct MapLoader::Plan {
    MapPanel frame;
    PanelChoice choice;
    std::vector<MapSource> sources; ///< A, and B of a difference
    Comparison comparison;
    Span allQueries, allKeys, promptKeys;
    std::int64_t steps = 0;
    CellSize fine, whole;
    bool hasWhole = false;
    double keysPerPixel = 1;
};

MapLoader::Plan MapLoader::makePlan(const MapJob& job) const
{
    const auto stepsOf = [](const io::CaptureReader& reader) {
        return core::includes(reader.available(), core::Need::decodeRows) ? reader.info().nGenerated() : 0;
    };
    Plan plan;
    const core::CaptureInfo& info = job.reader->info();
    plan.choice = panelChoice(*job.reader, job.request);
    plan.steps = stepsOf(*job.reader);
    plan.frame = panelFrame(*job.reader, plan.choice, job.request, plan.steps > 0);
    plan.sources.push_back(
        {job.reader, plan.choice.slot, plan.choice.heads, job.request.pooling, info.nPrompt()});
    plan.allQueries = plan.sources.front().queries();
    if (job.other) {
        const PanelChoice choice = panelChoice(*job.other, job.request);
        plan.comparison = compareCaptures(info, job.other->info());
        plan.sources.push_back({job.other, choice.slot, choice.heads, job.request.pooling, plan.comparison.tokens});
        plan.sources.front().tokens = plan.comparison.tokens;
        plan.steps = std::min({plan.steps, stepsOf(*job.other), plan.comparison.steps});
        plan.allQueries = commonQueries(plan.sources.front(), plan.sources.back());
        plan.frame.difference = true;
    }
    const std::int64_t tokens = plan.sources.front().tokens;
    plan.allKeys = {0, tokens + plan.steps};
    plan.frame.decodeQueries = plan.steps > 0 ? Span{tokens, tokens + plan.steps} : Span{};
    plan.frame.queries = common(plan.frame.queries, plan.allQueries, "queries", "what can be shown");
    plan.frame.keys = common(plan.frame.keys, plan.allKeys, "keys", "what can be shown");
    plan.promptKeys = {plan.frame.keys.begin, std::min(plan.frame.keys.end, tokens)};
    plan.keysPerPixel = static_cast<double>(plan.frame.keys.size()) / job.pixelsWide;
    plan.fine = cellSizeFor(plan.sources, static_cast<double>(plan.frame.queries.size()) / job.pixelsHigh,
                            plan.keysPerPixel);
    plan.hasWhole = hasOverview(plan.sources);
    plan.whole = overviewSize(plan.sources, kWholeCells);
    return plan;
}

bool MapLoader::fill(MapCells& cells, const MapSource& source, const Plan& plan, bool coarse, const Stopped& stopped)
{
    if (plan.hasWhole) {
        auto whole = m_cache.cells(source, plan.whole, plan.allQueries, {0, source.tokens}, stopped);
        if (!whole)
            return false;
        cells.wholePrompt = std::move(*whole);
    }
    if (coarse) {
        cells.prompt = cells.wholePrompt;
    } else if (!plan.promptKeys.empty()) {
        auto prompt = m_cache.cells(source, plan.fine, plan.frame.queries, plan.promptKeys, stopped);
        if (!prompt)
            return false;
        cells.prompt = std::move(*prompt);
    }
    if (plan.steps == 0)
        return true;
    const auto rows = m_cache.decodeRows(source);
    const auto keysPerCell = std::max<std::int64_t>(1, static_cast<std::int64_t>(plan.keysPerPixel));
    cells.decode = decodePiece(*rows, plan.steps, plan.frame.keys, keysPerCell, source.pooling);
    cells.wholeDecode = decodePiece(*rows, plan.steps, plan.allKeys,
                                    std::max(keysPerCell, plan.allKeys.size() / (2 * kWholeCells) + 1), source.pooling);
    return true;
}

namespace {

ColorScale scaleOf(const LoadedMap& map, const std::vector<const MapCells*>& shown, bool difference)
{
    // Colours that hold all values stay as they are while one pans: the whole decides. Only where finer cells reach
    // higher (mean pooling) do they raise the upper end.
    std::vector<MapPanel> panels, wholes;
    for (const MapCells* cells : shown) {
        MapPanel panel;
        panel.sinkTokens = map.panel.sinkTokens;
        panel.queries = map.panel.queries;
        panel.keys = map.panel.keys;
        panel.decodeQueries = map.panel.decodeQueries;
        panel.prompt = cells->prompt;
        panel.decode = cells->decode;
        panels.push_back(panel);
        if (map.request.rangePercentile)
            continue;
        panel.queries = panel.keys = panel.decodeQueries = {};
        panel.prompt = cells->wholePrompt;
        panel.decode = cells->wholeDecode;
        if (panel.prompt.rows > 0)
            wholes.push_back(std::move(panel));
    }
    const auto scaleFor = [&](const std::vector<MapPanel>& of) {
        return difference ? differenceScale(of, map.request) : colorScaleFor(of, map.request);
    };
    ColorScale scale = scaleFor(panels);
    if (wholes.empty())
        return scale;
    ColorScale whole = scaleFor(wholes);
    whole.high = std::max(whole.high, scale.high);
    if (difference)
        whole.low = -whole.high;
    return whole;
}

} // namespace

std::shared_ptr<LoadedMap> MapLoader::assemble(const MapJob& job, const Plan& plan, bool coarse,
                                               const Stopped& stopped)
{
    auto map = std::make_shared<LoadedMap>();
    map->reader = job.reader;
    map->other = job.other;
    map->request = job.request;
    if (map->request.range)
        map->request.range = usableRange(*map->request.range, job.request.logarithmic && !job.other);
    map->panel = plan.frame;
    map->allQueries = plan.allQueries;
    map->allKeys = plan.allKeys;
    map->cell = coarse ? plan.whole : plan.fine;
    const bool difference = plan.sources.size() > 1;
    if (!fill(difference ? map->a : map->cells, plan.sources.front(), plan, coarse, stopped))
        return nullptr;
    if (difference) {
        if (!fill(map->b, plan.sources.back(), plan, coarse, stopped))
            return nullptr;
        map->cells = differenceCells(map->a, map->b);
        map->aloneScale = scaleOf(*map, {&map->a, &map->b}, false);
    }
    map->scale = scaleOf(*map, {&map->cells}, difference);
    addTokenTexts(map->panel, job.reader->info(), job.request);
    {
        const WithCells lent(map->panel, map->cells.prompt, map->cells.decode);
        addNotes(map->panel, job.reader->info(), plan.choice, map->request);
    }
    if (difference) {
        map->panel.title = fmt::format("A \u2212 B:  {} \u2212 {}", job.name, job.otherName);
        if (!plan.comparison.note.empty())
            map->panel.notes.insert(map->panel.notes.begin(), plan.comparison.note);
    }
    return map;
}

std::shared_ptr<const LoadedMap> MapLoader::load(const MapJob& job, const Stopped& stopped, const Show& early)
{
    const Plan plan = makePlan(job);
    const bool reads = std::any_of(plan.sources.begin(), plan.sources.end(), [&](const MapSource& source) {
        return !plan.promptKeys.empty() && !m_cache.holds(source, plan.fine, plan.frame.queries, plan.promptKeys);
    });
    if (early && reads && plan.hasWhole && plan.fine != plan.whole)
        if (auto coarse = assemble(job, plan, true, stopped))
            early(std::move(coarse));
    return assemble(job, plan, false, stopped);
}

io::MapTile decodePiece(const io::MapTile& rows, std::int64_t steps, Span keys, std::int64_t keysPerCell,
                        io::Pooling pooling)
{
    const double begin = static_cast<double>(keys.begin / keysPerCell * keysPerCell);
    io::MapTile piece;
    piece.columns = static_cast<std::int64_t>(
        std::ceil((static_cast<double>(keys.end) - begin) / static_cast<double>(keysPerCell)));
    piece.rows = std::min<std::int64_t>(steps, 2 * kWholeCells);
    piece.queryBegin = rows.queryBegin;
    piece.queryEnd = rows.queryBegin + static_cast<double>(steps);
    piece.keyBegin = begin;
    piece.keyEnd = begin + static_cast<double>(piece.columns * keysPerCell);
    piece.source = rows.source;
    piece.values = resampleTile(rows, pooling,
                                {piece.keyBegin, piece.keyEnd, piece.queryBegin, piece.queryEnd,
                                 static_cast<int>(piece.columns), static_cast<int>(piece.rows)});
    return piece;
}

MapPanel visiblePanel(const MapPanel& panel, const MapCells& cells)
{
    MapPanel visible = panel;
    const Span promptKeys{panel.keys.begin, std::min(panel.keys.end, static_cast<std::int64_t>(cells.prompt.keyEnd))};
    visible.prompt = croppedTile(cells.prompt, panel.queries, promptKeys);
    visible.decode = croppedTile(cells.decode, panel.decodeQueries, panel.keys);
    return visible;
}

} // namespace kvviz::plot
