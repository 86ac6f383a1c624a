// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A - B of two captures: by counting, with other lengths and tokens, refused where nothing can be compared.
#include "core/error.hpp"
#include "tests/views/map_fixture.hpp"
#include "views/map_difference.hpp"
#include "views/map_image.hpp"

using namespace kvviz;
using core::Span;
using test::MapWindow;
using Shown = views::MapView::Shown;

namespace {

test::CaptureShape shapeOf(std::uint64_t seed, std::int64_t n = 70, core::Tier tier = core::Tier::full)
{
    test::CaptureShape shape;
    shape.options.seed = seed;
    shape.options.n = n;
    shape.tier = tier;
    return shape;
}

views::SelectionState differenceState(int head = 1)
{
    views::SelectionState state;
    state.other = 1;
    state.head = head;
    return state;
}

std::string notesOf(const MapWindow& window)
{
    std::string text;
    const plot::Figure figure = window.view->figure().value();
    for (const std::string& note : std::get<plot::HeatmapFigure>(figure.content).panels.front().notes)
        text += note + "\n";
    return text;
}

} // namespace

TEST_CASE("A difference is A minus B in every cell, decode steps included", "[views][io]")
{
    test::CaptureFiles files;
    const auto& a = files.add(shapeOf(1));
    const auto& b = files.add(shapeOf(2));
    MapWindow window(files.files(), differenceState());
    CHECK(window.message.isEmpty());
    const auto& cells = window.view->map()->cells;
    for (std::int64_t q = 0; q < 70; ++q)
        for (std::int64_t k = 0; k <= q; ++k) {
            const auto at = [&](const test::SyntheticCapture& capture) {
                return capture.fullMap(0)[static_cast<std::size_t>((70 + q) * 70 + k)];
            };
            CHECK(plot::tileValue(cells.prompt, static_cast<double>(q) + 0.5, static_cast<double>(k) + 0.5)
                  == Approx(at(a) - at(b)).margin(1e-3));
        }
    for (std::int64_t i = 0; i < 5; ++i)
        CHECK(plot::tileValue(cells.decode, static_cast<double>(70 + i) + 0.5, 8.5)
              == Approx(a.layer(0).decodeRow(1, i)[8] - b.layer(0).decodeRow(1, i)[8]).margin(1e-3));
    CHECK(std::isnan(plot::tileValue(cells.prompt, 3.5, 30.5)));
}

TEST_CASE("Differences have symmetric, linear, diverging colours", "[views][io]")
{
    test::CaptureFiles files;
    files.add(shapeOf(1));
    files.add(shapeOf(2));
    MapWindow window(files.files(), differenceState());
    const auto rule = GENERATE(views::ColorRange::all, views::ColorRange::percentile, views::ColorRange::withoutSinks,
                               views::ColorRange::fixed);
    window.selection.change([&](auto& s) {
        s.colorRange = rule;
        s.logarithmic = true;
        s.rangeHigh = 0.25;
    });
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->scale().low == -window.view->scale().high);
    CHECK(window.view->scale().high > 0);
    CHECK_FALSE(window.view->scale().logarithmic);
    CHECK(window.view->scale().map == core::ColorMap::diverging);
    if (rule == views::ColorRange::fixed)
        CHECK(window.view->scale().high == 0.25);
    if (rule == views::ColorRange::all)
        for (const float value : window.view->map()->cells.prompt.values)
            CHECK_FALSE(std::abs(value) > window.view->scale().high * 1.0001);
    CHECK(plot::colorIndex(0.0, window.view->scale()) == Approx(127.5).margin(1));
    CHECK(window.view->figure()->name == "difference");
    CHECK(window.view->figure()->sources.size() == 2);
}

TEST_CASE("Two captures of one prompt differ nowhere, and there is still a scale", "[views][io]")
{
    test::CaptureFiles files;
    files.add(shapeOf(1));
    files.add(shapeOf(1));
    MapWindow window(files.files(), differenceState());
    CHECK(window.view->scale().high > 0);
    CHECK_THAT(notesOf(window), !Catch::Contains("compared") && Catch::Contains("of A minus that of B"));
    for (const float value : window.view->map()->cells.prompt.values)
        CHECK((std::isnan(value) || value == 0));
}

TEST_CASE("Prompts of other lengths are compared by position up to the shorter one, and the map says so", "[views][io]")
{
    test::CaptureFiles files;
    const auto tier = GENERATE(core::Tier::full, core::Tier::map);
    const auto& a = files.add(shapeOf(1, 70, tier));
    const auto& b = files.add(shapeOf(2, 61, tier));
    MapWindow window(files.files(), differenceState(0));
    CHECK(window.message.isEmpty());
    CHECK(window.view->panel().keys == Span{0, 61});
    CHECK(window.view->panel().queries == Span{0, 61});
    CHECK(window.view->panel().decodeQueries.empty());
    CHECK_THAT(notesOf(window), Catch::Contains("A has 70 prompt tokens, B 61: the first 61"));
    const auto& map = *window.view->map();
    REQUIRE(map.cell.key >= 1);
    const auto pooled = [&](const test::SyntheticCapture& capture, std::int64_t q, std::int64_t k) {
        return test::cellByCounting(capture, 0, {0}, io::Pooling::max,
                                    {q / map.cell.query * map.cell.query, (q / map.cell.query + 1) * map.cell.query},
                                    {k / map.cell.key * map.cell.key, (k / map.cell.key + 1) * map.cell.key});
    };
    for (std::int64_t q = 0; q < 58; q += 3)
        for (std::int64_t k = 0; k <= q; k += 2)
            CHECK(plot::tileValue(map.cells.prompt, static_cast<double>(q) + 0.5, static_cast<double>(k) + 0.5)
                  == Approx(pooled(a, q, k) - pooled(b, q, k)).margin(1e-3));
    window.view->zoomIn();
    window.view->resetView();
    window.settle();
    CHECK(window.message.isEmpty());
}

