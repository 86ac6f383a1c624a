// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Command lines that the window builds: parsed again by the program's own parser, field by field, and split again by a
// real shell.
#include "app/cli.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "views/run_command.hpp"

using namespace kvviz;
using views::WhenThere;

namespace {

app::Invocation parsed(const views::Run& run)
{
    app::CommandLine line;
    REQUIRE(line.parse(views::argumentsOf(run)) == app::CommandLine::Action::run);
    CHECK(line.command() == views::commandOf(run));
    return line.invocation();
}

/// Words that a careless command line would lose, split or misread.
const std::vector<std::string> kNasty{"plain",
                                      "two words",
                                      "--output",
                                      "-x",
                                      "it's",
                                      "a\"b",
                                      "$HOME `id`",
                                      "line\nbreak",
                                      "tab\there",
                                      "[a,b]",
                                      "{}",
                                      "a;b&c|d>e",
                                      "\xc3\xa9t\xc3\xa9 \xe2\x86\x92",
                                      "back\\slash",
                                      "!bang",
                                      "#hash",
                                      "~home",
                                      "=equals",
                                      "*",
                                      "100%"};

views::CaptureRun taskRun()
{
    views::CaptureRun run;
    run.prompts.task = "addition";
    run.output = "/data/out.kvh5";
    return run;
}

views::EvalRun evalRun()
{
    views::EvalRun run;
    run.prompts = {"needle", 3, 12, "/data/public files"};
    run.methods = "snapkv:window=16,kernel=5;snapkv+kivi";
    run.ratios = "0.9,...,0.1";
    run.model = "/models/a model.gguf";
    run.output = "/data/needle.kvres.h5";
    run.whenThere = WhenThere::resume;
    return run;
}

} // namespace

TEST_CASE("A capture of a task says every field and nothing else", "[views][unit]")
{
    views::CaptureRun run = taskRun();
    run.prompts.shots = 0;
    run.prompts.limit = 7;
    run.prompts.dataDir = "/data/files";
    run.tier = "full";
    run.generate = 0;
    run.model = "/models/m.gguf";
    run.output = "/data/run";
    run.whenThere = WhenThere::resume;
    const app::CaptureOptions options = parsed(run).capture;
    CHECK(options.tasks == std::vector<std::string>{"addition"});
    CHECK(options.text.empty());
    CHECK(options.textFile.empty());
    CHECK(options.shots == 0);
    CHECK(options.limit == 7);
    CHECK(options.dataDir == "/data/files");
    CHECK(options.tier == "full");
    CHECK(options.generate == 0);
    CHECK(options.model == "/models/m.gguf");
    CHECK(options.output == "/data/run");
    CHECK(options.resume);
    CHECK_FALSE(options.force);

    const app::CaptureOptions defaults = parsed(taskRun()).capture;
    CHECK(defaults.shots == -1);
    CHECK(defaults.model.empty());
    CHECK(defaults.dataDir.empty());
    CHECK_FALSE(defaults.resume);
}

TEST_CASE("Own texts arrive as they were typed", "[views][unit]")
{
    for (const std::string& text : kNasty) {
        INFO(text);
        views::CaptureRun run = taskRun();
        run.source = views::CaptureRun::Source::text;
        run.text = text;
        run.whenThere = WhenThere::overwrite;
        const app::CaptureOptions options = parsed(run).capture;
        CHECK(options.text == text);
        CHECK(options.tasks.empty());
        CHECK(options.force);
    }
}

TEST_CASE("File names are never taken for options or commands", "[views][unit]")
{
    for (const std::string& name : kNasty) {
        INFO(name);
        const std::filesystem::path absolute = std::filesystem::path("/data") / name;
        for (const std::filesystem::path& file :
             {std::filesystem::path(name), absolute, "info" / absolute.relative_path()}) {
            views::CaptureRun capture = taskRun();
            capture.source = views::CaptureRun::Source::textFile;
            capture.textFile = file;
            capture.output = file;
            const app::CaptureOptions options = parsed(capture).capture;
            CHECK(std::filesystem::path(options.textFile).lexically_normal() == file);
            CHECK(std::filesystem::path(options.output).lexically_normal() == file);
            const views::ReplayRun replay{{file, "/data/b.kvh5"}, "all", "0.5", "mass", "/m.gguf", file,
                                          WhenThere::refuse};
            const app::ReplayOptions read = parsed(replay).replay;
            REQUIRE(read.captures.size() == 2);
            CHECK(std::filesystem::path(read.captures[0]).lexically_normal() == file);
            CHECK(read.captures[1] == "/data/b.kvh5");
        }
    }
    // The name of a command as the name of a file.
    const views::ReplayRun replay{{"info"}, "snapkv", "0.5", "mass", {}, "r.kvres.h5", WhenThere::refuse};
    CHECK(parsed(replay).replay.captures == std::vector<std::string>{"./info"});
}

