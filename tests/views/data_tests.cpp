// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From captures and results to what is drawn, checked against the arrays of a made-up capture.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/made_up.hpp"
#include "views/capture_choice.hpp"
#include "views/curve_data.hpp"
#include "views/map_data.hpp"
#include "views/map_image.hpp"
#include "views/method_data.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <set>

using namespace kvviz;

namespace {

test::SyntheticCapture captureOf(core::Tier tier, std::int64_t n = 70)
{
    test::SyntheticOptions options;
    options.n = n;
    test::SyntheticCapture capture(options);
    capture.mutableInfo().tier = tier;
    return capture;
}

std::string messageOf(const std::function<void()>& action)
{
    try {
        action();
    } catch (const core::Error& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("A heatmap of all exact rows shows the mean over heads of every cell", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto capture = captureOf(core::Tier::full);
    test::writeSynthetic(capture, folder / "a.kvh5");
    const io::CaptureReader reader(folder / "a.kvh5");
    plot::MapRequest request;
    request.layer = 1;
    const auto panel = plot::mapPanel(reader, request);
    const std::int64_t n = 70, t = 5;
    const auto& map = capture.fullMap(1);
    REQUIRE(panel.prompt.rows == n);
    for (std::int64_t q = 0; q < n; ++q)
        for (std::int64_t k = 0; k < n; ++k) {
            float mean = 0;
            for (int h = 0; h < 4; ++h)
                mean += map[static_cast<std::size_t>((h * n + q) * n + k)] / 4;
            const float drawn =
                plot::tileValue(panel.prompt, static_cast<double>(q) + 0.5, static_cast<double>(k) + 0.5);
            if (k > q)
                CHECK(std::isnan(drawn));
            else
                CHECK(drawn == Approx(mean).epsilon(2e-3).margin(1e-6));
        }
    REQUIRE(panel.decode.rows == t);
    CHECK(panel.keys == core::Span{0, n + t});
    for (std::int64_t i = 0; i < t; ++i) { // rows of attention sum to 1, masked cells aside
        double sum = 0;
        for (std::int64_t k = 0; k < n + t; ++k) {
            const float value = panel.decode.values[static_cast<std::size_t>(i * (n + t) + k)];
            CHECK(std::isnan(value) == (k > n + i));
            sum += std::isnan(value) ? 0.0 : value;
        }
        CHECK(sum == Approx(1.0).epsilon(2e-3));
    }
}

TEST_CASE("Pooled cells have their true extent, ragged last cell included", "[views][io]")
{
    const test::ScratchFolder folder;
    const core::Tier tier = GENERATE(core::Tier::full, core::Tier::map);
    auto capture = captureOf(tier, GENERATE(70, 101, 128));
    test::writeSynthetic(capture, folder / "a.kvh5", {}, 32);
    const std::int64_t n = capture.info().nPrompt();
    const io::CaptureReader reader(folder / "a.kvh5");
    plot::MapRequest request;
    request.layer = 0;
    request.head = 2;
    request.maxCells = GENERATE(13, 30);
    const auto panel = plot::mapPanel(reader, request);
    const auto& map = capture.fullMap(0);
    // The tile's cell over a token must hold the largest value of all tokens that fall into the same cell.
    const double cell = (panel.prompt.keyEnd - panel.prompt.keyBegin) / static_cast<double>(panel.prompt.columns);
    CHECK(cell == std::floor(cell));
    CHECK(panel.prompt.keyEnd >= static_cast<double>(n));
    CHECK(panel.prompt.keyEnd - cell < static_cast<double>(n));
    const auto size = static_cast<std::int64_t>(cell);
    for (std::int64_t q = 0; q < n; q += 3)
        for (std::int64_t k = 0; k <= q; k += 2) {
            float largest = 0;
            for (std::int64_t i = q / size * size; i < std::min(n, (q / size + 1) * size); ++i)
                for (std::int64_t j = k / size * size; j < std::min(i + 1, (k / size + 1) * size); ++j)
                    largest = std::max(largest, map[static_cast<std::size_t>((2 * n + i) * n + j)]);
            CHECK(plot::tileValue(panel.prompt, static_cast<double>(q), static_cast<double>(k))
                  == Approx(largest).epsilon(2e-3).margin(1e-6));
        }
}

TEST_CASE("A capture of tier cache shows its window rows, one of tier stats says why it cannot", "[views][io]")
{
    const test::ScratchFolder folder;
    test::writeSynthetic(captureOf(core::Tier::cache), folder / "cache.kvh5");
    const io::CaptureReader reader(folder / "cache.kvh5");
    const auto panel = plot::mapPanel(reader, {});
    CHECK(panel.queries == core::Span{54, 70});
    CHECK(panel.prompt.rows == 16);
    plot::MapRequest early;
    early.queries = core::Span{0, 10};
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(reader, early); }),
               Catch::Contains("54 to 69") && Catch::Contains("--tier map"));
    test::writeSynthetic(captureOf(core::Tier::stats), folder / "stats.kvh5");
    const io::CaptureReader stats(folder / "stats.kvh5");
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(stats, {}); }), Catch::Contains("stats"));
}

