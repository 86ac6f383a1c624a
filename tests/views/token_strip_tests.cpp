// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lines, search and values of the token strip against plain loops; the strip driven as a user does.
#include "core/hash_random.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/capture_choice.hpp"
#include "views/token_search.hpp"
#include "views/token_strip.hpp"

#include <QLineEdit>
#include <QScrollBar>

#include <cmath>

using namespace kvviz;
using core::Span;
using test::ViewBench;

namespace {

bool oneIn(std::uint64_t a, std::uint64_t b, int count) { return core::hashUniform({a, b, 77}) < 1.0 / count; }

/// A plan of which every KV head keeps tokens by chance; with masks at steps when asked.
compress::LayerPlan chancePlan(int groups, std::int64_t n, std::int64_t t, bool atSteps)
{
    compress::LayerPlan plan;
    for (int group = 0; group < groups; ++group) {
        plan.kept.emplace_back();
        for (std::int64_t key = 0; key < n; ++key)
            if (oneIn(static_cast<std::uint64_t>(group), static_cast<std::uint64_t>(key), 2))
                plan.kept.back().push_back(static_cast<std::int32_t>(key));
        for (std::int64_t i = 0; atSteps && i < t * (n + t); ++i)
            plan.keptDecode.push_back(oneIn(static_cast<std::uint64_t>(group) + 9, static_cast<std::uint64_t>(i), 3));
    }
    return plan;
}

} // namespace

TEST_CASE("Lines hold every token once, fit the width, and break where text and segments do", "[views][unit]")
{
    const auto seed = GENERATE(range(0, 12));
    std::vector<float> widths;
    std::vector<std::uint8_t> breaks;
    for (std::uint64_t i = 0; i < 300; ++i) {
        widths.push_back(static_cast<float>(5 + 60 * core::hashUniform({i, static_cast<std::uint64_t>(seed), 1})));
        breaks.push_back(oneIn(i, static_cast<std::uint64_t>(seed), 15));
    }
    const std::vector<Span> segments{{0, 1}, {1, 40}, {40, 40}, {60, 200}, {200, 280}};
    plot::LineOptions options;
    options.width = 40 + 30 * seed; // some tokens are wider than the first widths
    const plot::TokenLayout layout = plot::breakLines(widths, breaks, segments, options);
    std::int64_t next = 0;
    double below = 0;
    for (const plot::TokenLine& line : layout.lines) {
        REQUIRE(line.tokens.begin == next);
        REQUIRE(!line.tokens.empty());
        REQUIRE(line.top >= below);
        below = line.top + options.lineHeight;
        double width = 0;
        for (std::int64_t token = line.tokens.begin; token < line.tokens.end; ++token) {
            width += static_cast<double>(widths[static_cast<std::size_t>(token)]);
            if (token + 1 < line.tokens.end)
                CHECK(breaks[static_cast<std::size_t>(token)] == 0);
            int holder = -1;
            for (int s = 0; s < 5; ++s)
                if (segments[static_cast<std::size_t>(s)].contains(token))
                    holder = s;
            CHECK(line.segment == holder);
            CHECK(plot::lineOfToken(layout, token) == static_cast<std::size_t>(&line - layout.lines.data()));
        }
        CHECK((width <= options.width || line.tokens.size() == 1));
        CHECK(plot::lineAt(layout, line.top + 1) == static_cast<std::size_t>(&line - layout.lines.data()));
        next = line.tokens.end;
    }
    CHECK(next == 300);
    CHECK(layout.height == Approx(below));
    CHECK(std::count_if(layout.lines.begin(), layout.lines.end(), [](const auto& line) { return line.startsSegment; })
          == 4);
    CHECK(plot::breakLines({}, {}, segments, options).lines.empty());
}

