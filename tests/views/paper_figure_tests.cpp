// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paper's figures by number: which records each takes, what stands dashed beside them, and what is said when the
// data are not what it compares.
#include "app/gui/published_source.hpp"
#include "core/error.hpp"
#include "datasets/published.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/curve_data.hpp"
#include "views/figure_exporter.hpp"
#include "views/paper_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

using namespace kvviz;
using Catch::Contains;
using io::EvalRecord;
using test::EvalTask;
using Records = std::vector<EvalRecord>;

namespace {

const std::vector<double> kRatios{0.9, 0.5, 0.2, 0.1};
const std::vector<std::string> kMethods{"snapkv", "h2o", "shotkv"};
const EvalTask kAddition{"addition", "arithmetic", 20, 0.8, 1.1, 8};
const EvalTask kNeedle{"needle", "long-context retrieval", 20, 0.9, 0.8, 0};
const EvalTask kFacts{"facts", "world knowledge", 20, 0.9, 0.3, 8};

Records made(const std::vector<EvalTask>& tasks) { return test::madeUpEvaluations(tasks, kMethods, kRatios); }

Records joined(Records a, const Records& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Records named(Records records, const std::string& model)
{
    for (EvalRecord& record : records)
        record.modelName = model;
    return records;
}

EvalTask withShots(EvalTask task, std::int64_t shots)
{
    task.shots = shots;
    return task;
}

plot::Figure drawn(const std::string& name, const Records& records, plot::DeltaRequest request = {})
{
    request.published = app::publishedSource();
    return plot::paperFigure(*plot::findPaperFigure(name), records, {}, request);
}

const plot::CurveFigure& curvesOf(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

std::string refusal(const std::string& name, const Records& records)
{
    try {
        static_cast<void>(drawn(name, records));
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return "drawn";
}

/// Names of measured lines of a panel.
std::vector<std::string> linesOf(const plot::CurvePanel& panel)
{
    std::vector<std::string> names;
    for (const plot::CurveSeries& series : panel.series)
        if (series.origin.empty())
            names.push_back(series.name);
    return names;
}

bool hasPublished(const plot::Figure& figure)
{
    const auto& panels = curvesOf(figure).panels;
    return std::any_of(panels.begin(), panels.end(), [](const plot::CurvePanel& panel) {
        return std::any_of(panel.series.begin(), panel.series.end(),
                           [](const plot::CurveSeries& series) { return !series.origin.empty(); });
    });
}

/// Everything that any of the figures compares.
Records everything()
{
    Records records = made({kNeedle, kAddition, kFacts, withShots(kAddition, 2), withShots(kAddition, 50)});
    return joined(named(records, "SmolLM2-135M-Instruct"), named(records, "DeepSeek-R1-Distill-Llama-8B"));
}

} // namespace

TEST_CASE("There are nine figures of the paper, and no tenth", "[views][unit]")
{
    REQUIRE(plot::paperFigures().size() == 9);
    for (std::size_t i = 0; i < 9; ++i) {
        const plot::PaperFigure& figure = plot::paperFigures()[i];
        CHECK(figure.name == "fig" + std::to_string(i + 1));
        CHECK(figure.command.starts_with("kvviz "));
        CHECK(plot::findPaperFigure(figure.name) == &figure);
    }
    CHECK(plot::findPaperFigure("fig10") == nullptr);
    CHECK(plot::findPaperFigure("delta") == nullptr);
}

TEST_CASE("Figure 1 has the long-context tasks, then arithmetic, with the methods as lines", "[views]")
{
    const plot::Figure figure = drawn("fig1", made({kFacts, kAddition, kNeedle}));
    const auto& panels = curvesOf(figure).panels;
    REQUIRE(panels.size() == 2);
    CHECK_THAT(panels[0].title, Catch::StartsWith("needle"));
    CHECK_THAT(panels[1].title, Catch::StartsWith("addition"));
    CHECK(linesOf(panels[0]).size() == kMethods.size());
    CHECK(figure.name == "fig1");
    CHECK(figure.parameters.front().first == "paper");
    REQUIRE(figure.leftOut.size() == 1);
    CHECK(figure.leftOut[0].what == "facts");
    CHECK(hasPublished(figure)); // arithmetic is printed
}

TEST_CASE("Figure 3 shows all keys and, beside them, the rest without sinks", "[views]")
{
    const test::SyntheticCapture capture;
    plot::CurveRequest request;
    request.sinkTokens = 3;
    plot::CumulativeCurves curves(request);
    curves.add(capture);
    const plot::Figure figure = curves.twoPanelFigure();
    const auto& panels = curvesOf(figure).panels;
    REQUIRE(panels.size() == 2);
    const std::int64_t n = capture.info().nPrompt(), total = capture.info().nTokens();
    for (const std::int64_t skip : {std::int64_t{0}, std::int64_t{3}}) {
        double share = 0; // by hand: of the two heaviest keys, averaged
        for (std::int64_t slot = 0; slot < 2; ++slot)
            for (std::int64_t head = 0; head < 4; ++head) {
                const float* scores = capture.layer(slot).received.data() + head * total;
                std::vector<double> rest(scores + skip, scores + n);
                std::sort(rest.rbegin(), rest.rend());
                double sum = 0;
                for (const double value : rest)
                    sum += value;
                share += (rest[0] + rest[1]) / sum / 8;
            }
        const plot::CurvePanel& panel = panels[skip == 0 ? 0 : 1];
        REQUIRE(panel.series.size() == 1);
        CHECK_FALSE(panel.series[0].dashed);
        CHECK(panel.series[0].x[1] == 2);
        CHECK(panel.series[0].y[1] == Approx(share));
        CHECK(panel.series[0].low.size() == panel.series[0].x.size());
    }
    CHECK(panels[1].title == "without the first 3 keys");
}

TEST_CASE("Figure 4 is the mean over methods with its range, of measured and of printed numbers", "[views]")
{
    const Records records = made({kFacts, kAddition});
    const plot::Figure figure = drawn("fig4", records);
    const auto& panels = curvesOf(figure).panels;
    REQUIRE(panels.size() == 1);
    CHECK(linesOf(panels[0]) == std::vector<std::string>{"facts", "addition"});
    std::map<std::pair<std::string, double>, std::vector<double>> changes; // by hand
    for (const EvalRecord& record : records)
        if (record.method != "fullkv")
            changes[{record.task, record.ratio}].push_back(100 * record.delta);
    int compared = 0;
    for (const plot::CurveSeries& series : panels[0].series) {
        if (!series.origin.empty())
            continue;
        REQUIRE(series.x.size() == kRatios.size() + 1); // and the full cache
        for (std::size_t i = 0; i < kRatios.size(); ++i) {
            const auto& all = changes.at({series.name, kRatios[kRatios.size() - 1 - i]});
            REQUIRE(all.size() == kMethods.size());
            CHECK(series.y[i] == Approx((all[0] + all[1] + all[2]) / 3).margin(1e-9));
            CHECK(series.low[i] == Approx(*std::min_element(all.begin(), all.end())).margin(1e-9));
            CHECK(series.high[i] == Approx(*std::max_element(all.begin(), all.end())).margin(1e-9));
            ++compared;
        }
    }
    CHECK(compared == 8);
    const auto printed = std::find_if(panels[0].series.begin(), panels[0].series.end(),
                                      [](const auto& series) { return series.name == "addition, published"; });
    REQUIRE(printed != panels[0].series.end());
    datasets::PublishedQuery query;
    query.table = 6;
    query.benchmark = "AR";
    query.ratio = 0.1;
    double mean = 0; // of those of the three methods that the paper prints for 8 shots
    for (const char* method : {"SnapKV", "H2O"}) {
        query.method = method;
        const auto rows = datasets::findPublished(query);
        REQUIRE(rows.size() == 1);
        mean += 50 * rows[0]->change;
    }
    CHECK(printed->y.front() == Approx(mean));
    CHECK_THAT(printed->origin, Contains("mean of 2 methods"));
}

TEST_CASE("Figure 4 takes the ratios that all methods have, and leaves out sizes that do not follow", "[views]")
{
    Records records = test::madeUpEvaluations({kAddition}, {"snapkv"}, {0.5, 0.2});
    records = joined(records, test::madeUpEvaluations({kAddition}, {"h2o", "kivi"}, {0.5}));
    const plot::Figure figure = drawn("fig4", records);
    const plot::CurveSeries& series = curvesOf(figure).panels.at(0).series.at(0);
    CHECK(series.x == std::vector<double>{0.5, 1.0});
    CHECK(std::any_of(figure.leftOut.begin(), figure.leftOut.end(),
                      [](const plot::LeftOut& left) { return left.what.starts_with("kivi"); }));
    CHECK_THAT(refusal("fig4", test::madeUpEvaluations({kAddition}, {"kivi"}, {0.5})), Contains("kvviz eval"));
}

TEST_CASE("Figures 5 to 9 are the delta figure of their comparison", "[views]")
{
    const Records records = everything();
    const auto panelsOf = [&](const char* name) { return curvesOf(drawn(name, records)).panels; };
    CHECK_THAT(linesOf(panelsOf("fig5").front()).at(0), Contains("needle"));
    for (const plot::CurvePanel& panel : panelsOf("fig6")) // models as lines, of arithmetic
        CHECK(linesOf(panel) == std::vector<std::string>{"SmolLM2-135M-Instruct", "DeepSeek-R1-Distill-Llama-8B"});
    for (const plot::CurvePanel& panel : panelsOf("fig7"))
        CHECK(linesOf(panel) == std::vector<std::string>{"2 shots", "8 shots", "50 shots"});
    const auto many = panelsOf("fig8");
    REQUIRE(many.size() == 2); // a model each
    CHECK(linesOf(many[0]).size() == kMethods.size());
    CHECK(std::any_of(many[1].series.begin(), many[1].series.end(), [](const plot::CurveSeries& series) {
        return series.origin.find("many-shot AR") != std::string::npos;
    }));
    CHECK(panelsOf("fig9").size() == 10); // five tasks of two models
    CHECK_FALSE(hasPublished(drawn("fig9", records)));
}

TEST_CASE("Published lines can be left out of every figure", "[views]")
{
    const Records records = everything();
    for (const plot::PaperFigure& figure : plot::paperFigures())
        if (figure.input == plot::PaperInput::evaluations)
            CHECK_FALSE(hasPublished(plot::paperFigure(figure, records, {}, {})));
}

TEST_CASE("What a figure compares and does not find is told, with the command that makes it", "[views]")
{
    const std::string first = refusal("fig1", made({kAddition}));
    CHECK_THAT(first, Contains("addition (arithmetic)") && Contains("long-context") && Contains("kvviz eval --task"));
    CHECK_THAT(refusal("fig6", made({kAddition})),
               Contains("two or more models") && Contains("SmolLM2") && Contains("kvviz eval --model"));
    CHECK_THAT(refusal("fig7", made({kAddition})), Contains("different numbers of examples")
                                                       && Contains("addition with 8") && Contains("--shots"));
    CHECK_THAT(refusal("fig8", made({kAddition})), Contains("16 examples or more") && Contains("--shots 50"));
    for (const char* name : {"fig1", "fig4", "fig5", "fig9"})
        CHECK_THAT(refusal(name, {}), Contains("needs evaluations") && Contains("*.kvres.h5"));
    for (const std::string& message : {first}) // one sentence
        CHECK(std::count(message.begin(), message.end(), '\n') == 0);
}

TEST_CASE("A task that is asked for is drawn in place of arithmetic", "[views]")
{
    plot::DeltaRequest request;
    request.tasks = {"facts"};
    const plot::Figure figure = drawn("fig6", everything(), request);
    for (const auto& left : figure.leftOut)
        CHECK(left.what != "facts");
    CHECK_THAT(curvesOf(figure).notes.front(), Contains("facts"));
}

TEST_CASE("Every figure of the paper that is drawn from evaluations is the same bytes each time, in every format", "[views]")
{
    const std::string name = GENERATE("fig1", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9");
    const std::string file = GENERATE("a.pdf", "a.svg", "a.png");
    plot::ExportOptions options;
    options.path = file;
    options.dpi = 100;
    const QByteArray once = plot::renderFigure(drawn(name, everything()), options);
    CHECK(once.size() > 5000);
    CHECK(once == plot::renderFigure(drawn(name, everything()), options));
}

TEST_CASE("Every figure of the paper has its texts in place, light and dark", "[views]")
{
    const std::string name = GENERATE("fig1", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9");
    plot::ExportOptions options;
    options.path = "a.svg";
    options.dark = GENERATE(false, true);
    const test::SvgPage page = test::readSvg(plot::renderFigure(drawn(name, everything()), options));
    INFO(name << '\n' << test::misplaced(page));
    CHECK(page.wellFormed);
    CHECK(test::misplaced(page).empty());
}
