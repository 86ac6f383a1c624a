// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Curves against the ratio: what is drawn, the line at the budget, clicks, sinks, export.
#include "views/ratio_curves.hpp"

#include "tests/views/live_fixture.hpp"
#include "views/figure_exporter.hpp"

#include <QKeyEvent>
#include <QMouseEvent>

#include <cmath>

using namespace kvviz;
using test::LiveFixture;
using test::SyntheticOptions;
using test::waitUntil;
using views::SelectionState;

namespace {

struct CurvesFixture : LiveFixture {
    explicit CurvesFixture(std::vector<SyntheticOptions> options = {SyntheticOptions{.layers = 2}},
                           std::vector<core::Tier> tiers = {})
        : LiveFixture(std::move(options), std::move(tiers)), view(context())
    {
        live->setCompared({"fullkv", "h2o", "snapkv", "kivi:group=4,residual=8", "oracle_mass"});
        view.resize(420, 640);
        view.show();
        REQUIRE(settle());
        QApplication::processEvents();
        (void)view.grab(); // lays out and draws
    }
    const plot::CurveFigure& drawn()
    {
        m_figure = view.figure();
        REQUIRE(m_figure);
        return std::get<plot::CurveFigure>(m_figure->content);
    }
    static const plot::CurveSeries* seriesOf(const plot::CurvePanel& panel, const std::string& method)
    {
        for (const plot::CurveSeries& series : panel.series)
            if (series.method == method && series.named)
                return &series;
        return nullptr;
    }
    /// x of the dotted line.
    static double marker(const plot::CurvePanel& panel)
    {
        for (const plot::CurveSeries& series : panel.series)
            if (series.name == "budget") {
                REQUIRE(series.x.size() == 2);
                CHECK(series.x[0] == series.x[1]);
                return series.x[0];
            }
        return NAN;
    }
    void press(QPointF position, QEvent::Type type = QEvent::MouseButtonPress)
    {
        QMouseEvent event(type, position, view.plot()->mapToGlobal(position), Qt::LeftButton, Qt::LeftButton,
                          Qt::NoModifier);
        QApplication::sendEvent(view.plot(), &event);
    }

    views::RatioCurves view;

private:
    std::optional<plot::Figure> m_figure;
};

} // namespace

TEST_CASE("Ratio curves show the live curves and the budget", "[views][io]")
{
    CurvesFixture fixture;
    const plot::CurveFigure& figure = fixture.drawn();
    REQUIRE(figure.panels.size() == 2);
    for (const views::LiveCurve& curve : *fixture.live->curves()) {
        CAPTURE(curve.method);
        const auto* mass = CurvesFixture::seriesOf(figure.panels[0], curve.method);
        const auto* error = CurvesFixture::seriesOf(figure.panels[1], curve.method);
        REQUIRE(mass);
        REQUIRE(error);
        CHECK(mass->x == curve.ratio);
        CHECK(mass->y == curve.retainedMass);
        CHECK(error->y == curve.outputError);
        CHECK(mass->line == curve.follows);
        CHECK(mass->color == error->color);
        CHECK(mass->reference == (curve.method == "fullkv" || curve.method == "oracle_mass"));
        for (const plot::CurvePanel& panel : figure.panels)
            for (const double y : CurvesFixture::seriesOf(panel, curve.method)->y)
                CHECK((y >= panel.yLow && y <= panel.yHigh));
    }
    CHECK(CurvesFixture::marker(figure.panels[0]) == 0.5);
    fixture.selection.change([](SelectionState& s) { s.budgetTokens = 7; });
    REQUIRE(fixture.settle());
    CHECK(CurvesFixture::marker(fixture.drawn().panels[1]) == Approx(0.1));
}

