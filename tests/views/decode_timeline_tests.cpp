// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Steps of the continuation: values against plain loops, and the timeline played, stepped and clicked.
#include "core/hash_random.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/decode_timeline.hpp"
#include "views/figure_exporter.hpp"
#include "views/step_plot.hpp"

#include <cmath>
#include <limits>
#include <set>

using namespace kvviz;
using test::ViewBench;

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

std::vector<double> fallingLoss() { return {0.5, 0.4, 0.3, 0.2, 0.1}; }
std::vector<double> keptTokens() { return {36, 37, 38, 39, 40}; }

} // namespace

TEST_CASE("Means over heads leave undefined queries out", "[views][unit]")
{
    const auto means = plot::meanOverHeads({1, kUnknown, 3, 3, kUnknown, 5}, 3);
    REQUIRE(means.size() == 3);
    CHECK(means[0] == 2);
    CHECK(std::isnan(means[1]));
    CHECK(means[2] == 4);
}

TEST_CASE("Tokens that a step can see agree with counting the plan's masks", "[views]")
{
    constexpr std::int64_t n = 30, t = 7, total = n + t;
    compress::LayerPlan plan;
    plan.kept = {{0, 1, 2, 29}, {0, 5}, {}};
    auto kept = plot::keptAtSteps(plan, n, t);
    for (std::int64_t step = 0; step < t; ++step)
        CHECK(kept[static_cast<std::size_t>(step)] == Approx(6.0 / 3 + static_cast<double>(step) + 1));
    for (std::uint64_t i = 0; i < 3 * t * total; ++i)
        plan.keptDecode.push_back(core::hashUniform({i, 5, 6}) < 0.4);
    kept = plot::keptAtSteps(plan, n, t);
    for (std::int64_t step = 0; step < t; ++step) {
        double seen = 0;
        for (std::int64_t group = 0; group < 3; ++group)
            for (std::int64_t key = 0; key <= n + step; ++key)
                seen += plan.keptDecode[static_cast<std::size_t>((group * t + step) * total + key)];
        CHECK(kept[static_cast<std::size_t>(step)] == Approx(seen / 3));
    }
}

TEST_CASE("The figure of steps has a panel for what is known and none for the rest", "[views][unit]")
{
    plot::StepValues values;
    values.logprob = {-1, -2, -0.5};
    CHECK(plot::stepFigure(values, "SnapKV", "layer 0").panels.size() == 1);
    values.seen = {11, 12, 13};
    values.kept = {5, 6, 7};
    values.lostMass = {0.1, 0.2, 0.3};
    values.predicted = {std::nan(""), -2.5, -0.75};
    const auto figure = plot::stepFigure(values, "SnapKV", "layer 0");
    REQUIRE(figure.panels.size() == 3);
    for (const plot::CurvePanel& panel : figure.panels)
        for (const plot::CurveSeries& series : panel.series) {
            CHECK(series.x == std::vector<double>{0, 1, 2});
            for (const double y : series.y)
                CHECK((std::isnan(y) || (y >= panel.yLow && y <= panel.yHigh)));
        }
    CHECK(figure.panels[2].series.size() == 2);
}

TEST_CASE("The timeline steps, plays to the end, starts again and stops", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::DecodeTimeline timeline(bench.context());
    test::present(timeline, {460, 420});
    CHECK(timeline.notice().isEmpty());
    REQUIRE(timeline.steps() == 5);
    const auto step = [&] { return bench.selection.state().decodeStep; };
    CHECK(timeline.summary() == QStringLiteral("All 5 steps"));
    timeline.stepForward();
    CHECK(step() == 0);
    timeline.stepForward();
    timeline.stepBack();
    timeline.stepBack();
    CHECK(step() == 0);
    CHECK(timeline.summary().startsWith(QStringLiteral("step 0 of 5")));
    std::set<std::int64_t> visited;
    QObject::connect(&bench.selection, &views::Selection::changed, [&] { visited.insert(step()); });
    timeline.setSpeed(50);
    test::pressKey(&timeline, Qt::Key_Space);
    CHECK(timeline.playing());
    REQUIRE(test::waitUntil([&] { return !timeline.playing(); }));
    CHECK(visited == std::set<std::int64_t>{1, 2, 3, 4});
    timeline.togglePlay();
    CHECK(step() == 0); // from the beginning
    test::pressKey(&timeline, Qt::Key_Space);
    CHECK(!timeline.playing());
    timeline.togglePlay();
    timeline.showAll();
    CHECK(step() == -1);
    CHECK(!timeline.playing());
}

