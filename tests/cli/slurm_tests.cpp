// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The job scripts on a real Slurm of one machine, started by the test: an array of two tasks, one requeued, one killed
// and requeued, and a pack that waits for them. Skipped with the reason where Slurm cannot be started.
#include "tests/cli/capture_difference.hpp"
#include "tests/cli/engine_runs.hpp"

#include <chrono>
#include <set>
#include <thread>

using namespace kvviz;
using namespace std::chrono_literals;
using Catch::Contains;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;
namespace fs = std::filesystem;

namespace {

/// munged, slurmctld and slurmd of its own, ended with the object.
class Slurm {
public:
    explicit Slurm(const EngineFolder& folder) : m_folder(folder)
    {
        // munged runs as its own user and must get to its folder.
        fs::permissions(folder.path(""), fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add);
        const Outcome started = script("start");
        m_status = started.status;
        m_reason = started.out + started.err;
    }
    ~Slurm() { static_cast<void>(script("stop")); }
    Slurm(const Slurm&) = delete;
    Slurm& operator=(const Slurm&) = delete;

    [[nodiscard]] bool isThere() const { return m_status == 0; }
    [[nodiscard]] bool cannot() const { return m_status == 77; }
    [[nodiscard]] const std::string& reason() const { return m_reason; }
    /// A shell command with this Slurm, kvviz of this build, and the folder as working directory.
    [[nodiscard]] Outcome run(const std::string& command) const
    {
        return test::runShell(fmt::format("cd {} && export SLURM_CONF={} KVVIZ='{}/kvviz' && {}", m_folder.path(""),
                                          m_folder.path("slurm/slurm.conf"), KVVIZ_BIN_DIR, command));
    }
    /// Runs it and gives the first line.
    [[nodiscard]] std::string ask(const std::string& command) const
    {
        const Outcome outcome = run(command);
        INFO(command << ": " << outcome.err);
        REQUIRE(outcome.status == 0);
        return outcome.out.substr(0, outcome.out.find('\n'));
    }
    /// The number of a job from a script of resources/slurm.
    [[nodiscard]] std::string submit(const std::string& options, const std::string& name, const std::string& arguments) const
    {
        return ask(fmt::format("sbatch --parsable {} '{}/resources/slurm/{}' {}", options, KVVIZ_SOURCE_DIR, name, arguments));
    }
    [[nodiscard]] std::string state(const std::string& task) const
    {
        return ask(fmt::format("scontrol --oneliner show job {} | sed 's/.* JobState=\\([A-Z]*\\) .*/\\1/'", task));
    }
    /// Waits for all jobs. A requeued one would begin after two minutes; here it may at once.
    void drain() const
    {
        const auto end = std::chrono::steady_clock::now() + 200s;
        while (!ask("squeue --noheader; echo").empty() && std::chrono::steady_clock::now() < end) {
            static_cast<void>(run("for job in $(squeue --noheader --states=PENDING --format=%i); do "
                                  "scontrol update StartTime=now JobId=$job; done"));
            std::this_thread::sleep_for(300ms);
        }
        REQUIRE(ask("squeue --noheader; echo").empty());
    }

private:
    [[nodiscard]] Outcome script(const std::string& action) const
    {
        return test::runShell(fmt::format("'{}/tests/slurm/cluster.sh' {} '{}'", KVVIZ_SOURCE_DIR, action, m_folder.path("slurm")));
    }

    const EngineFolder& m_folder;
    int m_status = 0;
    std::string m_reason;
};

json status(const EngineFolder& folder)
{
    const Outcome outcome = test::runProgram("kvviz", {"status", "--json", folder.path("run")});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    return test::jsonObject(outcome).at("runs").at(0);
}

/// Waits until two tasks are at work, each with something done.
bool twoAtWork(const EngineFolder& folder)
{
    for (int i = 0; i < 1200; ++i) {
        if (folder.has("run/capture.json")) {
            const json run = status(folder);
            std::set<int> writers;
            for (const json& part : run.at("running"))
                writers.insert(part.at("pid").get<int>());
            if (writers.size() == 2 && run.at("done").get<int>() >= 4)
                return true;
        }
        std::this_thread::sleep_for(20ms);
    }
    return false;
}

std::set<std::string> filesEndingIn(const EngineFolder& folder, const std::string& ending)
{
    std::set<std::string> names;
    for (const std::string& name : folder.files("run"))
        if (name.ends_with(ending))
            names.insert(name);
    return names;
}

} // namespace

