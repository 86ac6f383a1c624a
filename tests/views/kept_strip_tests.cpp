// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a method keeps, from plan to pixels: states by counting, nothing hidden by pooling, a veil on evicted columns.
#include "compress/method.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/map_fixture.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/figure_exporter.hpp"
#include "views/figure_scene.hpp"
#include "views/kept_data.hpp"
#include "views/sidecar.hpp"

#include <random>
#include <set>

using namespace kvviz;
using plot::KeptShare;
using plot::KeyState;

namespace {

struct Planned {
    test::SyntheticCapture capture;
    compress::LayerPlan plan;
    plot::KeptRequest request;

    explicit Planned(const std::string& method, double ratio = 0.5, const test::SyntheticOptions& options = {})
        : capture(options)
    {
        const core::LayerData& data = capture.layer(0);
        const auto made = compress::makeMethod(method);
        request.method = method;
        request.budget.ratio = ratio;
        request.n = data.n;
        request.t = data.t;
        compress::LayerInput input{data, capture.info().segments};
        input.info = &capture.info();
        plan = made->plan(input, request.budget);
    }
    [[nodiscard]] plot::KeptMarks marks() const { return plot::keptMarks(plan, capture.info(), request); }
};

/// What the query of `step` sees of a key, straight from the definition of a plan.
KeyState stateByDefinition(const Planned& planned, int kvHead, std::int64_t key, std::int64_t step)
{
    const std::int64_t n = planned.request.n, t = planned.request.t;
    if (key > (step < 0 ? n - 1 : n + step))
        return KeyState::absent;
    if (step >= 0 && !planned.plan.keptDecode.empty())
        return planned.plan.keptDecode[static_cast<std::size_t>((kvHead * t + step) * (n + t) + key)] != 0
                   ? KeyState::kept
                   : KeyState::evicted;
    const auto& kept = planned.plan.kept[static_cast<std::size_t>(kvHead)];
    return key >= n || std::find(kept.begin(), kept.end(), static_cast<std::int32_t>(key)) != kept.end()
               ? KeyState::kept
               : KeyState::evicted;
}

/// A panel with a strip whose single row keeps what `kept` says.
plot::MapPanel panelOf(std::int64_t n, const std::vector<KeyState>& kept, int rows = 1)
{
    plot::MapPanel panel;
    panel.prompt = test::columnTile(n, {}, 0.05f);
    panel.keys = panel.queries = {0, n};
    for (int i = 0; i < rows; ++i)
        panel.kept.rows.push_back({"KV " + std::to_string(i), kept});
    panel.kept.together = kept;
    panel.kept.label = "SnapKV, ratio 0.5: some of the keys kept";
    return panel;
}

struct DrawnStrip {
    QImage image;
    QRect map, strip;
};

DrawnStrip draw(const plot::MapPanel& panel, int side, bool dark = false)
{
    QCustomPlot canvas;
    plot::HeatmapPanel heatmap(&canvas, plot::makeFreeLayout(&canvas));
    plot::PlotStyle style = plot::PlotStyle::paper(7.5, dark);
    style.unitsPerPoint = 96.0 / 72.0;
    heatmap.setPanel(panel, {core::ColorMap::viridis, false, 0.0, 1.0, ""}, style);
    const double width = side + heatmap.sideWidth(), height = heatmap.heightForWidth(width);
    const QSizeF canvasSize(std::ceil(width) + 20, std::ceil(height) + 20);
    heatmap.place(QRectF(5, 5, width, height), canvasSize);
    DrawnStrip drawn;
    drawn.image = QImage(canvasSize.toSize(), QImage::Format_RGB32);
    drawn.image.fill(style.background);
    QCPPainter painter(&drawn.image);
    canvas.toPainter(&painter, drawn.image.width(), drawn.image.height());
    painter.end();
    drawn.map = heatmap.promptRect()->rect();
    drawn.strip = heatmap.keptRect()->rect();
    return drawn;
}

/// Share of a column of the strip that is filled.
double filled(const DrawnStrip& drawn, int x, QRgb kept)
{
    int count = 0;
    for (int y = drawn.strip.top(); y <= drawn.strip.bottom(); ++y)
        count += drawn.image.pixel(drawn.strip.left() + x, y) == kept ? 1 : 0;
    return static_cast<double>(count) / drawn.strip.height();
}

} // namespace

