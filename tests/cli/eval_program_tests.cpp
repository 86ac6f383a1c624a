// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz eval` as a program: what a compressed cache costs is what depth decode says, a killed run ends with the same
// results, and what cannot be run is refused with one sentence.
#include "core/io/results.hpp"
#include "tests/cli/engine_runs.hpp"

#include <cmath>

using namespace kvviz;
using Catch::Contains;
using test::Outcome;
using test::runProgram;

namespace {

Outcome eval(const std::string& model, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"eval", "--model", model};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return runProgram("kvviz", all);
}

const io::EvalRecord& find(const std::vector<io::EvalRecord>& records, const std::string& method, double ratio)
{
    for (const io::EvalRecord& record : records)
        if (record.method == method && std::abs(record.ratio - ratio) < 1e-9)
            return record;
    FAIL("no record of " << method << " at " << ratio);
    return records.front();
}

/// All but times.
void requireSame(const std::vector<io::EvalRecord>& a, const std::vector<io::EvalRecord>& b)
{
    const auto equal = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(a[i].method, a[i].ratio);
        CHECK(std::tie(a[i].method, a[i].variant, a[i].n, a[i].ratio, a[i].score, a[i].answers, a[i].promptIds,
                       a[i].keptTokens, a[i].scores, a[i].baseScores, a[i].cacheBytes)
              == std::tie(b[i].method, b[i].variant, b[i].n, b[i].ratio, b[i].score, b[i].answers, b[i].promptIds,
                          b[i].keptTokens, b[i].scores, b[i].baseScores, b[i].cacheBytes));
        CHECK(equal(a[i].delta, b[i].delta));
        CHECK(equal(a[i].ciLow, b[i].ciLow));
        CHECK(equal(a[i].pValue, b[i].pValue));
        for (std::size_t p = 0; p < a[i].goldLogprobDeltas.size(); ++p)
            CHECK(equal(a[i].goldLogprobDeltas[p], b[i].goldLogprobDeltas.at(p)));
    }
}

} // namespace

TEST_CASE("the gold answer changes as at depth decode of a capture of the same prompt", "[engine]")
{
    const test::ScratchFolder folder;
    const std::string methods = "snapkv;h2o;streaming_noshift;knorm;lorc;think;minicache", ratios = "1,0.5,0.2";
    const std::string results = (folder / "e.kvres.h5").string(), capture = (folder / "c.kvh5").string();
    const Outcome run = eval(KVVIZ_TEST_MODEL, {"--task", "addition", "--shots", "3", "--limit", "1", "--methods",
                                                methods, "--ratios", ratios, "-o", results});
    INFO(run.err);
    REQUIRE(run.status == 0);
    REQUIRE(runProgram("kvviz", {"capture", "--model", KVVIZ_TEST_MODEL, "--task", "addition", "--shots", "3",
                                 "--continuation", "gold", "--generate", "99", "--cache-dtype", "float32",
                                 "--rows-dtype", "float32", "-o", capture})
                .status
            == 0);
    const std::string replayed = (folder / "r.kvres.h5").string();
    REQUIRE(runProgram("kvviz", {"replay", capture, "--depth", "decode", "--model", KVVIZ_TEST_MODEL, "--methods",
                                 methods, "--ratios", ratios, "-o", replayed})
                .status
            == 0);
    const std::vector<io::EvalRecord> records = io::readEvalResults(results, true);
    int compared = 0;
    for (const io::ReplayRecord& replay : io::readReplayResults(replayed, true)) {
        double change = 0;
        for (const float token : replay.logprobDelta)
            change += std::isnan(token) ? 0 : token;
        for (const io::EvalRecord& record : records)
            if (record.method == replay.method && std::abs(record.ratio - replay.ratio) < 1e-6) {
                CAPTURE(record.method, record.ratio, change);
                ++compared;
                // Methods that change keys and values leave generated ones alone while a model generates, so that they
                // cost no more than in the replay, which changes those too (0.5: not every error hurts).
                if (record.method == "lorc" || record.method == "think" || record.method == "minicache")
                    CHECK(record.goldLogprobDelta > change - 0.5);
                else
                    CHECK(record.goldLogprobDelta == Approx(change).margin(2e-3));
            }
    }
    CHECK(compared >= 4 * 3 + 3);
    CHECK(std::abs(find(records, "snapkv", 1.0).goldLogprobDelta) < 1e-3);
    CHECK(find(records, "snapkv", 1.0).answers == find(records, "fullkv", 1.0).answers);
    CHECK(find(records, "snapkv", 0.2).cacheBytes < 0.3 * static_cast<double>(records.front().cacheBytes));
}