TEST_CASE("Layers, heads and ranges that are not there are named", "[views][io]")
{
    const test::ScratchFolder folder;
    test::writeSynthetic(captureOf(core::Tier::full), folder / "a.kvh5");
    const io::CaptureReader reader(folder / "a.kvh5");
    plot::MapRequest request;
    request.layer = 9;
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(reader, request); }), Catch::Contains("no layer 9"));
    request = {};
    request.head = 4;
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(reader, request); }),
               Catch::Contains("no head 4") && Catch::Contains("0 to 3"));
    request = {};
    request.keys = core::Span{500, 600};
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(reader, request); }), Catch::Contains("keys 500-599"));
    request = {};
    request.axes = plot::AxisMode::token;
    CHECK_THAT(messageOf([&] { (void)plot::mapPanel(reader, request); }), Catch::Contains("too many"));
    request.keys = request.queries = core::Span{10, 20};
    const auto panel = plot::mapPanel(reader, request);
    CHECK(panel.tokenTexts.at(12) == reader.info().tokens.displayText(12));
    CHECK(panel.decode.rows == 0); // the end of the prompt is out of sight
}

TEST_CASE("Segments become short labels, generated tokens included", "[views]")
{
    auto info = test::syntheticInfo({});
    std::vector<std::string> labels;
    for (const auto& mark : plot::segmentMarks(info))
        labels.push_back(mark.label);
    CHECK(labels == std::vector<std::string>{"I", "S1", "S2", "S3", "Q", "G"});
    info.segments.pop_back(); // older captures name no generated segment
    CHECK(plot::segmentMarks(info).back().label == "G");
    CHECK(plot::segmentMarks(info).back().span == core::Span{70, 75});
}

TEST_CASE("The colour range holds the values, without the sinks where asked", "[views]")
{
    plot::MapPanel panel;
    panel.sinkTokens = 1;
    panel.prompt = test::columnTile(10, {0}, 0.003f); // sink column of ones
    const auto log = plot::colorScaleFor({panel}, {});
    CHECK(log.high == 1.0);
    CHECK(log.low <= 0.003);
    plot::MapRequest request;
    request.rangeWithoutSinks = true;
    CHECK(plot::colorScaleFor({panel}, request).high == Approx(0.005));
    request = {};
    request.logarithmic = false;
    CHECK(plot::colorScaleFor({panel}, request).high == Approx(0.005));
    CHECK(plot::colorScaleFor({panel}, request).low == 0.0);
    request.range = {0.1, 0.2};
    CHECK(plot::colorScaleFor({panel}, request).low == 0.1);
    request.range = {0.2, 0.1};
    CHECK_THROWS_AS(plot::colorScaleFor({panel}, request), core::Error);
    for (float& value : panel.prompt.values)
        value = 0;
    const auto zeros = plot::colorScaleFor({panel}, {});
    CHECK(zeros.low < zeros.high);
}

TEST_CASE("Heatmaps of several tasks share one colour range and are lettered", "[views][io]")
{
    const test::ScratchFolder folder;
    std::vector<std::unique_ptr<io::CaptureReader>> readers;
    std::vector<const io::CaptureReader*> list;
    for (const std::string task : {"one", "two"}) {
        auto capture = captureOf(core::Tier::full);
        capture.mutableInfo().prompt.task = task;
        test::writeSynthetic(capture, folder / (task + ".kvh5"));
        readers.push_back(std::make_unique<io::CaptureReader>(folder / (task + ".kvh5")));
        list.push_back(readers.back().get());
    }
    const auto figure = plot::tasksFigure(list, {});
    const auto& maps = std::get<plot::HeatmapFigure>(figure.content);
    REQUIRE(maps.panels.size() == 2);
    CHECK(maps.panels[1].letter == "b");
    CHECK(maps.panels[1].title == "two");
    CHECK(figure.sources.size() == 2);
    CHECK(figure.sources[0].modelSha256 == readers[0]->info().model.sha256);
}

