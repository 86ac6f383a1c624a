// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The figure of methods when there are many: families, axes, what is chosen and what is left out, and that it is drawn.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "views/figure_exporter.hpp"
#include "views/method_axis.hpp"
#include "views/method_data.hpp"
#include "views/method_panels.hpp"
#include "views/plot_style.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <QImage>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

using namespace kvviz;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A replay of `specification` at a budget; its loss falls with the size and differs between methods and prompts.
io::ReplayRecord replayOf(const std::string& specification, double ratio, int prompt)
{
    const auto method = compress::makeMethod(specification);
    const std::string& klass = method->info().klass;
    io::ReplayRecord record;
    record.capture = "p" + std::to_string(prompt) + ".kvh5";
    record.task = "addition";
    record.promptId = "addition-" + std::to_string(prompt);
    record.method = method->info().name;
    record.variant = method->params().variant();
    record.params = method->params().json();
    record.depth = "output";
    record.n = 500 + prompt;
    record.budgetUse = compress::budgetUseName(method->budgetUse());
    const bool whole = record.method == "fullkv";
    record.ratio = record.budgetUse == "follows" ? ratio : 0.3 + 0.01 * prompt;
    record.budgetTokens = static_cast<std::int64_t>(record.ratio * static_cast<double>(record.n));
    const bool changes = klass.find_first_of("SRQ") != std::string::npos;
    record.actualRatio = whole || changes ? 1.0 : record.ratio;
    record.sizeRatio = whole ? 1.0 : record.ratio * (specification.find('+') != std::string::npos ? 0.5 : 1.0);
    const double quality = 0.2 + static_cast<double>(std::hash<std::string>{}(specification) % 100) / 100.0;
    record.meanOutputError = whole ? 0.0 : quality * (1.05 - record.ratio) * (1 + 0.1 * prompt);
    record.meanLost = 0.5 * record.meanOutputError;
    return record;
}

std::vector<io::ReplayRecord> replaysOf(const std::vector<std::string>& specifications, int prompts = 2)
{
    std::vector<io::ReplayRecord> records;
    for (int prompt = 0; prompt < prompts; ++prompt)
        for (const std::string& specification : specifications)
            for (const double ratio : {0.9, 0.5, 0.2})
                if (records.push_back(replayOf(specification, ratio, prompt)); records.back().budgetUse != "follows")
                    break;
    return records;
}

/// All that a replay of "all" draws, without those that need a table.
const std::vector<io::ReplayRecord>& everything()
{
    static const std::vector<io::ReplayRecord> records = replaysOf(compress::defaultReplaySet());
    return records;
}

plot::Figure figureOf(const std::vector<io::ReplayRecord>& records, const std::vector<std::string>& methods = {},
                      const std::string& metric = "")
{
    plot::MethodRequest request;
    request.methods = methods;
    request.metric = metric;
    return plot::methodsFigure(records, {}, request);
}

const plot::CurveFigure& curvesOf(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

std::string refusal(const std::vector<io::ReplayRecord>& records, const std::vector<std::string>& methods,
                    const std::string& metric = "")
{
    try {
        (void)figureOf(records, methods, metric);
    } catch (const core::Error& error) {
        return error.what();
    }
    return "";
}

const plot::CurveSeries* seriesNamed(const plot::CurvePanel& panel, const std::string& method)
{
    for (const plot::CurveSeries& series : panel.series)
        if (series.method == method)
            return &series;
    return nullptr;
}

} // namespace

TEST_CASE("Many methods are drawn family by family, each once, few a panel", "[views]")
{
    const plot::Figure figure = figureOf(everything());
    const plot::CurveFigure& curves = curvesOf(figure);
    CHECK(curves.shared);
    std::map<std::string, int> drawn;
    std::set<std::string> titles;
    for (const plot::CurvePanel& panel : curves.panels) {
        CHECK(titles.insert(panel.title).second);
        CHECK(panel.yLabel == "relative output error");
        CHECK(panel.xLow == curves.panels.front().xLow);
        CHECK(panel.yHigh == curves.panels.front().yHigh);
        std::set<int> colors;
        int references = 0;
        for (const plot::CurveSeries& series : panel.series) {
            references += series.reference ? 1 : 0;
            if (series.reference)
                continue;
            ++drawn[series.method];
            CHECK(colors.insert(series.color).second);
        }
        CHECK(references == 2); // the oracle of mass and the random choice
        CHECK(colors.size() >= 1);
        CHECK(colors.size() <= plot::kMostLines);
    }
    std::set<std::string> expected;
    for (const io::ReplayRecord& record : everything())
        expected.insert(plot::methodSpecification(record));
    for (const char* other : {"fullkv", "oracle_mass", "random"})
        expected.erase(other);
    CHECK(drawn.size() == expected.size());
    for (const std::string& method : expected)
        CHECK(drawn[method] == 1);
}

