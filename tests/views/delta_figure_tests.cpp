// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The figure of evaluations: which record becomes which point of which line, what is left out, and what is drawn.
#include "app/gui/published_source.hpp"
#include "core/color_map.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/delta_data.hpp"
#include "views/delta_panels.hpp"
#include "views/figure_exporter.hpp"
#include "views/method_family.hpp"
#include "views/plot_style.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <QImage>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

using namespace kvviz;
using io::EvalRecord;
using test::EvalTask;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<double> kNine{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1};
const EvalTask kFacts{"facts", "world knowledge", 40, 0.85, 0.4, 8};
const EvalTask kAddition{"addition", "arithmetic", 30, 0.8, 1.1, 8};
const EvalTask kNeedle{"needle", "long-context retrieval", 30, 0.9, 0.8, 0};

plot::Figure figureOf(const std::vector<EvalRecord>& records, const plot::DeltaRequest& request = {})
{
    return plot::deltaFigure(records, {}, request);
}

plot::DeltaRequest by(const std::string& lines)
{
    plot::DeltaRequest request;
    request.by = lines;
    return request;
}

plot::DeltaRequest withMetric(const std::string& metric)
{
    plot::DeltaRequest request;
    request.metric = metric;
    return request;
}

const plot::CurveFigure& curvesOf(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

std::vector<std::string> titlesOf(const plot::Figure& figure)
{
    std::vector<std::string> titles;
    for (const plot::CurvePanel& panel : curvesOf(figure).panels)
        titles.push_back(panel.title);
    return titles;
}

std::vector<std::string> namesOf(const plot::CurvePanel& panel)
{
    std::vector<std::string> names;
    for (const plot::CurveSeries& series : panel.series)
        names.push_back(series.name);
    return names;
}

bool isNoted(const plot::Figure& figure, const std::string& text)
{
    const auto& notes = curvesOf(figure).notes;
    return std::any_of(notes.begin(), notes.end(),
                       [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

bool isLeftOut(const plot::Figure& figure, const std::string& what, const std::string& reason)
{
    return std::any_of(figure.leftOut.begin(), figure.leftOut.end(), [&](const plot::LeftOut& left) {
        return left.what.find(what) != std::string::npos && left.reason.find(reason) != std::string::npos;
    });
}

std::pair<core::ErrorCode, std::string> refusal(const std::vector<EvalRecord>& records,
                                                const plot::DeltaRequest& request = {})
{
    try {
        (void)figureOf(records, request);
    } catch (const core::Error& error) {
        return {error.code(), error.what()};
    }
    return {core::ErrorCode::failure, "nothing was refused"};
}

std::vector<EvalRecord> joined(std::vector<EvalRecord> first, const std::vector<EvalRecord>& second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// GSM8K with several numbers of examples, the largest first.
std::vector<EvalRecord> manyShots(const std::vector<std::string>& methods = {"snapkv", "h2o"})
{
    std::vector<EvalRecord> records;
    for (const std::int64_t shots : {50, 8, 1, 4})
        records = joined(records,
                         test::madeUpEvaluations({{"gsm8k", "arithmetic", 25, 0.7, 1.0, shots}}, methods, {0.5, 0.2}));
    return records;
}

QByteArray drawn(const plot::Figure& figure, const char* name, double widthMm = 0)
{
    plot::ExportOptions options;
    options.path = name;
    options.widthMm = widthMm;
    options.dpi = 120;
    return plot::renderFigure(figure, options);
}

} // namespace

TEST_CASE("By task, a panel is a method, a line a task, and a point a record", "[views]")
{
    const auto records = test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "h2o", "chunkkv"}, kNine);
    const plot::Figure figure = figureOf(records);
    const plot::CurveFigure& curves = curvesOf(figure);
    REQUIRE(curves.panels.size() == 3);
    CHECK(curves.oneLegend);
    std::size_t points = 0;
    for (const EvalRecord& record : records) {
        if (record.method == "fullkv")
            continue;
        const std::string label = plot::methodLabel(record);
        const auto panel = std::find_if(curves.panels.begin(), curves.panels.end(),
                                        [&](const auto& one) { return one.title.starts_with(label + ", n = "); });
        REQUIRE(panel != curves.panels.end());
        const auto line = std::find_if(panel->series.begin(), panel->series.end(),
                                       [&](const auto& one) { return one.name == record.task; });
        REQUIRE(line != panel->series.end());
        CHECK(line->samples == record.n);
        const auto x = std::find_if(line->x.begin(), line->x.end(),
                                    [&](double value) { return std::abs(value - record.ratio) < 1e-9; });
        REQUIRE(x != line->x.end());
        const auto i = static_cast<std::size_t>(x - line->x.begin());
        CHECK(line->y[i] == Approx(100 * record.delta).margin(1e-9));
        CHECK(line->low[i] == Approx(100 * record.ciLow).margin(1e-9));
        CHECK(line->high[i] == Approx(100 * record.ciHigh).margin(1e-9));
        ++points;
    }
    CHECK(points == 2 * 3 * kNine.size());
    CHECK(curves.panels[0].title == "SnapKV, n = 30 to 40");
    CHECK(curves.panels[2].letter == "c");
}

TEST_CASE("The axis falls from the whole cache, where every line begins at no change", "[views]")
{
    const plot::Figure figure = figureOf(test::madeUpEvaluations({kAddition}, {"snapkv", "h2o"}, kNine));
    for (const plot::CurvePanel& panel : curvesOf(figure).panels) {
        CHECK(panel.falling);
        CHECK(panel.zeroLine);
        CHECK(panel.xLow < 0.1);
        CHECK(panel.xHigh > 1.0);
        CHECK(panel.title == (panel.letter == "a" ? "SnapKV, n = 30" : "H2O (prefill end), n = 30"));
        for (const plot::CurveSeries& series : panel.series) {
            CHECK(std::is_sorted(series.x.begin(), series.x.end()));
            CHECK(series.x.back() == 1.0);
            CHECK(series.y.back() == 0.0);
            CHECK(std::isnan(series.low.back())); // known by definition, not measured
            CHECK(series.x.size() == kNine.size() + 1);
        }
    }
}

TEST_CASE("By method, a panel is a task, and a method looks the same in each", "[views]")
{
    const std::vector<std::string> methods{"snapkv", "shotkv", "h2o", "chunkkv"};
    const plot::Figure figure = figureOf(test::madeUpEvaluations({kFacts, kAddition}, methods, kNine), by("method"));
    CHECK(titlesOf(figure) == std::vector<std::string>{"facts, n = 40", "addition, n = 30"});
    const auto& panels = curvesOf(figure).panels;
    CHECK(namesOf(panels[0]) == namesOf(panels[1]));
    REQUIRE(panels[0].series.size() == methods.size());
    std::set<int> colors;
    for (std::size_t i = 0; i < methods.size(); ++i) {
        CHECK(panels[0].series[i].color == panels[1].series[i].color);
        colors.insert(panels[0].series[i].color);
    }
    CHECK(colors.size() == methods.size());
    // Whole shots and chunks stand side by side, whatever the order of the results.
    CHECK(namesOf(panels[0]) == std::vector<std::string>{"SnapKV", "H2O (prefill end)", "ShotKV", "ChunkKV"});
}

TEST_CASE("By shots, lines go from few examples to many, pale to dark", "[views]")
{
    const plot::Figure figure = figureOf(manyShots(), by("shots"));
    CHECK(titlesOf(figure) == std::vector<std::string>{"SnapKV, n = 25", "H2O (prefill end), n = 25"});
    CHECK(isNoted(figure, "gsm8k"));
    for (const plot::CurvePanel& panel : curvesOf(figure).panels) {
        CHECK(namesOf(panel) == std::vector<std::string>{"1 shot", "4 shots", "8 shots", "50 shots"});
        double lightness = 100;
        for (const plot::CurveSeries& series : panel.series) {
            const QColor color = plot::shadeColor(series.shade, plot::PlotStyle::paper());
            const double now = core::lightness({static_cast<std::uint8_t>(color.red()),
                                                static_cast<std::uint8_t>(color.green()),
                                                static_cast<std::uint8_t>(color.blue())});
            CHECK(now < lightness - 8); // told apart in grey
            lightness = now;
        }
    }
    const auto both = joined(manyShots(), test::madeUpEvaluations({kFacts}, {"snapkv", "h2o"}, {0.5}));
    const plot::Figure two = figureOf(both, by("shots"));
    REQUIRE(curvesOf(two).panels.size() == 4);
    CHECK(curvesOf(two).panels[0].title == "gsm8k, SnapKV, n = 25");
    CHECK(curvesOf(two).panels[3].title == "facts, H2O (prefill end), n = 40");
    CHECK(curvesOf(two).together == 2);
}

TEST_CASE("Evaluations of one task with other examples or settings are lines of their own", "[views]")
{
    auto records = manyShots({"snapkv"});
    CHECK(namesOf(curvesOf(figureOf(records)).panels[0])
          == std::vector<std::string>{"gsm8k, 50 shots", "gsm8k, 8 shots", "gsm8k, 1 shot", "gsm8k, 4 shots"});
    for (EvalRecord& record : records) { // an older file: the setting says it
        record.setting = "shots=" + std::to_string(record.shots) + (record.shots == 50 ? " length=600" : "");
        record.shots = -1;
    }
    const plot::Figure figure = figureOf(records);
    CHECK(namesOf(curvesOf(figure).panels[0]).front() == "gsm8k, 50 shots, length=600");
    CHECK(namesOf(curvesOf(figure).panels[0]).back() == "gsm8k, 4 shots");
    CHECK(namesOf(curvesOf(figureOf(records, by("shots"))).panels[0]).front() == "50 shots");
}

TEST_CASE("By model, a line is a model", "[views]")
{
    auto first = test::madeUpEvaluations({kAddition}, {"snapkv"}, {0.5});
    auto second = first;
    for (EvalRecord& record : second)
        record.modelName = "another";
    const auto records = joined(first, second);
    const plot::Figure figure = figureOf(records, by("model"));
    REQUIRE(curvesOf(figure).panels.size() == 1);
    CHECK(namesOf(curvesOf(figure).panels[0]) == std::vector<std::string>{"SmolLM2-135M-Instruct.Q4_1", "another"});
    CHECK(titlesOf(figureOf(records)) // else models must not be mixed up in a line
          == std::vector<std::string>{"SmolLM2-135M-Instruct.Q4_1, SnapKV, n = 30", "another, SnapKV, n = 30"});
}

TEST_CASE("Many lines are divided evenly among panels, each drawn once", "[views]")
{
    const std::vector<std::string> methods{"snapkv", "h2o",        "streaming_noshift", "pyramidkv", "chunkkv",
                                           "shotkv", "adakv",      "keydiff",           "knorm",     "h2o_online",
                                           "random", "snapkv+kivi", "expected_attention"};
    const auto records = test::madeUpEvaluations({kFacts, kAddition}, methods, {0.5, 0.2});
    const plot::Figure figure = figureOf(records, by("method"));
    const auto& panels = curvesOf(figure).panels;
    REQUIRE(panels.size() == 4);
    CHECK(curvesOf(figure).together == 2);
    CHECK(panels[1].title == "facts (2/2), n = 40");
    for (std::size_t task = 0; task < 2; ++task) {
        std::map<std::string, int> drawnOnce;
        std::set<int> colors;
        for (const std::size_t part : {2 * task, 2 * task + 1}) {
            CHECK(panels[part].series.size() <= plot::kMostDeltaLines);
            CHECK(panels[part].series.size() >= methods.size() / 2);
            for (const plot::CurveSeries& series : panels[part].series) {
                ++drawnOnce[series.method];
                colors.insert(series.color);
            }
        }
        CHECK(colors.size() == methods.size());
        for (const std::string& method : methods)
            CHECK(drawnOnce[method] == 1);
    }
}

TEST_CASE("Two lines have bands, more have error bars that stand side by side", "[views]")
{
    const auto two = curvesOf(figureOf(test::madeUpEvaluations({kFacts, kAddition}, {"snapkv"}, kNine)));
    for (const plot::CurveSeries& series : two.panels[0].series)
        CHECK((!series.whiskers && series.shift == 0));
    const auto three = curvesOf(figureOf(test::madeUpEvaluations({kFacts, kAddition, kNeedle}, {"snapkv"}, kNine)));
    std::set<double> shifts;
    for (const plot::CurveSeries& series : three.panels[0].series) {
        CHECK(series.whiskers);
        CHECK(std::abs(series.shift) < 0.05); // nearer to its own ratio than to the next
        shifts.insert(series.shift);
    }
    CHECK(shifts.size() == 3);
}

TEST_CASE("Points that stand side by side are whole at the end of the axis", "[views]")
{
    const plot::Figure figure = figureOf(
        test::madeUpEvaluations({kFacts}, {"snapkv", "h2o", "chunkkv", "pyramidkv", "shotkv"}, kNine), by("method"));
    for (const plot::CurvePanel& panel : curvesOf(figure).panels)
        for (const plot::CurveSeries& series : panel.series)
            for (const double x : series.x)
                CHECK(x + std::min(0.0, series.shift) > panel.xLow + 0.03 * (panel.xHigh - panel.xLow));
}

TEST_CASE("A method of a fixed size is a point at the bytes that it keeps", "[views]")
{
    const plot::Figure figure = figureOf(test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "kivi:bits4"}, kNine));
    const plot::CurvePanel& panel = curvesOf(figure).panels[1];
    CHECK(panel.title == "KIVI (bits4), n = 30 to 40");
    for (const plot::CurveSeries& series : panel.series) {
        CHECK(series.x == std::vector<double>{0.41});
        CHECK(!series.line);
        CHECK(series.low.size() == 1);
    }
    CHECK(isNoted(figure, "points without a line"));
}

