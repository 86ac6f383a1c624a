// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The real kvviz as a user meets it: exit statuses, what goes to which stream, and whole runs on made-up captures.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

test::Outcome runKvviz(const std::vector<std::string>& arguments) { return test::runProgram("kvviz", arguments); }

/// Parses standard output as the one JSON object it must be.
json jsonOf(const test::Outcome& outcome)
{
    INFO(outcome.err);
    REQUIRE_NOTHROW(json::parse(outcome.out));
    const json object = json::parse(outcome.out);
    CHECK(object.at("schema_version") == 1);
    return object;
}

/// A capture file of tier cache in the folder.
std::string makeCapture(const test::ScratchFolder& folder, const std::string& name, std::uint64_t seed = 1)
{
    test::SyntheticOptions options;
    options.seed = seed;
    const test::SyntheticCapture capture(options);
    const fs::path file = folder.path() / name;
    test::writeSynthetic(capture, file);
    return file.string();
}

} // namespace

TEST_CASE("kvviz alone prints its help, and --version names libraries and helpers", "[cli]")
{
    const test::Outcome alone = runKvviz({});
    CHECK(alone.status == 0);
    CHECK_THAT(alone.out, Contains("Usage: kvviz"));
    CHECK(alone.err.empty());
    const test::Outcome version = runKvviz({"--version"});
    CHECK(version.status == 0);
    for (const char* name : {"kvviz ", "fmt", "HDF5", "CLI11", "nlohmann-json", "Eigen", "kvviz-engine", "kvviz-gui"})
        CHECK_THAT(version.out, Contains(name));
    CHECK_THAT(version.out, !Contains("@"));
}

TEST_CASE("usage errors exit with 2, one sentence and the help to read", "[cli]")
{
    const test::Outcome outcome = runKvviz({"inof", "a.kvh5"});
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "kvviz: error: unknown command 'inof'; did you mean 'info'?\nsee 'kvviz --help'\n");
    const test::Outcome option = runKvviz({"info", "--jsn", "a.kvh5"});
    CHECK(option.status == 2);
    CHECK(option.err == "kvviz: error: unknown option '--jsn'; did you mean '--json'?\nsee 'kvviz info --help'\n");
    CHECK(runKvviz({"methods", "snapvk"}).status == 2);
    CHECK_THAT(runKvviz({"methods", "snapvk"}).err, Contains("snapkv"));
    CHECK_THAT(runKvviz({"tasks", "show", "aditon"}).err, Contains("addition") && Contains("kvviz tasks --help"));
}

TEST_CASE("a missing, foreign or truncated file exits with 3 and names the file", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string text = folder.write("text.kvh5", "this is no HDF5 file");
    for (const char* command : {"info", "replay"})
        for (const std::string& file : {text, (folder.path() / "none.kvh5").string()}) {
            const test::Outcome outcome = runKvviz({command, file});
            INFO(command << ' ' << file << ": " << outcome.err);
            CHECK(outcome.status == 3);
            CHECK(outcome.out.empty());
            CHECK_THAT(outcome.err, Contains(fs::path(file).filename().string()));
        }
    const std::string capture = makeCapture(folder, "whole.kvh5");
    fs::resize_file(capture, fs::file_size(capture) / 2);
    CHECK(runKvviz({"info", capture}).status == 3);
    const test::Outcome verify = runKvviz({"verify", capture, text});
    CHECK(verify.status == 3);
    CHECK_THAT(verify.out, Contains("BROKEN") && Contains("whole.kvh5") && Contains("text.kvh5"));
}

TEST_CASE("a helper that is not there gives one sentence with the option that builds it", "[cli]")
{
    // A copy of kvviz in an empty folder, with an empty PATH, has no helpers.
    const test::ScratchFolder folder;
    fs::copy_file(fs::path(KVVIZ_BIN_DIR) / "kvviz", folder.path() / "kvviz");
    const test::Outcome capture =
        test::runShell(fmt::format("PATH= '{}/kvviz' capture --text x", folder.path().string()));
    CHECK(capture.status == 1);
    CHECK_THAT(capture.err, Contains("kvviz-engine") && Contains("-DKVVIZ_ENGINE=ON"));
    const test::Outcome view = test::runShell(fmt::format("PATH= '{}/kvviz' a.kvh5", folder.path().string()));
    CHECK(view.status == 1);
    CHECK_THAT(view.err, Contains("'kvviz view'") && Contains("kvviz-gui") && Contains("-DKVVIZ_GUI=ON"));
    CHECK(test::runShell(fmt::format("PATH= '{}/kvviz' capture --help", folder.path().string())).status == 0);
}