TEST_CASE("Search finds text across tokens, positions and segments", "[views][unit]")
{
    const QStringList texts{QStringLiteral("The"),    QStringLiteral(" cat"), QStringLiteral(" sat"),
                            QStringLiteral("\u21b5"), QStringLiteral("the"),  QStringLiteral(" CATalog aa aa"),
                            QStringLiteral("S2")};
    const std::vector<plot::SegmentMark> marks{{"I", core::SegmentKind::instruction, {0, 3}},
                                               {"S2", core::SegmentKind::shot, {3, 6}},
                                               {"S3", core::SegmentKind::shot, {6, 6}}};
    const auto find = [&](const char* text) { return plot::findTokens(texts, marks, QString::fromUtf8(text)); };
    CHECK(find("cat") == std::vector<Span>{{1, 2}, {5, 6}});
    CHECK(find("cat sat") == std::vector<Span>{{1, 3}});
    CHECK(find("aa") == std::vector<Span>{{5, 6}}); // twice in one token
    CHECK(find("\u21b5the") == std::vector<Span>{{3, 5}});
    CHECK(find("#4") == std::vector<Span>{{4, 5}});
    CHECK(find("#7").empty());
    CHECK(find("#99999999999").empty());
    CHECK(find("s2") == std::vector<Span>{{3, 6}});
    CHECK(find("S3").empty()); // an empty segment, and no such text
    CHECK(find("").empty());
    CHECK(find("dog").empty());
}

TEST_CASE("Shares of KV heads that keep a token agree with counting, at the end of prefill and at steps", "[views]")
{
    constexpr std::int64_t n = 40, t = 6, total = n + t;
    constexpr int groups = 3;
    const bool atSteps = GENERATE(false, true);
    const compress::LayerPlan plan = chancePlan(groups, n, t, atSteps);
    for (const std::int64_t step : {-1, 0, 3, 5, 99}) {
        const auto shares = plot::keptShares(plan, n, t, total, step);
        REQUIRE(shares.size() == static_cast<std::size_t>(total));
        const std::int64_t shown = step < 0 || step >= t ? t - 1 : step;
        for (std::int64_t key = 0; key < total; ++key) {
            const float share = shares[static_cast<std::size_t>(key)];
            if (key > n + shown) {
                CHECK(std::isnan(share));
                continue;
            }
            double kept = 0;
            for (int group = 0; group < groups; ++group) {
                const auto& list = plan.kept[static_cast<std::size_t>(group)];
                if (atSteps)
                    kept += plan.keptDecode[static_cast<std::size_t>((group * t + shown) * total + key)];
                else
                    kept += key >= n || std::find(list.begin(), list.end(), key) != list.end();
            }
            CHECK(share == Approx(kept / groups));
        }
    }
    const auto fates = plot::survivalValues(plot::keptShares(plan, n, t, total, 2), n, 2).fates;
    CHECK(fates.back() == plot::TokenFate::later);
    const auto first = plot::keptShares(plan, n, t, total, 2).front();
    CHECK((fates.front() == plot::TokenFate::evicted) == (first == 0));
}

TEST_CASE("A plan that knows less than the prompt leaves the rest open", "[views][unit]")
{
    const compress::LayerPlan plan = chancePlan(2, 30, 0, false);
    const auto shares = plot::keptShares(plan, 30, 0, 40, -1);
    CHECK(!std::isnan(shares[29]));
    CHECK(std::isnan(shares[30]));
    CHECK(std::isnan(shares[39]));
}

TEST_CASE("Received attention is the sum over prompt queries, or the row of a decode step", "[views]")
{
    const test::SyntheticCapture capture;
    const core::LayerData& layer = capture.layer(1);
    const auto sums = plot::receivedValues(layer, {0, 3}, -1, 0, true);
    const auto row = plot::receivedValues(layer, {2}, 1, 0, true);
    for (std::int64_t key = 0; key < layer.n; ++key) {
        double sum = 0;
        for (const std::int64_t head : {0, 3})
            for (std::int64_t query = key; query < layer.n; ++query)
                sum += static_cast<double>(
                    capture.fullMap(1)[static_cast<std::size_t>((head * layer.n + query) * layer.n + key)]);
        CHECK(sums.values[static_cast<std::size_t>(key)] == Approx(sum / 2).epsilon(1e-4));
        CHECK(row.values[static_cast<std::size_t>(key)] == Approx(layer.decodeRow(2, 1)[key]));
    }
    CHECK(std::isnan(sums.values[static_cast<std::size_t>(layer.n)]));
    CHECK(!std::isnan(row.values[static_cast<std::size_t>(layer.n + 1)]));
    CHECK(row.fates[static_cast<std::size_t>(layer.n + 2)] == plot::TokenFate::later);
    const auto without = plot::receivedValues(layer, {0, 3}, -1, 4, true);
    CHECK(without.high < sums.high); // token 0 is a sink
}