TEST_CASE("Budgets in tokens have an axis of tokens without the whole cache", "[views]")
{
    auto records = test::madeUpEvaluations({kFacts}, {"snapkv"}, {0.5, 0.25});
    for (EvalRecord& record : records)
        record.budgetTokens = record.method == "fullkv" ? 0 : static_cast<std::int64_t>(512 * record.ratio);
    plot::DeltaRequest request;
    request.published = app::publishedSource();
    const plot::Figure figure = figureOf(records, request);
    const plot::CurvePanel& panel = curvesOf(figure).panels[0];
    CHECK(panel.xLabel == "tokens kept per layer and KV head");
    REQUIRE(panel.series.size() == 1); // the paper has no budgets in tokens
    CHECK(panel.series[0].x == std::vector<double>{128, 256});
    const auto mixed = joined(records, test::madeUpEvaluations({kAddition}, {"snapkv"}, {0.5}));
    CHECK(curvesOf(figureOf(mixed)).panels[0].xLabel == "ratio of the cache kept");
}

TEST_CASE("Where the full cache scores nothing there is no change to draw, and the figure says so", "[views]")
{
    auto records = test::madeUpEvaluations({kFacts, kAddition}, {"snapkv"}, kNine);
    for (EvalRecord& record : records)
        if (record.task == "addition") {
            record.baseScore = 0;
            record.delta = record.ciLow = record.ciHigh = kNan;
        }
    const plot::Figure figure = figureOf(records);
    CHECK(namesOf(curvesOf(figure).panels[0]) == std::vector<std::string>{"facts"});
    CHECK(isNoted(figure, "the full cache scores 0: addition"));
    CHECK(isLeftOut(figure, "addition, snapkv at ratio 0.5", "no value of 'delta'"));
    CHECK(curvesOf(figureOf(records, withMetric("score"))).panels[0].series.size() == 2);
    std::erase_if(records, [](const EvalRecord& record) { return record.task == "facts"; });
    const auto [code, message] = refusal(records);
    CHECK(code == core::ErrorCode::badInput);
    CHECK_THAT(message, Catch::Contains("--metric score"));
}

