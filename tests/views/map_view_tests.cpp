// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The heatmap of the window with mouse and keys: colours, panning, crosshair, measuring, what it says, and bad input.
#include "tests/views/map_fixture.hpp"
#include "views/figure_exporter.hpp"
#include "views/map_image.hpp"
#include "views/map_readout.hpp"
#include "views/sidecar.hpp"

#include <fstream>

using namespace kvviz;
using core::Span;
using test::MapWindow;
using views::ColorRange;

namespace {

views::SelectionState headState(int head)
{
    views::SelectionState state;
    state.head = head;
    return state;
}

/// Largest difference between what the view's prompt cells say and counting, over all visible tokens.
void checkCells(const MapWindow& window, const test::SyntheticCapture& capture, std::int64_t slot,
                const std::vector<std::int64_t>& heads)
{
    const auto& map = *window.view->map();
    const auto& panel = window.view->panel();
    int wrong = 0;
    for (std::int64_t q = panel.queries.begin; q < panel.queries.end; ++q)
        for (std::int64_t k = panel.keys.begin; k < std::min(panel.keys.end, capture.info().nPrompt()); ++k) {
            const auto cell = [](std::int64_t token, std::int64_t size) {
                return Span{token / size * size, token / size * size + size};
            };
            const double expected = test::cellByCounting(capture, slot, heads, panel.pooling, cell(q, map.cell.query),
                                                         cell(k, map.cell.key));
            const float value =
                plot::tileValue(map.cells.prompt, static_cast<double>(q) + 0.5, static_cast<double>(k) + 0.5);
            const bool same = std::isnan(expected) ? std::isnan(value)
                                                   : std::abs(value - expected) <= 2e-3 * expected + 1e-6;
            wrong += same ? 0 : 1;
        }
    CHECK(wrong == 0);
}

/// Share of the map's pixels below the diagonal that have the colour of masked cells.
double maskedShare(const MapWindow& window)
{
    window.view->plot()->replot(QCustomPlot::rpImmediateRefresh);
    const QImage image = window.view->plot()->grab().toImage();
    const QRect rect = window.view->heatmap().promptRect()->rect();
    const QCPAxisRect* axes = window.view->heatmap().promptRect();
    const QRgb masked = plot::PlotStyle::screen(window.view->palette(), window.view->logicalDpiX()).masked.rgb();
    int below = 0, count = 0;
    for (int y = rect.top() + 2; y < rect.bottom() - 2; y += 5)
        for (int x = rect.left() + 2; x < rect.right() - 2; x += 5) {
            const double key = axes->axis(QCPAxis::atBottom)->pixelToCoord(x);
            const double query = axes->axis(QCPAxis::atLeft)->pixelToCoord(y);
            if (key > query - 2)
                continue;
            ++below;
            count += image.pixel(x, y) == masked ? 1 : 0;
        }
    return below == 0 ? 0 : static_cast<double>(count) / below;
}

} // namespace

TEST_CASE("The view shows the cells of what is visible, at every zoom", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.tier = GENERATE(core::Tier::full, core::Tier::map);
    shape.options.n = 600;
    shape.options.heads = 2;
    shape.options.kvHeads = 1;
    const auto& capture = files.add(shape);
    MapWindow window(files.files(), headState(1));
    CHECK(window.message.isEmpty());
    checkCells(window, capture, 0, {1});
    for (const auto& [queries, keys] : {std::pair<Span, Span>{{300, 600}, {0, 300}}, {{571, 600}, {411, 440}}}) {
        window.selection.setVisible(queries, keys);
        CHECK(window.view->panel().keys == keys); // at once
        window.settle();
        CHECK(window.view->panel().queries == queries);
        checkCells(window, capture, 0, {1});
    }
    window.selection.change([](auto& s) {
        s.head = -1;
        s.layer = 1;
        s.pooling = io::Pooling::mean;
        s.queries = s.keys = {};
    });
    window.settle();
    checkCells(window, capture, 1, {0, 1});
}

TEST_CASE("Cells are as fine as the view has pixels, from the first picture on and when it grows", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.n = 600;
    shape.options.heads = shape.options.kvHeads = 1;
    files.add(shape);
    MapWindow window(files.files(), headState(0));
    CHECK(window.view->map()->cell == plot::CellSize{1, 1});
    CHECK(window.view->heatmap().mapRect().width() > 600);
    window.view->resize(380, 320);
    window.settle();
    window.selection.change([](auto& s) { s.layer = 1; }); // read for the small view
    window.settle();
    CHECK(window.view->map()->cell.query > 1);
    window.view->resize(900, 700);
    window.settle();
    CHECK(window.view->map()->cell == plot::CellSize{1, 1});
}