TEST_CASE("States of keys are those of the plan, for every KV head and step", "[views]")
{
    const std::string method = GENERATE("snapkv", "streaming", "h2o_online", "shotkv", "fullkv");
    INFO(method);
    Planned planned(method);
    const std::int64_t total = planned.capture.info().nTokens();
    const int head = GENERATE(-1, 0, 1, 3);
    if (head >= 0)
        planned.request.head = head;
    for (const std::int64_t step : {-1, 0, 2, 4}) {
        planned.request.step = step;
        const auto marks = planned.marks();
        REQUIRE(marks.rows.size() == (head < 0 ? 2U : 1U));
        for (std::size_t row = 0; row < marks.rows.size(); ++row)
            for (std::int64_t k = 0; k < total; ++k)
                CHECK(marks.rows[row].keys[static_cast<std::size_t>(k)]
                      == stateByDefinition(planned, head < 0 ? static_cast<int>(row) : head / 2, k, step));
        for (std::int64_t k = 0; k < total; ++k) { // veiled only where no row keeps the key
            bool any = false, evicted = false;
            for (const auto& row : marks.rows) {
                any = any || row.keys[static_cast<std::size_t>(k)] == KeyState::kept;
                evicted = evicted || row.keys[static_cast<std::size_t>(k)] == KeyState::evicted;
            }
            CHECK((marks.together[static_cast<std::size_t>(k)] == KeyState::evicted) == (evicted && !any));
        }
        CHECK(marks.decode.empty() == planned.plan.keptDecode.empty());
        if (!marks.decode.empty())
            for (std::int64_t i = 0; i < planned.request.t; ++i)
                for (std::int64_t k = 0; k < total; ++k) {
                    bool any = false;
                    for (int g = 0; g < 2; ++g)
                        any = any
                              || ((head < 0 || g == head / 2)
                                  && stateByDefinition(planned, g, k, i) == KeyState::kept);
                    CHECK((marks.decode[static_cast<std::size_t>(i * total + k)] == KeyState::kept) == any);
                }
    }
}

TEST_CASE("The strip says method, budget, what stays and when", "[views]")
{
    Planned planned("snapkv:factory", 0.3);
    planned.request.head = 1;
    const auto kept = planned.plan.kept.front().size();
    CHECK_THAT(planned.marks().label, Catch::Contains("SnapKV (factory), ratio 0.3: " + std::to_string(kept)
                                                      + " of 70 keys kept"));
    planned.request.head.reset();
    planned.request.step = 2;
    CHECK_THAT(planned.marks().label, Catch::Contains("2 KV heads") && Catch::Contains("at decode step 3"));
    planned.request.budget.tokens = 21;
    CHECK_THAT(planned.marks().label, Catch::Contains("21 tokens"));
    planned.request.step = 99; // beyond the last one
    CHECK_THAT(planned.marks().label, Catch::Contains("at decode step 5"));
}

TEST_CASE("A plan that was judged on window rows says nothing of the keys after its prompt", "[views]")
{
    Planned planned("snapkv");
    planned.request.n = 60; // as a capture without decode rows is split
    planned.request.t = 10;
    for (auto& kept : planned.plan.kept)
        std::erase_if(kept, [](std::int32_t position) { return position >= 60; });
    const auto marks = planned.marks();
    CHECK(marks.rows.front().keys.size() == 75);
    CHECK(std::count(marks.rows.front().keys.begin() + 60, marks.rows.front().keys.end(), KeyState::absent) == 15);
    CHECK(marks.decode.empty());
}

TEST_CASE("No single token is hidden by pooling, whatever the pixels", "[views]")
{
    std::mt19937 random(5);
    for (int trial = 0; trial < 400; ++trial) {
        const auto count = static_cast<std::int64_t>(1 + random() % 3000);
        const bool oneKept = trial % 2 == 0;
        std::vector<KeyState> keys(static_cast<std::size_t>(count), oneKept ? KeyState::evicted : KeyState::kept);
        const auto odd = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count));
        keys[static_cast<std::size_t>(odd)] = oneKept ? KeyState::kept : KeyState::evicted;
        const int pixels = 1 + static_cast<int>(random() % 700);
        const auto shares = plot::keptShares(keys.data(), count, 0, static_cast<double>(count), pixels);
        const auto plain = oneKept ? KeptShare::none : KeptShare::all;
        const auto others = std::count_if(shares.begin(), shares.end(), [&](KeptShare s) { return s != plain; });
        REQUIRE(others >= 1);
        if (count >= pixels)
            REQUIRE(others == 1); // and it is not smeared
    }
    const std::vector<KeyState> absent(10, KeyState::absent);
    for (const KeptShare share : plot::keptShares(absent.data(), 10, -5, 20, 7))
        CHECK(share == KeptShare::absent);
}

