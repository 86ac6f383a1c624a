// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is seen in the end: pixels of a drawn map.
#include "core/color_map.hpp"
#include "tests/support/bench_line.hpp"
#include "tests/support/catch.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/figure_exporter.hpp"
#include "views/figure_scene.hpp"

#include <algorithm>
#include <cmath>
#include <set>

using namespace kvviz;

namespace {

/// Draws a panel on a canvas of pixels and returns it with the place of the map.
struct Drawn {
    QImage image;
    QRect map;
};

Drawn draw(const plot::MapPanel& panel, const plot::ColorScale& scale, int side)
{
    QCustomPlot canvas;
    auto* layout = plot::makeFreeLayout(&canvas);
    plot::HeatmapPanel heatmap(&canvas, layout);
    plot::PlotStyle style = plot::PlotStyle::paper();
    style.unitsPerPoint = 96.0 / 72.0;
    heatmap.setPanel(panel, scale, style);
    // A place such that the map itself has `side` pixels.
    const double width = side + heatmap.sideWidth();
    const QSizeF size(std::ceil(width) + 20, std::ceil(heatmap.heightForWidth(width)) + 20);
    heatmap.place(QRectF(5, 5, width, heatmap.heightForWidth(width)), size);
    QImage image(size.toSize(), QImage::Format_RGB32);
    image.fill(Qt::white);
    QCPPainter painter(&image);
    canvas.toPainter(&painter, image.width(), image.height());
    painter.end();
    return {image, heatmap.promptRect()->rect()};
}

plot::MapPanel linePanel(std::int64_t n, const std::vector<std::int64_t>& lines)
{
    plot::MapPanel panel;
    panel.prompt = test::columnTile(n, lines, 0.01f);
    panel.keys = panel.queries = {0, n};
    return panel;
}

int lightnessAt(const QImage& image, int x, int y) { return qGray(image.pixel(x, y)); }

} // namespace

namespace {

/// Which of 20 lines of one column are seen in a map of n tokens at `side` pixels, and how many pixels are bright.
struct LinesSeen {
    std::size_t lines = 0, bright = 0;
};

LinesSeen linesSeen(std::int64_t n, int side)
{
    // At awkward places: the borders, just before and after the borders of pixels, neighbours of powers of two.
    std::vector<std::int64_t> lines{0,    6,    255,  257,  512,       1023, 1025, 1500, 1999, 2047,
                                    2049, 2222, 2500, 2730, 2731 + 13, 3071, 3333, 3500, 3700, 3900};
    for (std::int64_t& line : lines)
        line = line * n / 4096 + (n > 4096 ? line % 2 : 0);
    const plot::ColorScale scale{core::ColorMap::magma, false, 0.0, 1.0, ""};
    const Drawn drawn = draw(linePanel(n, lines), scale, side);
    REQUIRE(drawn.map.width() == side);
    REQUIRE(drawn.map.height() == side);
    const int y = drawn.map.top() + side - 3; // below every line's beginning
    std::set<int> bright;
    for (int x = drawn.map.left(); x <= drawn.map.right(); ++x)
        if (lightnessAt(drawn.image, x, y) > 200)
            bright.insert(x - drawn.map.left());
    std::set<std::int64_t> found;
    for (const std::int64_t line : lines) {
        const int pixel = static_cast<int>(static_cast<double>(line) * side / static_cast<double>(n));
        for (const int x : {pixel - 1, pixel, pixel + 1})
            if (bright.contains(x))
                found.insert(line);
    }
    return {found.size(), bright.size()};
}

} // namespace

TEST_CASE("Twenty lines of one column in a map of 4096 tokens all show at 600 pixels", "[views]")
{
    const LinesSeen seen = linesSeen(4096, 600);
    CHECK(seen.lines == 20);
    CHECK(seen.bright == 20); // one pixel each: neither lost nor smeared
}

TEST_CASE("Twenty lines of one column in a map of 8192 tokens, counted at 600 pixels", "[.bench]")
{
    const LinesSeen seen = linesSeen(8192, 600);
    CHECK(seen.lines == 20);
    test::printBenchLine("map_lines", "8192 tokens at 600 pixels", {{"seen", static_cast<double>(seen.lines)}});
}

TEST_CASE("The masked triangle differs from zero and from every colour of the table", "[views]")
{
    plot::MapPanel panel = linePanel(64, {});
    for (float& value : panel.prompt.values)
        if (!std::isnan(value))
            value = 0.0f;
    const Drawn drawn = draw(panel, {}, 256);
    const QRgb zero = drawn.image.pixel(drawn.map.left() + 20, drawn.map.bottom() - 10);
    const QRgb masked = drawn.image.pixel(drawn.map.right() - 10, drawn.map.top() + 20);
    CHECK(zero != masked);
    CHECK(masked == plot::PlotStyle::paper().masked.rgb());
    for (const auto map : {core::ColorMap::viridis, core::ColorMap::cividis, core::ColorMap::magma})
        for (const core::Rgb color : core::colorTable(map))
            CHECK(qRgb(color.red, color.green, color.blue) != masked);
    const auto first = core::colorTable(core::ColorMap::viridis).front();
    CHECK(zero == qRgb(first.red, first.green, first.blue));
}