TEST_CASE("While one pans there is no hole: coarse cells stand where finer ones are not read yet", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.n = 1500;
    shape.options.heads = shape.options.kvHeads = 1;
    files.add(shape);
    MapWindow window(files.files(), headState(0));
    window.selection.setVisible({1400, 1480}, {0, 80});
    window.settle();
    CHECK(maskedShare(window) == 0);
    for (const Span keys : {Span{200, 280}, Span{1000, 1080}, Span{600, 680}}) {
        window.selection.setVisible({1400, 1480}, keys); // nothing is delivered before the events are processed
        CHECK(maskedShare(window) == 0);
    }
    window.settle();
    CHECK(maskedShare(window) == 0);
    CHECK(window.view->panel().keys == Span{600, 680});
}

TEST_CASE("Colours follow the rule of the selection, and the small print says which", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(2));
    const auto notes = [&] {
        std::string text;
        const plot::Figure figure = window.view->figure().value();
        for (const std::string& note : std::get<plot::HeatmapFigure>(figure.content).panels.front().notes)
            text += note + "\n";
        return text;
    };
    const double highest = window.view->scale().high;
    CHECK_THAT(notes(), !Catch::Contains("colours:"));

    window.selection.change([](auto& s) { s.colorRange = ColorRange::percentile; });
    window.settle();
    std::vector<double> values;
    const auto figure = *window.view->figure();
    const auto& shown = std::get<plot::HeatmapFigure>(figure.content).panels.front();
    for (const io::MapTile* tile : {&shown.prompt, &shown.decode})
        for (const float value : tile->values)
            if (value > 0)
                values.push_back(value);
    std::sort(values.begin(), values.end());
    const auto at = [&](double share) { return values[static_cast<std::size_t>(share * (values.size() - 1) + 0.5)]; };
    CHECK(window.view->scale().low == Approx(at(0.01)));
    CHECK(window.view->scale().high == Approx(at(0.99)));
    CHECK_THAT(notes(), Catch::Contains("1st to 99th percentile"));

    window.selection.change([](auto& s) {
        s.colorRange = ColorRange::withoutSinks;
        s.sinkTokens = 1;
        s.logarithmic = false;
    });
    window.settle();
    double besides = 0;
    for (std::int64_t r = 0; r < shown.prompt.rows; ++r)
        for (std::int64_t c = 1; c < shown.prompt.columns; ++c)
            if (const float v = shown.prompt.values[static_cast<std::size_t>(r * shown.prompt.columns + c)]; v == v)
                besides = std::max(besides, static_cast<double>(v));
    CHECK(window.view->scale().high >= besides);
    CHECK(window.view->scale().high <= highest);
    CHECK_THAT(notes(), Catch::Contains("first key left out (hatched)") && Catch::Contains("first key: sinks"));
    CHECK(window.view->panel().hatchSinks);

    window.selection.change([](auto& s) { s.colorRange = ColorRange::all; });
    window.settle();
    CHECK_FALSE(window.view->panel().hatchSinks);
    window.selection.change([](auto& s) { s.withoutSinks = true; }); // the switch of every view does the same
    window.settle();
    CHECK(window.view->panel().hatchSinks);
}

TEST_CASE("A locked colour range stays, whatever is shown, also when it suits the scale badly", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    window.selection.change([](auto& s) { s.colorRange = ColorRange::percentile; });
    window.settle();
    const plot::ColorScale before = window.view->scale();
    window.view->lockColors(true);
    CHECK(window.selection.state().colorRange == ColorRange::fixed);
    window.selection.change([](auto& s) { s.layer = 1; });
    window.settle();
    CHECK(window.view->scale().low == before.low);
    CHECK(window.view->scale().high == before.high);
    window.view->lockColors(false);
    window.settle();
    CHECK(window.view->scale().high != before.high);
    window.selection.change([](auto& s) {
        s.colorRange = ColorRange::fixed;
        s.rangeLow = -0.3; // of a difference
        s.rangeHigh = 0.3;
    });
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->scale().low > 0);
    CHECK(window.view->scale().high == 0.3);
}

TEST_CASE("A range that holds all values does not change while one pans", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    const plot::ColorScale whole = window.view->scale();
    window.selection.setVisible({50, 70}, {30, 50}); // far from the sink
    window.settle();
    CHECK(window.view->scale().high == whole.high);
    CHECK(window.view->scale().low <= whole.low);
}