TEST_CASE("Results without evaluations, or with the full cache only, are refused", "[views]")
{
    CHECK_THAT(refusal({}).second, Catch::Contains("kvviz eval"));
    CHECK(refusal({}).first == core::ErrorCode::badInput);
    CHECK_THAT(refusal(test::madeUpEvaluations({kFacts}, {}, {})).second, Catch::Contains("full cache only"));
}

TEST_CASE("Wrong requests are refused with what there is", "[views]")
{
    const auto records = test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "h2o"}, {0.5});
    plot::DeltaRequest request;
    request.methods = {"snapvk"};
    CHECK_THAT(refusal(records, request).second, Catch::Contains("did you mean 'snapkv'"));
    request = {};
    request.tasks = {"additon"};
    CHECK_THAT(refusal(records, request).second, Catch::Contains("addition, facts"));
    CHECK(refusal(records, request).first == core::ErrorCode::usage);
    CHECK_THAT(refusal(records, withMetric("mass")).second, Catch::Contains("known: delta, score, gold"));
    CHECK_THAT(refusal(records, by("length")).second, Catch::Contains("known: task, method, shots, model"));
    request = withMetric("gold");
    request.published = app::publishedSource();
    CHECK_THAT(refusal(records, request).second, Catch::Contains("no log-probabilities"));
}