TEST_CASE("The frame hides neither the first key nor the last query", "[views]")
{
    plot::MapPanel panel = linePanel(600, {0});
    for (std::int64_t key = 0; key < 600; ++key)
        panel.prompt.values[static_cast<std::size_t>(599 * 600 + key)] = 1.0f;
    const plot::ColorScale scale{core::ColorMap::magma, false, 0.0, 1.0, ""};
    const Drawn drawn = draw(panel, scale, 600);
    for (int y = drawn.map.top() + 5; y <= drawn.map.bottom(); y += 37)
        CHECK(lightnessAt(drawn.image, drawn.map.left(), y) > 200);
    for (int x = drawn.map.left(); x <= drawn.map.right(); x += 37)
        CHECK(lightnessAt(drawn.image, x, drawn.map.bottom()) > 200);
}

TEST_CASE("A panel without decode rows draws no strip", "[views]")
{
    test::MapShape shape;
    shape.n = 128;
    shape.cells = 64;
    shape.t = GENERATE(0, 8);
    QCustomPlot canvas;
    plot::HeatmapPanel heatmap(&canvas, plot::makeFreeLayout(&canvas));
    heatmap.setPanel(test::madeUpPanel(shape), {}, plot::PlotStyle::paper());
    CHECK(heatmap.decodeRect()->visible() == (shape.t > 0));
    heatmap.place(QRectF(0, 0, 900, 900), QSizeF(900, 900));
    CHECK((heatmap.blockRect().height() > heatmap.mapRect().height()) == (shape.t > 0));
}

TEST_CASE("Maps of several tasks have their texts in place at any width", "[views]")
{
    plot::Figure figure = test::madeUpHeatmap({});
    auto& content = std::get<plot::HeatmapFigure>(figure.content);
    const plot::MapPanel panel = content.panels.front();
    content.panels.clear();
    for (const char* task : {"addition", "needle", "opposites", "sentiment", "everyday"}) {
        content.panels.push_back(panel);
        content.panels.back().title = task;
        content.panels.back().letter = std::string(1, static_cast<char>('a' + std::ssize(content.panels) - 1));
    }
    plot::ExportOptions options;
    options.path = "a.svg";
    options.widthMm = GENERATE(60.0, 85.0, 120.0, 170.0, 254.0);
    options.fontPt = options.widthMm > 200 ? 14 : 0;
    const test::SvgPage page = test::readSvg(plot::renderFigure(figure, options));
    INFO(options.widthMm << '\n' << test::misplaced(page));
    CHECK(test::misplaced(page).empty());
    const auto printed = [&](const char* task) {
        return std::any_of(page.texts.begin(), page.texts.end(),
                           [task](const test::SvgText& text) { return text.text == QLatin1String(task); });
    };
    CHECK((printed("addition") && printed("sentiment"))); // whole
}

TEST_CASE("A single panel on a wide page is neither a square nor ruled like paper", "[views]")
{
    plot::CurveFigure curves;
    plot::CurvePanel panel;
    panel.xLabel = "keys";
    panel.yLabel = "share of attention";
    panel.series.push_back({});
    panel.series.front().name = "a";
    panel.series.front().x = {0, 1};
    panel.series.front().y = {0, 1};
    curves.panels = {panel};
    curves.shared = curves.oneLegend = GENERATE(false, true);
    plot::Figure figure;
    figure.content = curves;
    plot::ExportOptions options;
    options.path = "a.svg";
    options.widthMm = GENERATE(85.0, 178.0, 254.0);
    const test::SvgPage page = test::readSvg(plot::renderFigure(figure, options));
    INFO(options.widthMm << '\n' << test::misplaced(page));
    CHECK(test::misplaced(page).empty());
    CHECK(page.page.height() < 0.95 * page.page.width());
    CHECK(page.page.height() < 100 / 25.4 * 288); // mm
    const auto numbers = std::count_if(page.texts.begin(), page.texts.end(), [](const test::SvgText& text) {
        bool number = false;
        static_cast<void>(text.text.toDouble(&number));
        return number && text.box.right() < 40 / 25.4 * 288 && text.box.left() < 12 / 25.4 * 288;
    });
    CHECK(numbers >= 3);
    CHECK(numbers <= 13);
}

TEST_CASE("Ticks of tokens sit in the middle of their tokens and skip none when texts are shown", "[views]")
{
    struct Probe : plot::TokenTicker {
        using TokenTicker::createTickVector, TokenTicker::getTickLabel, TokenTicker::getTickStep;
    } ticker;
    ticker.setTickCount(5);
    const QCPRange range(0, 40);
    const double step = ticker.getTickStep(range);
    CHECK(step == std::floor(step));
    for (const double tick : ticker.createTickVector(step, range))
        CHECK(tick - std::floor(tick) == 0.5);
    CHECK(ticker.getTickLabel(20.5, QLocale::c(), 'g', 6) == QStringLiteral("20"));
    ticker.setTexts(10, {QStringLiteral("a"), QStringLiteral("b")});
    CHECK(ticker.getTickStep(range) == 1.0);
    CHECK(ticker.getTickLabel(11.5, QLocale::c(), 'g', 6) == QStringLiteral("b"));
    CHECK(ticker.getTickLabel(12.5, QLocale::c(), 'g', 6).isEmpty());
    CHECK(ticker.getTickStep(QCPRange(0, 2)) == 1.0);
}
