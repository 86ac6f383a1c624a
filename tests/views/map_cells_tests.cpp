// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cells between file and pixels, against counting: blocks and their cache, resampling, colours, what is visible.
#include "tests/views/made_up.hpp"
#include "tests/views/map_fixture.hpp"
#include "views/color_lookup.hpp"
#include "views/figure_scene.hpp"
#include "views/map_geometry.hpp"
#include "views/map_image.hpp"

#include <random>
#include <set>

using namespace kvviz;
using core::Span;
using plot::CellSize;

namespace {

plot::MapSource sourceOf(const std::filesystem::path& file, std::vector<std::int64_t> heads, io::Pooling pooling)
{
    auto reader = std::make_shared<const io::CaptureReader>(file);
    const std::int64_t tokens = reader->info().nPrompt();
    return {std::move(reader), 1, std::move(heads), pooling, tokens};
}

/// Every cell of the tile against counting.
void checkTile(const io::MapTile& tile, CellSize size, const plot::MapSource& source,
               const test::SyntheticCapture& capture)
{
    REQUIRE(tile.keyEnd - tile.keyBegin == Approx(static_cast<double>(tile.columns * size.key)));
    REQUIRE(tile.queryEnd - tile.queryBegin == Approx(static_cast<double>(tile.rows * size.query)));
    int wrong = 0;
    for (std::int64_t r = 0; r < tile.rows; ++r)
        for (std::int64_t c = 0; c < tile.columns; ++c) {
            const auto query = static_cast<std::int64_t>(tile.queryBegin) + r * size.query;
            const auto key = static_cast<std::int64_t>(tile.keyBegin) + c * size.key;
            const double expected =
                test::cellByCounting(capture, source.slot, source.heads, source.pooling,
                                     {query, query + size.query}, {key, key + size.key});
            const float value = tile.values[static_cast<std::size_t>(r * tile.columns + c)];
            const bool same = std::isnan(expected) ? std::isnan(value)
                                                   : std::abs(value - expected) <= 2e-3 * expected + 1e-6;
            wrong += same ? 0 : 1;
        }
    CHECK(wrong == 0);
}

} // namespace

TEST_CASE("Blocks of cells hold what counting finds, from exact rows and from the pyramid", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.heads = 2;
    shape.options.kvHeads = 1;
    shape.options.n = GENERATE(70, 601);
    shape.tier = GENERATE(core::Tier::full, core::Tier::map);
    const auto& capture = files.add(shape);
    const auto pooling = GENERATE(io::Pooling::max, io::Pooling::mean);
    const auto source = sourceOf(files.files().front(), {0, 1}, pooling);
    const std::int64_t unit = source.unit();
    CHECK((unit == 1) == (shape.tier == core::Tier::full));
    plot::TileCache cache;
    for (const CellSize size : {CellSize{unit, unit}, {2 * unit, 2 * unit}, {2 * unit, 8 * unit}, {16 * unit, unit}}) {
        const auto tile = cache.cells(source, size, {0, source.tokens}, {0, source.tokens});
        REQUIRE(tile);
        checkTile(*tile, size, source, capture);
    }
    const auto overview = plot::overviewSize({source}, 64);
    const auto whole = cache.cells(source, overview, {0, source.tokens}, {0, source.tokens});
    CHECK(whole->columns <= 128);
    checkTile(*whole, overview, source, capture);
}