TEST_CASE("a helper beside kvviz is started with the same arguments", "[cli]")
{
    const test::ScratchFolder folder;
    fs::copy_file(fs::path(KVVIZ_BIN_DIR) / "kvviz", folder.path() / "kvviz");
    const fs::path helper = folder.write("kvviz-gui", "#!/bin/sh\nfor word; do echo \"<$word>\"; done\nexit 7\n");
    fs::permissions(helper, fs::perms::owner_all);
    const test::Outcome outcome =
        test::runShell(fmt::format("'{}/kvviz' view 'a b.kvh5' --layer 3", folder.path().string()));
    CHECK(outcome.status == 7);
    CHECK(outcome.out == "<view>\n<a b.kvh5>\n<--layer>\n<3>\n");
}

TEST_CASE("info tells what a capture holds, to people and to programs", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string file = makeCapture(folder, "a.kvh5");
    const test::Outcome text = runKvviz({"info", file, "--layers"});
    CHECK(text.status == 0);
    for (const char* piece :
         {"model", "prompt", "segment", "shot", "question", "/cache/key", "/rows/decode", "row entropy"})
        CHECK_THAT(text.out, Contains(piece));
    const json report = jsonOf(runKvviz({"info", "--json", "--layers", file}));
    REQUIRE(report.at("captures").size() == 1);
    const json& capture = report["captures"][0];
    const core::CaptureInfo expected = test::syntheticInfo({});
    CHECK(capture.at("prompt").at("n_prompt") == expected.nPrompt());
    CHECK(capture.at("segments").size() == expected.segments.size());
    CHECK(capture.at("tokens").at("id").size() == std::size_t(expected.nTokens()));
    CHECK(capture.at("layer_summary").size() == expected.layers.size());
    CHECK(capture.at("storage").at("file_bytes") == fs::file_size(file));
    for (const json& layer : capture["layer_summary"]) {
        CHECK(layer.at("mean_entropy") > 0);
        CHECK(layer.at("mean_sink_mass") > 0);
        CHECK(layer.at("mean_sink_mass") < 1);
    }
}

TEST_CASE("pack joins a folder, and every command takes the pack", "[cli]")
{
    const test::ScratchFolder folder;
    static_cast<void>(makeCapture(folder, "a.kvh5", 1));
    static_cast<void>(makeCapture(folder, "b.kvh5", 2));
    const std::string pack = (folder.path() / "both.kvh5").string();
    const json packed = jsonOf(runKvviz({"pack", "--json", folder.path().string(), "-o", pack}));
    CHECK(packed.at("members") == 2);
    const test::Outcome again = runKvviz({"pack", folder.path().string(), "-o", pack});
    CHECK(again.status == 1);
    CHECK_THAT(again.err, Contains("both.kvh5") && Contains("--force"));
    CHECK(runKvviz({"pack", "--force", folder.path().string(), "-o", pack}).status == 0);
    CHECK(jsonOf(runKvviz({"info", "--json", pack})).at("captures").size() == 2);
    const test::Outcome verify = runKvviz({"verify", pack});
    INFO(verify.out);
    CHECK(verify.status == 0);
}

TEST_CASE("verify finds nothing wrong with a sound file", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string file = makeCapture(folder, "a.kvh5");
    const test::Outcome outcome = runKvviz({"verify", file});
    INFO(outcome.out << outcome.err);
    CHECK(outcome.status == 0);
    CHECK(outcome.out == fmt::format("ok      {}\n", file));
    CHECK(jsonOf(runKvviz({"verify", "--json", file})).at("captures")[0].at("sound") == true);
}