TEST_CASE("Methods and tasks that were not asked for are left out by name", "[views]")
{
    plot::DeltaRequest request;
    request.methods = {"h2o", "snapkv"};
    request.tasks = {"addition"};
    const plot::Figure figure =
        figureOf(test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "h2o", "chunkkv"}, {0.5}), request);
    CHECK(titlesOf(figure) == std::vector<std::string>{"H2O (prefill end), n = 30", "SnapKV, n = 30"});
    CHECK(isLeftOut(figure, "chunkkv", "--methods"));
    CHECK(isLeftOut(figure, "facts", "--task"));
}

TEST_CASE("The same evaluation twice is drawn once", "[views]")
{
    const auto records = test::madeUpEvaluations({kFacts}, {"snapkv"}, {0.5, 0.2});
    auto again = records;
    for (EvalRecord& record : again)
        record.delta += 0.1;
    const plot::Figure figure = figureOf(joined(records, again));
    CHECK(curvesOf(figure).panels[0].series[0].y[1] == Approx(100 * records[1].delta));
    CHECK(isLeftOut(figure, "facts, snapkv at ratio 0.5", "there already"));
}

TEST_CASE("Scores and log-probabilities have the intervals of their prompts, and none without prompts", "[views]")
{
    auto records = test::madeUpEvaluations({kAddition}, {"snapkv"}, kNine);
    const plot::CurveSeries score = curvesOf(figureOf(records, withMetric("score"))).panels[0].series[0];
    const plot::CurveSeries gold = curvesOf(figureOf(records, withMetric("gold"))).panels[0].series[0];
    for (std::size_t i = 0; i < kNine.size(); ++i) {
        const EvalRecord& record = records[records.size() - 1 - i]; // x ascends, ratios fall
        CHECK(score.y[i] == Approx(record.score));
        CHECK(gold.y[i] == Approx(record.goldLogprobDelta));
        CHECK((score.low[i] <= score.y[i] && score.y[i] <= score.high[i]));
        CHECK((gold.low[i] <= gold.y[i] && gold.y[i] <= gold.high[i]));
        // About two standard errors to each side: a second route to the same interval.
        const double error = std::sqrt(record.score * (1 - record.score) / static_cast<double>(record.n));
        CHECK(score.high[i] - score.low[i] == Approx(2 * 1.96 * error).epsilon(0.25));
    }
    CHECK(score.y.back() == Approx(records.front().score)); // the full cache
    CHECK(curvesOf(figureOf(records, withMetric("score"))).panels[0].zeroLine == false);
    for (EvalRecord& record : records) {
        record.scores.clear();
        record.goldLogprobDeltas.clear();
        record.baseScores.clear();
    }
    CHECK(curvesOf(figureOf(records, withMetric("score"))).panels[0].series[0].low.empty());
    CHECK(curvesOf(figureOf(records, withMetric("gold"))).panels[0].series[0].low.empty());
}