TEST_CASE("Methods stand in the family of what they do", "[views]")
{
    using Family = plot::MethodFamily;
    const std::vector<std::pair<std::string, Family>> expected{
        {"snapkv:factory", Family::equalBudgets}, {"adakv", Family::unevenBudgets}, {"h2o_online", Family::eachStep},
        {"shotkv:window", Family::shots},         {"chunkkv", Family::shots},       {"random_shot", Family::shots},
        {"keydiff", Family::withoutAttention},    {"kvsharer", Family::layersAndRank},
        {"think", Family::layersAndRank},         {"kivi:bits4", Family::quantized},
        {"snapkv+think", Family::quantized},      {"oracle_step", Family::bounds},
        {"random:protected", Family::bounds}};
    for (const auto& [specification, family] : expected) {
        INFO(specification);
        CHECK(plot::familyOf(replayOf(specification, 0.5, 0)) == family);
    }
    io::ReplayRecord unknown;
    unknown.method = "of_tomorrow";
    CHECK(plot::familyOf(unknown) == Family::other);
}

TEST_CASE("Composed methods and variants are called by their titles", "[views]")
{
    CHECK(plot::methodLabel(replayOf("snapkv+kivi", 0.5, 0)) == "SnapKV + KIVI");
    CHECK(plot::methodLabel(replayOf("snapkv:factory+think:ratio=0.5", 0.5, 0))
          == "SnapKV (factory) + ThinK (ratio=0.5)");
    CHECK(plot::methodLabel(replayOf("kivi:bits4", 0.5, 0)) == "KIVI (bits4)");
    CHECK(plot::methodLabel(replayOf("streaming_noshift:kvpress", 0.5, 0)) == "StreamingLLM (no shift, kvpress)");
}

TEST_CASE("A family of too many methods is divided evenly", "[views]")
{
    std::vector<std::string> specifications;
    for (int window = 1; window <= 11; ++window)
        specifications.push_back("snapkv:window=" + std::to_string(8 * window));
    const plot::Figure figure = figureOf(replaysOf(specifications, 1));
    REQUIRE(curvesOf(figure).panels.size() == 2);
    CHECK(curvesOf(figure).panels[0].series.size() == 5);
    CHECK(curvesOf(figure).panels[1].series.size() == 6);
    CHECK_THAT(curvesOf(figure).panels[1].title, Catch::Contains("(2/2)"));
}

TEST_CASE("Up to ten methods share a panel a metric on the ratio axis", "[views]")
{
    const plot::Figure figure = figureOf(everything(), {"snapkv", "h2o", "shotkv:window", "oracle_mass", "fullkv"});
    const plot::CurveFigure& curves = curvesOf(figure);
    CHECK(!curves.shared);
    REQUIRE(curves.panels.size() == 2);
    CHECK(curves.panels[0].xLabel == "ratio of tokens kept");
    REQUIRE(curves.panels[0].series.size() == 5);
    CHECK(curves.panels[0].series[0].method == "snapkv"); // in the order asked for
    CHECK(curves.panels[0].series[0].x == std::vector<double>{0.2, 0.5, 0.9});
    CHECK(curves.panels[0].series[3].reference);
    CHECK(!seriesNamed(curves.panels[0], "shotkv"));
}

TEST_CASE("Several oracles get colours, since in grey they would look the same", "[views]")
{
    const plot::Figure figure = figureOf(everything(), {"oracle_mass", "oracle_out", "snapkv"});
    for (const plot::CurveSeries& series : curvesOf(figure).panels[0].series)
        CHECK(!series.reference);
}