TEST_CASE("The wheel zooms about the cursor, finer with Ctrl, and never beyond the ends", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    const QPointF place = window.at(40, 20);
    window.wheel(place, 120);
    const Span coarse = window.view->panel().keys;
    CHECK(coarse.size() < 75);
    CHECK(coarse.contains(20));
    CHECK(window.at(40, 20).x() == Approx(place.x()).margin(15));
    window.view->resetView();
    window.wheel(place, 120, Qt::ControlModifier);
    CHECK(window.view->panel().keys.size() > coarse.size());
    CHECK(window.view->panel().keys.size() < 75);
    for (int i = 0; i < 40; ++i) // a wheel that turns little at a time
        window.wheel(place, 12);
    CHECK(window.view->panel().keys.size() < 40);
    for (int i = 0; i < 60; ++i)
        window.wheel(place, 120);
    CHECK(window.view->panel().keys.size() == 8);
    for (int i = 0; i < 60; ++i)
        window.wheel(place, -120);
    CHECK(window.view->panel().keys == Span{0, 75});
    CHECK(window.view->panel().queries == Span{0, 70});
    window.wheel(QPointF(2, 2), 120); // beside the map
    CHECK(window.view->panel().keys == Span{0, 75});
    window.settle();
}

TEST_CASE("Dragging pans, with Shift it zooms to the rectangle, Home shows everything", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    window.drag(window.at(20, 10), window.at(50, 30), Qt::ShiftModifier);
    CHECK(std::abs(window.view->panel().keys.begin - 10) <= 1);
    CHECK(std::abs(window.view->panel().keys.end - 30) <= 1);
    CHECK(std::abs(window.view->panel().queries.begin - 20) <= 1);
    CHECK(window.selection.state().query == -1); // no click
    window.settle();
    const Span before = window.view->panel().keys;
    window.drag(window.at(30, 15), window.at(30, 20));
    CHECK(window.view->panel().keys.size() == before.size());
    CHECK(window.view->panel().keys.begin == before.begin - 5);
    window.drag(window.at(30, 15), window.at(30, 15) + QPointF(5000, 5000));
    CHECK(window.view->panel().keys.begin == 0);
    CHECK(window.view->panel().queries.begin == 0);
    window.key(Qt::Key_Home);
    CHECK(window.selection.state().keys.empty());
    CHECK(window.view->panel().keys == Span{0, 75});
    window.settle();
}

TEST_CASE("A click sets the crosshair, arrows move it token by token or by pages, Escape takes it away", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    window.click(window.at(40.5, 20.5));
    CHECK(window.selection.state().query == 40);
    CHECK(window.selection.state().key == 20);
    CHECK(window.view->marks().keyText == "20 \u201cw20 \u201d");
    CHECK(window.hovered.contains(QStringLiteral("query 40")));
    CHECK(window.view->accessibleDescription().contains(QStringLiteral("key 20")));
    window.key(Qt::Key_Left);
    window.key(Qt::Key_Down);
    CHECK(window.selection.state().query == 41);
    CHECK(window.selection.state().key == 19);
    window.key(Qt::Key_Left, Qt::ShiftModifier);
    CHECK(window.selection.state().key == 0);
    window.key(Qt::Key_Down, Qt::ShiftModifier);
    CHECK(window.selection.state().query == 74); // the last decode step
    window.selection.setVisible({10, 30}, {10, 30});
    window.settle();
    window.key(Qt::Key_Up, Qt::ShiftModifier);
    CHECK(window.selection.state().query == 54);
    CHECK(window.view->panel().queries.contains(54)); // it comes into sight
    CHECK(window.view->panel().keys.contains(window.selection.state().key));
    window.settle();
    QKeyEvent override(QEvent::ShortcutOverride, Qt::Key_Escape, Qt::NoModifier);
    override.ignore();
    QApplication::sendEvent(window.view.get(), &override);
    CHECK(override.isAccepted()); // before the window's own Escape
    window.key(Qt::Key_Escape);
    CHECK(window.selection.state().query == -1);
    QKeyEvent second(QEvent::ShortcutOverride, Qt::Key_Escape, Qt::NoModifier);
    second.ignore();
    QApplication::sendEvent(window.view.get(), &second);
    CHECK_FALSE(second.isAccepted()); // now it means what it means to the window
}