TEST_CASE("A kept token among thousands of evicted ones is drawn, and the other way round", "[views]")
{
    constexpr std::int64_t n = 2048;
    const bool dark = GENERATE(false, true);
    std::vector<KeyState> keys(n, KeyState::evicted);
    std::fill(keys.begin() + n / 2, keys.end(), KeyState::kept);
    const std::vector<std::int64_t> kept{3, 100, 517, 801}, evicted{1200, 1403, 2000};
    for (const std::int64_t key : kept)
        keys[static_cast<std::size_t>(key)] = KeyState::kept;
    for (const std::int64_t key : evicted)
        keys[static_cast<std::size_t>(key)] = KeyState::evicted;
    const DrawnStrip drawn = draw(panelOf(n, keys), 500, dark);
    REQUIRE(std::abs(drawn.strip.width() - 500) <= 1); // its place is rounded to pixels
    REQUIRE(drawn.strip.left() == drawn.map.left()); // one key axis
    const QRgb fill = drawn.image.pixel(drawn.strip.left() + 495, drawn.strip.center().y());
    const auto pixelOf = [&](std::int64_t key) {
        return static_cast<int>(static_cast<double>(key) * drawn.strip.width() / n);
    };
    for (const std::int64_t key : kept) {
        double most = 0;
        for (int x = std::max(0, pixelOf(key) - 1); x <= pixelOf(key) + 1; ++x)
            most = std::max(most, filled(drawn, x, fill));
        CHECK(most > 0.3);
    }
    for (const std::int64_t key : evicted) {
        double least = 1;
        for (int x = pixelOf(key) - 1; x <= pixelOf(key) + 1; ++x)
            least = std::min(least, filled(drawn, x, fill));
        CHECK(least < 0.7);
    }
    CHECK(filled(drawn, pixelOf(300), fill) == 0);
    CHECK(filled(drawn, pixelOf(1700), fill) == 1);
}

TEST_CASE("Evicted columns of the map are veiled, kept ones are as they were", "[views]")
{
    constexpr std::int64_t n = 200;
    std::vector<KeyState> keys(n, KeyState::kept);
    std::fill(keys.begin() + 50, keys.begin() + 100, KeyState::evicted);
    const plot::MapPanel with = panelOf(n, keys);
    plot::MapPanel without = with;
    without.kept.together.clear();
    const DrawnStrip veiled = draw(with, 400), plain = draw(without, 400);
    REQUIRE(veiled.map == plain.map);
    const auto differs = [&](int key) {
        const int x = veiled.map.left() + 2 * key, y = veiled.map.bottom() - 6;
        return veiled.image.pixel(x, y) != plain.image.pixel(x, y);
    };
    for (int key = 2; key < n; key += 5)
        CHECK(differs(key) == (key >= 50 && key < 100));
    // The masked triangle stays what it is.
    CHECK(veiled.image.pixel(veiled.map.left() + 170, veiled.map.top() + 10)
          == plain.image.pixel(plain.map.left() + 170, plain.map.top() + 10));
}

TEST_CASE("Many KV heads get thin rows, as many as fit, and the strip says how many", "[views]")
{
    std::vector<KeyState> keys(64, KeyState::kept);
    const int heads = GENERATE(2, 8, 200);
    const DrawnStrip drawn = draw(panelOf(64, keys, heads), 300);
    CHECK(drawn.strip.height() <= 0.25 * drawn.map.height());
    CHECK(drawn.strip.height() >= 4);
    plot::Figure figure = test::madeUpHeatmap({.n = 256, .t = 8});
    auto& panel = std::get<plot::HeatmapFigure>(figure.content).panels.front();
    std::vector<KeyState> all(264, KeyState::kept);
    for (int i = 0; i < heads; ++i)
        panel.kept.rows.push_back({"KV " + std::to_string(i), all});
    panel.kept.together = all;
    panel.kept.label = "H2O, ratio 0.5: 132 of 264 keys kept";
    plot::ExportOptions options;
    options.path = "x.svg";
    const QByteArray svg = plot::renderFigure(figure, options);
    const QString text = QString::fromUtf8(svg);
    CHECK(text.contains(QStringLiteral("evicted")));
    CHECK(text.contains(QStringLiteral("H2O, ratio 0.5")));
    CHECK(text.contains(QStringLiteral("of 200 KV heads")) == (heads == 200));
    CHECK(test::misplaced(test::readSvg(svg)).empty());
    CHECK(plot::renderFigure(figure, options) == svg);
}

TEST_CASE("The sidecar has the keys that each KV head lost, as ranges", "[views]")
{
    plot::Figure figure = test::madeUpHeatmap({.n = 64, .t = 0, .cells = 16});
    auto& panel = std::get<plot::HeatmapFigure>(figure.content).panels.front();
    std::vector<KeyState> keys(64, KeyState::kept);
    for (const std::size_t key : {5U, 6U, 7U, 63U})
        keys[key] = KeyState::evicted;
    keys[8] = KeyState::absent;
    panel.kept.rows.push_back({"KV 2", keys});
    panel.kept.label = "SnapKV, ratio 0.9: 59 of 64 keys kept";
    std::string json = plot::sidecarJson(figure, "kvviz", "");
    std::erase_if(json, [](char c) { return c == ' ' || c == '\n'; });
    CHECK_THAT(json, Catch::Contains("\"kv_head\":\"KV2\",\"evicted\":[[5,8],[63,64]]"));
    panel.kept.rows.clear();
    CHECK_THAT(plot::sidecarJson(figure, "kvviz", ""), !Catch::Contains("\"kept\""));
}