TEST_CASE("Neighbouring views read only what is new, and a full cache forgets the oldest", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.heads = 1;
    shape.options.kvHeads = 1;
    shape.options.n = 900;
    const auto& capture = files.add(shape);
    const auto source = sourceOf(files.files().front(), {0}, io::Pooling::max);
    plot::TileCache cache;
    const CellSize one{1, 1};
    (void)cache.cells(source, one, {600, 700}, {520, 600});
    const std::int64_t first = cache.reads();
    CHECK(first == 1);
    CHECK(cache.holds(source, one, {610, 720}, {530, 610}));
    (void)cache.cells(source, one, {610, 720}, {530, 610});
    CHECK(cache.reads() == first);
    (void)cache.cells(source, one, {610, 720}, {500, 610}); // across the border of a block
    CHECK(cache.reads() == first + 1);
    CHECK_FALSE(cache.holds(source, {2, 2}, {610, 720}, {530, 610}));
    CHECK_FALSE(cache.cells(source, {2, 2}, {0, 900}, {0, 900}, [] { return true; }));

    plot::TileCache small(300U << 10U); // one block of 256 KiB
    for (const Span keys : {Span{0, 900}, {0, 200}, {300, 500}}) {
        const auto tile = small.cells(source, one, {512, 900}, keys);
        REQUIRE(tile);
        CHECK(small.bytes() <= (300U << 10U));
        checkTile(*tile, one, source, capture);
    }
}

TEST_CASE("A window of rows alone has cells where it has rows", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.tier = core::Tier::cache;
    const auto& capture = files.add(shape);
    const auto source = sourceOf(files.files().front(), {0, 1, 2, 3}, io::Pooling::max);
    CHECK(source.queries() == Span{54, 70});
    plot::TileCache cache;
    const auto tile = cache.cells(source, {1, 1}, source.queries(), {0, 70});
    REQUIRE(tile);
    for (std::int64_t q = 54; q < 70; ++q)
        CHECK(plot::tileValue(*tile, static_cast<double>(q) + 0.5, 3.5)
              == Approx(test::cellByCounting(capture, 1, source.heads, source.pooling, {q, q + 1}, {3, 4}))
                     .epsilon(2e-3));
    CHECK(std::isnan(plot::tileValue(*tile, 10.5, 3.5)));
}

TEST_CASE("Cells are as small as pixels, or as the stored pyramid where that is near", "[views][io]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.n = 600;
    shape.options.heads = shape.options.kvHeads = 1;
    files.add(shape); // a pyramid of 60 cells of 10 tokens
    const auto source = sourceOf(files.files().front(), {0}, io::Pooling::max);
    CHECK(plot::cellSizeFor({source}, 0.2, 0.2) == CellSize{1, 1});
    CHECK(plot::cellSizeFor({source}, 4.5, 4.5) == CellSize{4, 4});
    CHECK(plot::cellSizeFor({source}, 5, 5) == CellSize{10, 10});
    CHECK(plot::cellSizeFor({source}, 25, 47) == CellSize{20, 20}); // stored levels are square
    CHECK(plot::cellSizeFor({source}, 1, 25) == CellSize{1, 20});
    CHECK(plot::cellSizeFor({source}, 5000, 5000).query <= 600);
}