TEST_CASE("Methods that change the cache put bytes on the axis", "[views]")
{
    const plot::Figure figure = figureOf(everything(), {"snapkv", "kivi", "snapkv+kivi"}, "output");
    const plot::CurvePanel& panel = curvesOf(figure).panels.front();
    CHECK(panel.xLabel == "fraction of cache bytes kept");
    CHECK(seriesNamed(panel, "snapkv")->x == std::vector<double>{0.2, 0.5, 0.9});
    CHECK(seriesNamed(panel, "snapkv+kivi")->x == std::vector<double>{0.1, 0.25, 0.45});
    const plot::CurveSeries* fixed = seriesNamed(panel, "kivi"); // 0.30 and 0.31: one size, two prompts
    REQUIRE(fixed->x.size() == 1);
    CHECK(fixed->x[0] == Approx(0.305));
    CHECK(!fixed->line);
    CHECK(fixed->markers);
    CHECK(fixed->samples == 2);
}

TEST_CASE("A method that misses its budget is drawn at its size", "[views]")
{
    auto records = replaysOf({"pyramidinfer", "snapkv"}, 1);
    CHECK(plot::axisFor(records) == plot::MethodAxis::ratio);
    for (auto& record : records)
        if (record.method == "pyramidinfer")
            record.sizeRatio = record.actualRatio = std::max(record.ratio, 0.53);
    CHECK(plot::axisFor(records) == plot::MethodAxis::bytes);
}

TEST_CASE("Sizes that do not grow with the budget make points without a line", "[views]")
{
    auto records = replaysOf({"snapkv+kivi"}, 1);
    REQUIRE(records.size() == 3);
    records[0].sizeRatio = 0.1; // of the largest budget
    const plot::Figure figure = figureOf(records, {}, "output");
    const plot::CurveSeries& series = curvesOf(figure).panels.front().series.front();
    CHECK(!series.line);
    CHECK(std::is_sorted(series.x.begin(), series.x.end()));
    CHECK(series.x.size() == 3);
}

TEST_CASE("Tokens are on the axis only when budgets were given in tokens", "[views]")
{
    // One prompt: 64 and 128 of 528 tokens. Methods of a fixed size do not make it a request in tokens.
    std::vector<io::ReplayRecord> records = replaysOf({"snapkv", "h2o"}, 1);
    CHECK(plot::axisFor(records) == plot::MethodAxis::ratio);
    const auto fixed = replaysOf({"kivi", "think", "minicache", "dbudgetkv"}, 6);
    records.insert(records.end(), fixed.begin(), fixed.end());
    CHECK(plot::axisFor(records) == plot::MethodAxis::bytes);
    for (auto& record : records)
        if (plot::followsBudget(record)) {
            record.n = 528;
            record.budgetTokens = record.ratio > 0.4 ? 128 : 64;
            record.ratio = record.actualRatio = record.sizeRatio = static_cast<double>(record.budgetTokens) / 528.0;
        }
    CHECK(plot::axisFor(records) == plot::MethodAxis::byteTokens);
    std::erase_if(records, [](const auto& record) { return !plot::followsBudget(record); });
    CHECK(plot::axisFor(records) == plot::MethodAxis::tokens);
}

TEST_CASE("Methods that the results do not hold are refused with those they do", "[views]")
{
    const auto records = replaysOf({"snapkv", "kivi:bits4"}, 1);
    const std::string message = refusal(records, {"snapvk"});
    CHECK_THAT(message, Catch::Contains("'snapvk'"));
    CHECK_THAT(message, Catch::Contains("did you mean 'snapkv'"));
    CHECK_THAT(message, Catch::Contains("snapkv; kivi:bits4"));
    CHECK_THAT(refusal(records, {"kivi"}), Catch::Contains("'kivi'"));
    CHECK(refusal(records, {"all"}).empty());
    CHECK(refusal(records, {"kivi:bits=4"}).empty()); // the preset's value, written out
}

TEST_CASE("Depth decode has its own metrics, and replays without them are left out", "[views]")
{
    auto records = replaysOf({"snapkv", "h2o", "kivi"}, 2);
    CHECK_THAT(refusal(records, {}, "kl"), Catch::Contains("--depth decode"));
    CHECK_THAT(refusal(records, {}, "speed"), Catch::Contains("known: mass, output, kl, logprob"));
    for (auto& record : records)
        if (record.method != "h2o") {
            record.meanKl = 0.1 * (1 - record.ratio);
            record.meanLogprobDelta = -0.2 * (1 - record.ratio);
        }
    const plot::Figure kl = figureOf(records, {}, "kl");
    CHECK(curvesOf(kl).panels.front().series.size() == 2);
    CHECK_THAT(curvesOf(kl).notes.front(), Catch::Contains("decode steps, then over 2 prompts (addition)"));
    REQUIRE(kl.leftOut.size() == 1);
    CHECK(kl.leftOut[0].what == "h2o");
    CHECK_THAT(kl.leftOut[0].reason, Catch::Contains("6 replays"));
    const plot::CurvePanel& panel = curvesOf(figureOf(records, {}, "logprob")).panels.front();
    CHECK(panel.yLow < -0.16);
    CHECK(panel.yHigh > 0);
    CHECK(panel.yHigh < 0.02);
    CHECK(curvesOf(figureOf(records)).panels.size() == 2); // the default stays
}