TEST_CASE("A single prompt has no interval, and is drawn all the same", "[views]")
{
    EvalTask task = kAddition;
    task.prompts = 1;
    task.base = 1;
    const plot::Figure figure = figureOf(test::madeUpEvaluations({task}, {"snapkv"}, {0.5}));
    const plot::CurveSeries& series = curvesOf(figure).panels[0].series[0];
    CHECK(series.low.empty());
    CHECK(series.x == std::vector<double>{0.5, 1.0});
    CHECK(curvesOf(figure).panels[0].title == "SnapKV, n = 1");
    CHECK(!isNoted(figure, "bootstrap"));
    CHECK(drawn(figure, "one.pdf").startsWith("%PDF"));
}

TEST_CASE("The range of the axis can be fixed, and what leaves it is told", "[views]")
{
    const auto records = test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "h2o"}, kNine);
    plot::DeltaRequest request;
    request.yRange = {-10, 5};
    const plot::Figure figure = figureOf(records, request);
    for (const plot::CurvePanel& panel : curvesOf(figure).panels)
        CHECK((panel.yLow == -10 && panel.yHigh == 5));
    CHECK(isNoted(figure, "go on beyond it"));
}

TEST_CASE("An interval far beyond all values does not press them flat", "[views]")
{
    auto records = test::madeUpEvaluations({kAddition}, {"snapkv"}, kNine);
    records[3].ciHigh = 40; // + 4000 %
    const plot::Figure figure = figureOf(records);
    const plot::CurvePanel& panel = curvesOf(figure).panels[0];
    double lowest = 0;
    for (const double y : panel.series[0].y)
        lowest = std::min(lowest, y);
    CHECK(panel.yHigh < -1.5 * lowest);
    CHECK(isNoted(figure, "go on beyond it"));
}