TEST_CASE("A step tells its token, loss, kept and evicted tokens, and is chosen by click", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::DecodeTimeline timeline(bench.context());
    test::present(timeline, {460, 420});
    timeline.setReplay(fallingLoss(), keptTokens(), QStringLiteral("SnapKV, 0.5 kept"));
    const QString text = timeline.describe(2);
    CHECK(text.contains(QStringLiteral("w72")));
    CHECK(text.contains(QStringLiteral("lost mass 0.3")));
    CHECK(text.contains(QStringLiteral("sees 38 of 73 tokens, 35 evicted so far")));
    test::click(timeline.area()->viewport(), timeline.area()->tokenRect(3).center());
    CHECK(bench.selection.state().decodeStep == 3);
    QApplication::processEvents();
    (void)timeline.grab();
    const QCPAxis* axis = timeline.stepPlot()->plot()->axisRects().last()->axis(QCPAxis::atBottom);
    test::click(timeline.stepPlot()->plot(),
                QPointF(axis->coordToPixel(1.2), timeline.stepPlot()->plot()->axisRects().last()->center().y()));
    CHECK(bench.selection.state().decodeStep == 1);
    test::pressKey(timeline.area(), Qt::Key_Right);
    CHECK(bench.selection.state().decodeStep == 2);
    CHECK(timeline.stepPlot()->stepAt(QPointF(1, 1)) == -1);
}

TEST_CASE("A predicted change moves the log-probability of the token after its step", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::DecodeTimeline timeline(bench.context());
    test::present(timeline, {460, 420});
    const auto stored = bench.list->reader(0)->logprob();
    timeline.setPredictedDelta({-1.0f, 0.5f, 0, 0, kUnknown});
    const plot::StepValues& values = timeline.values();
    REQUIRE(values.predicted.size() == 5);
    CHECK(std::isnan(values.predicted[0]));
    CHECK(values.logprob[1] == Approx(static_cast<double>(stored[71])));
    CHECK(values.predicted[1] == Approx(static_cast<double>(stored[71]) - 1));
    CHECK(values.predicted[2] == Approx(static_cast<double>(stored[72]) + 0.5));
}

TEST_CASE("A timeline without continuation, without replay, or without its file says so in its area", "[views][io]")
{
    ViewBench bench(
        {test::syntheticOf(core::Tier::stats),
         test::syntheticOf(core::Tier::stats, {.layers = 1, .heads = 1, .kvHeads = 1, .n = 9, .t = 0, .window = 2}),
         test::syntheticOf(core::Tier::stats)});
    std::filesystem::remove(bench.folder / "2.kvh5");
    views::DecodeTimeline timeline(bench.context());
    test::present(timeline, {460, 420});
    CHECK(timeline.notice().isEmpty()); // the stored log-probabilities are there
    timeline.setReplay({}, {}, {}, QStringLiteral("it needs decode rows"));
    REQUIRE(timeline.figure());
    CHECK(std::get<plot::CurveFigure>(timeline.figure()->content).panels.size() == 1);
    (void)timeline.grab();
    bench.selection.setCapture(1);
    REQUIRE(test::waitUntil([&] { return timeline.notice().contains(QStringLiteral("no continuation")); }));
    CHECK(!timeline.figure());
    timeline.togglePlay();
    timeline.stepForward();
    CHECK(!timeline.playing());
    CHECK(bench.selection.state().decodeStep == -1);
    bench.selection.setCapture(2);
    REQUIRE(test::waitUntil([&] { return timeline.notice().contains(QStringLiteral("2.kvh5")); }));
    bench.selection.setCapture(0);
    REQUIRE(test::waitUntil([&] { return timeline.notice().isEmpty(); }));
}

TEST_CASE("The figure of steps is exported like every other", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::DecodeTimeline timeline(bench.context());
    test::present(timeline, {460, 420});
    timeline.setReplay(fallingLoss(), keptTokens(), QStringLiteral("SnapKV, 0.5 kept"));
    plot::ExportOptions options;
    options.path = "steps.svg";
    const QByteArray svg = plot::renderFigure(*timeline.figure(), options);
    for (const char* text : {"decode step", "lost mass", "log-probability", "SnapKV, 0.5 kept"})
        CHECK(svg.contains(text));
}