TEST_CASE("Without output errors many methods are drawn by lost mass", "[views]")
{
    auto records = everything();
    for (auto& record : records)
        record.depth = "mass";
    CHECK(curvesOf(figureOf(records)).panels.front().yLabel == "lost attention mass");
}

TEST_CASE("Methods with fewer prompts than the rest are named in the small print", "[views]")
{
    auto records = replaysOf({"snapkv", "h2o"}, 3);
    for (auto& record : records)
        if (record.method == "h2o" && record.promptId == "addition-2")
            record.meanLost = record.meanOutputError = kNan;
    const plot::Figure figure = figureOf(records);
    const auto& notes = curvesOf(figure).notes;
    CHECK(std::find(notes.begin(), notes.end(), "fewer prompts behind: H2O (prefill end) (2)") != notes.end());
    for (const plot::CurvePanel& panel : curvesOf(figure).panels)
        for (const plot::CurveSeries& series : panel.series)
            for (const double y : series.y)
                CHECK(std::isfinite(y));
}

TEST_CASE("The sidecar of methods names what is drawn and what is not", "[views]")
{
    const plot::Figure figure = figureOf(everything(), {"snapkv", "kivi"}, "output");
    const auto json = nlohmann::json::parse(plot::sidecarJson(figure, "", ""));
    CHECK(json["parameters"]["methods"] == "snapkv;kivi");
    CHECK(json["parameters"]["axis"] == "bytes");
    CHECK(json["panels"][0]["series"][1]["method"] == "kivi");
    CHECK(json["panels"][0]["series"][1]["prompts"] == 2);
    std::set<std::string> left;
    for (const auto& entry : json["left_out"])
        left.insert(entry["what"].get<std::string>());
    CHECK(left.contains("h2o"));
    CHECK(left.contains("snapkv+kivi"));
    CHECK(!left.contains("snapkv"));
    const auto whole = nlohmann::json::parse(plot::sidecarJson(figureOf(everything()), "", ""));
    CHECK(whole["left_out"][0]["what"] == "fullkv");
    CHECK(whole["panels"][0]["log_y"] == true);
}

TEST_CASE("Small multiples are drawn at one and two columns, in the colours of their lines", "[views]")
{
    const double width = GENERATE(85.0, 178.0);
    plot::ExportOptions options;
    options.path = "methods.png";
    options.widthMm = width;
    options.dpi = 150;
    QImage image;
    REQUIRE(image.loadFromData(plot::renderFigure(figureOf(everything()), options), "PNG"));
    CHECK(image.width() == Approx(width / 25.4 * 150).margin(1.0));
    CHECK(image.height() < width / 25.4 * 150 * (width > 100 ? 1.3 : 3.2)); // fits on a page
    std::map<QRgb, int> pixels;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
            ++pixels[image.pixel(x, y)];
    for (int color = 0; color < 6; ++color)
        CHECK(pixels[plot::seriesColor(color, plot::PlotStyle::paper()).rgb()] > 50);
    CHECK(pixels[qRgb(255, 255, 255)] > image.width() * image.height() / 2);
}

TEST_CASE("Panels of small multiples are as wide as each other and lie inside the page", "[views]")
{
    plot::ExportOptions options;
    options.path = GENERATE("methods.svg", "methods.pdf");
    const QByteArray bytes = plot::renderFigure(figureOf(everything()), options);
    CHECK(bytes.size() > 20000);
    CHECK(bytes == plot::renderFigure(figureOf(everything()), options));
    if (options.path.extension() == ".svg") {
        for (const char* text : {"SnapKV + KIVI", "Whole shots and chunks", "Oracle (mass)", "then over 2 prompts"})
            CHECK(bytes.contains(text));
        const qsizetype place = bytes.indexOf("width=\"") + 7; // whole dots of the file's resolution: 177.976
        CHECK(bytes.mid(place, bytes.indexOf("mm", place) - place).toDouble() == Approx(178).margin(0.1));
    }
}
