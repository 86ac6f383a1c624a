// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Style files: what they say is followed, what they get wrong is named. Tables of numbers. The rule on sinks in print.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_capture.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/curve_data.hpp"
#include "views/figure_csv.hpp"
#include "views/figure_exporter.hpp"
#include "views/method_data.hpp"

#include <QFontDatabase>
#include <QImage>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

using namespace kvviz;
using Catch::Contains;

namespace {

std::string refusal(const std::string& json)
{
    try {
        static_cast<void>(plot::parseStyle(json, "s.json"));
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        CHECK_THAT(std::string(error.what()), Contains("'s.json'"));
        return error.what();
    }
    return "accepted";
}

plot::Figure curves() { return plot::methodsFigure(test::madeUpRecords(3), {}, {}); }

std::string svgWith(const std::string& style)
{
    plot::ExportOptions options;
    options.path = "a.svg";
    options.style = plot::parseStyle(style, "s.json");
    return plot::renderFigure(curves(), options).toStdString();
}

/// Records of a CSV file without line breaks in fields.
std::vector<std::vector<std::string>> rowsOf(const std::string& csv)
{
    std::vector<std::vector<std::string>> rows;
    std::istringstream stream(csv);
    for (std::string line; std::getline(stream, line);) {
        REQUIRE(line.ends_with('\r'));
        line.pop_back();
        rows.emplace_back(1);
        bool quoted = false;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
                rows.back().back() += line[i++];
            else if (line[i] == '"')
                quoted = !quoted;
            else if (line[i] == ',' && !quoted)
                rows.back().emplace_back();
            else
                rows.back().back() += line[i];
        }
    }
    return rows;
}

} // namespace

TEST_CASE("A style file sets every property that it names", "[views][unit]")
{
    const plot::StyleSheet sheet = plot::parseStyle(
        R"({"font_size": 9, "line_width": 1.5, "marker_size": 0.5, "token_size": 0.8, "width": 120, "height": 70,
            "dpi": 150, "theme": "dark", "colors": {"background": "#101820", "sink": "red"},
            "series_colors": ["#112233", "#445566"]})",
        "s.json");
    const plot::PlotStyle style = plot::exportStyle(sheet, 0, std::nullopt);
    CHECK(style.fontPt == 9);
    CHECK(style.lineScale == 1.5);
    CHECK(style.markerScale == 0.5);
    CHECK(style.tokenScale == 0.8);
    CHECK(style.dark);
    CHECK(style.background == QColor(0x10, 0x18, 0x20));
    CHECK(style.sink == QColor(Qt::red));
    CHECK(style.text == plot::PlotStyle::paper(9, true).text); // not named: the theme's
    CHECK(plot::seriesColor(0, style) == QColor(0x11, 0x22, 0x33));
    CHECK(plot::seriesColor(3, style) == QColor(0x44, 0x55, 0x66)); // they come round again
    CHECK(style.pen(Qt::black, 1).widthF() == Approx(1.5 * plot::PlotStyle::paper().pen(Qt::black, 1).widthF()));
    plot::ExportOptions options;
    options.path = "a.png";
    options.style = sheet;
    QImage image;
    REQUIRE(image.loadFromData(plot::renderFigure(curves(), options), "PNG"));
    CHECK(image.width() == Approx(120 / 25.4 * 150).margin(1));
    CHECK(image.height() == Approx(70 / 25.4 * 150).margin(1));
    CHECK(image.pixelColor(0, 0) == QColor(0x10, 0x18, 0x20));
}

TEST_CASE("Options win over the style file", "[views]")
{
    plot::ExportOptions options;
    options.path = "a.png";
    options.style = plot::parseStyle(R"({"width": 120, "dpi": 150, "font_size": 9, "theme": "dark"})", "s.json");
    options.widthMm = 60;
    options.dpi = 100;
    options.dark = false;
    QImage image;
    REQUIRE(image.loadFromData(plot::renderFigure(curves(), options), "PNG"));
    CHECK(image.width() == Approx(60 / 25.4 * 100).margin(1));
    CHECK(image.pixelColor(0, 0) == QColor(Qt::white));
    CHECK(plot::exportStyle(options.style, 11, false).fontPt == 11);
}