TEST_CASE("the full cache answers as a capture does", "[engine]")
{
    const test::ScratchFolder folder;
    const std::string results = (folder / "e.kvres.h5").string();
    REQUIRE(eval(KVVIZ_TEST_MODEL, {"--task", "opposites", "--limit", "3", "--methods", "knorm", "--ratios", "0.5",
                                    "--generate", "6", "-o", results})
                .status
            == 0);
    const Outcome capture =
        runProgram("kvviz", {"capture", "--model", KVVIZ_TEST_MODEL, "--task", "opposites", "--limit", "3", "--tier",
                             "stats", "--generate", "6", "--json", "-o", (folder / "run").string()});
    const nlohmann::json report = test::jsonObject(capture);
    const std::vector<io::EvalRecord> records = io::readEvalResults(results, true);
    const io::EvalRecord& full = find(records, "fullkv", 1.0);
    REQUIRE(full.answers.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(report["captures"][i]["continuation"] == full.answers[i]);
        CHECK(report["captures"][i]["correct"].get<bool>() == (full.scores[i] == 1));
    }
}

TEST_CASE("a run killed again and again ends with the results of one that was not", "[engine]")
{
    const test::EngineFolder folder;
    const std::vector<std::string> arguments{"--task", "addition", "--task", "needle", "--length", "60", "--limit", "6",
                                             "--methods", "snapkv;h2o_online;kivi:group=16,residual=16", "--ratios",
                                             "0.7,0.3", "--generate", "5"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), arguments.begin(), arguments.end());
        return more;
    };
    REQUIRE(eval(folder.model(), with({"-o", folder.path("whole.kvres.h5")})).status == 0);
    std::string line = fmt::format("'{}/kvviz' eval --model {} -o {}", KVVIZ_BIN_DIR, folder.model(),
                                   folder.path("killed.kvres.h5"));
    for (const std::string& argument : arguments)
        line += " '" + argument + "'";
    int killed = 0, runs = 0;
    for (double patience = 0.15; runs < 60; ++runs) {
        const std::string resume = runs == 0 ? "" : " --resume";
        const Outcome run = test::runShell(fmt::format("timeout -s KILL {} {}{} > /dev/null 2>&1", patience, line, resume));
        if (run.status == 0)
            break;
        ++killed;
        patience += 0.05;
    }
    CHECK(killed > 0);
    REQUIRE(folder.has("killed.kvres.h5"));
    requireSame(io::readEvalResults(folder.path("whole.kvres.h5"), true),
                io::readEvalResults(folder.path("killed.kvres.h5"), true));
    // A larger limit goes on from there.
    std::vector<std::string> larger = with({"--resume", "-o", folder.path("whole.kvres.h5")});
    *(std::find(larger.begin(), larger.end(), "--limit") + 1) = "7";
    const Outcome more = eval(folder.model(), larger);
    CHECK(more.status == 0);
    CHECK_THAT(more.err, Contains("12 prompts are done already"));
    CHECK(io::readEvalResults(folder.path("whole.kvres.h5"), false).front().n == 7);
}

TEST_CASE("shards write journals, and the run without a shard joins them to the results of one run", "[engine]")
{
    const test::EngineFolder folder;
    const auto run = [&](const std::string& output, const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"--task", "addition", "--task", "opposites", "--limit", "5", "--methods",
                                           "snapkv;h2o_online", "--ratios", "0.6,0.3", "--generate", "4", "-o",
                                           folder.path(output)};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return eval(folder.model(), arguments);
    };
    REQUIRE(run("whole.kvres.h5", {}).status == 0);
    const Outcome first = run("e.kvres.h5", {"--shard", "0/3", "--resume"});
    CHECK(first.status == 0);
    CHECK_THAT(first.err, Contains("shard 0/3 is done, 4 of 10 prompts are") && Contains("without --shard"));
    CHECK_FALSE(folder.has("e.kvres.h5"));
    CHECK(folder.has("e.kvres.h5.0-of-3.journal"));
    // A run that is not a shard does not overlook the journal.
    test::checkRefused(run("e.kvres.h5", {}), 2, {"e.kvres.h5.0-of-3.journal", "--resume", "--force"});
    CHECK_FALSE(folder.has("e.kvres.h5.journal"));
    const nlohmann::json second = test::jsonObject(run("e.kvres.h5", {"--shard", "1/3", "--json"}));
    CHECK(second.at("shard") == "1/3");
    CHECK(second.at("prompts") == 10);
    const nlohmann::json state = test::jsonObject(runProgram("kvviz", {"status", "--json", folder.path("")}));
    REQUIRE(state.at("runs").at(0).at("evals").size() == 2);
    CHECK(state.at("runs").at(0).at("evals").at(0).at("prompts") == 7);
    CHECK(state.at("runs").at(0).at("evals").at(0).at("total") == 10);
    // The third shard is left to the joining run; --shard auto outside of an array is that.
    const Outcome joined = run("e.kvres.h5", {"--shard", "auto", "--resume"});
    CHECK(joined.status == 0);
    CHECK_THAT(joined.err, Contains("7 prompts are done already"));
    requireSame(io::readEvalResults(folder.path("whole.kvres.h5"), true), io::readEvalResults(folder.path("e.kvres.h5"), true));
    // Another number of shards finds nothing left to do.
    CHECK_THAT(run("e.kvres.h5", {"--shard", "1/2", "--resume"}).err, Contains("10 prompts are done already"));
}

