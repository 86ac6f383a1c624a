// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz status where clocks differ, folders are read-only, and one of several folders is none.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::Outcome;
using test::ScratchFolder;
namespace fs = std::filesystem;

namespace {

/// A run of three prompts, one of them in work elsewhere and touched just now.
std::string makeRun(const ScratchFolder& folder, const std::string& name)
{
    folder.write(name + "/capture.json", R"({"format":"kvviz-run","prompts":["a","b","c"]})");
    folder.write(name + "/b.kvh5.elsewhere-12.part", "half");
    return (folder / name).string();
}

/// kvviz status on a machine whose clock is wrong by so many seconds.
Outcome statusAtShift(int seconds, const std::string& run)
{
    return test::runShell(fmt::format("KVVIZ_TEST_CLOCK_SHIFT={} LD_PRELOAD='{}' ASAN_OPTIONS=verify_asan_link_order=0 "
                                      "'{}/kvviz' status --json '{}'",
                                      seconds, KVVIZ_SHIFTED_CLOCK, KVVIZ_BIN_DIR, run));
}

json onlyRun(const Outcome& outcome)
{
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    return json::parse(outcome.out).at("runs").at(0);
}

} // namespace

TEST_CASE("status judges by the folder's clock, however wrong this machine's is", "[cli]")
{
    const ScratchFolder folder;
    const std::string run = makeRun(folder, "run");
    for (const int shift : {0, 7200, -7200}) {
        CAPTURE(shift);
        const json live = onlyRun(statusAtShift(shift, run));
        CHECK(live.at("clock") == "folder");
        CHECK(live.at("running").size() == 1);
        CHECK(live.at("dead").empty());
    }
    fs::last_write_time(folder / "run/b.kvh5.elsewhere-12.part", fs::file_time_type::clock::now() - std::chrono::minutes(14));
    for (const int shift : {0, 7200, -7200}) {
        CAPTURE(shift);
        const json dead = onlyRun(statusAtShift(shift, run));
        REQUIRE(dead.at("dead").size() == 1);
        CHECK(dead.at("dead").at(0).at("age_s") >= 14 * 60);
        CHECK(dead.at("dead").at(0).at("age_s") < 15 * 60);
    }
    CHECK(std::distance(fs::directory_iterator(run), fs::directory_iterator()) == 2); // nothing is left behind
}

TEST_CASE("status of a read-only folder says by whose clock it judges", "[cli]")
{
    const ScratchFolder folder;
    const std::string run = makeRun(folder, "run");
    const std::string inside = fmt::format("unshare -m sh -c 'mount --bind {0} {0} && mount -o remount,ro,bind {0} && ", run);
    if (test::runShell(inside + "true'").status != 0) {
        WARN("skipped: a read-only folder for root needs the right to mount one");
        return;
    }
    const Outcome text = test::runShell(fmt::format("{}\"{}/kvviz\" status {}'", inside, KVVIZ_BIN_DIR, run));
    CHECK(text.status == 0);
    CHECK_THAT(text.out, Contains("1 running") && Contains("this machine's clock"));
    CHECK(onlyRun(test::runShell(fmt::format("{}\"{}/kvviz\" status --json {}'", inside, KVVIZ_BIN_DIR, run))).at("clock")
          == "machine");
    CHECK_THAT(test::runProgram("kvviz", {"status", run}).out, !Contains("clock"));
}

TEST_CASE("a folder that cannot be read hides no other from status", "[cli]")
{
    const ScratchFolder folder;
    const std::string run = makeRun(folder, "run"), none = (folder / "none").string(), last = makeRun(folder, "last");
    const Outcome text = test::runProgram("kvviz", {"status", run, none, last});
    CHECK(text.status == 3);
    CHECK_THAT(text.out, Contains(run + ": 0 of 3 prompts done") && Contains(last + ": 0 of 3 prompts done"));
    CHECK_THAT(text.err, Contains("kvviz: error: '" + none + "' is no folder"));
    const Outcome forPrograms = test::runProgram("kvviz", {"status", "--json", none, run});
    CHECK(forPrograms.status == 3);
    const json report = json::parse(forPrograms.out);
    CHECK(report.at("runs").size() == 1);
    REQUIRE(report.at("errors").size() == 1);
    CHECK(report.at("errors").at(0).at("folder") == none);
}

TEST_CASE("status refuses a capture.json whose prompts are no list", "[cli]")
{
    const ScratchFolder folder;
    folder.write("run/capture.json", R"({"format":"kvviz-run","prompts":3})");
    const Outcome outcome = test::runProgram("kvviz", {"status", (folder / "run").string()});
    CHECK(outcome.status == 3);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, Contains("capture.json': prompts: expected a list of the ids of prompts, found number"));
}

TEST_CASE("a capture.json that is no file of its size is refused at once, and hides no other folder", "[cli]")
{
    const ScratchFolder folder;
    const std::string good = makeRun(folder, "good");
    const auto refused = [&](const std::string& name, const std::string& make) {
        CAPTURE(name);
        const std::string run = (folder / name).string();
        REQUIRE(test::runShell(fmt::format("mkdir '{0}' && cd '{0}' && {1}", run, make)).status == 0);
        const Outcome outcome = test::runShell(fmt::format("timeout 60 '{}/kvviz' status '{}' '{}'", KVVIZ_BIN_DIR, run, good));
        CHECK(outcome.status == 3);
        CHECK_THAT(outcome.out, Contains("0 of 3 prompts done"));
        CHECK_THAT(outcome.err, Contains("kvviz: error: '" + run + "/capture.json' cannot be read: "));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    };
    refused("folder", "mkdir capture.json");
    refused("pipe", "mkfifo capture.json");
    refused("loop", "ln -s capture.json capture.json");
    refused("huge", "truncate -s 1T capture.json");
    refused("nowhere", "ln -s /none/at/all capture.json");
    if (fs::exists("/dev/zero"))
        refused("endless", "ln -s /dev/zero capture.json");
}