TEST_CASE("A replay says every field, and the model only where it runs", "[views][unit]")
{
    views::ReplayRun run{{"/a.kvh5", "/b.kvh5"}, "snapkv;shotkv:question", "0.9,...,0.1", "decode", "/m.gguf",
                         "/r.kvres.h5",          WhenThere::overwrite};
    app::ReplayOptions options = parsed(run).replay;
    CHECK(options.captures == std::vector<std::string>{"/a.kvh5", "/b.kvh5"});
    CHECK(options.methods == "snapkv;shotkv:question");
    CHECK(options.ratios == "0.9,...,0.1");
    CHECK(options.depth == "decode");
    CHECK(options.model == "/m.gguf");
    CHECK(options.output == "/r.kvres.h5");
    CHECK(options.force);
    run.depth = "output";
    run.whenThere = WhenThere::refuse;
    options = parsed(run).replay;
    CHECK(options.model.empty());
    CHECK_FALSE(options.force);
}

TEST_CASE("An evaluation says every field", "[views][unit]")
{
    const app::EvalOptions options = parsed(evalRun()).eval;
    CHECK(options.tasks == std::vector<std::string>{"needle"});
    CHECK(options.shots == 3);
    CHECK(options.limit == 12);
    CHECK(options.dataDir == "/data/public files");
    CHECK(options.methods == "snapkv:window=16,kernel=5;snapkv+kivi");
    CHECK(options.ratios == "0.9,...,0.1");
    CHECK(options.model == "/models/a model.gguf");
    CHECK(options.output == "/data/needle.kvres.h5");
    CHECK(options.resume);
}

TEST_CASE("A shell splits the copied line into exactly the words that are run", "[views][unit]")
{
    std::vector<std::string> words = kNasty;
    words.emplace_back("");
    std::string expected;
    for (const std::string& word : words)
        expected += word + '\x01';
    const test::Outcome outcome = test::runShell("printf '%s\\001' " + views::shellLine(words));
    CHECK(outcome.status == 0);
    CHECK(outcome.out == expected);
    CHECK(views::shellLine({"kvviz", "replay", "--ratios", "0.9,...,0.1", "/a.kvh5"})
          == "kvviz replay --ratios 0.9,...,0.1 /a.kvh5");
}

TEST_CASE("What a form lacks is said before anything runs", "[views][unit]")
{
    CHECK(views::obstacleTo(taskRun()).empty());
    CHECK(views::obstacleTo(evalRun()).empty());
    views::CaptureRun capture = taskRun();
    capture.prompts.limit = 2;
    CHECK(views::obstacleTo(capture).find("folder") != std::string::npos);
    capture.output.clear();
    CHECK(views::obstacleTo(capture).find("where") != std::string::npos);
    capture = taskRun();
    capture.prompts.task.clear();
    CHECK(views::obstacleTo(capture).find("task") != std::string::npos);
    capture.source = views::CaptureRun::Source::text;
    capture.text = " \n";
    CHECK(views::obstacleTo(capture).find("prompt") != std::string::npos);
    capture.text.assign(200'000, 'a');
    CHECK(views::obstacleTo(capture).find("longer") != std::string::npos);
    capture.source = views::CaptureRun::Source::textFile;
    CHECK(views::obstacleTo(capture).find("text file") != std::string::npos);

    views::EvalRun eval = evalRun();
    eval.methods = "snapkv;snapvk";
    CHECK(views::obstacleTo(eval).find("snapvk") != std::string::npos);
    eval.methods = " ";
    CHECK(views::obstacleTo(eval).find("methods") != std::string::npos);
    eval = evalRun();
    eval.output = "/data/needle.h5";
    CHECK(views::obstacleTo(eval).find(".kvres.h5") != std::string::npos);
    CHECK(views::obstacleTo(views::ReplayRun{{}, "all", "0.5", "mass", {}, "/r.kvres.h5", {}}).find("open a capture")
          != std::string::npos);
}

TEST_CASE("Outputs are what there is to open, and suggested names are free", "[views][unit]")
{
    CHECK(views::outputsOf(taskRun()) == std::vector<std::filesystem::path>{"/data/out.kvh5"});
    const test::ScratchFolder folder;
    CHECK(views::freePath(folder.path(), "a", ".kvh5") == folder / "a.kvh5");
    folder.write("a.kvh5", "x");
    folder.write("a-2.kvh5", "x");
    CHECK(views::freePath(folder.path(), "a", ".kvh5") == folder / "a-3.kvh5");
    CHECK(views::freePath(folder / "not there", "a", "") == folder / "not there/a");
}