TEST_CASE("A second click with Shift measures the row's share on the keys between", "[views][io]")
{
    test::CaptureFiles files;
    const int head = GENERATE(-1, 3);
    const auto& capture = files.add();
    MapWindow window(files.files(), headState(head));
    const auto shareOf = [&](std::int64_t query, Span keys) {
        double share = 0;
        for (int h = 0; h < 4; ++h)
            for (std::int64_t k = keys.begin; k < std::min(keys.end, query + 1); ++k)
                if (head < 0 || h == head) {
                    const double value =
                        query < 70 ? capture.fullMap(0)[static_cast<std::size_t>((h * 70 + query) * 70 + k)]
                                   : capture.layer(0).decodeRow(h, query - 70)[k];
                    share += value / (head < 0 ? 4 : 1);
                }
        return share;
    };
    for (const bool decode : {false, true}) {
        const std::int64_t query = decode ? 72 : 50;
        window.click(window.at(static_cast<double>(query) + 0.5, 30.5, decode));
        REQUIRE(window.selection.state().query == query);
        window.click(window.at(decode ? 71.5 : 20.5, 10.5, decode), Qt::ShiftModifier); // the row stays that of the crosshair
        REQUIRE(test::waitUntil([&] { return !window.view->busy(); }));
        CHECK(window.view->marks().measured == Span{10, 31});
        const std::string text = window.view->marks().measuredText;
        CHECK_THAT(text, Catch::StartsWith("keys 10 to 30: "));
        CHECK(std::stod(text.substr(15)) == Approx(100 * shareOf(query, {10, 31})).epsilon(0.01));
    }
    window.key(Qt::Key_Right);
    CHECK(window.view->marks().measured.empty()); // it was of another place
}

TEST_CASE("A measured range of pooled rows says that it is about", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.tier = core::Tier::map;
    shape.options.n = 600;
    shape.options.heads = shape.options.kvHeads = 1;
    files.add(shape);
    MapWindow window(files.files(), headState(0));
    window.click(window.at(400, 300));
    window.click(window.at(400, 1), Qt::ShiftModifier);
    REQUIRE(test::waitUntil([&] { return !window.view->busy(); }));
    CHECK_THAT(window.view->marks().measuredText, Catch::Contains("about") && Catch::Contains("mean of queries"));
}

TEST_CASE("Hovering says the cell, and over a band the piece of the prompt with its text", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(0));
    window.mouse(QEvent::MouseMove, window.at(40.5, 3.5));
    CHECK(window.hovered.contains(QStringLiteral("key 3 \u201c\u21b5\u201d")));
    CHECK_FALSE(window.hovered.contains(QStringLiteral("masked")));
    window.mouse(QEvent::MouseMove, window.at(3.5, 40.5));
    CHECK(window.hovered.contains(QStringLiteral("masked")));
    const QRect map = window.view->heatmap().promptRect()->rect();
    bool found = false;
    for (int y = map.top() - 40; y < map.top(); ++y) { // the band lies somewhere above
        const QString text = window.view->readout(QPointF(window.at(0, 17).x(), y));
        if (text.contains(QStringLiteral("S1 (shot 1), tokens 10 to 24"))) {
            found = true;
            CHECK(text.contains(QStringLiteral("w10 w11")));
            CHECK(text.endsWith(QStringLiteral("w24\u00b7")));
        }
    }
    CHECK(found);
    CHECK(window.view->readout(QPointF(1, 1)).isEmpty());
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(window.view->plot(), &leave);
    CHECK(window.hovered.isEmpty());
}

TEST_CASE("A long piece of the prompt is told by its beginning, never cut inside of a character", "[views][io]")
{
    core::CaptureInfo info = test::syntheticInfo({.n = 400, .t = 0});
    info.tokens = {};
    for (int i = 0; i < 400; ++i)
        info.tokens.append(i, "\u00e4");
    const std::string text = plot::segmentReadout(info, {"Q", core::SegmentKind::question, {0, 400}});
    CHECK_THAT(text, Catch::EndsWith("\u00e4\u2026"));
    CHECK_THAT(text, !Catch::Contains("<"));
}

