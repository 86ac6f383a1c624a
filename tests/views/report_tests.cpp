// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The report's page: its numbers against the captures, texts that want to be markup, files that are broken, its size,
// and the page in a browser.
#include "app/gui/published_source.hpp"
#include "core/error.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/made_up.hpp"
#include "views/map_data.hpp"
#include "views/report_page.hpp"
#include "views/report_tile.hpp"

#include <nlohmann/json.hpp>

#include <QByteArray>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

using namespace kvviz;
using Catch::Contains;
using Json = nlohmann::json;

namespace {

constexpr const char* kHostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'";

test::SyntheticCapture captureOf(const std::string& task, const std::string& id, core::Tier tier = core::Tier::full)
{
    test::SyntheticCapture capture;
    capture.mutableInfo().tier = tier;
    capture.mutableInfo().prompt.task = task;
    capture.mutableInfo().prompt.id = id;
    return capture;
}

std::string written(const test::ScratchFolder& folder, const std::string& name, const test::SyntheticCapture& capture)
{
    test::writeSynthetic(capture, folder / name);
    return folder / name;
}

/// Replays of the synthetic capture, with survival made up of their place.
std::vector<io::ReplayRecord> replaysOf(const test::SyntheticCapture& capture)
{
    std::vector<io::ReplayRecord> records;
    const auto segments = std::ssize(capture.info().segments);
    for (const char* method : {"snapkv", "h2o"})
        for (const double ratio : {0.5, 0.2}) {
            io::ReplayRecord record;
            record.capture = "a.kvh5";
            record.task = capture.info().prompt.task;
            record.promptId = capture.info().prompt.id;
            record.modelName = capture.info().model.name;
            record.method = method;
            record.params = "{}";
            record.depth = "mass";
            record.ratio = record.actualRatio = ratio;
            record.n = capture.info().nPrompt();
            record.budgetTokens = std::llround(ratio * static_cast<double>(record.n));
            record.budgetUse = "follows";
            record.meanLost = 1 - ratio;
            record.meanLostNonSink = 1 - ratio / 2;
            record.layers = 2;
            record.segments = segments;
            for (std::int64_t i = 0; i < 2 * segments; ++i)
                record.survival.push_back(static_cast<float>(ratio * static_cast<double>(i + 1) / 20));
            records.push_back(record);
        }
    return records;
}

Json dataOf(const std::string& html)
{
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const std::size_t begin = html.find(open) + open.size(), end = html.find("</script>", begin);
    REQUIRE(begin > open.size());
    return Json::parse(html.substr(begin, end - begin));
}

plot::ReportRequest requestFor(const std::vector<std::string>& captures)
{
    plot::ReportRequest request;
    for (const std::string& file : captures)
        request.captures.push_back({file, "/"});
    request.creator = "kvviz test";
    request.commandLine = "kvviz report run/ -o report.html";
    return request;
}

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t found = 0;
    for (std::size_t place = text.find(part); place != std::string::npos; place = text.find(part, place + 1))
        ++found;
    return found;
}

/// The value of a cell as the page's script has it, written down here a second time.
double decoded(const Json& tile, std::int64_t row, std::int64_t column)
{
    const QByteArray bytes = QByteArray::fromBase64(QByteArray::fromStdString(tile["cells"].get<std::string>()));
    std::int64_t place = column;
    for (std::int64_t i = 0; i < row; ++i)
        place += tile["counts"][static_cast<std::size_t>(i)].get<std::int64_t>();
    const int code = static_cast<unsigned char>(bytes[static_cast<qsizetype>(place)]);
    if (code == 0)
        return 0;
    const double low = tile["low"], high = tile["high"];
    return low * std::pow(high / low, (code - 1) / 253.0);
}

} // namespace

TEST_CASE("A coded tile gives every value back to half a step", "[views][unit]")
{
    io::MapTile tile;
    tile.rows = 3;
    tile.columns = 4;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    tile.values = {1e-3f, nan, nan, nan, 0.25f, 2e-8f, nan, nan, nan, 0.9f, 0.0f, 0.031f};
    const plot::ReportTile coded = plot::reportTile(tile);
    CHECK(coded.counts == std::vector<int>{1, 2, 4});
    REQUIRE(coded.codes.size() == 7);
    CHECK(coded.high == Approx(0.9));
    CHECK(coded.low == Approx(0.9e-6));
    CHECK(coded.codes[2] == 0);   // below a millionth of the largest
    CHECK(coded.codes[3] == 255); // masked within a row
    CHECK(coded.codes[4] == 254);
    CHECK(coded.codes[5] == 0);
    const double step = std::pow(coded.high / coded.low, 1.0 / 253);
    CHECK(step < 1.057);
    for (const auto& [place, value] : {std::pair{0, 1e-3}, std::pair{1, 0.25}, std::pair{4, 0.9}, std::pair{6, 0.031}}) {
        const double back = coded.low * std::pow(step, coded.codes[static_cast<std::size_t>(place)] - 1);
        CHECK(std::abs(std::log(back / value)) <= 0.51 * std::log(step));
    }
}

