// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Method lists, budgets and results paths of `kvviz replay`; averages, table, JSON and CSV.
#include "app/commands/method_choice.hpp"
#include "app/commands/replay_jobs.hpp"
#include "app/commands/replay_table.hpp"
#include "core/error.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cmath>
#include <fstream>
#include <limits>

using namespace kvviz;

namespace {

io::ReplayRecord record(const std::string& method, double ratio, double lost, double outputError)
{
    io::ReplayRecord r;
    r.capture = "a.kvh5";
    r.method = method;
    r.params = "{}";
    r.depth = "output";
    r.ratio = ratio;
    r.actualRatio = ratio;
    r.budgetTokens = std::lround(ratio * 100);
    r.keptTokens = r.budgetTokens * 6;
    r.layers = 2;
    r.kvHeads = 3;
    r.meanLost = lost;
    r.meanLostNonSink = lost * 2;
    r.meanOutputError = outputError;
    return r;
}

/// A capture of tier cache with so many prompt tokens.
std::string makeCapture(const test::ScratchFolder& folder, const std::string& name, std::int64_t n = 40)
{
    const std::filesystem::path file = folder.path() / name;
    test::writeSynthetic(test::SyntheticCapture({.layers = 1, .n = n, .t = 2, .window = 4}), file);
    return file.string();
}

std::vector<std::string> namesIn(const std::filesystem::path& folder)
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

test::Outcome replayH2o(std::vector<std::string> arguments)
{
    arguments.insert(arguments.begin(), {"replay", "--methods", "h2o"});
    return test::runProgram("kvviz", arguments);
}

} // namespace

TEST_CASE("method lists take semicolons, and commas between plain names", "[cli][unit]")
{
    using List = std::vector<std::string>;
    CHECK(app::parseMethods("snapkv; h2o ;") == List{"snapkv", "h2o"});
    CHECK(app::parseMethods("snapkv,h2o") == List{"snapkv", "h2o"});
    CHECK(app::parseMethods("snapkv:window=8,kernel=7;h2o") == List{"snapkv:window=8,kernel=7", "h2o"});
    CHECK(app::parseMethods("h2o;h2o") == List{"h2o"});
    CHECK(app::parseMethods("all") == compress::defaultReplaySet());
    CHECK(app::parseMethods("all;fullkv").size() == compress::defaultReplaySet().size());
    CHECK_THROWS_AS(app::parseMethods(" ; "), core::Error);
}

TEST_CASE("replay requests are checked before a capture is read", "[cli][unit]")
{
    app::ReplayOptions options;
    CHECK(app::replayRequest(options, 3).budgets.size() == 9);
    CHECK(app::replayRequest(options, 3).threads == 3);
    options.ratios = "1,0.5";
    CHECK(app::replayRequest(options, 0).budgets.at(1).ratio == 0.5);
    for (const char* ratios : {"0", "1.1", "-0.5", "90"}) {
        options.ratios = ratios;
        CHECK_THROWS_AS(app::replayRequest(options, 0), core::Error);
    }
    options.ratios = "0.5";
    options.budgetTokens = "64,128";
    CHECK(app::replayRequest(options, 0).budgets.at(1).tokens == 128);
    for (const char* tokens : {"0", "1.5", "-3"}) {
        options.budgetTokens = tokens;
        CHECK_THROWS_AS(app::replayRequest(options, 0), core::Error);
    }
    options.budgetTokens.clear();
    options.methods = "snapvk";
    CHECK_THROWS_WITH(app::replayRequest(options, 0), Catch::Contains("snapkv"));
}

TEST_CASE("results lie beside a file and in a folder", "[cli][unit]")
{
    const test::ScratchFolder folder;
    CHECK(app::resultsPath(folder.path()) == folder.path() / "replay.kvres.h5");
    CHECK(app::resultsPath("run/a.b.kvh5") == "run/a.b.kvres.h5");
    CHECK(app::resultsPath("a.h5") == "a.h5.kvres.h5");
}

TEST_CASE("averages are means over captures, largest budget first, best method first, without NaNs", "[cli][unit]")
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<io::ReplayRecord> records{record("worse", 0.5, 0.4, 0.8), record("worse", 0.5, 0.2, 0.6),
                                          record("better", 0.5, 0.1, nan), record("better", 0.5, 0.3, 0.2),
                                          record("worse", 0.9, 0.1, 0.1)};
    records[1].flags = {"no_shot_fits"};
    const std::vector<app::ReplayAverage> found = app::averages(records, false);
    REQUIRE(found.size() == 3);
    CHECK(found[0].ratio == 0.9);
    CHECK(found[1].method == "better");
    CHECK(found[1].lost == Approx(0.2));
    CHECK(found[1].lostNonSink == Approx(0.4));
    CHECK(found[1].outputError == Approx(0.2));
    CHECK(found[1].captures == 2);
    CHECK(found[1].keptTokens == Approx(50));
    CHECK(found[2].outputError == Approx(0.7));
    CHECK(found[2].flags == std::vector<std::string>{"no_shot_fits"});
    CHECK(app::averages(records, true).front().budgetTokens == 90);
}

TEST_CASE("at depth mass there is no output error in any form", "[cli][unit]")
{
    std::vector<io::ReplayRecord> records{record("h2o", 0.5, 0.25, 0)};
    records[0].depth = "mass";
    const auto found = app::averages(records, false);
    CHECK(std::isnan(found[0].outputError));
    const std::string table = app::replayTable(found, false);
    CHECK_THAT(table, !Catch::Contains("output error"));
    CHECK_THAT(table, Catch::Contains("0.2500"));
    CHECK(app::toJson(records[0])["output_error"].is_null());
    CHECK(app::toJson(records[0])["lost_mass"]["mean"] == 0.25);
}