TEST_CASE("The figure is what the view shows, with provenance, and exports the same bytes twice", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    MapWindow window(files.files(), headState(1));
    window.selection.change([](auto& s) {
        s.queries = {30, 60};
        s.keys = {5, 45};
        s.query = 50;
        s.key = 20;
        s.colorRange = ColorRange::percentile;
    });
    window.settle();
    const auto figure = window.view->figure();
    REQUIRE(figure);
    const auto& maps = std::get<plot::HeatmapFigure>(figure->content);
    const auto& panel = maps.panels.front();
    CHECK(panel.keys == Span{5, 45});
    CHECK(panel.prompt.rows == 30); // cut to what is visible
    CHECK(panel.prompt.columns == 40);
    CHECK(panel.decode.columns == 40);
    CHECK(panel.marks.query == 50);
    CHECK(maps.scale.high == window.view->scale().high);
    CHECK(figure->sources.front().file == window.view->map()->reader->name());
    plot::ExportOptions options;
    options.path = "map.svg";
    CHECK(plot::renderFigure(*figure, options) == plot::renderFigure(*figure, options));
    CHECK_THAT(plot::sidecarJson(*figure, "kvviz", "kvviz view"),
               Catch::Contains("\"color_range\": \"percentile 1 to 99\"") && Catch::Contains("\"keys\": \"5 to 44\""));
}

TEST_CASE("Values are printed in cells that are large enough", "[views]")
{
    CHECK(plot::cellText(0.1234) == QStringLiteral("0.12"));
    CHECK(plot::cellText(0.0123) == QStringLiteral("0.012"));
    CHECK(plot::cellText(1.0) == QStringLiteral("1"));
    CHECK(plot::cellText(0.000312) == QStringLiteral("3e\u22124"));
    CHECK(plot::cellText(1e-12) == QStringLiteral("1e\u221212"));
    CHECK(plot::cellText(-0.25) == QStringLiteral("\u22120.25"));
    CHECK(plot::cellText(0) == QStringLiteral("0"));
}

TEST_CASE("Small and odd captures are shown: one head, few tokens, no decode steps, empty segments", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.layers = shape.options.heads = shape.options.kvHeads = 1;
    shape.options.n = GENERATE(1, 3, 40);
    shape.options.t = GENERATE(0, 1);
    shape.options.window = 2;
    shape.tier = GENERATE(core::Tier::full, core::Tier::map, core::Tier::cache);
    auto& capture = files.add(shape);
    capture.mutableInfo().segments = {{core::SegmentKind::shot, 0, {0, 0}, "empty"}};
    test::writeSynthetic(capture, files.files().front(), {.force = true});
    MapWindow window(files.files());
    CHECK(window.message.isEmpty());
    CHECK(window.view->map());
    window.wheel(window.at(static_cast<double>(shape.options.n) - 0.5, 0.5), 120);
    window.click(window.at(static_cast<double>(shape.options.n) - 0.5, 0.5));
    window.key(Qt::Key_Left);
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->figure());
}

TEST_CASE("Statistics alone, broken files and places that are not there are told, and the next capture works", "[views][io]")
{
    test::CaptureFiles files;
    files.add();
    files.add({core::Tier::stats, {}, 64});
    files.add();
    MapWindow window(files.files());
    window.selection.setCapture(1);
    window.settle();
    CHECK(window.message.contains(QStringLiteral("stats")));
    CHECK_FALSE(window.view->figure());
    CHECK(window.view->readout(QPointF(300, 300)).isEmpty());
    window.click(QPointF(300, 300));
    window.key(Qt::Key_Down);
    window.wheel(QPointF(300, 300), 120);
    std::filesystem::resize_file(files.files()[2], 4000); // while it is in the list
    window.message.clear();
    window.selection.setCapture(2);
    window.settle();
    CHECK(window.message.contains(QStringLiteral("c2.kvh5")));
    window.message.clear();
    window.selection.setCapture(0);
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->figure());
    window.selection.setVisible({5000, 6000}, {5000, 6000});
    window.settle();
    CHECK(window.message.contains(QStringLiteral("5000")));
    window.selection.change([](auto& s) {
        s.queries = s.keys = {};
        s.layer = 77;
    });
    window.settle();
    CHECK(window.message.contains(QStringLiteral("no layer 77")));
}

TEST_CASE("A capture of window rows is zoomed within its window", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.tier = core::Tier::cache;
    files.add(shape);
    MapWindow window(files.files(), headState(0));
    CHECK(window.view->panel().queries == Span{54, 70});
    window.wheel(window.at(60, 30), 240);
    window.settle();
    CHECK(window.message.isEmpty());
    window.view->zoomOut();
    for (int i = 0; i < 20; ++i)
        window.view->zoomOut();
    window.settle();
    CHECK(window.view->panel().queries == Span{54, 70});
    CHECK(window.message.isEmpty());
}