TEST_CASE("Resampling folds exactly the cells of a pixel, by largest, mean and magnitude", "[views]")
{
    std::mt19937 random(3);
    std::uniform_real_distribution<float> draw(-1, 1);
    io::MapTile tile;
    tile.rows = 23;
    tile.columns = 41;
    tile.queryBegin = 5;
    tile.queryEnd = 51;
    tile.keyEnd = 82;
    for (std::int64_t i = 0; i < tile.rows * tile.columns; ++i)
        tile.values.push_back(random() % 7 == 0 ? std::numeric_limits<float>::quiet_NaN() : draw(random));
    for (int trial = 0; trial < 60; ++trial) {
        const double keyBegin = static_cast<double>(random() % 40) - 5, keyEnd = keyBegin + 1 + random() % 90;
        const double queryBegin = static_cast<double>(random() % 30), queryEnd = queryBegin + 1 + random() % 40;
        const plot::PixelGrid grid{keyBegin, keyEnd, queryBegin, queryEnd, 1 + static_cast<int>(random() % 60),
                                   1 + static_cast<int>(random() % 30)};
        const auto rows = plot::cellsOfPixels(queryBegin, queryEnd, grid.rows, tile.queryBegin, tile.queryEnd, tile.rows);
        const auto columns = plot::cellsOfPixels(keyBegin, keyEnd, grid.columns, tile.keyBegin, tile.keyEnd, tile.columns);
        for (const auto fold : {plot::CellFold::max, plot::CellFold::mean, plot::CellFold::magnitude}) {
            const auto values = plot::resampleTile(tile, fold, grid);
            int wrong = 0;
            for (std::size_t y = 0; y < rows.size(); ++y)
                for (std::size_t x = 0; x < columns.size(); ++x) {
                    std::vector<float> seen;
                    for (std::int64_t r = rows[y].begin; r < rows[y].end; ++r)
                        for (std::int64_t c = columns[x].begin; c < columns[x].end; ++c)
                            if (const float v = tile.values[static_cast<std::size_t>(r * tile.columns + c)]; v == v)
                                seen.push_back(v);
                    double expected = std::numeric_limits<double>::quiet_NaN();
                    if (!seen.empty() && fold == plot::CellFold::mean) {
                        expected = 0;
                        for (const float v : seen)
                            expected += v / static_cast<double>(seen.size());
                    } else if (!seen.empty()) {
                        expected = *std::max_element(seen.begin(), seen.end(), [&](float a, float b) {
                            return fold == plot::CellFold::max ? a < b : std::abs(a) < std::abs(b);
                        });
                    }
                    const double value = values[y * columns.size() + x];
                    const bool same = std::isnan(expected) ? std::isnan(value) : std::abs(value - expected) < 1e-6;
                    wrong += same ? 0 : 1;
                }
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("Looked-up colours are the computed ones, at every border", "[views]")
{
    const plot::ColorScale scale = GENERATE(
        plot::ColorScale{core::ColorMap::viridis, true, 1e-5, 1.0, ""},
        plot::ColorScale{core::ColorMap::magma, true, 0.0031, 0.0032, ""},
        plot::ColorScale{core::ColorMap::viridis, false, 0.0, 0.02, ""},
        plot::ColorScale{core::ColorMap::diverging, false, -0.5, 0.5, ""});
    const plot::ColorLookup lookup(scale);
    std::vector<float> values{0.0f, 1e-30f, 1e30f, static_cast<float>(scale.low), static_cast<float>(scale.high)};
    std::mt19937 random(1);
    std::uniform_real_distribution<double> draw(-0.1, 1.1);
    for (int i = 0; i < 20000; ++i) {
        const double share = i < 10000 ? draw(random) : std::floor(draw(random) * 255 + 0.5) / 255 + 0.5 / 255;
        auto value = static_cast<float>(scale.logarithmic ? scale.low * std::pow(scale.high / scale.low, share)
                                                          : scale.low + share * (scale.high - scale.low));
        values.push_back(value);
        values.push_back(std::nextafter(value, 2.0f));
    }
    int wrong = 0;
    for (const float value : values)
        wrong += lookup.index(value) == plot::colorIndex(static_cast<double>(value), scale) ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("Visible tokens stay whole, inside and around the place that is zoomed at", "[views]")
{
    std::mt19937 random(9);
    for (int trial = 0; trial < 3000; ++trial) {
        const std::int64_t begin = static_cast<std::int64_t>(random() % 50);
        const Span all{begin, begin + 1 + static_cast<std::int64_t>(random() % 5000)};
        const std::int64_t size = 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(all.size()));
        const std::int64_t first = all.begin + static_cast<std::int64_t>(
                                                   random() % static_cast<std::uint64_t>(all.size() - size + 1));
        const Span visible{first, first + size};
        const double center = static_cast<double>(first) + static_cast<double>(random() % 1000) / 1000.0 * static_cast<double>(size);
        const auto inside = [&](Span span) { return span.begin >= all.begin && span.end <= all.end && !span.empty(); };
        const double factor = std::pow(2.0, static_cast<double>(random() % 100) / 25.0 - 2);
        const Span zoomed = plot::zoomed(visible, center, factor, all);
        REQUIRE(inside(zoomed));
        REQUIRE(zoomed.size() >= std::min<std::int64_t>(plot::kLeastVisible, all.size()));
        REQUIRE(static_cast<double>(zoomed.begin) <= center + 1);
        REQUIRE(static_cast<double>(zoomed.end) >= center - 1);
        if (zoomed.begin > all.begin && zoomed.end < all.end) // where no end stops it, the place keeps its share
            REQUIRE((center - static_cast<double>(zoomed.begin)) / static_cast<double>(zoomed.size())
                    == Approx((center - static_cast<double>(visible.begin)) / static_cast<double>(size))
                           .margin(1.5 / static_cast<double>(zoomed.size())));
        const Span moved = plot::shifted(visible, static_cast<double>(random() % 9000) - 4500, all);
        REQUIRE(inside(moved));
        REQUIRE(moved.size() == size);
        const std::int64_t token = all.begin + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(all.size()));
        const Span scrolled = plot::scrolledTo(visible, token, all);
        REQUIRE(scrolled.contains(token));
        REQUIRE(inside(scrolled));
        REQUIRE(inside(plot::between(center, static_cast<double>(token) + 0.3, all)));
    }
}

TEST_CASE("Lines of one column stay in sight wherever a map of 4096 tokens is panned to", "[views]")
{
    constexpr std::int64_t n = 4096;
    const std::vector<std::int64_t> lines{0,    6,    255,  257,  512,  1023, 1025, 1500, 1999, 2047,
                                          2049, 2222, 2500, 2730, 2744, 3071, 3333, 3500, 3700, 3900};
    const auto tile = std::make_shared<const io::MapTile>(test::columnTile(n, lines, 0.01f));
    const plot::ColorScale scale{core::ColorMap::magma, false, 0.0, 1.0, ""};
    QCustomPlot canvas;
    plot::HeatmapPanel heatmap(&canvas, plot::makeFreeLayout(&canvas));
    plot::PlotStyle style = plot::PlotStyle::paper();
    style.unitsPerPoint = 96.0 / 72.0;
    plot::MapPanel panel;
    panel.keys = panel.queries = {0, n};
    heatmap.setPanel(panel, {tile, nullptr, nullptr, nullptr}, scale, style);
    const double width = 600 + heatmap.sideWidth(), height = heatmap.heightForWidth(width);
    const QSizeF canvasSize(std::ceil(width) + 20, std::ceil(height) + 20);
    heatmap.place(QRectF(5, 5, width, height), canvasSize);
    for (const auto& [offset, size] : {std::pair<std::int64_t, std::int64_t>{0, 4096}, {1, 4000}, {7, 3999}, {96, 4000},
                                       {333, 2611}, {1000, 1501}, {2040, 600}, {2040, 599}, {3000, 900}}) {
        heatmap.setVisible({n - size, n}, {offset, offset + size});
        QImage image(canvasSize.toSize(), QImage::Format_RGB32);
        QCPPainter painter(&image);
        canvas.toPainter(&painter, image.width(), image.height());
        painter.end();
        const QRect map = heatmap.promptRect()->rect();
        REQUIRE(std::abs(map.width() - 600) <= 1); // its place is rounded to pixels
        for (const std::int64_t line : lines) {
            if (line < offset || line >= offset + size)
                continue;
            const double place = static_cast<double>(line - offset) * map.width() / static_cast<double>(size);
            bool seen = false;
            for (int x = static_cast<int>(place) - 1; x <= static_cast<int>(place) + 1; ++x)
                seen = seen || (x >= 0 && x < map.width() && qGray(image.pixel(map.left() + x, map.bottom() - 2)) > 200);
            CHECK(seen);
        }
    }
}
