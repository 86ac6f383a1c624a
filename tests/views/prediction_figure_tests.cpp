// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Checks of predictions: read, refused, and drawn.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/figure_exporter.hpp"
#include "views/label_text.hpp"
#include "views/prediction_data.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

using namespace kvviz;
using Json = nlohmann::ordered_json;

namespace {

/// As `kvviz calibrate` writes it: two tasks, two methods, four ratios.
Json checkJson(const std::string& predictor = "lost non-sink mass")
{
    Json points = Json::array();
    double lost = 0.01;
    for (const char* task : {"facts", "addition"})
        for (const char* method : {"snapkv", "h2o"})
            for (const double ratio : {0.9, 0.5, 0.3, 0.1}) {
                const double change = -0.8 * lost + (method[0] == 's' ? 0.02 : -0.03);
                points.push_back({{"task", task}, {"method", method}, {"ratio", ratio}, {"predicted", lost},
                                  {"measured", change}, {"ci_low", change - 0.1}, {"ci_high", change + 0.08},
                                  {"expected", -0.8 * lost}});
                lost += 0.02;
            }
    return {{"format", "kvviz-prediction-check"},
            {"predictor", predictor},
            {"model", "SmolLM2-135M-Instruct.Q4_1"},
            {"points", points},
            {"spearman", {{"value", -0.87}, {"low", -0.93}, {"high", -0.71}}},
            {"kendall", {{"value", -0.7}, {"low", -0.8}, {"high", -0.5}}},
            {"curve", {{"x", {0.05, 0.2, 0.25}}, {"y", {-0.02, -0.15, -0.2}}}},
            {"residual_low", -0.11},
            {"residual_high", 0.07}};
}

io::PredictionFile written(const Json& json)
{
    const test::ScratchFolder folder;
    std::ofstream(folder / "check.json") << json.dump();
    return io::readPredictionFile(folder / "check.json");
}

const plot::CurveFigure& curvesOf(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

QByteArray drawn(const plot::Figure& figure, const std::string& name, double widthMm = 0)
{
    plot::ExportOptions options;
    options.path = name;
    options.widthMm = widthMm;
    options.dpi = 120;
    return plot::renderFigure(figure, options);
}

} // namespace

TEST_CASE("Predictions are points by task in percent, with the curve and how well ranks agree", "[views]")
{
    const io::PredictionFile check = written(checkJson());
    const plot::Figure figure = plot::predictionFigure({check}, {}, {0, 0});
    REQUIRE(curvesOf(figure).panels.size() == 1);
    const plot::CurvePanel& panel = curvesOf(figure).panels[0];
    CHECK(panel.title == "SmolLM2-135M-Instruct.Q4_1, n = 16");
    CHECK(panel.subtitle
          == "Spearman \u22120.87 [\u22120.93, \u22120.71], Kendall \u22120.70 [\u22120.80, \u22120.50]");
    CHECK(panel.xLabel == "lost non-sink mass");
    CHECK(!panel.logX);
    REQUIRE(panel.series.size() == 3);
    for (std::size_t i = 0; i < check.points.size(); ++i) {
        const plot::CurveSeries& series = panel.series[i / 8];
        CHECK(series.name == check.points[i].task);
        CHECK((!series.line && series.markers));
        CHECK(series.x[i % 8] == check.points[i].predicted);
        CHECK(series.y[i % 8] == Approx(100 * check.points[i].measured));
        CHECK(series.high[i % 8] == Approx(100 * check.points[i].high));
    }
    CHECK(panel.series[0].color != panel.series[1].color);
    CHECK(panel.series[1].remarks[5] == "h2o at ratio 0.5, expected \u221221.6 %");
    const plot::CurveSeries& curve = panel.series[2];
    CHECK(curve.x == std::vector<double>{panel.xLow, 0.05, 0.2, 0.25, panel.xHigh}); // flat beyond what was fitted
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
        CHECK(curve.high[i] == Approx(curve.y[i] + 7));
        CHECK(curve.low[i] == Approx(curve.y[i] - 11));
    }
    CHECK(curve.y[0] == Approx(-2));
    CHECK(curve.y[4] == Approx(-20));
}

TEST_CASE("Predictions over decades have a logarithmic axis, and nothing is expected to lose more than all", "[views]")
{
    Json json = checkJson("predicted divergence");
    double divergence = 1e-4;
    for (Json& point : json["points"]) {
        point["predicted"] = divergence;
        divergence *= 2;
    }
    json["residual_low"] = -0.95;
    const auto figure = plot::predictionFigure({written(json)}, {}, {0, 0});
    const plot::CurvePanel& panel = curvesOf(figure).panels.front();
    CHECK(panel.logX);
    CHECK(panel.xLow > 0);
    CHECK(panel.xLow < 1e-4);
    const auto& low = panel.series.back().low;
    CHECK(*std::min_element(low.begin(), low.end()) == -100);
    json["points"][0]["predicted"] = 0.0; // has no place on such an axis
    const auto linear = plot::predictionFigure({written(json)}, {}, {0, 0});
    CHECK(!curvesOf(linear).panels.front().logX);
}

