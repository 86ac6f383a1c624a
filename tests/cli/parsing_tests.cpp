// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The command line as it lands in the option structs, and what is said about a wrong one.
#include "app/cli.hpp"
#include "app/task_options.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

using namespace kvviz;
using app::CommandLine;
using app::Invocation;

namespace {

Invocation parsed(const std::vector<std::string>& arguments)
{
    CommandLine line;
    REQUIRE(line.parse(arguments) == CommandLine::Action::run);
    return line.invocation();
}

std::string usageError(const std::vector<std::string>& arguments)
{
    CommandLine line;
    try {
        static_cast<void>(line.parse(arguments));
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::usage);
        return error.what();
    }
    FAIL("accepted");
    return {};
}

} // namespace

TEST_CASE("capture options land in their fields", "[cli][unit]")
{
    const Invocation run =
        parsed({"capture", "--task", "addition", "--task", "needle", "--shots", "8", "--limit", "3", "--seed",
                "18446744073709551615", "--tier", "full", "--layers", "0-3,7", "--queries", "last:64", "--depth", "0.5",
                "--shard", "1/4", "--max-bytes", "2GB", "--dtype=bfloat16", "-o", "run/", "-q", "--threads", "2"});
    CHECK(run.command == "capture");
    CHECK(run.capture.tasks == std::vector<std::string>{"addition", "needle"});
    CHECK(run.capture.shots == 8);
    CHECK(run.capture.limit == 3);
    CHECK(run.capture.seed == 18446744073709551615u);
    CHECK(run.capture.tier == "full");
    CHECK(run.capture.layers == "0-3,7");
    CHECK(run.capture.queries == "last:64");
    CHECK(run.capture.depth == 0.5);
    CHECK(run.capture.shard == "1/4");
    CHECK(run.capture.maxBytes == "2GB");
    CHECK(run.capture.dtype == "bfloat16");
    CHECK(run.capture.output == "run/");
    CHECK(run.common.quiet);
    CHECK(run.common.threads == 2);
}

TEST_CASE("capture and tasks choose prompts with the same options", "[cli][unit]")
{
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"capture", "--task", "sums"}, {"tasks", "show", "sums"}}) {
        std::vector<std::string> words = command;
        for (const char* word : {"--questions", "7", "--allow-code-execution", "--skip-bad", "--subject", "s",
                                 "--length", "9", "--depth", "0.25", "--data-dir", "d", "--shots", "0", "--seed", "3"})
            words.emplace_back(word);
        const auto optionsOf = [](const Invocation& run) {
            return run.command == "capture" ? app::taskOptions(run.capture) : app::taskOptions(run.tasks);
        };
        const kvviz::datasets::TaskOptions options = optionsOf(parsed(words));
        CHECK(options.questions == 7);
        CHECK(options.allowCodeExecution);
        CHECK(options.skipBad);
        CHECK(options.subject == "s");
        CHECK(options.length == 9);
        CHECK(options.depth == 0.25);
        CHECK(options.dataDir == "d");
        CHECK(options.shots == 0);
        CHECK(options.seed == 3);
        const kvviz::datasets::TaskOptions untouched = optionsOf(parsed(command));
        CHECK(untouched.questions == 0);
        CHECK_FALSE(untouched.allowCodeExecution);
        CHECK_FALSE(untouched.skipBad);
    }
    CHECK_THAT(usageError({"tasks", "show", "sums", "--questions", "0"}), Catch::Contains("--questions"));
}

TEST_CASE("what is not given keeps its default", "[cli][unit]")
{
    const Invocation run = parsed({"capture", "--text", "--- starts with dashes"});
    const app::CaptureOptions fresh;
    CHECK(run.capture.text == "--- starts with dashes");
    CHECK(run.capture.tier == fresh.tier);
    CHECK(run.capture.window == fresh.window);
    CHECK(run.capture.generate == fresh.generate);
    CHECK(run.capture.shots == -1);
    CHECK(run.capture.depth == -1);
    CHECK_FALSE(run.capture.limit.has_value());
    CHECK_FALSE(run.common.json);
    CHECK(run.common.color == "auto");
}

TEST_CASE("positionals named like commands are positionals, and common options stand on both sides", "[cli][unit]")
{
    const Invocation run = parsed({"-q", "--color", "never", "info", "capture", "tasks", "--json"});
    CHECK(run.command == "info");
    CHECK(run.info.files == std::vector<std::string>{"capture", "tasks"});
    CHECK(run.common.quiet);
    CHECK(run.common.json);
    CHECK(run.common.color == "never");
}