TEST_CASE("Unknown keys and wrong values of a style file are refused with what was expected", "[views][unit]")
{
    CHECK_THAT(refusal(R"({"font_sise": 8})"), Contains("'font_sise' is not known (did you mean 'font_size'?)"));
    CHECK_THAT(refusal(R"({"colors": {"backgroud": "#fff"}})"), Contains("colors.backgroud"));
    CHECK_THAT(refusal(R"({"font_size": "8"})"), Contains("'font_size' must be a number from 4 to 48"));
    CHECK_THAT(refusal(R"({"font_size": 1})"), Contains("from 4 to 48"));
    CHECK_THAT(refusal(R"({"line_width": 0})"), Contains("'line_width'"));
    CHECK_THAT(refusal(R"({"theme": "grey"})"), Contains("\"light\" or \"dark\""));
    CHECK_THAT(refusal(R"({"colors": {"text": "#12"}})"), Contains("colors.text"));
    CHECK_THAT(refusal(R"({"colors": {"text": "#80112233"}})"), Contains("opaque"));
    CHECK_THAT(refusal(R"({"colors": []})"), Contains("'colors'"));
    CHECK_THAT(refusal(R"({"series_colors": []})"), Contains("'series_colors'"));
    CHECK_THAT(refusal(R"({"series_colors": [7]})"), Contains("'series_colors'"));
    CHECK_THAT(refusal("[]"), Contains("one JSON object"));
    CHECK_THAT(refusal("{\"width\": 85"), Contains("not JSON"));
    CHECK(refusal("{}") == "accepted");
    CHECK_THROWS_WITH(plot::readStyleFile("/nowhere/s.json"), Contains("'/nowhere/s.json' cannot be read"));
}

TEST_CASE("A font family must be installed", "[views]")
{
    const std::string family = QFontDatabase::families().front().toStdString();
    CHECK_THAT(svgWith("{\"font_family\": \"" + family + "\"}"), Contains("font-family=\"" + family + "\""));
    try {
        static_cast<void>(svgWith(R"({"font_family": "No Such Family"})"));
        FAIL("accepted");
    } catch (const core::Error& error) {
        CHECK_THAT(std::string(error.what()), Contains("'No Such Family'") && Contains("not installed"));
    }
}

TEST_CASE("Two exports with a style file are the same bytes, and differ from one without", "[views]")
{
    const std::string style = R"({"line_width": 2, "series_colors": ["#aa0000", "#00aa00"], "theme": "dark"})";
    CHECK(svgWith(style) == svgWith(style));
    CHECK(svgWith(style) != svgWith("{}"));
    CHECK_THAT(svgWith(style), Contains("#aa0000"));
}

TEST_CASE("Width presets fill in what was not said", "[views][unit]")
{
    plot::ExportOptions options;
    plot::applyWidthPreset("slide", options);
    CHECK(options.widthMm == 254);
    CHECK(options.fontPt == 14);
    options = {};
    options.widthMm = 100;
    options.fontPt = 6;
    plot::applyWidthPreset("slide", options);
    CHECK(options.widthMm == 100);
    CHECK(options.fontPt == 6);
    options = {};
    options.style.fontPt = 9;
    plot::applyWidthPreset("slide", options);
    CHECK(options.fontPt == 0); // the style's
    plot::applyWidthPreset("column", options = {});
    CHECK(options.widthMm == 85);
    CHECK_THROWS_WITH(plot::applyWidthPreset("poster", options), Contains("column, text, slide"));
}

TEST_CASE("The table of curves holds every point once, with interval, count and origin", "[views]")
{
    const plot::Figure figure = curves();
    const auto rows = rowsOf(plot::figureCsv(figure));
    CHECK(rows.front()
          == std::vector<std::string>{"panel", "title", "series", "x", "y", "low", "high", "n", "origin", "remark"});
    std::size_t next = 1;
    for (const auto& panel : std::get<plot::CurveFigure>(figure.content).panels)
        for (const auto& series : panel.series)
            for (std::size_t i = 0; i < series.x.size(); ++i, ++next) {
                REQUIRE(next < rows.size());
                REQUIRE(rows[next].size() == 10);
                CHECK(rows[next][0] == panel.letter);
                CHECK(rows[next][2] == series.name);
                CHECK(std::stod(rows[next][3]) == Approx(series.x[i]));
                CHECK(std::stod(rows[next][4]) == Approx(series.y[i]));
                CHECK(rows[next][5].empty() == series.low.empty());
                CHECK(rows[next][8] == "measured");
            }
    CHECK(next == rows.size());
}

TEST_CASE("Names with commas and quotes stay one field", "[views][unit]")
{
    plot::Figure figure = curves();
    std::get<plot::CurveFigure>(figure.content).panels[0].series[0].name = "a, \"b\"";
    const auto rows = rowsOf(plot::figureCsv(figure));
    CHECK(rows[1].size() == 10);
    CHECK(rows[1][2] == "a, \"b\"");
}

TEST_CASE("The table of a map holds every cell that is not masked, in tokens", "[views]")
{
    test::MapShape shape;
    shape.n = 30;
    shape.t = 3;
    shape.cells = 0;
    const plot::Figure figure = test::madeUpHeatmap(shape);
    const auto& panel = std::get<plot::HeatmapFigure>(figure.content).panels.front();
    const auto rows = rowsOf(plot::figureCsv(figure));
    std::int64_t prompt = 0, decode = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        REQUIRE(rows[i].size() == 8);
        const auto query = std::stoll(rows[i][3]), key = std::stoll(rows[i][5]);
        const bool isPrompt = rows[i][2] == "prompt";
        (isPrompt ? prompt : decode)++;
        CHECK(std::stoll(rows[i][4]) == query + 1);
        CHECK(key <= query);
        const io::MapTile& tile = isPrompt ? panel.prompt : panel.decode;
        const auto row = query - static_cast<std::int64_t>(tile.queryBegin);
        CHECK(std::stod(rows[i][7])
              == Approx(tile.values[static_cast<std::size_t>(row * tile.columns + key)]).epsilon(1e-5));
    }
    CHECK(prompt == 30 * 31 / 2);
    CHECK(decode == 31 + 32 + 33);
}

TEST_CASE("Every figure that depends on sinks prints their rule", "[views]")
{
    const auto printed = [](const plot::Figure& figure) {
        plot::ExportOptions options;
        options.path = "a.svg";
        QString all;
        for (const test::SvgText& text : test::readSvg(plot::renderFigure(figure, options)).texts)
            all += text.text.simplified() + QLatin1Char(' ');
        return all.replace(QChar::Nbsp, QLatin1Char(' ')).toStdString();
    };
    for (const int sinks : {0, 4}) {
        plot::CurveRequest request;
        request.sinkTokens = sinks;
        plot::CumulativeCurves curves(request);
        curves.add(test::SyntheticCapture());
        const std::string expected = sinks == 0 ? "sinks: none set apart" : "sinks: first 4 tokens";
        CHECK_THAT(printed(curves.figure()), Contains(expected));
        if (sinks > 0)
            CHECK_THAT(printed(curves.twoPanelFigure()), Contains(expected));
    }
    test::MapShape shape;
    shape.n = 60;
    shape.cells = 30;
    CHECK_THAT(printed(test::madeUpHeatmap(shape)), Contains("sink"));
    CHECK_THAT(printed(plot::methodsFigure(test::madeUpRecords(2), {}, {})), !Contains("sink"));
}
