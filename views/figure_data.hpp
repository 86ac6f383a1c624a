// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Everything that a figure shows, as plain values: made by the builders (map_data, curve_data, method_data, delta_data,
// prediction_data), drawn by the items, written to the sidecar. What is not in here is not in the picture.
#pragma once

#include "core/capture_info.hpp"
#include "core/color_map.hpp"
#include "core/io/capture_reader.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kvviz::plot {

/// Where the numbers of a capture or results file come from.
struct Provenance {
    std::string file, group, kind; ///< kind: "capture", "results" or "prediction check"
    std::string modelName, modelSha256, task, id, tier, created, creator, commandLine;
    std::int64_t nPrompt = 0, nGenerated = 0;
};

/// Value to colour. Values at or below `low` (on a log scale: zero, too) take the first colour, masked cells none.
struct ColorScale {
    core::ColorMap map = core::ColorMap::viridis;
    bool logarithmic = true;
    double low = 1e-5, high = 1.0;
    std::string label;
};

/// A piece of the prompt on an axis of tokens.
struct SegmentMark {
    std::string label; ///< "I", "S1", "Q"; may be empty
    core::SegmentKind kind = core::SegmentKind::question;
    core::Span span;
};

/// Of one key: not in the cache any more, in it, or not there yet.
enum class KeyState : std::uint8_t { evicted, kept, absent };

/// What one KV head has of the keys.
struct KeptRow {
    std::string name; ///< "KV 2"
    std::vector<KeyState> keys; // [T]
};

/// What a method leaves of the keys, in a strip below a map and as a veil on it.
struct KeptMarks {
    std::string label;                    ///< method, budget and when, for people
    std::vector<KeptRow> rows;            ///< empty: no strip
    std::vector<KeyState> together;       // [T] evicted only where every row says so: the veil
    std::int64_t steps = 0;               ///< t of `decode`
    std::vector<KeyState> decode;         // [t, T] the same for each decode query; empty: as `together`
};

/// A place of interest on a map; nothing where a number is negative.
struct MapMarks {
    std::int64_t query = -1, key = -1;
    std::string queryText, keyText; ///< of the tokens, for the axes
    core::Span measured;            ///< keys of the row; empty: none
    std::string measuredText;
};

/// One attention map: prompt rows above, decode rows below, keys shared.
struct MapPanel {
    std::string letter, title;
    io::MapTile prompt; ///< rows 0: none
    io::MapTile decode; ///< rows 0: none
    io::Pooling pooling = io::Pooling::max;
    core::Span keys, queries; ///< tokens drawn; `queries` of the prompt part
    core::Span decodeQueries;
    std::int64_t sinkTokens = 0;
    std::vector<SegmentMark> segments;
    std::vector<std::string> tokenTexts; ///< [T], of visible tokens at least, when axes show text; else empty
    std::vector<std::string> notes;      ///< small print: layer and head, pooling, source, sinks
    int layer = 0;
    std::vector<int> heads; ///< averaged
    bool difference = false; ///< of two captures, A - B
    bool hatchSinks = false; ///< the sink columns do not count for the colours
    KeptMarks kept;
    MapMarks marks;
};

struct HeatmapFigure {
    std::vector<MapPanel> panels;
    ColorScale scale;
};

struct CurveSeries {
    std::string name;
    std::vector<double> x, y;
    std::vector<double> low, high; ///< band; empty: none
    int color = 0;                 ///< index into the palette
    double shade = -1;             ///< in [0, 1]: place on an ordered scale, pale to dark, in place of the palette
    bool dashed = false, markers = false;
    bool hollow = false;    ///< markers without a filling: numbers of another origin
    bool named = true;      ///< false: no entry in the legend
    bool reference = false; ///< drawn thin and grey: a bound (full cache), or dotted when `dashed` (an oracle)
    bool line = true;       ///< false: points only, with the band as error bars
    bool whiskers = false;  ///< error bars on a line, too
    double shift = 0;       ///< points with an interval are drawn this much beside x, so that none hides another
    std::string method;     ///< specification of the method drawn; may be empty
    std::int64_t samples = 0; ///< prompts behind the point that has fewest; 0: not counted
    std::string origin;       ///< where numbers that were not measured come from; for the sidecar
    std::vector<std::string> remarks; ///< one a point, or none; for the sidecar
};