TEST_CASE("Tints follow the values, and a predicted change belongs to the token after its step", "[views][unit]")
{
    const plot::PlotStyle style = plot::PlotStyle::paper();
    const auto delta = plot::deltaValues({-2.0f, 1.0f, std::nanf("")}, 10, 13);
    CHECK(std::isnan(delta.values[10]));
    CHECK(delta.values[11] == -2.0f);
    CHECK(delta.values[12] == 1.0f);
    CHECK(plot::tokenTint(delta, 0, style) == style.background);
    CHECK(plot::tokenTint(delta, -2, style) == plot::seriesColor(1, style));
    CHECK(plot::tokenTint(delta, std::nan(""), style) == style.background);
    const auto logprob = plot::logprobValues({std::nanf(""), -0.01f, -9.5f, -3.0f});
    CHECK(plot::tokenTint(logprob, -0.0, style) == style.background);
    CHECK(plot::tokenTint(logprob, -9.5, style).lightnessF() < plot::tokenTint(logprob, -3, style).lightnessF());
}

TEST_CASE("The strip shows the text, tells tokens, and sets the crosshair by click and keyboard", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::TokenStrip strip(bench.context());
    test::present(strip, {420, 400});
    CHECK(strip.notice().isEmpty());
    QString told;
    QObject::connect(&strip, &views::View::hovered, [&](const QString& text) { told = text; });
    views::TokenArea* area = strip.area();
    REQUIRE(!area->tokenLayout().lines.empty());
    for (std::int64_t token = 0; token < 20; ++token)
        CHECK(area->tokenAt(area->tokenRect(token).center()) == token);
    test::hover(area->viewport(), area->tokenRect(12).center());
    CHECK(told.contains(QStringLiteral("#12 \u201cw12")));
    CHECK(told.contains(QStringLiteral("attention received")));
    test::click(area->viewport(), area->tokenRect(12).center());
    CHECK(bench.selection.state().key == 12);
    test::pressKey(area, Qt::Key_Right);
    CHECK(bench.selection.state().key == 13);
    test::pressKey(area, Qt::Key_End);
    CHECK(bench.selection.state().key == 74);
    CHECK(area->viewport()->rect().intersects(area->tokenRect(74).toRect())); // scrolled to
    test::pressKey(area, Qt::Key_Right);
    CHECK(bench.selection.state().key == 74);
    test::pressKey(area, Qt::Key_Up);
    CHECK(bench.selection.state().key < 74);
    bench.selection.change([](auto& s) { s.key = 0; });
    CHECK(area->viewport()->rect().contains(area->tokenRect(0).center().toPoint()));
}

TEST_CASE("Find goes from match to match, round and round, and moves the crosshair", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::stats)});
    views::TokenStrip strip(bench.context());
    test::present(strip, {420, 300});
    auto* line = strip.findChild<QLineEdit*>();
    REQUIRE(line);
    line->setText(QStringLiteral("w1"));
    CHECK(bench.selection.state().key == -1); // typing does not jump
    std::vector<std::int64_t> visited;
    for (int i = 0; i < 13; ++i) {
        strip.findNext();
        visited.push_back(bench.selection.state().key);
    }
    CHECK(visited.front() == 1);
    CHECK(visited.back() >= 1);
    const auto expected = [&] {
        std::vector<std::int64_t> tokens;
        const core::CaptureInfo& info = bench.list->reader(0)->info();
        for (std::int64_t token = 0; token < info.tokens.size(); ++token)
            if (info.tokens.displayText(token).find("w1") != std::string::npos)
                tokens.push_back(token);
        return tokens;
    }();
    for (std::size_t i = 0; i < visited.size(); ++i)
        CHECK(visited[i] == expected[i % expected.size()]);
    line->setText(QStringLiteral("S2"));
    strip.findNext();
    const auto marks = plot::segmentMarks(bench.list->reader(0)->info());
    const auto shot = std::find_if(marks.begin(), marks.end(), [](const auto& mark) { return mark.label == "S2"; });
    CHECK(bench.selection.state().key == shot->span.begin);
    line->setText(QStringLiteral("#33"));
    strip.findPrevious();
    CHECK(bench.selection.state().key == 33);
    line->setText(QStringLiteral("nowhere"));
    strip.findNext();
    CHECK(bench.selection.state().key == 33);
}

