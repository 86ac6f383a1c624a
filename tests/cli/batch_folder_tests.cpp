// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a batch leaves alone in its folder, and how a task of Slurm that gets nowhere ends. Slurm is played by its
// variables here; tests/cli/slurm_tests.cpp has a real one.
#include "tests/cli/engine_runs.hpp"

#include <sys/stat.h>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;
using test::checkRefused;
namespace fs = std::filesystem;

namespace {

std::pair<std::uint64_t, std::int64_t> inodeAndTime(const std::string& path)
{
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return {status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

/// A command in start number `restarts` (from 0) of task 3 of the array 17.
Outcome inSlurm(int restarts, const std::string& command)
{
    return test::runShell(fmt::format("export SLURM_JOB_ID=20 SLURM_ARRAY_JOB_ID=17 SLURM_ARRAY_TASK_ID=3 "
                                      "SLURM_RESTART_COUNT={}; {}", restarts, command));
}

/// The same, stopped as soon as the first prompt is in work.
Outcome stoppedInSlurm(const EngineFolder& folder, int restarts, const std::string& command)
{
    return inSlurm(restarts, fmt::format("{} & child=$!; for i in $(seq 600); do ls {}/*.kvh5.*.part >/dev/null 2>&1 && break; "
                                         "sleep 0.05; done; kill -TERM $child; wait $child", command, folder.path("run")));
}

void leave(const EngineFolder& folder, const std::string& name, const std::string& content)
{
    static_cast<void>(folder.write(name, content));
}

const std::string kRecord = "run/capture.17_3.restarts.json";

} // namespace

TEST_CASE("a batch in which all is done touches nothing, so that its folder may be read-only", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string arguments = "--task addition --limit 2 --generate 1 --tier stats -q -o " + folder.path("run");
    REQUIRE(test::runShell(folder.captureLine(arguments)).status == 0);
    const auto before = inodeAndTime(folder.path("run/capture.json"));
    const auto folderBefore = folder.files("run");
    CHECK(test::runShell(folder.captureLine(arguments + " --resume")).status == 0);
    CHECK(inodeAndTime(folder.path("run/capture.json")) == before);
    CHECK(folder.files("run") == folderBefore);
    const std::string readOnly = fmt::format("mount --bind {0} {0} && mount -o remount,ro,bind {0}", folder.path("run"));
    if (test::runShell("unshare -m sh -c '" + readOnly + "'").status == 0) {
        const std::string script = folder.write("again.sh", readOnly + " && " + folder.captureLine(arguments + " --resume"));
        const Outcome again = test::runShell("unshare -m sh " + script);
        INFO(again.err);
        CHECK(again.status == 0);
        CHECK(again.err.empty());
    }
    // With something to do, the time of capture.json says when this run began.
    fs::remove(folder.path("run/addition-0001.kvh5"));
    CHECK(test::runShell(folder.captureLine(arguments + " --resume")).status == 0);
    CHECK(inodeAndTime(folder.path("run/capture.json")).first == before.first);
    CHECK(inodeAndTime(folder.path("run/capture.json")).second > before.second);
}

TEST_CASE("resuming with other settings is refused before the run is described anew", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string arguments = "--task addition --limit 2 --generate 1 --tier stats -q --resume -o " + folder.path("run");
    REQUIRE(test::runShell(folder.captureLine(arguments)).status == 0);
    const auto before = inodeAndTime(folder.path("run/capture.json"));
    const auto filesBefore = folder.files("run");
    const Outcome other = test::runShell(folder.captureLine(arguments + " --seed 5"));
    CHECK(other.status == 3);
    CHECK_THAT(other.err, Contains("does not fit this run"));
    CHECK(inodeAndTime(folder.path("run/capture.json")) == before);
    CHECK(folder.files("run") == filesBefore); // no failure is noted: nothing was tried
    // More prompts of the same run are described and made.
    REQUIRE(test::runShell(folder.captureLine("--task addition --limit 3 --generate 1 --tier stats -q --resume -o "
                                              + folder.path("run"))).status == 0);
    CHECK(folder.files("run").size() == filesBefore.size() + 1);
}

TEST_CASE("a task of Slurm that is queued again and again without a prompt done gives up, and names the prompt", "[cli][engine]")
{
    const EngineFolder folder(100000);
    const std::string endless = folder.captureLine("--task addition --limit 2 --generate 90000 --tier stats -q --resume -o "
                                                   + folder.path("run"));
    CHECK(stoppedInSlurm(folder, 0, endless).status == 130);
    CHECK(test::bytesOfFile(folder.path(kRecord)).find("addition-0000") != std::string::npos);
    CHECK(stoppedInSlurm(folder, 3, endless).status == 130); // three times is allowed
    checkRefused(inSlurm(4, endless), 1, {"task 17_3", "4 times", "addition-0000", "sbatch --time"});

    const json run = test::jsonObject(test::runProgram("kvviz", {"status", "--json", folder.path("run")})).at("runs").at(0);
    REQUIRE(run.at("failed").size() == 1);
    CHECK(run.at("failed").at(0).at("id") == "addition-0000");
    CHECK_THAT(run.at("failed").at(0).at("error").get<std::string>(), Contains("longer than the task may run"));

    // A new task begins anew, and one without Slurm knows of nothing; done prompts clear the record and the failure.
    const std::string quick = folder.captureLine("--task addition --limit 2 --generate 1 --tier stats -q --resume -o "
                                                 + folder.path("run"));
    CHECK(test::runShell("SLURM_JOB_ID=99 SLURM_RESTART_COUNT=3; " + quick).status == 0);
    CHECK(folder.files("run") == std::set<std::string>{"addition-0000.kvh5", "addition-0001.kvh5", "capture.json",
                                                       fs::path(kRecord).filename().string()});
}

TEST_CASE("a start that finishes a prompt lets a task of Slurm be queued again as often", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string run =
        folder.captureLine("--task addition --generate 1 --tier stats -q --resume -o " + folder.path("run"));
    leave(folder, kRecord, R"({"format":"kvviz-restarts","useful":6,"prompt":"addition-0000"})");
    CHECK(inSlurm(9, run).status == 0);
    CHECK(inSlurm(13, run).status == 5); // nothing was done in 10, 11 and 12
    CHECK(inSlurm(12, run).status == 0); // all is done
    CHECK(inSlurm(13, run).status == 0);
    for (const char* odd : {"", "{", "[]", R"({"format":"kvviz-restarts","useful":"x","prompt":3})",
                            R"({"format":"kvviz-restarts","useful":99999999999,"prompt":"a"})"}) {
        CAPTURE(odd);
        leave(folder, kRecord, odd);
        CHECK(inSlurm(3, run).status == 0);
        leave(folder, kRecord, odd);
        CHECK(inSlurm(4, run).status == 5);
    }
    fs::remove(folder.path(kRecord));
    checkRefused(inSlurm(4, run), 5, {"no start came as far", "loading"});
}

TEST_CASE("an evaluation that gets nowhere in Slurm gives up, and status names its prompt", "[cli][engine]")
{
    const EngineFolder folder;
    fs::create_directory(folder.path("run"));
    const std::string eval = fmt::format("'{}/kvviz' eval --model {} --task addition --limit 2 --generate 1 --methods snapkv "
                                         "--ratios 0.5 -q --resume -o {}",
                                         KVVIZ_BIN_DIR, folder.model(), folder.path("run/e.kvres.h5"));
    REQUIRE(test::runShell(eval + " --shard 0/2").status == 0);
    leave(folder, "run/e.kvres.h5.17_3.restarts.json", R"({"format":"kvviz-restarts","useful":1,"prompt":"addition-0001"})");
    checkRefused(inSlurm(5, eval + " --shard 1/2"), 1, {"task 17_3", "4 times", "addition-0001"});
    const Outcome status = test::runProgram("kvviz", {"status", folder.path("run")});
    CHECK_THAT(status.out, Contains("failed  addition-0001") && Contains("longer than the task may run"));
    CHECK(test::runShell(eval).status == 0);
    CHECK_THAT(test::runProgram("kvviz", {"status", folder.path("run")}).out, !Contains("failed"));
}

TEST_CASE("on a full disk a capture ends with one sentence, wherever the room ends", "[cli][engine]")
{
    const EngineFolder folder;
    fs::create_directory(folder.path("full"));
    const std::string mount = fmt::format("mount -t tmpfs -o size=64k none {}", folder.path("full"));
    if (test::runShell("unshare -m sh -c '" + mount + "'").status != 0) {
        WARN("skipped: a small disk needs the right to mount one");
        return;
    }
    for (const int kilobytes : {32, 56, 64}) { // while arrays are written, and at the creation of the file
        CAPTURE(kilobytes);
        const std::string script = folder.write(
            "fill.sh", fmt::format("{} && cd {} && head -c {}K /dev/zero > fill && {}; status=$?; ls; exit $status", mount,
                                   folder.path("full"), kilobytes,
                                   folder.captureLine("--text abc --generate 1 --tier full -q -o x.kvh5")));
        const Outcome outcome = test::runShell("unshare -m sh " + script);
        CHECK(outcome.out == "fill\n");
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.err, Contains("kvviz: error: ") && Contains("No space left on device") && !Contains("HDF5"));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    }
}