TEST_CASE("Tiles without any attention, or with one value, can be coded", "[views][unit]")
{
    io::MapTile tile;
    tile.rows = tile.columns = 1;
    tile.values = {0.0f};
    CHECK(plot::reportTile(tile).codes == std::vector<std::uint8_t>{0});
    tile.values = {0.5f};
    const plot::ReportTile one = plot::reportTile(tile);
    CHECK(one.low == one.high);
    CHECK(one.codes == std::vector<std::uint8_t>{1});
    tile.values = {std::numeric_limits<float>::quiet_NaN()};
    CHECK(plot::reportTile(tile).codes.empty());
}

TEST_CASE("The page's maps are the capture's, cell by cell", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto capture = captureOf("addition", "addition-0");
    const plot::Report report = plot::reportPage(requestFor({written(folder, "a.kvh5", capture)}));
    const Json data = dataOf(report.html);
    REQUIRE(data["captures"].size() == 1);
    const Json& maps = data["captures"][0]["maps"];
    CHECK(report.maps == 2 * 5); // layers x (heads and their mean)
    REQUIRE(maps.size() == 10);
    int compared = 0;
    for (const Json& map : maps) {
        const int layer = map["layer"], head = map["head"];
        const Json& tile = map["prompt"];
        REQUIRE(tile["rows"] == 70);
        const double step = std::log(tile["high"].get<double>() / tile["low"].get<double>()) / 253;
        for (std::int64_t q = 0; q < 70; q += 3)
            for (std::int64_t k = 0; k <= q; k += 2) {
                double exact = 0;
                for (int h = 0; h < 4; ++h)
                    if (head < 0 || head == h)
                        exact += static_cast<double>(
                                     capture.fullMap(layer)[static_cast<std::size_t>((h * 70 + q) * 70 + k)])
                                 / (head < 0 ? 4 : 1);
                const double shown = decoded(tile, q, k);
                if (shown > 0)
                    CHECK(std::abs(std::log(shown / exact)) < 0.51 * step + 2e-3 + 6e-8 / exact); // half in the file
                else
                    CHECK(exact < tile["low"].get<double>() * 1.01);
                ++compared;
            }
    }
    CHECK(compared == 10 * 432); // every third query, every other key up to it
    CHECK(maps[0]["decode"]["rows"] == 5);
    CHECK(data["captures"][0]["tokens"].size() == 75);
}

TEST_CASE("The page is one file that loads nothing", "[views][io]")
{
    const test::ScratchFolder folder;
    const std::string html =
        plot::reportPage(requestFor({written(folder, "a.kvh5", captureOf("addition", "a"))})).html;
    for (const char* loader : {"http:", "https:", "src=", "href=\"/", "url(h", "@import", "import(", "fetch(", "XMLHttp"})
        CHECK_THAT(html, !Contains(loader));
    CHECK_THAT(html, Contains("default-src 'none'"));
    CHECK_THAT(html, !Contains("{{"));
    CHECK(count(html, "<script") == 2);
    CHECK(count(html, "</script>") == 2);
    CHECK_THAT(html, Contains("<html lang=\"en\">") && Contains("prefers-color-scheme: dark"));
}

TEST_CASE("Texts that want to be markup stay text", "[views][io]")
{
    const test::ScratchFolder folder;
    test::SyntheticCapture capture = captureOf(kHostile, kHostile);
    core::CaptureInfo& info = capture.mutableInfo();
    core::TokenTable tokens;
    for (std::int64_t i = 0; i < info.nTokens(); ++i)
        tokens.append(static_cast<std::int32_t>(i), i % 2 == 0 ? kHostile : "<!--\xff{{data}}");
    info.tokens = tokens;
    info.prompt.answer = kHostile;
    info.model.name = kHostile;
    info.commandLine = kHostile;
    info.segments[1].label = kHostile;
    plot::ReportRequest request = requestFor({written(folder, "a.kvh5", capture)});
    request.title = kHostile;
    request.commandLine = kHostile;
    auto replays = replaysOf(capture);
    replays[0].task = kHostile;
    io::writeReplayResults(folder / "r.kvres.h5", replays, "t", "t", false);
    request.results = {folder / "r.kvres.h5"};
    const std::string html = plot::reportPage(request).html;
    CHECK(count(html, "<script") == 2);
    CHECK(count(html, "</script>") == 2);
    CHECK_THAT(html, !Contains("<img") && !Contains("<!--"));
    const Json data = dataOf(html); // parses
    const std::string first = data["captures"][0]["tokens"][0];
    CHECK(first == kHostile);
    CHECK_THAT(std::string(data["captures"][0]["tokens"][1]), Contains("{{data}}") && Contains("<FF>"));
}

