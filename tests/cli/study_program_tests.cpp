// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The real kvviz study with programs that stand in for kvviz-engine and kvviz-gui: what it calls, writes and prints.
#include "core/io/results.hpp"
#include "tests/cli/process.hpp"
#include "tests/study/made_up.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string contentOf(const fs::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    return content.str();
}

/// A folder with kvviz and helpers of the test's making beside it.
class StandIns {
public:
    StandIns()
    {
        fs::copy_file(fs::path(KVVIZ_BIN_DIR) / "kvviz", m_folder / "kvviz");
        // It notes its arguments, copies what the task is said to give, and refuses what is not there.
        place("kvviz-engine", R"sh(#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
shots=8
while [ $# -gt 0 ]; do
    case "$1" in
        --task) task=$2 ;;
        --shots) shots=$2 ;;
        -o) output=$2 ;;
    esac
    shift
done
echo "eval $task  1/4  25 %  2/s  ETA 0:01" >&2
if [ -f "$here/wait-$task-$shots" ]; then
    trap 'echo "kvviz: error: stopped; --resume goes on" >&2; exit 130' INT
    touch "$here/waiting"
    while :; do sleep 0.05; done
fi
if [ ! -f "$here/$task-$shots.kvres.h5" ]; then
    echo "kvviz: error: there is no result for $task" >&2
    exit 3
fi
cp "$here/$task-$shots.kvres.h5" "$output"
)sh");
    }

    void place(const std::string& name, const std::string& script) const
    {
        fs::permissions(m_folder.write(name, script), fs::perms::owner_all);
    }

    void result(const test::MadeUpTask& task) const
    {
        io::ResultsWriter writer(m_folder / fmt::format("{}-{}.kvres.h5", task.task, task.shots), "test", "test", true);
        for (const io::EvalRecord& record : test::recordsOf(task))
            writer.append(record);
        writer.finish();
    }

    /// PATH has the system's programs only, so that no other helper is found.
    [[nodiscard]] test::Outcome run(const std::string& arguments) const
    {
        return test::runShell(fmt::format("cd '{}'; export PATH=/usr/bin:/bin; ./kvviz {}", m_folder.path().string(),
                                          arguments));
    }

    [[nodiscard]] std::size_t calls() const
    {
        const std::string text = contentOf(m_folder / "calls");
        return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }

    [[nodiscard]] fs::path operator/(const std::string& name) const { return m_folder / name; }

private:
    test::ScratchFolder m_folder;
};

/// Results of the five tasks of observation 1.
void placeTasks(const StandIns& stand)
{
    for (const char* task : {"facts", "everyday", "addition", "code_lines", "requests"})
        stand.result({.task = task, .prompts = 30, .ratios = {0.9, 0.3, 0.1},
                      .kept = [task](const std::string&, double ratio) {
                          return ratio > 0.5 || task != std::string("addition") ? 1.0 : 0.2;
                      }});
}

} // namespace

TEST_CASE("a study runs its steps, writes the page and prints the verdicts", "[cli]")
{
    const StandIns stand;
    placeTasks(stand);
    const test::Outcome outcome = stand.run("study obs1 -o out --threads 1 --limit 30");
    INFO(outcome.err << outcome.out);
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.out, Contains("obs1 Task dependence (Tiny-Instruct): holds") && Contains("out/study.html"));
    CHECK_THAT(outcome.err, Contains("step 1 of 5, facts, 8 shots"));
    CHECK(stand.calls() == 5);
    const std::string calls = contentOf(stand / "calls");
    CHECK_THAT(calls, Contains("eval --methods streaming_noshift;h2o;snapkv;pyramidkv;chunkkv;shotkv --ratios 0.9,")
                          && Contains("--limit 30") && Contains("--threads 1") && Contains("--force"));
    for (const char* file : {"out/study.html", "out/study.md", "out/study.json",
                             "out/results/default/addition-8shots.kvres.h5"})
        CHECK(fs::file_size(stand / file) > 0);
    CHECK_THAT(contentOf(stand / "out/study.md"), Contains("Figures were not drawn:") && Contains("kvviz-gui"));
    CHECK_THAT(contentOf(stand / "out/study.html"), Contains("Table 7 of the paper, measured here"));

    const test::Outcome again = stand.run("study obs1 -o out --limit 30");
    CHECK(again.status == 2);
    CHECK_THAT(again.err, Contains("holds a study already") && Contains("--resume"));
    const test::Outcome resumed = stand.run("study obs1 obs2 -o out --limit 30 --resume --json");
    CHECK(resumed.status == 0);
    CHECK(stand.calls() == 5); // nothing was left to run
    const json report = json::parse(resumed.out);
    CHECK(report.at("schema_version") == 1);
    REQUIRE(report.at("verdicts").size() == 2);
    CHECK(report["verdicts"][0].at("outcome") == "holds");
    CHECK(report["verdicts"][1].at("outcome") == "not decidable here");
    CHECK(report["verdicts"][1]["findings"][0].at("value").is_null());
    CHECK(report.at("steps").size() == 5);
}

