// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cumulative curves in the window: of one capture or of all tasks, sinks, axis, the budget, what an export says.
#include "views/curve_view.hpp"

#include "tests/views/svg_texts.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/capture_choice.hpp"
#include "views/figure_exporter.hpp"

#include <QCheckBox>
#include <QComboBox>

#include <algorithm>

using namespace kvviz;
using Catch::Contains;
using views::SelectionState;

namespace {

test::SyntheticCapture ofTask(const std::string& task, std::uint64_t seed, int layers = 2)
{
    test::SyntheticCapture capture = test::syntheticOf(core::Tier::cache, {.layers = layers, .seed = seed});
    capture.mutableInfo().prompt.task = task;
    capture.mutableInfo().prompt.id = task + "-" + std::to_string(seed);
    return capture;
}

struct CurveBench : test::ViewBench {
    explicit CurveBench(std::vector<test::SyntheticCapture> captures)
        : ViewBench(std::move(captures)), view(context())
    {
        test::present(view, {420, 640});
    }
    template <typename Edit>
    const plot::CurveFigure& after(Edit&& edit)
    {
        selection.change(edit);
        REQUIRE(test::waitUntil([&] { return !view.busy(); }));
        return drawn();
    }
    const plot::CurveFigure& drawn()
    {
        m_figure = view.figure();
        REQUIRE(m_figure);
        return std::get<plot::CurveFigure>(m_figure->content);
    }
    const plot::Figure& figure() const { return *m_figure; }

    views::CurveView view;

private:
    std::optional<plot::Figure> m_figure;
};

std::vector<std::string> linesOf(const plot::CurvePanel& panel)
{
    std::vector<std::string> names;
    for (const plot::CurveSeries& series : panel.series)
        if (series.name != "budget")
            names.push_back(series.name);
    return names;
}

double budgetOf(const plot::CurvePanel& panel)
{
    const auto found = std::find_if(panel.series.begin(), panel.series.end(),
                                    [](const plot::CurveSeries& series) { return series.name == "budget"; });
    REQUIRE(found != panel.series.end());
    CHECK(found->x.front() == found->x.back());
    return found->x.front();
}

std::string printed(const plot::Figure& figure)
{
    plot::ExportOptions options;
    options.path = "a.svg";
    const test::SvgPage page = test::readSvg(plot::renderFigure(figure, options));
    CHECK(test::misplaced(page) == "");
    QString all;
    for (const test::SvgText& text : page.texts)
        all += text.text.simplified() + QLatin1Char(' ');
    return all.replace(QChar::Nbsp, QLatin1Char(' ')).toStdString();
}

} // namespace

TEST_CASE("One capture's curves stand with and without sinks on one axes, sorted and in order", "[views][io]")
{
    CurveBench bench({ofTask("addition", 1), ofTask("needle", 2)});
    const plot::CurveFigure& figure = bench.drawn();
    REQUIRE(figure.panels.size() == 2);
    CHECK(linesOf(figure.panels[0]) == std::vector<std::string>{"addition", "addition, without sinks"});
    CHECK(figure.panels[1].series.size() == 2);
    CHECK(bench.figure().sources.size() == 1);
    const auto& without = bench.after([](SelectionState& s) { s.withoutSinks = true; });
    CHECK(without.panels[0].series.front().dashed);
    CHECK(linesOf(without.panels[0]).size() == 1);
    CHECK(without.panels[1].series.size() == 1);
    CHECK_THAT(printed(bench.figure()), Contains("without first 4") && !Contains("all keys"));
    const auto& none = bench.after([](SelectionState& s) {
        s.withoutSinks = false;
        s.sinkTokens = 0;
    });
    CHECK(linesOf(none.panels[0]).size() == 1); // nothing to leave out
    CHECK_THAT(printed(bench.figure()), Contains("none set apart") && !Contains("without first"));
}