TEST_CASE("two tasks of a Slurm array, one requeued, one killed, make what one run makes", "[cli][engine][slurm][slow]")
{
    const EngineFolder folder;
    const Slurm slurm(folder);
    if (slurm.cannot()) {
        WARN("skipped: " << slurm.reason());
        return;
    }
    INFO(slurm.reason());
    REQUIRE(slurm.isThere());
    const int prompts = 160;
    const std::string arguments =
        fmt::format("--model {} --task addition --limit {} --generate 40 --tier full -q", folder.model(), prompts);

    const std::string job = slurm.submit("--array=0-1 --cpus-per-task=1", "capture-cpu.sbatch", arguments + " -o run");
    const std::string pack = slurm.submit("--dependency=afterany:" + job, "pack.sbatch", "run -o packed.kvh5");
    REQUIRE(twoAtWork(folder));
    // Task 0 is asked to end, task 1 is killed with everything in it, as a node does that fails.
    REQUIRE(slurm.run(fmt::format("scontrol requeue {}_0", job)).status == 0);
    REQUIRE(slurm.run(fmt::format("scancel --signal=KILL --full {}_1", job)).status == 0);
    for (int i = 0; i < 200 && slurm.state(job + "_1") != "FAILED"; ++i)
        std::this_thread::sleep_for(50ms);
    REQUIRE(slurm.run(fmt::format("scontrol requeue {}_1", job)).status == 0);
    slurm.drain();

    const json run = status(folder);
    INFO(run.dump(2));
    CHECK(run.at("done") == prompts);
    CHECK(run.at("running").empty());
    CHECK(run.at("dead").empty()); // what the killed task left was found and removed
    CHECK(run.at("failed").empty());
    CHECK(filesEndingIn(folder, ".part").empty());
    CHECK(filesEndingIn(folder, ".kvh5").size() == static_cast<std::size_t>(prompts));
    for (const char* task : {"0", "1"})
        CHECK(slurm.ask(fmt::format("scontrol --oneliner show job {}_{} | sed 's/.* Restarts=\\([0-9]*\\) .*/\\1/'", job, task))
              == "1");
    CHECK_THAT(test::bytesOfFile(folder.path(fmt::format("kvviz-capture-{}_0.log", job))), Contains("stopped after"));

    // With as many threads as a task had: matrix products of LibTorch round otherwise with another number.
    const Outcome alone =
        test::runShell(fmt::format("'{}/kvviz' capture --threads 1 {} -o {}", KVVIZ_BIN_DIR, arguments, folder.path("alone")));
    REQUIRE(alone.status == 0);
    for (const std::string& name : filesEndingIn(folder, ".kvh5"))
        CHECK(test::firstDifference(folder.path("run/" + name), folder.path("alone/" + name)) == "");
    CHECK(test::bytesOfFile(folder.path("run/capture.json")) == test::bytesOfFile(folder.path("alone/capture.json")));

    REQUIRE(folder.has("packed.kvh5"));
    CHECK(io::findCaptures({folder.path("packed.kvh5")}).size() == static_cast<std::size_t>(prompts));
    CHECK(slurm.state(pack) == "COMPLETED");
}

TEST_CASE("a task whose prompt takes longer than its time ends after some requeues and says so", "[cli][engine][slurm][slow]")
{
    const EngineFolder folder(100000);
    const Slurm slurm(folder);
    if (slurm.cannot()) {
        WARN("skipped: " << slurm.reason());
        return;
    }
    INFO(slurm.reason());
    REQUIRE(slurm.isThere());
    const std::string job = slurm.submit("--cpus-per-task=1", "capture-cpu.sbatch",
                                         fmt::format("--model {} --task addition --limit 3 --generate 90000 --tier stats -q -o run",
                                                     folder.model()));
    const auto waitFor = [&](const std::string& state) {
        for (int i = 0; i < 300 && slurm.state(job) != state; ++i) {
            static_cast<void>(slurm.run("scontrol update StartTime=now JobId=" + job));
            std::this_thread::sleep_for(50ms);
        }
        REQUIRE(slurm.state(job) == state);
    };
    for (int start = 0; start <= 3; ++start) {
        CAPTURE(start, slurm.run("cat *.log").out);
        waitFor("RUNNING");
        const auto isAtWork = [&] { return folder.has("run/capture.json") && status(folder).at("running").size() == 1; };
        for (int i = 0; i < 300 && !isAtWork(); ++i)
            std::this_thread::sleep_for(50ms);
        REQUIRE(isAtWork());
        // What Slurm sends to the script two minutes before the time limit.
        REQUIRE(slurm.run("scancel --signal=USR1 --batch " + job).status == 0);
        for (int i = 0; i < 300 && slurm.state(job) != "PENDING"; ++i)
            std::this_thread::sleep_for(50ms);
        std::this_thread::sleep_for(2s); // a start in the same second would meet the revoked credential of the last one
    }
    waitFor("FAILED");
    const json run = status(folder);
    INFO(run.dump(2));
    REQUIRE(run.at("failed").size() == 1);
    CHECK(run.at("failed").at(0).at("id") == "addition-0000");
    CHECK(run.at("running").empty());
    const std::string log = test::bytesOfFile(folder.path(fmt::format("kvviz-capture-{}_4294967294.log", job)));
    INFO(log);
    CHECK_THAT(log, Contains("addition-0000 was in work") && Contains("sbatch --time"));
}

TEST_CASE("the job scripts are sound shell, and share how they end", "[cli][unit]")
{
    std::set<std::string> endings;
    for (const auto& entry : fs::directory_iterator(fs::path(KVVIZ_SOURCE_DIR) / "resources/slurm")) {
        CAPTURE(entry.path());
        CHECK(test::runShell(fmt::format("bash -n '{}'", entry.path().string())).status == 0);
        const std::string text = test::bytesOfFile(entry.path().string());
        if (const std::size_t begin = text.find("child=$!"); begin != std::string::npos)
            endings.insert(text.substr(begin));
    }
    CHECK(endings.size() == 1);
}