TEST_CASE("what an evaluation cannot run is refused with one sentence", "[engine]")
{
    const test::EngineFolder folder(300);
    const std::string out = folder.path("e.kvres.h5");
    const auto refused = [&](std::vector<std::string> arguments, int status, const std::string& what) {
        arguments.insert(arguments.end(), {"-o", out});
        const Outcome run = eval(folder.model(), arguments);
        CAPTURE(run.err, what);
        CHECK(run.status == status);
        CHECK_THAT(run.err, Contains(what));
        CHECK_FALSE(std::filesystem::exists(out));
    };
    refused({"--task", "addition", "--methods", "oracle_mass"}, 2, "still to come");
    refused({"--task", "addition", "--methods", "snapvk"}, 2, "did you mean");
    refused({"--task", "addition", "--ratios", "1.2"}, 2, "1.2");
    refused({"--task", "adition"}, 2, "addition");
    refused({"--task", "addition", "--chat", "vicuna"}, 2, "vicuna");
    refused({"--task", "addition", "--task", "addition"}, 2, "twice");
    if (std::filesystem::exists(KVVIZ_SHARED_DATA "/humaneval"))
        refused({"--task", "humaneval", "--data-dir", KVVIZ_SHARED_DATA}, 2, "--allow-code-execution");
    else
        WARN("no public data beside the checkout: the refusal of humaneval was not tried");
    refused({"--task", "gsm8k"}, 3, "--data-dir");
    refused({"--task", "gsm8k", "--data-dir", folder.path("none")}, 3, "gsm8k");
    refused({"--task", "addition", "--begin", "100000"}, 2, "--begin");
    refused({"--task", "addition", "--shots", "8", "--methods", "snapkv", "--ratios", "0.5"}, 3, "context of 300");
    std::filesystem::remove(out + ".journal");
    // Prompts that do not fit are passed over on request; none is left here.
    const Outcome some = eval(folder.model(), {"--task", "addition", "--shots", "8", "--methods", "snapkv", "--ratios",
                                               "0.5", "--limit", "2", "--skip-bad", "-o", out});
    CHECK(some.status == 5);
    CHECK_THAT(some.err, Contains("left out addition"));
    CHECK(io::readEvalResults(out, false).front().n == 0);
    // A journal of other settings is not continued, and results are not overwritten unasked.
    CHECK_THAT(eval(folder.model(), {"--task", "addition", "--methods", "h2o", "-o", out, "--resume"}).err,
               Contains("other settings"));
    CHECK_THAT(eval(folder.model(), {"--task", "addition", "--methods", "h2o", "-o", out}).err, Contains("--resume"));
}

TEST_CASE("an option that a task does not take is said to be ignored, and is not in its records", "[cli][engine]")
{
    const test::EngineFolder folder(2048);
    const std::string out = folder.path("e.kvres.h5");
    const std::vector<std::string> rest{"--methods", "snapkv", "--ratios", "0.5", "--limit", "1", "--generate", "1", "--shots",
                                        "1", "-o", out};
    std::vector<std::string> arguments{"--task", "addition", "--task", "documents", "--length", "60", "--depth", "0.5"};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    const Outcome run = eval(folder.model(), arguments);
    INFO(run.err);
    REQUIRE(run.status == 0);
    CHECK_THAT(run.err, Contains("--length does not change the prompts of addition; it is an option of needle, documents"));
    CHECK_THAT(run.err, Contains("--depth does not change the prompts of addition, documents;"));
    for (const io::EvalRecord& record : io::readEvalResults(out, false)) {
        CAPTURE(record.task);
        CHECK(record.setting == (record.task == "documents" ? "shots=1 length=60" : "shots=1"));
    }
}