TEST_CASE("The sidecar of evaluations holds points, intervals, prompts and what was asked", "[views]")
{
    plot::DeltaRequest request;
    request.published = app::publishedSource();
    const plot::Figure figure = figureOf(test::madeUpEvaluations({kAddition}, {"snapkv"}, kNine), request);
    const auto json = nlohmann::json::parse(plot::sidecarJson(figure, "", ""));
    CHECK(json["figure"] == "delta");
    CHECK(json["parameters"]["by"] == "task");
    CHECK(json["parameters"]["published"] == "yes");
    const auto& series = json["panels"][0]["series"];
    REQUIRE(series.size() == 2);
    CHECK(series[0]["prompts"] == 30);
    CHECK(series[0]["x"].size() == 10);
    CHECK(series[0]["low"][9].is_null());
    CHECK(!series[0].contains("published"));
    CHECK_THAT(series[1]["published"].get<std::string>(), Catch::Contains("LLaMA-3.1-8B-Instruct"));
    CHECK(series[1]["remarks"][0] == "table 6");
}

TEST_CASE("Texts of figures of evaluations neither overlap nor leave the page", "[views]")
{
    std::vector<EvalTask> tasks{kFacts, kAddition, kNeedle};
    tasks.push_back({std::string("a very long name of a task that somebody made up one day & \"<b>\" \n\x01 %1 \xff\xe2"
                                 "\x80\xae and that goes on and on and on, far beyond any width of any page"),
                     "", 12, 0.7, 1.0, 3});
    tasks.push_back({"", "", 9, 0.9, 0.5});
    const std::vector<std::string> methods{
        "snapkv", "h2o",   "streaming_noshift:kvpress",      "pyramidkv", "chunkkv", "shotkv:window",
        "adakv",  "knorm", "snapkv:factory+think:ratio=0.5", "kivi"};
    const auto records = test::madeUpEvaluations(tasks, methods, {0.75, 0.5, 0.1});
    plot::DeltaRequest request = by(GENERATE("task", "method", "shots", "model"));
    request.published = app::publishedSource();
    const double width = GENERATE(85.0, 178.0);
    plot::Figure figure = figureOf(records, request);
    figure.title = GENERATE("", "Measured with SmolLM2");
    const test::SvgPage page = test::readSvg(drawn(figure, "a.svg", width));
    CAPTURE(request.by, width);
    CHECK(page.wellFormed);
    CHECK(page.texts.size() > 30);
    CHECK(test::misplaced(page) == "");
}

TEST_CASE("Figures of evaluations are the same bytes each time, in every format", "[views]")
{
    const std::string name = GENERATE("a.pdf", "a.svg", "a.png");
    plot::DeltaRequest request = by(GENERATE("method", "shots"));
    request.published = app::publishedSource();
    const auto records = request.by == "shots"
        ? manyShots() : test::madeUpEvaluations({kFacts, kAddition}, {"snapkv", "h2o", "chunkkv"}, kNine);
    const QByteArray first = drawn(figureOf(records, request), name.c_str());
    CHECK(first.size() > 8000);
    CHECK(first == drawn(figureOf(records, request), name.c_str()));
}

TEST_CASE("Lines, bars and the zero line are drawn in their colours, on light and on dark", "[views]")
{
    plot::ExportOptions options;
    options.path = "a.png";
    options.dark = GENERATE(false, true);
    const plot::PlotStyle style = plot::PlotStyle::paper(7.5, *options.dark);
    const auto records = test::madeUpEvaluations({kFacts, kAddition, kNeedle}, {"snapkv", "h2o"}, kNine);
    QImage image;
    REQUIRE(image.loadFromData(plot::renderFigure(figureOf(records), options), "PNG"));
    std::map<QRgb, int> pixels;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
            ++pixels[image.pixel(x, y)];
    CHECK(pixels[style.background.rgb()] > image.width() * image.height() / 2);
    for (int color = 0; color < 3; ++color)
        CHECK(pixels[plot::seriesColor(color, style).rgb()] > 500);
    CHECK(image.pixel(0, 0) == style.background.rgb());
    CHECK(image.pixel(image.width() - 1, image.height() - 1) == style.background.rgb());
}