TEST_CASE("Surviving shots are means over layers, under the names of the prompt's parts", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto capture = captureOf("addition", "addition-0");
    plot::ReportRequest request = requestFor({written(folder, "a.kvh5", capture)});
    const auto replays = replaysOf(capture);
    io::writeReplayResults(folder / "r.kvres.h5", replays, "t", "t", false);
    request.results = {folder / "r.kvres.h5"};
    const Json data = dataOf(plot::reportPage(request).html);
    REQUIRE(data["survival"].size() == 1);
    const Json& entry = data["survival"][0];
    CHECK(entry["label"] == "addition-0");
    REQUIRE(entry["methods"].size() == 2);
    const Json& budgets = entry["methods"][0]["budgets"];
    REQUIRE(budgets.size() == 2);
    CHECK(budgets[0]["kept"] == 0.2); // ascending
    std::size_t shown = 0;
    const auto& segments = capture.info().segments;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (segments[i].kind == core::SegmentKind::generated)
            continue;
        const double mean =
            (replays[1].survival[i] + replays[1].survival[i + segments.size()]) / 2.0; // ratio 0.2, two layers
        CHECK(budgets[0]["values"][shown].get<double>() == Approx(mean).margin(6e-4));
        ++shown;
    }
    CHECK(entry["labels"].size() == shown);
    CHECK(entry["labels"][1] == "shot 1");
}

TEST_CASE("Curves of methods change with the sinks", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto capture = captureOf("addition", "addition-0");
    plot::ReportRequest request = requestFor({written(folder, "a.kvh5", capture)});
    io::writeReplayResults(folder / "r.kvres.h5", replaysOf(capture), "t", "t", false);
    request.results = {folder / "r.kvres.h5"};
    const Json data = dataOf(plot::reportPage(request).html);
    REQUIRE(data["figures"].size() == 2);
    CHECK(data["figures"][0]["id"] == "cumulative");
    const Json& methods = data["figures"][1];
    CHECK(methods["id"] == "methods-mass");
    CHECK(methods["panels"][0]["series"][0]["y"] == Json({0.8, 0.5}));
    CHECK(methods["withoutSinks"]["panels"][0]["series"][0]["y"] == Json({0.9, 0.75}));
}

TEST_CASE("Evaluations stand on the page with intervals and printed numbers", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto evaluations =
        test::madeUpEvaluations({{"addition", "arithmetic", 20, 0.8, 1, 8}}, {"snapkv", "h2o"}, {0.5, 0.1});
    io::ResultsWriter writer(folder / "e.kvres.h5", "t", "t", false);
    for (const io::EvalRecord& record : evaluations)
        writer.append(record);
    writer.finish();
    plot::ReportRequest request = requestFor({});
    request.results = {folder / "e.kvres.h5"};
    request.published = app::publishedSource();
    const Json data = dataOf(plot::reportPage(request).html);
    REQUIRE(data["figures"].size() == 1);
    const Json& series = data["figures"][0]["panels"][0]["series"];
    REQUIRE(series.size() == 4);
    CHECK(series[0]["y"][0].get<double>() == Approx(100 * evaluations[2].delta).epsilon(1e-4));
    CHECK(series[0]["low"][0].get<double>() == Approx(100 * evaluations[2].ciLow).epsilon(1e-4));
    CHECK(series[2]["key"] == "published");
    CHECK_THAT(std::string(series[2]["origin"]), Contains("2502.01941"));
}

TEST_CASE("Every tier has its place, and what a capture lacks is no fault", "[views][io]")
{
    const test::ScratchFolder folder;
    const core::Tier tier = GENERATE(core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full);
    const plot::Report report = plot::reportPage(requestFor({written(folder, "a.kvh5", captureOf("x", "x-0", tier))}));
    const Json data = dataOf(report.html);
    CHECK(data["figures"].size() == 1);
    CHECK_THAT(report.html, Contains(std::string(core::tierName(tier)) + "</td>"));
    if (tier == core::Tier::stats)
        CHECK(report.maps == 0);
    else
        CHECK(report.maps == 10);
}

TEST_CASE("Captures of one head, one layer, no decode rows and no segments make a page", "[views][io]")
{
    const test::ScratchFolder folder;
    test::SyntheticOptions small;
    small.layers = small.heads = small.kvHeads = 1;
    small.n = 3;
    small.t = 0;
    test::SyntheticCapture capture(small);
    capture.mutableInfo().tier = core::Tier::full;
    const plot::Report report = plot::reportPage(requestFor({written(folder, "a.kvh5", capture)}));
    CHECK(report.maps == 2);
    CHECK(dataOf(report.html)["captures"][0]["maps"][0]["decode"].is_null());
}