TEST_CASE("a step that fails is reported and leaves a partial study", "[cli]")
{
    const StandIns stand;
    placeTasks(stand);
    fs::remove(stand / "requests-8.kvres.h5");
    const test::Outcome outcome = stand.run("study obs1 -o out");
    CHECK(outcome.status == 5);
    CHECK_THAT(outcome.out, Contains("not measured: requests, 8 shots (default): there is no result for requests"));
    CHECK_THAT(contentOf(stand / "out/study.html"), Contains("there is no result for requests"));
    stand.result({.task = "requests"});
    CHECK(stand.run("study obs1 -o out --resume").status == 0);
    CHECK(stand.calls() == 6);
}

TEST_CASE("a study of which nothing can be measured fails with the reason and writes no page", "[cli]")
{
    const StandIns stand;
    const test::Outcome outcome = stand.run("study obs2 -o out");
    CHECK(outcome.status == 1);
    CHECK_THAT(outcome.err, Contains("no step of the study could be measured: there is no result for addition"));
    CHECK_FALSE(fs::exists(stand / "out/study.html"));
    fs::remove(stand / "kvviz-engine");
    const test::Outcome alone = stand.run("study obs2 -o other");
    CHECK(alone.status == 1);
    CHECK_THAT(alone.err, Contains("needs the program kvviz-engine"));
}

TEST_CASE("Ctrl-C stops the step cleanly and the study goes on later", "[cli]")
{
    const StandIns stand;
    placeTasks(stand);
    static_cast<void>(std::ofstream(stand / "wait-addition-8"));
    // The signal goes to kvviz alone; the stand-in must get it from there, once.
    const test::Outcome stopped = stand.run("study obs1 -o out & pid=$!; while [ ! -f waiting ]; do sleep 0.05; done; "
                                            "kill -TERM $pid; wait $pid");
    CHECK(stopped.status == 130);
    const json manifest = json::parse(contentOf(stand / "out/study.json"));
    REQUIRE(manifest.at("steps").size() == 3);
    CHECK(manifest["steps"][1].at("state") == "done");
    CHECK(manifest["steps"][2].at("state") == "begun");
    CHECK_FALSE(fs::exists(stand / "out/study.html"));
    fs::remove(stand / "wait-addition-8");
    CHECK(stand.run("study obs1 -o out --resume").status == 0);
    const std::string calls = contentOf(stand / "calls");
    CHECK(stand.calls() == 6);
    CHECK_THAT(calls, Contains("addition-8shots.kvres.h5 --resume"));
}

TEST_CASE("figures are drawn by kvviz-gui and embedded, and one that fails becomes a note", "[cli]")
{
    const StandIns stand;
    placeTasks(stand);
    stand.place("kvviz-gui", R"sh(#!/bin/sh
echo "$*" >> "$(dirname "$0")/drawn"
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && output=$2
    shift
done
case "$output" in *obs2*) echo "kvviz: error: no line to draw" >&2; exit 1 ;; esac
echo '<svg xmlns="http://www.w3.org/2000/svg"/>' > "$output"
)sh");
    const test::Outcome outcome = stand.run("study obs1 obs2 -o out -q");
    INFO(outcome.err << outcome.out);
    CHECK(outcome.status == 0);
    CHECK(outcome.err.empty());
    const std::string drawn = contentOf(stand / "drawn");
    CHECK_THAT(drawn, Contains("figure delta") && Contains("--by task --published --force -q")
                          && Contains("--by model"));
    CHECK_THAT(contentOf(stand / "out/study.md"), Contains("](figures/obs1-default.svg)"));
    const std::string html = contentOf(stand / "out/study.html");
    CHECK_THAT(html, Contains("data:image/svg+xml;base64,")
                         && Contains("the figure obs2 was not drawn: no line to draw"));
    fs::remove_all(stand / "out");
    CHECK(stand.run("study obs1 -o out --no-figures").status == 0);
    CHECK_FALSE(fs::exists(stand / "out/figures"));
}

TEST_CASE("wrong study options are refused before anything runs", "[cli]")
{
    const StandIns stand;
    CHECK(stand.run("study obs7 -o out").status == 2);
    CHECK_THAT(stand.run("study obs7 -o out").err, Contains("unknown study 'obs7'"));
    CHECK(stand.run("study -o out").status == 2);
    CHECK(stand.run("study obs1").status == 2);
    CHECK(stand.run("study obs1 --limit 0 -o out").status == 2);
    CHECK_FALSE(fs::exists(stand / "out"));
    CHECK_FALSE(fs::exists(stand / "calls"));
    static_cast<void>(std::ofstream(stand / "file"));
    const test::Outcome blocked = stand.run("study obs1 -o file/study");
    CHECK(blocked.status == 1);
    CHECK_THAT(blocked.err, Contains("cannot create the folder"));
}
