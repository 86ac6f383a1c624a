// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Budgets of layers and KV heads: numbers, means, what is said of even ones, and the view driven as a user does.
#include "compress/method.hpp"
#include "tests/views/svg_texts.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/budget_map.hpp"
#include "views/figure_exporter.hpp"
#include "views/retention_data.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace kvviz;
using test::ViewBench;

namespace {

core::CaptureInfo threeLayers() { return test::syntheticInfo({.layers = 3, .heads = 4, .kvHeads = 2}); }

const std::vector<std::int64_t> kUneven{60, 50, 40, 30, 20, 10};

} // namespace

TEST_CASE("Cells are shares of the prompt, with means of layers and of KV heads", "[views]")
{
    const auto figure = plot::budgetFigure(threeLayers(), kUneven, 70, "PyramidKV");
    const plot::MatrixPanel& panel = figure.panels.front();
    REQUIRE(panel.values.size() == 6);
    for (std::size_t row = 0; row < 3; ++row) {
        CHECK(panel.rowMeans[row] == Approx(static_cast<double>(kUneven[2 * row] + kUneven[2 * row + 1]) / 140));
        for (std::size_t column = 0; column < 2; ++column)
            CHECK(panel.values[2 * row + column] == Approx(static_cast<double>(kUneven[2 * row + column]) / 70));
    }
    CHECK(panel.columnMeans[0] == Approx(120.0 / 210));
    CHECK(panel.columnMeans[1] == Approx(90.0 / 210));
    CHECK(figure.scale.low <= 10.0 / 70);
    CHECK(figure.scale.high >= 60.0 / 70);
}

TEST_CASE("Even budgets are said to be even, uneven ones tell their range", "[views]")
{
    const auto sentence = [](std::vector<std::int64_t> kept) { return plot::budgetSentence(threeLayers(), kept, 70); };
    CHECK(sentence({35, 35, 35, 35, 35, 35}) == "Uniform: every KV head keeps 35 of 70 tokens.");
    CHECK(sentence({60, 60, 40, 40, 10, 10})
          == "From 10 to 60 of 70 tokens a KV head, the same for all KV heads of a layer.");
    CHECK(sentence(kUneven) == "From 10 to 60 of 70 tokens a KV head.");
    CHECK(sentence({35, 35, -1, -1, -1, -1}) == "Uniform: every KV head keeps 35 of 70 tokens (so far 1 of 3 layers).");
    CHECK(sentence({-1, -1, -1, -1, -1, -1}) == "No layer is known yet.");
}

TEST_CASE("The budgets of real methods come out as uniform, by layer, or by head", "[views]")
{
    const test::SyntheticCapture capture({.layers = 3, .heads = 4, .kvHeads = 2});
    const auto kept = [&](const char* specification) {
        const auto method = compress::makeMethod(specification);
        const auto survey = method->makeSurvey();
        const auto input = [&](std::int64_t slot) {
            compress::LayerInput made{.data = capture.layer(slot), .segments = capture.info().segments};
            made.slot = slot;
            made.layers = 3;
            made.info = &capture.info();
            made.survey = survey.get();
            return made;
        };
        for (std::int64_t slot = 0; survey && slot < 3; ++slot)
            survey->look(input(slot));
        if (survey)
            survey->finish();
        std::vector<std::int64_t> tokens;
        for (std::int64_t slot = 0; slot < 3; ++slot)
            for (const auto& list : method->plan(input(slot), compress::Budget{0.5, {}}).kept)
                tokens.push_back(std::ssize(list));
        return plot::budgetSentence(capture.info(), tokens, 70);
    };
    CHECK(kept("snapkv").find("Uniform: every KV head keeps 35 of 70") == 0);
    CHECK(kept("pyramidkv").find("the same for all KV heads of a layer") != std::string::npos);
    CHECK(kept("adakv").find("Uniform") == std::string::npos);
}

TEST_CASE("The map says what is missing, then shows numbers, marks the selection and chooses heads", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache, {.layers = 3, .heads = 4, .kvHeads = 2})});
    views::BudgetMap map(bench.context());
    test::present(map, {360, 320});
    CHECK(map.notice().contains(QStringLiteral("snapkv")));
    CHECK(!map.figure());
    map.clearKept(QStringLiteral("it needs window rows"));
    CHECK(map.notice() == QStringLiteral("it needs window rows"));
    map.setKept(kUneven, 70, QStringLiteral("AdaKV, 0.5 kept"));
    CHECK(map.notice().isEmpty());
    CHECK(map.sentence().contains(QStringLiteral("From 10 to 60 of 70")));
    QString told;
    QObject::connect(&map, &views::View::hovered, [&](const QString& text) { told = text; });
    const plot::MatrixItem& item = map.canvas()->item();
    test::hover(map.canvas(), item.cellRect(1, 1).center());
    CHECK(told.contains(QStringLiteral("layer 1   KV head 1   keeps 30 of 70 tokens (0.429)")));
    test::click(map.canvas(), item.cellRect(1, 1).center());
    CHECK(bench.selection.state().layer == 1);
    CHECK(bench.selection.state().head == 2); // first query head of KV head 1
    CHECK(item.panel().markedColumn == 1);
    bench.selection.change([](auto& s) { s.head = 1; });
    CHECK(item.panel().markedColumn == 0); // served by KV head 0
    map.setKept({35, 35, -1, -1, -1, -1}, 70, QStringLiteral("SnapKV"));
    CHECK(map.describe(2, 0).contains(QStringLiteral("not known")));
    CHECK(map.sentence().contains(QStringLiteral("Uniform")));
}

TEST_CASE("One layer and one KV head make a map of one cell", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache, {.layers = 1, .heads = 1, .kvHeads = 1})});
    views::BudgetMap map(bench.context());
    test::present(map, {300, 240});
    map.setKept({70}, 70, QStringLiteral("full"));
    CHECK(map.notice().isEmpty());
    CHECK(map.canvas()->item().cellsRect().width() > 20);
    (void)map.grab();
}

TEST_CASE("A figure of budgets has its texts in their places and its numbers in the sidecar", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache, {.layers = 3, .heads = 4, .kvHeads = 2})});
    views::BudgetMap map(bench.context());
    test::present(map, {360, 320});
    map.setKept(kUneven, 70, QStringLiteral("AdaKV, 0.5 kept"));
    const plot::Figure figure = *map.figure();
    plot::ExportOptions options;
    options.path = "budgets.svg";
    const auto page = test::readSvg(plot::renderFigure(figure, options));
    REQUIRE(page.wellFormed);
    CHECK(test::misplaced(page) == "");
    const auto sidecar = nlohmann::json::parse(plot::sidecarJson(figure, "kvviz test", ""));
    CHECK(sidecar.at("panels").at(0).at("values").at(2).at(1).get<double>() == Approx(10.0 / 70).epsilon(1e-4));
    CHECK(sidecar.at("parameters").at("prompt_tokens") == "70");
}
