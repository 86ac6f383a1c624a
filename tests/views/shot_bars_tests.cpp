// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bars of segments: order and values as the replay's, one state held beside others, what is said when there is nothing.
#include "compress/metrics.hpp"
#include "tests/views/svg_texts.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/figure_exporter.hpp"
#include "views/shot_bars.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace kvviz;
using test::ViewBench;

namespace {

/// What SnapKV's place taker keeps: every third token of KV head 0, the first half of KV head 1.
compress::LayerPlan plainPlan(std::int64_t n)
{
    compress::LayerPlan plan;
    plan.kept.resize(2);
    for (std::int64_t key = 0; key < n; ++key) {
        if (key % 3 == 0)
            plan.kept[0].push_back(static_cast<std::int32_t>(key));
        if (key < n / 2)
            plan.kept[1].push_back(static_cast<std::int32_t>(key));
    }
    return plan;
}

plot::ShotRetention retentionOf(const core::CaptureInfo& info)
{
    const compress::LayerPlan plan = plainPlan(info.nPrompt());
    plot::ShotRetention retention;
    retention.name = "SnapKV, 0.5 kept";
    retention.method = "snapkv";
    retention.survival = compress::segmentSurvival(info.segments, plan, info.nPrompt());
    retention.intact = compress::segmentIntact(info.segments, plan, info.nPrompt());
    retention.ratio = 0.42;
    return retention;
}

} // namespace

TEST_CASE("Bars stand in the order of the prompt with the shares that counting gives", "[views]")
{
    const core::CaptureInfo info = test::syntheticInfo({});
    const auto figure = plot::retentionFigure(info, retentionOf(info), std::nullopt, "layer 3");
    const plot::BarPanel& panel = figure.panels.front();
    CHECK(panel.categories == std::vector<std::string>{"I", "S1", "S2", "S3", "Q"}); // nothing of the continuation
    const auto segments = plot::promptSegments(info);
    REQUIRE(segments.size() == panel.series.front().values.size());
    const compress::LayerPlan plan = plainPlan(info.nPrompt());
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const core::Span span = info.segments[segments[i]].span;
        double kept = 0, whole = 0;
        for (const auto& list : plan.kept) {
            const auto inside =
                std::count_if(list.begin(), list.end(), [&](std::int32_t key) { return span.contains(key); });
            kept += static_cast<double>(inside) / static_cast<double>(span.size()) / 2;
            whole += inside == span.size() ? 0.5 : 0;
        }
        CHECK(panel.series.front().values[i] == Approx(kept));
        CHECK(panel.series.front().marks[i] == Approx(whole));
    }
    REQUIRE(panel.lines.size() == 1);
    CHECK(panel.lines.front().value == Approx(0.42));
}

TEST_CASE("Bars are as long as their values, side by side, and found below the mouse", "[views][unit]")
{
    const core::CaptureInfo info = test::syntheticInfo({});
    plot::ShotRetention held = retentionOf(info);
    held.intact.clear();
    plot::BarItem item;
    const auto style = plot::PlotStyle::paper();
    item.setPanel(plot::retentionFigure(info, retentionOf(info), held, "layer 3").panels.front(), style);
    item.place(QRectF(0, 0, 900, 500));
    for (int category = 0; category < 5; ++category) {
        const QRectF bar = item.barRect(0, category), beside = item.barRect(1, category);
        const double value = item.panel().series[0].values[static_cast<std::size_t>(category)];
        CHECK(bar.height() == Approx(value * item.plotRect().height()));
        CHECK(bar.right() <= beside.left() + 1e-6);
        CHECK(item.categoryAt(bar.center()) == category);
        CHECK(item.categoryAt(beside.center()) == category);
    }
    CHECK(item.categoryAt(QPointF(1, 1)) == -1);
}