TEST_CASE("CSV quotes what needs it and keeps one column count", "[cli][unit]")
{
    std::vector<io::ReplayRecord> records{record("h2o", 0.5, 0.25, std::numeric_limits<double>::quiet_NaN())};
    records[0].params = "{\"window\":32,\"pool\":\"max\"}";
    const std::string csv = app::replayCsv(records);
    CHECK_THAT(csv, Catch::Contains("\"{\"\"window\"\":32,\"\"pool\"\":\"\"max\"\"}\""));
    std::vector<int> commas{0};
    bool quoted = false;
    for (const char c : csv) {
        quoted = c == '"' ? !quoted : quoted;
        commas.back() += c == ',' && !quoted ? 1 : 0;
        if (c == '\n')
            commas.push_back(0);
    }
    REQUIRE(commas.size() == 3);
    CHECK(commas[0] == commas[1]);
}

TEST_CASE("an input given twice is one input, and two inputs never share a results file", "[cli][unit]")
{
    const test::ScratchFolder folder;
    const std::string file = makeCapture(folder, "a.kvh5"), other = makeCapture(folder, "a");
    const std::string roundabout = (folder.path() / "." / ".." / folder.path().filename() / "a.kvh5").string();
    app::ReplayOptions options;
    options.captures = {file, roundabout, folder.path().string(), folder.path().string() + "/"};
    const std::vector<app::ReplayJob> jobs = app::replayJobs(options);
    REQUIRE(jobs.size() == 2);
    CHECK(jobs[0].results == folder.path() / "a.kvres.h5");
    CHECK(jobs[1].results == folder.path() / "replay.kvres.h5");
    options.output = (folder.path() / "all.kvres.h5").string();
    CHECK(app::replayJobs(options).at(0).captures.size() == 1);
    options.output.clear();
    options.captures = {file, other};
    CHECK_THROWS_WITH(app::replayJobs(options), Catch::Contains("a.kvres.h5") && Catch::Contains("--output"));
    options.noOutput = true;
    CHECK(app::replayJobs(options).size() == 2);
}

TEST_CASE("a budget in tokens is one row of the table for prompts of any length", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string shorter = makeCapture(folder, "a.kvh5", 20), longer = makeCapture(folder, "b.kvh5", 60);
    const test::Outcome outcome = replayH2o({"--json", "--budget-tokens", "30", "--no-output", shorter, longer});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    const app::Json report = app::Json::parse(outcome.out);
    REQUIRE(report.at("averages").size() == 1);
    CHECK(report["averages"][0].at("budget_tokens") == 30);
    CHECK(report["averages"][0].at("kept_tokens_per_head") == 25.0);
}

TEST_CASE("a CSV name that is a folder is one sentence before any work, and nothing is left behind", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string file = makeCapture(folder, "a.kvh5");
    std::filesystem::create_directory(folder.path() / "d");
    for (const std::string& csv : {(folder.path() / "d").string(), (folder.path() / "none" / "x.csv").string()}) {
        const test::Outcome outcome = replayH2o({"--ratios", "0.5", "--force", "--csv", csv, file});
        INFO(outcome.err);
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.err,
                   Catch::Contains(csv) && Catch::Contains("folder") && !Catch::Contains("filesystem error"));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
        CHECK(namesIn(folder.path()) == std::vector<std::string>{"a.kvh5", "d"});
    }
    const std::string csv = (folder.path() / "x.csv").string();
    std::ofstream(csv) << "old";
    CHECK_THAT(replayH2o({"--ratios", "0.5", "--no-output", "--csv", csv, file}).err, Catch::Contains("--force"));
    CHECK(std::filesystem::file_size(csv) == 3);
    CHECK(replayH2o({"--ratios", "0.5", "--no-output", "--force", "--csv", csv, file}).status == 0);
    CHECK(std::filesystem::file_size(csv) > 100);
    CHECK(namesIn(folder.path()) == std::vector<std::string>{"a.kvh5", "d", "x.csv"});
}

TEST_CASE("results of several captures are written one after the other, and a run without any leaves no file", "[cli]")
{
    const test::ScratchFolder folder;
    static_cast<void>(makeCapture(folder, "a.kvh5", 20));
    static_cast<void>(makeCapture(folder, "b.kvh5", 60));
    const std::string results = (folder.path() / "r.kvres.h5").string(), input = folder.path().string();
    CHECK(replayH2o({"--ratios", "0.5,0.2", "-o", results, input}).status == 0);
    const std::vector<io::ReplayRecord> records = io::readReplayResults(results, true);
    REQUIRE(records.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(records[i].capture == (i < 2 ? "a.kvh5" : "b.kvh5"));
        CHECK(records[i].kept.size() == std::size_t(records[i].kvHeads * (i < 2 ? 20 : 60)));
    }
    std::filesystem::remove(results);
    for (const char* name : {"a.kvh5", "b.kvh5"})
        std::filesystem::resize_file(folder.path() / name, 1000);
    CHECK(replayH2o({"--ratios", "0.5", "-o", results, input}).status == 3);
    CHECK(namesIn(folder.path()) == std::vector<std::string>{"a.kvh5", "b.kvh5"});
}