TEST_CASE("The curves of all open captures are a line a task, the selected one first", "[views][io]")
{
    CurveBench bench({ofTask("addition", 1), ofTask("needle", 2), ofTask("addition", 3), ofTask("facts", 4, 1)});
    bench.selection.change([](SelectionState& s) {
        s.capture = 1;
        s.layer = 1;
    });
    const auto& figure = bench.after([](SelectionState& s) { s.curvesOf = views::CurvesOf::tasks; });
    CHECK(linesOf(figure.panels[0])
          == std::vector<std::string>{"needle", "needle, without sinks", "addition", "addition, without sinks"});
    CHECK(figure.panels[1].title == "needle-2, in order");
    CHECK(bench.figure().sources.size() == 3);
    REQUIRE(bench.figure().leftOut.size() == 1); // facts has no layer 1
    CHECK_THAT(bench.figure().leftOut[0].reason, Contains("layer 1"));
    const std::string text = printed(bench.figure());
    CHECK_THAT(text, Contains("needle 1, addition 2") && Contains("left out: 1") && Contains("layer 1"));
    // The means are those of `kvviz figure cumulative` on the same files.
    plot::CurveRequest request;
    request.layer = 1;
    plot::CumulativeCurves same(request);
    for (const int capture : {1, 0, 2})
        same.add(*bench.list->reader(capture));
    const auto expected = same.panel();
    for (std::size_t i = 0; i < expected.series.size(); ++i)
        CHECK(figure.panels[0].series[i].y == expected.series[i].y);
    bench.selection.change([](SelectionState& s) { s.curvesOf = views::CurvesOf::capture; });
    REQUIRE(test::waitUntil([&] { return !bench.view.busy(); }));
    CHECK(linesOf(bench.drawn().panels[0]).size() == 2);
}

TEST_CASE("The budget stands across the sorted curves and follows the slider", "[views][io]")
{
    CurveBench bench({ofTask("addition", 1)});
    CHECK(budgetOf(bench.drawn().panels[0]) == 35); // half of 70
    CHECK(budgetOf(bench.after([](SelectionState& s) { s.ratio = 0.2; }).panels[0]) == 14);
    CHECK(budgetOf(bench.after([](SelectionState& s) { s.budgetTokens = 9; }).panels[0]) == 9);
    CHECK_THAT(printed(bench.figure()), Contains("budget, 9 of 70 tokens"));
}

TEST_CASE("Controls of the curves and the selection say the same", "[views][io]")
{
    CurveBench bench({ofTask("addition", 1), ofTask("needle", 2)});
    auto* of = bench.view.findChild<QComboBox*>();
    auto* log = bench.view.findChild<QCheckBox*>();
    REQUIRE((of && log));
    CHECK(log->isChecked());
    CHECK(bench.drawn().panels[0].logX);
    log->setChecked(false);
    of->setCurrentIndex(1);
    CHECK_FALSE(bench.selection.state().curvesLogarithmic);
    CHECK(bench.selection.state().curvesOf == views::CurvesOf::tasks);
    REQUIRE(test::waitUntil([&] { return !bench.view.busy(); }));
    CHECK_FALSE(bench.drawn().panels[0].logX);
    (void)bench.after([](SelectionState& s) {
        s.curvesLogarithmic = true;
        s.curvesOf = views::CurvesOf::capture;
    });
    CHECK(log->isChecked());
    CHECK(of->currentIndex() == 0);
    for (const QWidget* widget : {static_cast<QWidget*>(of), static_cast<QWidget*>(log)})
        CHECK(widget->height() >= 24);
}

TEST_CASE("The mean over the heads of one KV head is a choice of its own", "[views][io]")
{
    CurveBench bench({ofTask("addition", 1)}); // four query heads, two KV heads
    const auto reader = bench.list->reader(0);
    CHECK(plot::headSlots(reader->info(), plot::headOfGroup(1), "a") == std::vector<std::int64_t>{2, 3});
    CHECK(plot::headsText(reader->info(), {2, 3}) == "mean of 2 heads (KV 1)");
    CHECK(plot::groupOf(plot::headOfGroup(1)) == 1);
    CHECK(plot::groupOf(plot::kAllHeads) == -1);
    CHECK_THROWS_WITH(plot::headSlots(reader->info(), plot::headOfGroup(7), "a"), Contains("KV head 7"));
    const auto lineOf = [&](int head) {
        return bench.after([head](SelectionState& s) { s.head = head; }).panels[0].series.front().y;
    };
    const auto two = lineOf(2), three = lineOf(3), group = lineOf(plot::headOfGroup(1));
    for (std::size_t i = 0; i < group.size(); ++i)
        CHECK(group[i] == Approx((two[i] + three[i]) / 2));
    CHECK_THAT(printed(bench.figure()), Contains("heads of KV 1"));
}