TEST_CASE("The ring of the selected method lies where the table says", "[views][io]")
{
    CurvesFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.ratio = 0.37; });
    REQUIRE(fixture.settle());
    const auto& panels = fixture.drawn().panels;
    const auto layer = fixture.live->layer();
    const auto ringOf = [](const plot::CurvePanel& panel) {
        for (const plot::CurveSeries& series : panel.series)
            if (series.hollow)
                return std::pair{series.x.at(0), series.y.at(0)};
        return std::pair{-1.0, -1.0};
    };
    CHECK(ringOf(panels[0]) == std::pair{0.37, 1 - layer->summary.meanLost});
    CHECK(ringOf(panels[1]) == std::pair{0.37, layer->summary.meanOutputError});
}

TEST_CASE("Sinks go out of the ratio curves with the selection, and the title says so", "[views][io]")
{
    CurvesFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.withoutSinks = true; });
    const plot::CurvePanel& panel = fixture.drawn().panels[0];
    CHECK(panel.title.find("without the first 4 keys") != std::string::npos);
    for (const views::LiveCurve& curve : *fixture.live->curves())
        CHECK(CurvesFixture::seriesOf(panel, curve.method)->y == curve.retainedNonSink);
    fixture.selection.change([](SelectionState& s) { s.withoutSinks = false; });
    CHECK(fixture.drawn().panels[0].title.find("without") == std::string::npos);
}

TEST_CASE("A click on the curves sets the ratio, dragging moves it, arrows step it", "[views][io]")
{
    CurvesFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.budgetTokens = 20; });
    REQUIRE(fixture.settle());
    QPointF inside;
    double ratio = 0;
    for (int x = 0; x < fixture.view.width(); ++x)
        if (const auto at = fixture.view.ratioAt(QPointF(x, 120)); at && std::abs(*at - 0.3) < 0.004) {
            inside = QPointF(x, 120);
            ratio = *at;
        }
    REQUIRE(ratio > 0);
    fixture.press(inside);
    CHECK(fixture.selection.state().ratio == Approx(ratio).margin(0.003));
    CHECK(fixture.selection.state().budgetTokens == 0);
    fixture.press(inside + QPointF(40, 0), QEvent::MouseMove);
    REQUIRE(waitUntil([&] { return fixture.selection.state().ratio > ratio + 0.03; }));
    fixture.press(inside + QPointF(4000, 0), QEvent::MouseMove); // outside of the axes
    const double before = fixture.selection.state().ratio;
    QKeyEvent right(QEvent::KeyPress, Qt::Key_Right, Qt::NoModifier);
    QApplication::sendEvent(&fixture.view, &right);
    CHECK(fixture.selection.state().ratio == Approx(std::round(before * 100 + 1) / 100));
    CHECK_FALSE(fixture.view.ratioAt(QPointF(1, 1)));
}

TEST_CASE("The figure of the ratio curves can be exported, the same twice", "[views][io]")
{
    CurvesFixture fixture;
    const auto figure = fixture.view.figure();
    REQUIRE(figure);
    CHECK(figure->sources.size() == 1);
    CHECK(figure->parameters.size() >= 4);
    plot::ExportOptions options;
    options.path = fixture.folder / "ratio.svg";
    const QByteArray first = plot::renderFigure(*figure, options), second = plot::renderFigure(*figure, options);
    CHECK(first.size() > 5000);
    CHECK(first == second);
}

TEST_CASE("Ratio curves of a capture that nothing can be judged on are empty", "[views][io]")
{
    CurvesFixture fixture({SyntheticOptions{.layers = 1}}, {core::Tier::stats});
    CHECK_FALSE(fixture.view.figure());
    CHECK(fixture.view.plot()->isHidden());
    CHECK_FALSE(fixture.view.busy());
}

TEST_CASE("Without output errors there is one panel of ratio curves", "[views]")
{
    views::LiveCurve curve;
    curve.method = curve.title = "snapkv";
    curve.ratio = {0.1, 1.0};
    curve.retainedMass = curve.retainedNonSink = {0.6, 1.0};
    curve.outputError = {NAN, NAN};
    const plot::Figure figure = views::ratioFigure({curve}, {"snapkv"}, nullptr, {});
    const auto& panels = std::get<plot::CurveFigure>(figure.content).panels;
    REQUIRE(panels.size() == 1);
    CHECK(panels[0].letter.empty());
    CHECK(panels[0].yLow <= 0.6);
}