TEST_CASE("replay prints a table, writes results once, and refuses to overwrite them", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string file = makeCapture(folder, "a.kvh5");
    const std::vector<std::string> arguments{"replay", "--methods", "fullkv;snapkv;streaming_noshift",
                                             "--ratios", "1,0.5", file};
    const test::Outcome first = runKvviz(arguments);
    INFO(first.err);
    CHECK(first.status == 0);
    CHECK_THAT(first.out, Contains("snapkv") && Contains("lost w/o sinks") && Contains("Depth output"));
    CHECK(fs::exists(folder.path() / "a.kvres.h5"));
    const test::Outcome second = runKvviz(arguments);
    CHECK(second.status == 1);
    CHECK_THAT(second.err, Contains("a.kvres.h5") && Contains("--force"));
    CHECK(second.out.empty());
    const test::Outcome list = test::runShell(fmt::format("ls '{}'", folder.path().string()));
    CHECK(list.out == "a.kvh5\na.kvres.h5\n");
}

TEST_CASE("replay as JSON: FullKV loses nothing, and averages agree with the single results", "[cli]")
{
    const test::ScratchFolder folder;
    static_cast<void>(makeCapture(folder, "a.kvh5", 1));
    static_cast<void>(makeCapture(folder, "b.kvh5", 2));
    const std::string csv = (folder.path() / "all.csv").string();
    const json report = jsonOf(runKvviz({"replay", "--json", "--methods", "fullkv;h2o", "--ratios", "0.9,0.6,...,0.3",
                                         "--csv", csv, folder.path().string()}));
    CHECK(report.at("captures").size() == 2);
    CHECK(report.at("results").size() == 2 * 2 * 3);
    CHECK(fs::exists(folder.path() / "replay.kvres.h5"));
    double sum = 0;
    for (const json& result : report["results"]) {
        if (result.at("method") == "fullkv") {
            CHECK(result.at("lost_mass").at("mean") == 0.0);
            CHECK(result.at("output_error").at("mean").get<double>() < 1e-6);
        } else if (result.at("ratio") == 0.3) {
            sum += result.at("lost_mass").at("mean").get<double>();
        }
    }
    for (const json& average : report["averages"])
        if (average.at("method") == "h2o" && average.at("ratio") == 0.3)
            CHECK(average.at("lost_mass").get<double>() == Approx(sum / 2));
    std::ifstream stream(csv);
    std::string line;
    int lines = 0;
    while (std::getline(stream, line))
        ++lines;
    CHECK(lines == 1 + 2 * 2 * 3);
}

TEST_CASE("one bad capture among good ones leaves a partial result and says so", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string good = makeCapture(folder, "a.kvh5"), bad = makeCapture(folder, "b.kvh5");
    fs::resize_file(bad, fs::file_size(bad) / 2);
    const test::Outcome outcome = runKvviz({"replay", "--no-output", "--methods", "h2o", "--ratios", "0.5", good, bad});
    INFO(outcome.err);
    CHECK(outcome.status == 5);
    CHECK_THAT(outcome.out, Contains("h2o"));
    CHECK_THAT(outcome.err, Contains("b.kvh5"));
}

TEST_CASE("methods and tasks list, explain and show", "[cli]")
{
    const test::Outcome names = runKvviz({"methods", "-q"});
    CHECK_THAT(names.out, Contains("snapkv\n"));
    CHECK(jsonOf(runKvviz({"methods", "--json"})).at("methods").size()
          == std::size_t(std::count(names.out.begin(), names.out.end(), '\n')));
    const test::Outcome snapkv = runKvviz({"methods", "snapkv"});
    CHECK_THAT(snapkv.out, Contains("equation") && Contains("parameters") && Contains("source"));
    CHECK_THAT(runKvviz({"tasks"}).out, Contains("addition") && Contains("category"));

    std::vector<std::string> show{"tasks", "show", "addition", "--index", "2", "--shots", "2"};
    const test::Outcome plain = runKvviz(show);
    CHECK(plain.status == 0);
    CHECK_THAT(plain.out, Contains("[shot 0|") && Contains("[shot 1|") && Contains("[question|"));
    show.push_back("--color=always");
    const test::Outcome color = runKvviz(show);
    CHECK_THAT(color.out, Contains("\033[") && !Contains("[shot 0|"));
    // The segments of the JSON cover the prompt without gaps.
    show.push_back("--json");
    const json prompt = jsonOf(runKvviz(show)).at("prompt");
    std::int64_t end = 0;
    for (const json& segment : prompt.at("segments")) {
        CHECK(segment.at("begin") == end);
        end = segment.at("end");
    }
    CHECK(end == std::int64_t(prompt.at("text").get<std::string>().size()));
}

