// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz status, pack --virtual and import as programs, on files that need no engine.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/safetensors_builder.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <sys/stat.h>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::ScratchFolder;
using test::runProgram;
namespace fs = std::filesystem;

namespace {

json jsonOf(const test::Outcome& outcome)
{
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    return json::parse(outcome.out);
}

/// Two tokens, one layer, one head: the least that can be imported.
std::string leastArrays()
{
    test::SafetensorsBuilder file;
    file.add("input_ids", "I64", {2}, std::vector<std::int64_t>{4, 5});
    file.floats("attention", {1, 1, 2, 2}, {1, 0, 0.25f, 0.75f});
    return file.bytes();
}

} // namespace

TEST_CASE("status says what is done, dead, failed and waiting, for people and programs", "[cli]")
{
    const ScratchFolder folder;
    folder.write("run/capture.json", R"({"format":"kvviz-run","model":{"name":"tiny"},"tasks":["addition"],"tier":"cache",)"
                                     R"("prompts":["a","b","c","d"]})");
    test::writeSynthetic(test::SyntheticCapture(), folder / "run/a.kvh5");
    folder.write("run/b.kvh5.elsewhere-12.part", "half");
    folder.write("run/c.failed.json", R"({"format":"kvviz-failure","id":"c","error":"too long","writer":"x-1","time":"t"})");
    const std::string run = (folder / "run").string();
    const test::Outcome text = runProgram("kvviz", {"status", run});
    INFO(text.err);
    CHECK(text.status == 0);
    CHECK_THAT(text.out, Contains("1 of 4 prompts done, 1 running, 1 failed, 1 waiting"));
    CHECK_THAT(text.out, Contains("running  b") && Contains("elsewhere, process 12"));
    CHECK_THAT(text.out, Contains("failed   c") && Contains("too long"));
    fs::last_write_time(folder / "run/b.kvh5.elsewhere-12.part", fs::file_time_type::clock::now() - std::chrono::minutes(14));
    const test::Outcome later = runProgram("kvviz", {"status", run});
    CHECK_THAT(later.out, Contains("0 running") && Contains("2 waiting") && Contains("dead    b") && Contains("14 min ago"));
    const json report = jsonOf(runProgram("kvviz", {"status", "--json", run, run}));
    CHECK(report.at("command") == "status");
    REQUIRE(report.at("runs").size() == 2);
    const json& state = report.at("runs").at(0);
    CHECK(state.at("prompts") == 4);
    CHECK(state.at("done") == 1);
    CHECK(state.at("waiting") == 2);
    CHECK(state.at("dead").at(0).at("pid") == 12);
    CHECK(state.at("failed").at(0).at("error") == "too long");
    CHECK(state.at("seconds_left").is_null());
    const test::Outcome none = runProgram("kvviz", {"status", (folder / "none").string()});
    CHECK(none.status == 3);
    CHECK_THAT(none.err, Contains("is no folder"));
}

TEST_CASE("a virtual pack takes the place of its folder in other commands", "[cli]")
{
    const ScratchFolder folder;
    fs::create_directory(folder / "run");
    for (const char* name : {"a", "b"})
        test::writeSynthetic(test::SyntheticCapture(), folder / (std::string("run/") + name + ".kvh5"));
    const std::string pack = (folder / "run.kvh5").string();
    const json report = jsonOf(runProgram("kvviz", {"pack", "--virtual", (folder / "run").string(), "-o", pack, "--json"}));
    CHECK(report.at("members") == 2);
    CHECK(report.at("virtual") == true);
    CHECK(runProgram("kvviz", {"verify", pack}).status == 0);
    CHECK(jsonOf(runProgram("kvviz", {"info", "--json", pack})).at("captures").size() == 2);
    const test::Outcome replay = runProgram("kvviz", {"replay", pack, "--methods", "snapkv", "--ratios", "0.5", "--no-output"});
    CHECK(replay.status == 0);
    fs::remove(folder / "run/b.kvh5");
    const test::Outcome missing = runProgram("kvviz", {"verify", pack});
    CHECK(missing.status == 3);
    CHECK_THAT(missing.out, Contains("ok ") && Contains("BROKEN") && Contains("b.kvh5', which does not exist"));
    // info shows what can be read, names what cannot, and tells by its status.
    const test::Outcome info = runProgram("kvviz", {"info", pack});
    CHECK(info.status == 3);
    CHECK_THAT(info.out, Contains("run.kvh5:/captures/a") && !Contains("captures/b"));
    CHECK_THAT(info.err, Contains("kvviz: error: ") && Contains("b.kvh5', which does not exist"));
    const test::Outcome both = runProgram("kvviz", {"info", "--json", (folder / "none").string(), pack, pack});
    CHECK(both.status == 3);
    const json partial = json::parse(both.out);
    CHECK(partial.at("captures").size() == 1);
    CHECK(partial.at("errors").size() == 2);
}