TEST_CASE("Cumulative curves average layers and heads, and end at 1", "[views]")
{
    const auto capture = captureOf(core::Tier::stats);
    plot::CumulativeCurves curves({});
    curves.add(capture);
    const auto panel = curves.panel();
    REQUIRE(panel.series.size() == 2);
    CHECK(!panel.series[0].dashed);
    CHECK(panel.series[1].dashed);
    CHECK_FALSE(panel.series[1].named); // one entry of the legend a task
    double first = 0;                    // by hand: the largest share of each head, averaged
    for (std::int64_t slot = 0; slot < 2; ++slot)
        for (int h = 0; h < 4; ++h) {
            const float* scores = capture.layer(slot).received.data() + h * 75;
            double sum = 0, largest = 0;
            for (int k = 0; k < 70; ++k) {
                sum += scores[k];
                largest = std::max(largest, static_cast<double>(scores[k]));
            }
            first += largest / sum / 8;
        }
    CHECK(panel.series[0].y.front() == Approx(first));
    for (const auto& series : panel.series) {
        CHECK(series.y.back() == 1.0);
        CHECK(std::is_sorted(series.y.begin(), series.y.end()));
    }
    CHECK(panel.series[0].x.back() == 70);
    CHECK(panel.series[1].x.back() == 66);
    CHECK(panel.series[0].low.size() == panel.series[0].x.size());
    CHECK_THROWS_AS(plot::CumulativeCurves({}).figure(), core::Error);
}

TEST_CASE("The positional curve follows the keys in order", "[views]")
{
    const auto capture = captureOf(core::Tier::stats);
    const auto panel = plot::positionalPanel(capture.layer(0), {1}, {});
    REQUIRE(panel.series.size() == 2);
    CHECK(panel.series[1].x.front() == 5); // the first key after four sinks
    CHECK(panel.series[0].y.back() == 1.0);
    const float* scores = capture.layer(0).received.data() + 75;
    double sum = 0, firstTen = 0;
    for (int k = 0; k < 70; ++k) {
        sum += scores[k];
        firstTen += k < 10 ? scores[k] : 0;
    }
    CHECK(panel.series[0].y[9] == Approx(firstTen / sum));
}

TEST_CASE("Method curves are means over prompts against the ratio", "[views]")
{
    const auto records = test::madeUpRecords(5);
    const auto figure = plot::methodsFigure(records, {}, {});
    const auto& curves = std::get<plot::CurveFigure>(figure.content);
    REQUIRE(curves.panels.size() == 2);
    CHECK(curves.panels[0].letter == "a");
    double mean = 0;
    for (const auto& record : records)
        if (record.method == "snapkv" && record.ratio == 0.3)
            mean += record.meanLost / 5;
    bool found = false;
    for (const auto& series : curves.panels[0].series)
        for (std::size_t i = 0; i < series.x.size(); ++i)
            if (series.x[i] == 0.3 && series.y[i] == Approx(mean)) {
                found = true;
                CHECK(series.low[i] <= series.y[i]);
                CHECK(series.high[i] >= series.y[i]);
            }
    CHECK(found);
    std::set<std::pair<int, bool>> looks;
    for (const auto& series : curves.panels[0].series)
        if (!series.reference)
            CHECK(looks.insert({series.color, series.dashed}).second); // no two methods look the same
}

TEST_CASE("Methods without output errors give one panel, none at all a reason", "[views]")
{
    auto records = test::madeUpRecords(1);
    for (auto& record : records)
        record.depth = "mass";
    CHECK(std::get<plot::CurveFigure>(plot::methodsFigure(records, {}, {}).content).panels.size() == 1);
    plot::MethodRequest output;
    output.metric = "output";
    CHECK_THAT(messageOf([&] { (void)plot::methodsFigure(records, {}, output); }), Catch::Contains("--depth output"));
    CHECK_THAT(messageOf([&] { (void)plot::methodsFigure({}, {}, {}); }), Catch::Contains("no replays"));
    for (auto& record : records)
        record.meanLost = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(plot::methodsFigure(records, {}, {}), core::Error);
}

TEST_CASE("Replays at token budgets are drawn against tokens", "[views]")
{
    std::vector<io::ReplayRecord> records;
    for (const std::int64_t budget : {64, 128})
        for (const double n : {500.0, 700.0, 900.0}) {
            io::ReplayRecord record;
            record.method = "snapkv";
            record.budgetTokens = budget;
            record.ratio = static_cast<double>(budget) / n;
            record.meanLost = 0.1;
            records.push_back(record);
        }
    const auto figure = plot::methodsFigure(records, {}, {});
    const auto& panel = std::get<plot::CurveFigure>(figure.content).panels.front();
    CHECK(panel.series.front().x == std::vector<double>{64, 128});
    CHECK_THAT(panel.xLabel, Catch::Contains("tokens kept per layer"));
}