TEST_CASE("a prompt is coloured on a terminal and marked by words elsewhere", "[cli]")
{
    const fs::path program = fs::path(KVVIZ_BIN_DIR) / "kvviz";
    const std::string show = fmt::format("'{}' tasks show everyday -i 3 --shots 2", program.string());
    CHECK_THAT(test::runShell(show + " | cat").out, Contains("[instruction|") && !Contains("\033["));
    if (test::runShell("script --version").status != 0) {
        WARN("skipped: there is no program 'script' to make a terminal");
        return;
    }
    const auto onTerminal = [&](const std::string& settings) {
        return test::runShell(
                   fmt::format("env -u NO_COLOR TERM=xterm {} script -qec \"{}\" /dev/null", settings, show))
            .out;
    };
    const std::string colored = onTerminal("");
    CHECK_THAT(colored, Contains("\033[35mEnd each sentence") && Contains("\033[36mWords: ")
                            && Contains("\033[34mWords: ") && Contains("\033[33mWords: ")
                            && !Contains("[instruction|"));
    for (const char* settings : {"NO_COLOR=1", "TERM=dumb"})
        CHECK_THAT(onTerminal(settings), Contains("[question|") && !Contains("\033["));
    CHECK_THAT(onTerminal("NO_COLOR="), Contains("\033[35m"));
}

TEST_CASE("control characters of data files do not reach a terminal", "[cli]")
{
    const test::ScratchFolder folder;
    (void)folder.write("gsm8k/test.jsonl",
                       R"({"question": "Who \u001b]0;rings\u0007?", "answer": "#### 1"})" "\n");
    (void)folder.write("gsm8k_prompts/prompt_original.txt",
                       "Question: a?\nLet's think step by step\nb.\nThe answer is 1.\n\n");
    const test::Outcome outcome = runKvviz({"tasks", "show", "gsm8k", "--shots", "0", "--color", "always", "--data-dir",
                                            folder.path().string()});
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.out, Contains("Who <1B>]0;rings<07>?"));
}

TEST_CASE("faults of data files leave with 3, the file, the line and what to do", "[cli]")
{
    const test::ScratchFolder folder;
    const auto show = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"tasks", "show", "gsm8k", "--shots", "0", "--data-dir", folder.path().string()});
        return runKvviz(more);
    };
    const test::Outcome missing = show({});
    CHECK(missing.status == 3);
    CHECK_THAT(missing.err, Contains("gsm8k/test.jsonl") && Contains(folder.path().string()) && Contains("--data-dir"));
    const std::string good = R"({"question": "One?", "answer": "#### 1"})" "\n";
    (void)folder.write("gsm8k/test.jsonl", good + "{\"question\": \n" + good);
    const test::Outcome malformed = show({});
    CHECK(malformed.status == 3);
    CHECK(malformed.out.empty());
    CHECK_THAT(malformed.err, Contains("test.jsonl', line 2") && Contains("--skip-bad"));
    CHECK(show({"--skip-bad", "-i", "1"}).status == 0);
    CHECK(show({"--skip-bad", "-i", "2"}).status == 2);
}

TEST_CASE("a reader that leaves early harms nothing, and a full disk is reported", "[cli]")
{
    const fs::path program = fs::path(KVVIZ_BIN_DIR) / "kvviz";
    const test::Outcome early =
        test::runShell(fmt::format("{{ '{}' methods --json; echo $? >&2; }} | true", program.string()));
    CHECK(early.err == "0\n");
    if (fs::exists("/dev/full")) {
        const test::Outcome full = test::runShell(fmt::format("'{}' methods --json > /dev/full", program.string()));
        CHECK(full.status == 1);
        CHECK_THAT(full.err, Contains("standard output cannot be written"));
    }
}

TEST_CASE("completion and man run without helpers", "[cli]")
{
    CHECK_THAT(runKvviz({"completion", "bash"}).out, Contains("complete -o default -F _kvviz kvviz"));
    CHECK_THAT(runKvviz({"man", "replay"}).out, Contains(".TH KVVIZ-REPLAY 1"));
    CHECK(runKvviz({"completion", "tcsh"}).status == 2);
}