TEST_CASE("Several predictors are panels on one measured axis, a task in one colour", "[views]")
{
    Json other = checkJson("mean output error");
    Json& points = other["points"];
    points.erase(points.begin(), points.begin() + 8); // no facts
    points[0]["predicted"] = nullptr;
    other["curve"] = nullptr;
    const plot::Figure figure = plot::predictionFigure({written(checkJson()), written(other)}, {}, {0, 0});
    const auto& panels = curvesOf(figure).panels;
    REQUIRE(panels.size() == 2);
    CHECK(panels[1].title == "mean output error, n = 7");
    REQUIRE(panels[1].series.size() == 1);
    CHECK(panels[1].series[0].name == "addition");
    CHECK(panels[1].series[0].color == panels[0].series[1].color);
    CHECK(panels[0].yLow == panels[1].yLow);
    CHECK(panels[0].xLabel != panels[1].xLabel);
    REQUIRE(figure.leftOut.size() == 1);
    CHECK(figure.leftOut[0].reason == "1 points without prediction or measurement");
}

TEST_CASE("Checks without a point that has both numbers cannot be drawn", "[views]")
{
    Json json = checkJson();
    for (Json& point : json["points"])
        point["measured"] = nullptr;
    CHECK_THROWS_WITH(plot::predictionFigure({written(json)}, {}, {0, 0}), Catch::Contains("both"));
    CHECK_THROWS_WITH(plot::predictionFigure({}, {}, {0, 0}), Catch::Contains("both"));
    const plot::Figure figure = plot::predictionFigure({written(json), written(checkJson())}, {}, {0, 0});
    CHECK(curvesOf(figure).panels.size() == 1);
    CHECK(figure.leftOut.size() == 1);
}

TEST_CASE("A single point, and points that all agree, are drawn", "[views]")
{
    Json json = checkJson();
    json["points"] = Json::array({json["points"][0]});
    for (const char* key : {"spearman", "kendall", "curve"})
        json[key] = nullptr;
    const plot::Figure figure = plot::predictionFigure({written(json)}, {}, {0, 0});
    CHECK(curvesOf(figure).panels[0].subtitle.empty());
    CHECK(curvesOf(figure).panels[0].xLow < curvesOf(figure).panels[0].xHigh);
    CHECK(drawn(figure, "a.pdf").startsWith("%PDF"));
    json["points"][0]["predicted"] = json["points"][0]["measured"] = 0.0;
    json["points"][0]["ci_low"] = json["points"][0]["ci_high"] = nullptr;
    CHECK(drawn(plot::predictionFigure({written(json)}, {}, {0, 0}), "a.png").size() > 3000);
}

TEST_CASE("Figures of predictions are the same bytes each time, and their texts keep apart", "[views]")
{
    Json hostile =
        checkJson("<b>&amp; \n %1 a predictor of a name that does not end where names usually end, no, not yet");
    for (std::size_t i = 0; i < 8; ++i)
        hostile["points"][i]["task"] = std::string(90, 'x') + "\u202e\x01";
    const plot::Figure figure = plot::predictionFigure({written(checkJson()), written(hostile)}, {}, {0, 0});
    const std::string name = GENERATE("a.pdf", "a.svg", "a.png");
    const double width = GENERATE(85.0, 178.0);
    const QByteArray first = drawn(figure, name, width);
    CHECK(first == drawn(figure, name, width));
    if (!name.ends_with(".svg"))
        return;
    const test::SvgPage page = test::readSvg(first);
    CHECK(page.wellFormed);
    CHECK(page.texts.size() > 15);
    CHECK(test::misplaced(page) == "");
}

TEST_CASE("The sidecar of predictions names each point's method and ratio", "[views]")
{
    const auto json = nlohmann::json::parse(
        plot::sidecarJson(plot::predictionFigure({written(checkJson())}, {}, {-50, 10}), "", ""));
    CHECK(json["figure"] == "predicted");
    CHECK(json["panels"][0]["series"][0]["remarks"][3] == "snapkv at ratio 0.1, expected \u22125.6 %");
    CHECK_THAT(json["panels"][0]["subtitle"].get<std::string>(), Catch::Contains("Spearman"));
}

TEST_CASE("Labels show what would not be seen", "[views]")
{
    const std::string seen = "SnapKV (factory) \u00e9 \u0394P \u05e9 \U0001F600";
    CHECK(plot::labelText(seen) == seen);
    CHECK(plot::labelText("a\u202eb\u200b\ufeff") == "a<U+202E>b<U+200B><U+FEFF>");
    CHECK(plot::labelText(std::string("\x01\xff", 2)) == "<01><FF>");
    CHECK(plot::labelText("\xe2\x80").find('\xe2') == std::string::npos);
}