struct CurvePanel {
    std::string letter, title, xLabel, yLabel;
    std::string subtitle; ///< a line of results below the title
    bool logX = false, logY = false;
    bool falling = false;  ///< x from its largest value on the left to the smallest
    bool zeroLine = false; ///< across the panel at y = 0
    double xStep = 0;      ///< between ticks of a linear x axis; 0: as there is room
    double xLow = 0, xHigh = 1, yLow = 0, yHigh = 1;
    std::vector<CurveSeries> series;
};

/// A line of the legend that explains a way of drawing, not a series.
struct LegendNote {
    std::string text;
    bool dashed = false;
    bool hollow = false; ///< with a marker that has no filling
};

struct CurveFigure {
    std::vector<CurvePanel> panels;
    std::vector<LegendNote> legendNotes;
    std::vector<std::string> notes; ///< small print
    bool shared = false; ///< small multiples: panels share their axes, each has its legend; references have one for all
    bool oneLegend = false; ///< small multiples with one legend for all that they show
    int together = 0;       ///< small multiples: so many that follow each other should make whole rows; 0: no wish
};

/// Values of rows x columns (layers x heads) as coloured cells; columns may stand in groups (query heads of a KV head).
struct MatrixPanel {
    std::string letter, title;
    std::string rowLabel, columnLabel, groupLabel; ///< what rows, columns and groups are: "layer", "query head"
    std::vector<std::string> rows, columns;
    std::vector<std::string> groups; ///< empty: no groups
    std::vector<int> groupOf;        ///< [columns] ascending index into groups
    std::vector<double> values;      ///< [rows, columns]; NaN: not there
    std::vector<double> rowMeans, columnMeans; ///< beside and below the cells; empty: not shown
    bool numbers = false;            ///< in the cells, where they fit
    int decimals = 2;                ///< of numbers
    int markedRow = -1, markedColumn = -1; ///< a framed cell; column -1: the whole row; row -1: none
    std::vector<io::MapTile> tiles;  ///< [rows * columns] small maps in place of plain cells; empty: none
};

struct MatrixFigure {
    std::vector<MatrixPanel> panels;
    ColorScale scale;
    std::vector<std::string> notes; ///< small print
};

struct BarSeries {
    std::string name;
    std::vector<double> values; ///< [categories] length of the bar; NaN: none
    std::vector<double> marks;  ///< [categories] a diamond on the bar; NaN: none; empty: no diamonds
    int color = 0;              ///< index into the palette
    bool hollow = false;        ///< drawn as an outline: held for comparison
    std::string method;         ///< specification; may be empty
};

/// A line across all bars.
struct BarLine {
    std::string name;
    double value = 0;
    int color = 0;
    bool dashed = false;
};

/// Bars of several series side by side over named categories, in their order.
struct BarPanel {
    std::string letter, title, xLabel, yLabel;
    std::vector<std::string> categories;
    std::vector<int> ranks; ///< [categories] which labels give way first where room is scarce, see LabelWish
    double yLow = 0, yHigh = 1;
    std::vector<BarSeries> series;
    std::vector<BarLine> lines;
    std::string markName; ///< what the diamonds say; may be empty
    int marked = -1;      ///< a category whose label is emphasised
};

struct BarFigure {
    std::vector<BarPanel> panels;
    std::vector<std::string> notes; ///< small print
};

/// What the data hold and the figure does not show.
struct LeftOut {
    std::string what, reason;
};

struct Figure {
    std::string name; ///< "heatmap", ...
    std::string title;
    std::variant<HeatmapFigure, CurveFigure, MatrixFigure, BarFigure> content;
    std::vector<Provenance> sources;
    std::vector<std::pair<std::string, std::string>> parameters; ///< resolved, in order; for the sidecar
    std::vector<LeftOut> leftOut;                                ///< for the sidecar
};

} // namespace kvviz::plot
