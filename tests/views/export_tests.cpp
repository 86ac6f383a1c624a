// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Exported files: formats, sizes, texts, repeatability, sidecars, faults.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/views/made_up.hpp"
#include "views/figure_exporter.hpp"
#include "views/method_data.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <QImage>
#include <QRegularExpression>
#include <QXmlStreamReader>

#include <cmath>
#include <fstream>

using namespace kvviz;

namespace {

test::MapShape smallShape()
{
    test::MapShape shape;
    shape.n = 200;
    shape.t = 10;
    shape.cells = 50;
    return shape;
}

plot::ExportOptions optionsFor(const std::filesystem::path& path)
{
    plot::ExportOptions options;
    options.path = path;
    options.creator = "kvviz test";
    options.commandLine = "kvviz figure heatmap a.kvh5 -o out.pdf";
    return options;
}

std::string contents(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Width and height in points of the first page.
QSizeF pageSize(const QByteArray& pdf)
{
    const QRegularExpression box(QStringLiteral(R"(/MediaBox \[\s*[\d.]+ [\d.]+ ([\d.]+) ([\d.]+))"));
    const auto match = box.match(QString::fromLatin1(pdf));
    return {match.captured(1).toDouble(), match.captured(2).toDouble()};
}

} // namespace

TEST_CASE("A PDF is one, has the width asked for, and holds text as text", "[views]")
{
    auto options = optionsFor("out.pdf");
    options.widthMm = GENERATE(0.0, 120.0);
    const QByteArray pdf = plot::renderFigure(test::madeUpHeatmap(smallShape()), options);
    CHECK(pdf.startsWith("%PDF"));
    CHECK(pageSize(pdf).width() * 25.4 / 72
          == Approx(options.widthMm > 0 ? options.widthMm : 85.0).margin(0.36)); // whole points
    CHECK(pdf.contains("/FontFile2"));
    CHECK(!pdf.contains("/CreationDate"));
    CHECK(!pdf.contains("/DCTDecode")); // the map is embedded without loss
}

TEST_CASE("The height is followed when it is given", "[views]")
{
    auto options = optionsFor("out.pdf");
    options.heightMm = 60;
    CHECK(pageSize(plot::renderFigure(test::madeUpHeatmap(smallShape()), options)).height() * 25.4 / 72
          == Approx(60).margin(0.36));
}

TEST_CASE("An SVG is well-formed, sized in millimetres, with labels as text and the map as an image", "[views]")
{
    const QByteArray svg = plot::renderFigure(test::madeUpHeatmap(smallShape()), optionsFor("out.svg"));
    QXmlStreamReader xml(svg);
    QStringList texts;
    int images = 0;
    double width = 0;
    while (!xml.atEnd()) {
        if (xml.readNext() != QXmlStreamReader::StartElement)
            continue;
        if (xml.name() == QStringLiteral("svg"))
            width = xml.attributes().value(QStringLiteral("width")).toString().remove(QStringLiteral("mm")).toDouble();
        images += xml.name() == QStringLiteral("image") ? 1 : 0;
        if (xml.name() == QStringLiteral("text"))
            texts.append(xml.readElementText());
    }
    CHECK(!xml.hasError());
    CHECK(width == Approx(85.0).margin(0.1));
    CHECK(images >= 2); // map, decode strip, colour bar
    for (const char* expected : {"I", "S1", "S8", "Q", "G", "query position", "key position (tokens)", "decode"})
        CHECK(texts.contains(QLatin1String(expected)));
}

TEST_CASE("A PNG has the pixels of its resolution", "[views]")
{
    auto options = optionsFor("out.png");
    options.dpi = GENERATE(96.0, 300.0);
    QImage image;
    REQUIRE(image.loadFromData(plot::renderFigure(test::madeUpHeatmap(smallShape()), options), "PNG"));
    CHECK(image.width() == Approx(85.0 / 25.4 * options.dpi).margin(1.0));
    CHECK(image.dotsPerMeterX() == Approx(options.dpi / 25.4 * 1000).margin(1.0));
}

TEST_CASE("Two exports of one figure are the same bytes", "[views]")
{
    const std::string name = GENERATE("a.pdf", "a.svg", "a.png");
    const plot::Figure maps = test::madeUpHeatmap(smallShape());
    CHECK(plot::renderFigure(maps, optionsFor(name)) == plot::renderFigure(maps, optionsFor(name)));
    const plot::Figure curves = plot::methodsFigure(test::madeUpRecords(3), {}, {});
    CHECK(plot::renderFigure(curves, optionsFor(name)) == plot::renderFigure(curves, optionsFor(name)));
}

TEST_CASE("The sidecar holds what was drawn", "[views]")
{
    const plot::Figure figure = test::madeUpHeatmap(smallShape());
    const auto& panel = std::get<plot::HeatmapFigure>(figure.content).panels.front();
    const auto json = nlohmann::json::parse(plot::sidecarJson(figure, "kvviz test", "kvviz figure"));
    CHECK(json["schema_version"] == 1);
    CHECK(json["figure"] == "heatmap");
    CHECK(json["command"] == "kvviz figure");
    CHECK(json["sources"][0]["model_sha256"] == std::string(64, 'a'));
    CHECK(json["sources"][0]["tier"] == "full");
    CHECK(json["parameters"]["sink_rule"] == "first 4 tokens");
    CHECK(json["color_scale"]["scale"] == "log");
    const auto& map = json["panels"][0]["map"];
    REQUIRE(map["values"].size() == static_cast<std::size_t>(panel.prompt.rows));
    std::int64_t compared = 0;
    for (std::int64_t r = 0; r < panel.prompt.rows; ++r)
        for (std::int64_t c = 0; c < panel.prompt.columns; ++c) {
            const float drawn = panel.prompt.values[static_cast<std::size_t>(r * panel.prompt.columns + c)];
            const auto& row = map["values"][static_cast<std::size_t>(r)];
            if (std::isnan(drawn)) {
                CHECK(static_cast<std::int64_t>(row.size()) <= c);
                continue;
            }
            const double written = row[static_cast<std::size_t>(c)];
            if (std::abs(written - drawn) > 1e-4 * drawn)
                FAIL("cell " << r << ", " << c << ": " << written << " is not " << drawn);
            ++compared;
        }
    CHECK(compared == 50 * 51 / 2);
    CHECK(json["panels"][0]["segments"].size() == panel.segments.size());
}

TEST_CASE("The sidecar of curves holds their points and bands", "[views]")
{
    const plot::Figure figure = plot::methodsFigure(test::madeUpRecords(4), {}, {});
    const auto json = nlohmann::json::parse(plot::sidecarJson(figure, "", ""));
    REQUIRE(json["panels"].size() == 2);
    const auto& drawn = std::get<plot::CurveFigure>(figure.content).panels[1].series[2];
    const auto& written = json["panels"][1]["series"][2];
    CHECK(written["name"] == drawn.name);
    for (std::size_t i = 0; i < drawn.x.size(); ++i) {
        CHECK(written["x"][i].get<double>() == Approx(drawn.x[i]).epsilon(1e-4));
        CHECK(written["y"][i].get<double>() == Approx(drawn.y[i]).epsilon(1e-4));
        CHECK(written["low"][i].get<double>() <= written["high"][i].get<double>());
    }
}

TEST_CASE("Broken UTF-8 in a name does not cost the sidecar", "[views]")
{
    plot::Figure figure = test::madeUpHeatmap(smallShape());
    figure.sources.front().task = "caf\xe9";
    CHECK_NOTHROW(nlohmann::json::parse(plot::sidecarJson(figure, "", "\xff")));
}

TEST_CASE("Exporting writes figure and sidecar, and leaves nothing half done", "[views]")
{
    const test::ScratchFolder folder;
    auto options = optionsFor(folder / "a.svg");
    plot::exportFigure(test::madeUpHeatmap(smallShape()), options);
    CHECK(std::filesystem::exists(folder / "a.svg"));
    CHECK(std::filesystem::exists(folder / "a.svg.json"));
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
    const std::string before = contents(folder / "a.svg");
    CHECK_THROWS_WITH(plot::exportFigure(test::madeUpHeatmap(smallShape()), options), Catch::Contains("--force"));
    options.force = true;
    CHECK_NOTHROW(plot::exportFigure(test::madeUpHeatmap(smallShape()), options));
    CHECK(contents(folder / "a.svg") == before);
    options.sidecar = false;
    options.path = folder / "b.pdf";
    plot::exportFigure(test::madeUpHeatmap(smallShape()), options);
    CHECK(!std::filesystem::exists(folder / "b.pdf.json"));
}

TEST_CASE("Impossible exports are refused with their reason", "[views]")
{
    const test::ScratchFolder folder;
    const auto message = [](const plot::ExportOptions& options) -> std::string {
        try {
            plot::checkExport(options);
        } catch (const core::Error& error) {
            return error.what();
        }
        return "";
    };
    CHECK_THAT(message(optionsFor(folder / "a.gif")), Catch::Contains(".pdf, .svg or .png"));
    CHECK_THAT(message(optionsFor(folder / "none/a.pdf")), Catch::Contains("does not exist"));
    auto options = optionsFor(folder / "a.pdf");
    options.widthMm = 5;
    CHECK_THAT(message(options), Catch::Contains("--width"));
    options = optionsFor(folder / "a.pdf");
    options.dpi = 5;
    CHECK_THAT(message(options), Catch::Contains("--dpi"));
    CHECK(message(optionsFor(folder / "A.PDF")).empty());
}