TEST_CASE("A bad file among good ones is named on the page", "[views][io]")
{
    const test::ScratchFolder folder;
    const std::string good = written(folder, "a.kvh5", captureOf("addition", "a"));
    static_cast<void>(folder.write("bad.kvh5", "not HDF5"));
    static_cast<void>(folder.write("bad.kvres.h5", "nor this"));
    plot::ReportRequest request = requestFor({folder / "bad.kvh5", good});
    request.results = {folder / "bad.kvres.h5"};
    const plot::Report report = plot::reportPage(request);
    CHECK(report.captures == 1);
    CHECK(report.leftOut.size() == 2);
    CHECK_THAT(report.html, Contains("bad.kvh5") && Contains("bad.kvres.h5"));
    request.captures.resize(1);
    CHECK_THROWS_WITH(plot::reportPage(request), Contains("none of the files can be read"));
    CHECK_THROWS_WITH(plot::reportPage(requestFor({})), Contains("name at least one"));
}

TEST_CASE("The page keeps to its size and says what did not fit", "[views][io]")
{
    const test::ScratchFolder folder;
    std::vector<std::string> files;
    for (int i = 0; i < 6; ++i) {
        const std::string id = "addition-" + std::to_string(i);
        files.push_back(written(folder, id + ".kvh5", captureOf("addition", id)));
    }
    plot::ReportRequest request = requestFor(files);
    const plot::Report whole = plot::reportPage(request);
    CHECK(whole.maps == 60);
    request.maxBytes = 0.6 * static_cast<double>(whole.html.size());
    const plot::Report part = plot::reportPage(request);
    CHECK(static_cast<double>(part.html.size()) <= request.maxBytes);
    CHECK(part.maps > 0);
    REQUIRE(part.leftOut.size() == 1);
    CHECK_THAT(part.leftOut[0].what, Contains(std::to_string(60 - part.maps) + " maps"));
    CHECK_THAT(part.html, Contains("--max-mb"));
    request.maxBytes = 10000;
    CHECK_THROWS_WITH(plot::reportPage(request), Contains("even without maps") && Contains("--max-mb"));
}

TEST_CASE("The same files give the same page", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto request = requestFor({written(folder, "a.kvh5", captureOf("addition", "a"))});
    CHECK(plot::reportPage(request).html == plot::reportPage(request).html);
}

TEST_CASE("The page runs in a browser, and hostile texts do not", "[views][browser]")
{
    if (test::runShell("command -v chromium").status != 0) {
        WARN("skipped: there is no chromium in PATH (Debian: apt-get install chromium)");
        return;
    }
    const test::ScratchFolder folder;
    test::SyntheticCapture capture = captureOf("addition", "addition-0");
    core::CaptureInfo& info = capture.mutableInfo();
    core::TokenTable tokens;
    for (std::int64_t i = 0; i < info.nTokens(); ++i)
        tokens.append(static_cast<std::int32_t>(i),
                      "</script><img src=x onerror=\"document.title='taken'\"><b>'`\\\xe2\x80\xa8" + std::to_string(i));
    info.tokens = tokens;
    plot::ReportRequest request = requestFor({written(folder, "a.kvh5", capture)});
    io::writeReplayResults(folder / "r.kvres.h5", replaysOf(capture), "t", "t", false);
    request.results = {folder / "r.kvres.h5"};
    request.title = "The title";
    // A key press after the script has run shows that the map answers.
    std::string html = plot::reportPage(request).html;
    html.insert(html.rfind("</body>"),
                "<script>document.getElementById('map').dispatchEvent(new KeyboardEvent('keydown', "
                "{key: 'ArrowRight'}));</script>");
    const auto page = folder.write("page.html", html);
    const test::Outcome outcome =
        test::runShell("timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir='"
                       + (folder / "profile").string() + "' --virtual-time-budget=5000 --dump-dom 'file://"
                       + page.string() + "'");
    INFO(outcome.err.substr(0, 2000));
    REQUIRE(outcome.status == 0);
    const std::string& dom = outcome.out;
    CHECK_THAT(dom, Contains("data-ready=\"yes\""));
    CHECK_THAT(dom, Contains("<title>The title</title>"));
    CHECK(count(dom, "<polyline") >= 4);                    // curves were drawn
    CHECK_THAT(dom, Contains("query 69") && Contains("&lt;img src=x")); // the last query, which the key press chose
    CHECK_THAT(dom, Contains("<option value=\"0\">SnapKV</option>"));
    CHECK(count(dom, "class=\"track\"") >= 4);              // shots
}