TEST_CASE("The bars of now can be held while the method changes", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::ShotBars bars(bench.context());
    test::present(bars, {460, 260});
    CHECK(bars.notice().contains(QStringLiteral("snapkv"))); // nothing is known yet
    CHECK(!bars.figure());
    const core::CaptureInfo& info = bench.list->reader(0)->info();
    bars.setRetention(retentionOf(info), "layer 0");
    CHECK(bars.notice().isEmpty());
    bars.setHeld(true);
    plot::ShotRetention other = retentionOf(info);
    other.name = "H2O, 0.25 kept";
    for (float& value : other.survival)
        value /= 2;
    bars.setRetention(other, "layer 0");
    const auto& series = bars.canvas()->item().panel().series;
    REQUIRE(series.size() == 2);
    CHECK(series[0].name == "H2O, 0.25 kept");
    CHECK(series[1].name == "held: SnapKV, 0.5 kept");
    CHECK(series[1].hollow);
    CHECK(series[0].values[1] == Approx(series[1].values[1] / 2));
    bars.setHeld(false);
    CHECK(bars.canvas()->item().panel().series.size() == 1);
    bars.clearRetention(QStringLiteral("it needs queries"));
    CHECK(bars.notice() == QStringLiteral("it needs queries"));
}

TEST_CASE("A bar tells its segment's text and numbers, and a click goes there", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::ShotBars bars(bench.context());
    test::present(bars, {460, 260});
    const core::CaptureInfo& info = bench.list->reader(0)->info();
    bars.setRetention(retentionOf(info), "layer 0");
    const core::Span shot = info.segments[plot::promptSegments(info)[2]].span;
    QString told;
    QObject::connect(&bars, &views::View::hovered, [&](const QString& text) { told = text; });
    const QPointF place = bars.canvas()->item().barRect(0, 2).center();
    test::hover(bars.canvas(), place);
    CHECK(told.startsWith(QStringLiteral("S2")));
    CHECK(told.contains(QStringLiteral("%1 tokens").arg(shot.size())));
    CHECK(told.contains(QStringLiteral("w%1 ").arg(shot.begin)));
    test::click(bars.canvas(), place);
    CHECK(bench.selection.state().key == shot.begin);
    test::pressKey(bars.canvas(), Qt::Key_Home);
    test::pressKey(bars.canvas(), Qt::Key_Return);
    CHECK(bench.selection.state().key == info.segments[plot::promptSegments(info)[0]].span.begin);
}

TEST_CASE("A prompt without segments is said to have none", "[views][io]")
{
    auto bare = test::syntheticOf(core::Tier::cache, {.layers = 1, .heads = 1, .kvHeads = 1});
    bare.mutableInfo().segments.clear();
    ViewBench bench({bare});
    views::ShotBars bars(bench.context());
    test::present(bars, {300, 200});
    CHECK(bars.notice().contains(QStringLiteral("no marked segments")));
    bars.setRetention({"x", "x", {}, {}, 0.5}, "layer 0");
    CHECK(bars.notice().contains(QStringLiteral("no marked segments")));
    CHECK(!bars.figure());
}

TEST_CASE("A figure of fifty shots leaves out labels that have no room, and no text overlaps", "[views]")
{
    core::CaptureInfo info = test::syntheticInfo({});
    info.prompt.nPrompt = 520;
    info.segments = {{core::SegmentKind::instruction, 0, {0, 10}, ""}};
    for (int shot = 0; shot < 50; ++shot)
        info.segments.push_back({core::SegmentKind::shot, shot, {10 + shot * 10, 20 + shot * 10}, ""});
    info.segments.push_back({core::SegmentKind::question, 0, {510, 520}, ""});
    plot::Figure figure;
    figure.name = "retention";
    figure.content = plot::retentionFigure(info, retentionOf(info), std::nullopt, "layer 3");
    plot::ExportOptions options;
    options.path = "bars.svg";
    const auto page = test::readSvg(plot::renderFigure(figure, options));
    REQUIRE(page.wellFormed);
    CHECK(test::misplaced(page) == "");
    const auto sidecar = nlohmann::json::parse(plot::sidecarJson(figure, "kvviz test", ""));
    CHECK(sidecar.at("panels").at(0).at("categories").size() == 52);
    CHECK(sidecar.at("panels").at(0).at("series").at(0).at("values").size() == 52);
    CHECK(sidecar.at("notes").at(0) == "layer 3");
}