TEST_CASE("import turns files into captures of their names and says what is missing", "[cli]")
{
    const ScratchFolder folder;
    const std::string one = folder.write("one.safetensors", leastArrays()).string();
    const std::string two = folder.write("two.safetensors", leastArrays()).string();
    const std::string out = (folder / "one.kvh5").string();
    const test::Outcome text = runProgram("kvviz", {"import", one, "-o", out});
    INFO(text.err);
    CHECK(text.status == 0);
    CHECK_THAT(text.out, Contains("2 prompt tokens") && Contains("tier stats") && Contains("not there: keys and values"));
    CHECK(runProgram("kvviz", {"verify", out}).status == 0);
    CHECK(runProgram("kvviz", {"import", one, "-o", out}).status == 1);
    CHECK(runProgram("kvviz", {"import", one, "-o", out, "--force"}).status == 0);
    const json report = jsonOf(runProgram("kvviz", {"import", one, two, "-o", (folder / "both").string(), "--json"}));
    CHECK(report.at("captures").size() == 2);
    CHECK(fs::exists(folder / "both/two.kvh5"));
    CHECK(runProgram("kvviz", {"import", one, two, "-o", out}).status == 2);
    CHECK(runProgram("kvviz", {"import", one, one, "-o", (folder / "same").string()}).status == 2);
    const auto named = [&](const std::string& metadata) {
        const std::string file = folder.write("about.json", metadata).string();
        return runProgram("kvviz", {"import", one, "--metadata", file, "-o", out, "--force"});
    };
    CHECK_THAT(named(R"({"model": "mine", "n_prompt": 1})").out, Contains("mine") && Contains("1 prompt tokens, 1 generated"));
    CHECK(named("{").status == 3);
    CHECK(named("").status == 3);
    const auto refused = [&](const fs::path& metadata) {
        const test::Outcome outcome =
            runProgram("kvviz", {"import", one, "--metadata", metadata.string(), "-o", out, "--force"});
        CHECK(outcome.status == 3);
        return outcome.err;
    };
    CHECK_THAT(refused(folder.path()), Contains("it is a folder"));
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK_THAT(refused(folder / "pipe"), Contains("pipe' cannot be read: it is not a regular file"));
    fs::create_symlink(folder / "loop", folder / "loop");
    CHECK_THAT(refused(folder / "loop"), Contains("loop' cannot be read"));
    fs::resize_file(folder.write("large.json", "{}"), std::uintmax_t{5} << 30); // a hole of 5 GB
    CHECK_THAT(refused(folder / "large.json"), Contains("large.json' cannot be read: it has more than 67108864 bytes"));
    CHECK_THAT(refused(folder / "none.json"), Contains("none.json"));
    const test::Outcome damaged = runProgram("kvviz", {"import", folder.write("bad.npz", "PK").string(), "-o", out, "--force"});
    CHECK(damaged.status == 3);
    CHECK_THAT(damaged.err, Contains("bad.npz"));
    CHECK(runProgram("kvviz", {"verify", out}).status == 0); // what was there stays
}