TEST_CASE("Survival strikes evicted tokens, and says why it is not known", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::TokenStrip strip(bench.context());
    test::present(strip, {420, 300});
    bench.selection.change([](auto& s) { s.tokenColor = views::TokenColor::survival; });
    CHECK(strip.values().values.empty());
    CHECK(strip.legend().contains(QStringLiteral("snapkv")));
    strip.setSurvival({}, {}, QStringLiteral("it needs queries"));
    CHECK(strip.legend() == QStringLiteral("it needs queries"));
    std::vector<float> shares(75, 1.0f);
    shares[3] = 0;
    shares[4] = 0.5f;
    const QImage before = strip.area()->grab(strip.area()->tokenRect(3).toRect()).toImage();
    strip.setSurvival(shares, QStringLiteral("SnapKV, 0.5 kept"));
    CHECK(strip.legend().contains(QStringLiteral("1 of 75")));
    CHECK(strip.values().fates[3] == plot::TokenFate::evicted);
    CHECK(strip.values().fates[4] == plot::TokenFate::kept);
    CHECK(strip.describe(3).contains(QStringLiteral("evicted")));
    CHECK(strip.area()->grab(strip.area()->tokenRect(3).toRect()).toImage() != before);
}

TEST_CASE("Log-probabilities are the stored ones until predicted changes are there", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::stats)});
    views::TokenStrip strip(bench.context());
    bench.selection.change([](auto& s) { s.tokenColor = views::TokenColor::logprob; });
    test::present(strip, {420, 300});
    const auto stored = bench.list->reader(0)->logprob();
    REQUIRE(strip.values().values.size() == stored.size());
    CHECK(strip.values().values[20] == stored[20]);
    CHECK(strip.legend().contains(QStringLiteral("full cache")));
    strip.setPredictedDelta({0.5f, -0.5f, 0.1f, 0.2f, std::nanf("")}, QStringLiteral("H2O"));
    CHECK(strip.legend().contains(QStringLiteral("predicted change")));
    CHECK(strip.values().values[71] == 0.5f);
    CHECK(std::isnan(strip.values().values[20]));
}

TEST_CASE("A strip of 8192 tokens lays out and draws only what is in sight", "[views][io]")
{
    test::SyntheticCapture capture = test::syntheticOf(core::Tier::stats);
    ViewBench bench({capture});
    core::CaptureInfo info = capture.info();
    info.tokens = {};
    for (int token = 0; token < 8192; ++token)
        info.tokens.append(token, "word" + std::to_string(token % 900) + (token % 37 == 0 ? "\n" : " "));
    views::TokenArea area;
    area.resize(500, 300);
    area.show();
    const plot::PlotStyle style = plot::PlotStyle::screen(area.palette(), area.logicalDpiX());
    area.setTokens(views::measureTokens(info, style), style);
    REQUIRE(area.tokenLayout().lines.size() > 800);
    CHECK(area.verticalScrollBar()->maximum() > 10'000);
    area.setCurrent(8191);
    CHECK(area.viewport()->rect().contains(area.tokenRect(8191).center().toPoint()));
    CHECK(area.tokenRect(0).bottom() < 0);
    const std::int64_t top = area.tokenAt(QPointF(area.tokenRect(8191).center().x(), 20));
    area.resize(320, 300); // the place stays when lines break elsewhere
    QApplication::processEvents();
    if (top > 0)
        CHECK(std::abs(area.tokenRect(top).top()) < 300);
    (void)area.grab();
}

TEST_CASE("Captures without segments, without a continuation, or gone from disk are shown as far as they go",
          "[views][io]")
{
    auto bare =
        test::syntheticOf(core::Tier::stats, {.layers = 1, .heads = 1, .kvHeads = 1, .n = 9, .t = 0, .window = 2});
    bare.mutableInfo().segments.clear();
    ViewBench bench({bare, test::syntheticOf(core::Tier::stats)});
    std::filesystem::remove(bench.folder / "1.kvh5");
    views::TokenStrip strip(bench.context());
    test::present(strip, {300, 200});
    CHECK(strip.notice().isEmpty());
    CHECK(strip.area()->tokenLayout().lines.front().segment == -1);
    bench.selection.setCapture(1);
    REQUIRE(test::waitUntil([&] { return strip.notice().contains(QStringLiteral("1.kvh5")); }));
    bench.selection.setCapture(0);
    REQUIRE(test::waitUntil([&] { return strip.notice().isEmpty() && !strip.busy(); }));
    bench.selection.change([](auto& s) { s.layer = 99; });
    REQUIRE(test::waitUntil([&] { return strip.legend().contains(QStringLiteral("99")); }));
}