TEST_CASE("the last of a repeated option counts", "[cli][unit]")
{
    CHECK(parsed({"replay", "a.kvh5", "--depth", "mass", "--depth", "output", "-vv"}).replay.depth == "output");
    CHECK(parsed({"replay", "a.kvh5", "-vv"}).common.verbose == 2);
}

TEST_CASE("replay, pack, tasks, figure and view options land in their fields", "[cli][unit]")
{
    const Invocation replay = parsed({"replay", "a.kvh5", "run", "-m", "snapkv;h2o", "--budget-tokens", "64,128",
                                      "--no-masks", "--csv", "-", "--force"});
    CHECK(replay.replay.captures == std::vector<std::string>{"a.kvh5", "run"});
    CHECK(replay.replay.methods == "snapkv;h2o");
    CHECK(replay.replay.budgetTokens == "64,128");
    CHECK(replay.replay.noMasks);
    CHECK(replay.replay.csv == "-");
    CHECK(replay.replay.force);
    CHECK(parsed({"pack", "a", "b", "-o", "c.kvh5"}).pack.inputs.size() == 2);
    const Invocation tasks = parsed({"tasks", "show", "addition", "--index", "3"});
    CHECK(tasks.tasks.action == "show");
    CHECK(tasks.tasks.name == "addition");
    CHECK(tasks.tasks.index == 3);
    const Invocation figure = parsed({"figure", "heatmap", "a.kvh5", "--width", "85", "--layer", "2", "-o", "a.pdf"});
    CHECK(figure.figure.name == "heatmap");
    CHECK(figure.figure.widthMm == 85);
    CHECK(figure.figure.layer == 2);
    CHECK(figure.figure.head == -1);
    const Invocation delta = parsed({"figure", "delta", "--by", "shots", "--task", "a", "--task", "b", "--published",
                                     "--range", "-50,10", "--theme", "dark", "a.kvres.h5", "-o", "a.pdf"});
    CHECK(delta.figure.by == "shots");
    CHECK(delta.figure.tasks == std::vector<std::string>{"a", "b"});
    CHECK(delta.figure.published);
    CHECK(delta.figure.range == "-50,10");
    CHECK(delta.figure.theme == "dark");
    CHECK(delta.figure.files == std::vector<std::string>{"a.kvres.h5"});
    const Invocation paper = parsed({"figure", "fig5", "a.kvres.h5", "--width-preset", "text", "--style", "s.json",
                                     "--csv", "--no-published", "-o", "a.pdf"});
    CHECK(paper.figure.name == "fig5");
    CHECK(paper.figure.widthPreset == "text");
    CHECK(paper.figure.style == "s.json");
    CHECK(paper.figure.csv);
    CHECK(paper.figure.noPublished);
    CHECK(paper.figure.theme.empty()); // the style file's, else light
    const Invocation report = parsed({"report", "run", "e.kvres.h5", "-o", "r.html", "--max-mb", "5.5", "--layers",
                                      "0-3", "--cells", "64", "--sinks", "0", "--title", "T", "--force"});
    CHECK(report.report.files == std::vector<std::string>{"run", "e.kvres.h5"});
    CHECK(report.report.output == "r.html");
    CHECK(report.report.maxMb == 5.5);
    CHECK(report.report.layers == "0-3");
    CHECK(report.report.cells == 64);
    CHECK(report.report.sinks == 0);
    CHECK(report.report.title == "T");
    CHECK(report.report.force);
    CHECK_THAT(usageError({"figure", "fig10", "a.kvres.h5", "-o", "a.pdf"}), Catch::Contains("fig1"));
    CHECK_THAT(usageError({"figure", "fig1", "a", "-o", "a.pdf", "--width-preset", "colum"}),
               Catch::Contains("did you mean 'column'?"));
    CHECK(parsed({"view", "a.kvh5", "--screenshot", "w.png"}).view.screenshot == "w.png");
    CHECK(parsed({"man", "capture"}).manPage == "capture");
    CHECK(parsed({"completion", "zsh"}).completionShell == "zsh");
}

TEST_CASE("a file alone is viewed, and help X is X --help", "[cli][unit]")
{
    const Invocation run = parsed({"-q", "run/a.kvh5", "b.kvh5"});
    CHECK(run.command == "view");
    CHECK(run.view.files == std::vector<std::string>{"run/a.kvh5", "b.kvh5"});
    CommandLine line;
    CHECK(line.parse({"help", "replay"}) == CommandLine::Action::help);
    CHECK(line.command() == "replay");
}