TEST_CASE("Other tokens are told with the position where they begin", "[views]")
{
    core::CaptureInfo a = test::syntheticInfo({}), b = a;
    CHECK(plot::compareCaptures(a, b).note.empty());
    CHECK(plot::compareCaptures(a, b).steps == 5);
    b.tokens.ids[17] = 3;
    CHECK_THAT(plot::compareCaptures(a, b).note, Catch::Contains("tokens differ from position 17 on"));
    b.prompt.nPrompt = 30;
    CHECK(plot::compareCaptures(a, b).tokens == 30);
    CHECK(plot::compareCaptures(a, b).steps == 0);
    CHECK_THAT(plot::compareCaptures(a, b).note, Catch::Contains("first 30") && Catch::Contains("position 17"));
}

TEST_CASE("Captures without common rows, layers or heads are refused in one sentence", "[views][io]")
{
    test::CaptureFiles files;
    files.add(shapeOf(1, 70, core::Tier::cache)); // rows 54 to 69
    files.add(shapeOf(2, 40, core::Tier::cache)); // rows 24 to 39
    auto one = shapeOf(3);
    one.options.layers = 1;
    one.options.heads = one.options.kvHeads = 1;
    files.add(one);
    files.add(shapeOf(4, 70, core::Tier::stats));
    MapWindow window(files.files(), differenceState(0));
    CHECK(window.message.contains(QStringLiteral("no query in common")));
    window.selection.change([](auto& s) {
        s.other = 2;
        s.layer = 1;
    });
    window.settle();
    CHECK(window.message.contains(QStringLiteral("no layer 1")));
    window.selection.change([](auto& s) {
        s.layer = 0;
        s.head = 2;
    });
    window.settle();
    CHECK(window.message.contains(QStringLiteral("no head 2")));
    window.selection.change([](auto& s) {
        s.head = 0;
        s.other = 3;
    });
    window.settle();
    CHECK(window.message.contains(QStringLiteral("stats")));
    window.message.clear();
    window.selection.change([](auto& s) { s.other = -1; });
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->figure()->name == "heatmap");
    window.selection.change([](auto& s) { s.other = 2; }); // window rows of A against all rows of B
    window.settle();
    CHECK(window.message.isEmpty());
    CHECK(window.view->panel().queries == Span{54, 70});
}

TEST_CASE("Holding B shows the captures in turn, in one scale, and then the difference again", "[views][io]")
{
    test::CaptureFiles files;
    files.add(shapeOf(1));
    files.add(shapeOf(2));
    MapWindow window(files.files(), differenceState());
    const plot::ColorScale difference = window.view->scale();
    window.key(Qt::Key_B);
    CHECK(window.view->shown() == Shown::a);
    const plot::ColorScale alone = window.view->scale();
    CHECK(alone.map == core::ColorMap::viridis);
    CHECK(window.view->panel().title == "A alone");
    REQUIRE(test::waitUntil([&] { return window.view->shown() == Shown::b; }));
    CHECK(window.view->scale().high == alone.high);
    CHECK(window.view->scale().low == alone.low);
    const auto figure = *window.view->figure();
    CHECK(std::get<plot::HeatmapFigure>(figure.content).panels.front().prompt.values.front()
          == window.view->map()->b.prompt.values.front());
    window.key(Qt::Key_B, {}, QEvent::KeyRelease);
    CHECK(window.view->shown() == Shown::difference);
    CHECK(window.view->scale().high == difference.high);
    window.view->blink(true);
    window.selection.change([](auto& s) { s.other = -1; }); // while it blinks
    window.settle();
    CHECK(window.view->shown() == Shown::difference);
    window.view->blink(true);
    CHECK(window.view->shown() == Shown::difference); // nothing to compare
}

TEST_CASE("The readout of a difference has both values", "[views][io]")
{
    test::CaptureFiles files;
    files.add(shapeOf(1));
    files.add(shapeOf(2));
    MapWindow window(files.files(), differenceState());
    const QString text = window.view->readout(window.at(60.5, 5.5));
    CHECK(text.contains(QStringLiteral("(A ")));
    CHECK(text.contains(QStringLiteral(", B ")));
    window.click(window.at(60.5, 5.5));
    window.click(window.at(60.5, 20.5), Qt::ShiftModifier);
    REQUIRE(test::waitUntil([&] { return !window.view->busy(); }));
    CHECK_THAT(window.view->marks().measuredText, Catch::StartsWith("A keys 5 to 20") && Catch::Contains("; B keys"));
}

TEST_CASE("Where pixels are larger than cells, the larger difference is shown, not the positive one", "[views]")
{
    io::MapTile tile;
    tile.rows = 1;
    tile.columns = 4;
    tile.queryEnd = 1;
    tile.keyEnd = 4;
    tile.values = {0.1f, -0.7f, 0.3f, std::numeric_limits<float>::quiet_NaN()};
    CHECK(plot::resampleTile(tile, plot::CellFold::magnitude, {0, 4, 0, 1, 2, 1}) == std::vector<float>{-0.7f, 0.3f});
    CHECK_THROWS_AS(plot::differenceTile(tile, {}), core::Error);
}