TEST_CASE("help and version win over what else is wrong", "[cli][unit]")
{
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {}, {"--help"}, {"-h"}, {"capture", "--help"}, {"capture", "--tier", "huge", "--help"}, {"pack", "-h"}}) {
        CommandLine line;
        CHECK(line.parse(arguments) == CommandLine::Action::help);
    }
    CommandLine line;
    CHECK(line.parse({"--version"}) == CommandLine::Action::version);
}

TEST_CASE("unknown commands, options and words suggest the nearest", "[cli][unit]")
{
    CHECK(usageError({"inof", "a.kvh5"}) == "unknown command 'inof'; did you mean 'info'?");
    CHECK(usageError({"captrue", "--tier", "full"}) == "unknown command 'captrue'; did you mean 'capture'?");
    CHECK(usageError({"qqqqqqqqqqqq"}) == "unknown command 'qqqqqqqqqqqq'");
    CHECK(usageError({"info", "--jsn", "a"}) == "unknown option '--jsn'; did you mean '--json'?");
    CHECK(usageError({"info", "--jsn"}) == "unknown option '--jsn'; did you mean '--json'?");
    CHECK(usageError({"replay", "a", "--ratio=0.5"}) == "unknown option '--ratio=0.5'; did you mean '--ratios'?");
    CHECK(usageError({"--jsn"}) == "unknown option '--jsn'; did you mean '--json'?");
    CHECK(usageError({"capture", "--text", "x", "--tier", "ful"})
          == "--tier: 'ful' is not one of stats, cache, map, full; did you mean 'full'?");
    CHECK(usageError({"man", "inof"}) == "unknown command 'inof'; did you mean 'info'?");
    CHECK(usageError({"tasks", "gsm8k"}) == "unknown action 'gsm8k'; did you mean 'kvviz tasks show gsm8k'?");
}

TEST_CASE("wrong values and missing pieces are named", "[cli][unit]")
{
    CHECK(usageError({"capture", "--text", "x", "--limit", "0"}) == "--limit: 0 is too small, the least is 1");
    CHECK(usageError({"capture", "--text", "x", "--limit", "many"})
          == "--limit: 'many' is not a whole number (from 1 on)");
    CHECK(usageError({"capture", "--text", "x", "--limit", "99999999999999999999"})
          == "--limit: '99999999999999999999' is not a whole number (from 1 on)");
    CHECK(usageError({"capture", "--text", "x", "--shots", "-2"}) == "--shots: -2 is too small, the least is 0");
    CHECK(usageError({"capture", "--text", "x", "--depth", "1.5"}) == "--depth: 1.5 is outside 0 to 1");
    CHECK(usageError({"capture", "--text", "x", "--seed", "-1"}) == "--seed: '-1' is not a whole number (from 0 on)");
    CHECK(usageError({"capture", "--text"}) == "--text needs a value");
    CHECK(usageError({"info"}) == "missing: FILES");
    CHECK(usageError({"pack", "a"}) == "missing: --output");
    CHECK(usageError({"-q"}) == "no command given");
    CHECK(usageError({"methods", "snapkv", "h2o"}) == "unexpected argument 'h2o'");
    CHECK(usageError({"tasks", "show"}) == "tasks show needs the name of a task; 'kvviz tasks' lists them");
}

TEST_CASE("options that contradict each other are refused", "[cli][unit]")
{
    CHECK_THAT(usageError({"capture"}), Catch::Contains("one of --text, --text-file, --token-ids, --task"));
    CHECK_THAT(usageError({"capture", "--text", "x", "--task", "addition"}), Catch::Contains("exclude each other"));
    CHECK_THAT(usageError({"capture", "--text", "x", "--resume", "--force"}), Catch::Contains("--resume"));
    CHECK(usageError({"replay", "a", "--ratios", "0.5", "--budget-tokens", "8"})
          == "--ratios and --budget-tokens exclude each other");
    CHECK_THAT(usageError({"replay", "a", "-o", "x", "--no-output"}), Catch::Contains("exclude each other"));
    CHECK_THAT(usageError({"info", "a", "-q", "-v"}), Catch::Contains("exclude each other"));
}

TEST_CASE("the command line is kept as a shell would take it back", "[cli][unit]")
{
    const char* const argv[] = {"/usr/bin/kvviz", "capture", "--text", "it's 5 o'clock", "--limit=3", ""};
    CHECK(app::commandLineText(6, argv) == "kvviz capture --text 'it'\\''s 5 o'\\''clock' --limit=3 ''");
}
