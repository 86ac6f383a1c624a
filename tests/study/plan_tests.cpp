// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which evaluations a study runs, how they are called, and what a resumed study runs again.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/io/results.hpp"
#include "datasets/task.hpp"
#include "study/latencies.hpp"
#include "study/step_runner.hpp"
#include "tests/study/made_up.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

using namespace kvviz;
using Catch::Contains;
using study::EvalStep;
namespace fs = std::filesystem;

namespace {

std::string noData(const std::string&, const std::string&) { return "no such file"; }
std::string allData(const std::string&, const std::string&) { return ""; }

study::StudyPlan planFor(std::set<int> observations, const study::StudyOptions& base = {},
                         const study::TaskCheck& check = noData)
{
    study::StudyOptions options = base;
    options.observations = std::move(observations);
    return study::planStudy(options, check);
}

std::vector<std::string> keysOf(const study::StudyPlan& plan)
{
    std::vector<std::string> keys;
    for (const EvalStep& step : plan.steps)
        keys.push_back(step.key);
    return keys;
}

std::string valueAfter(const std::vector<std::string>& arguments, const std::string& name)
{
    const auto found = std::find(arguments.begin(), arguments.end(), name);
    return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
}

/// Plays kvviz-engine: writes what a made-up task measured, or what the test wants.
class FakeEngine {
public:
    study::StepOutcome operator()(const study::StepCall& call, const study::StepProgress& progress)
    {
        const std::vector<std::string>& arguments = call.arguments;
        calls.push_back(arguments);
        progress(0.5);
        const std::string given = valueAfter(arguments, "--shots"), task = valueAfter(arguments, "--task");
        const int shots = given.empty() ? 8 : std::stoi(given);
        if (refusesJournal && arguments.back() == "--resume")
            return {2, "the journal is of a run with other settings"};
        if (arguments.front() == "bench") {
            std::ofstream(call.standardOutput) << report;
            return {};
        }
        if (const auto answer = answers.find(fmt::format("{}-{}", task, shots)); answer != answers.end())
            return answer->second;
        io::ResultsWriter writer(valueAfter(arguments, "-o"), "test", "test", true);
        for (io::EvalRecord& record : test::recordsOf({.task = task, .model = model, .shots = shots, .prompts = 12}))
            writer.append(record);
        writer.finish();
        return {};
    }

    std::vector<std::vector<std::string>> calls;
    std::map<std::string, study::StepOutcome> answers; ///< "addition-50"
    std::string model = "Tiny", report;
    bool refusesJournal = false;
};

void run(const study::StudyPlan& plan, const fs::path& folder, study::Manifest& manifest, FakeEngine& engine)
{
    study::runSteps(plan.steps, folder, manifest,
                    [&](const auto& call, const auto& progress) { return engine(call, progress); }, {});
}

} // namespace

TEST_CASE("a study of one observation runs its tasks, methods and ratios", "[study][unit]")
{
    const study::StudyPlan plan = planFor({1});
    CHECK(keysOf(plan) == std::vector<std::string>{"facts-8shots", "everyday-8shots", "addition-8shots",
                                                    "code_lines-8shots", "requests-8shots"});
    for (const EvalStep& step : plan.steps) {
        CHECK(step.limit == 40);
        CHECK(step.methods == study::kPaperMethods);
        CHECK(step.ratios == study::kPaperRatios);
        CHECK(step.answers() == 40 * (1 + 6 * 9));
    }
    const std::vector<std::string> arguments = plan.steps[2].arguments(8, "out.kvres.h5");
    CHECK(arguments.front() == "eval");
    CHECK(valueAfter(arguments, "--task") == "addition");
    CHECK(valueAfter(arguments, "--methods") == "streaming_noshift;h2o;snapkv;pyramidkv;chunkkv;shotkv");
    CHECK(valueAfter(arguments, "--ratios") == "0.9,0.8,0.7,0.6,0.5,0.4,0.3,0.2,0.1");
    CHECK(valueAfter(arguments, "--shots").empty()); // the task's own number
    CHECK(valueAfter(plan.steps[2].arguments(4, "x"), "--shots") == "4");
    CHECK(valueAfter(arguments, "-o") == "out.kvres.h5");
    CHECK(std::find(arguments.begin(), arguments.end(), "--model") == arguments.end());
}

TEST_CASE("observations share runs, and a run is the same whoever asks for it", "[study][unit]")
{
    std::map<std::string, std::string> alone;
    std::size_t separate = 0;
    for (const int observation : {1, 2, 3, 4, 5, 6}) {
        const study::StudyPlan plan = planFor({observation});
        REQUIRE_FALSE(plan.steps.empty());
        separate += plan.steps.size();
        for (const EvalStep& step : plan.steps) {
            CHECK(step.observations.contains(observation));
            const auto [known, fresh] = alone.emplace(step.key, step.settings());
            CHECK(known->second == step.settings());
            static_cast<void>(fresh);
        }
    }
    const study::StudyPlan all = planFor({1, 2, 3, 4, 5, 6});
    CHECK(all.steps.size() == alone.size());
    CHECK(all.steps.size() < separate);
    for (const EvalStep& step : all.steps)
        CHECK(alone.at(step.key) == step.settings());
}

TEST_CASE("every planned task and every method of the plan exists", "[study][unit]")
{
    for (const bool quick : {false, true})
        for (const auto& check : {study::TaskCheck(noData), study::TaskCheck(allData)})
            for (const EvalStep& step : planFor({1, 2, 3, 4, 5, 6}, {.dataDir = "data", .quick = quick}, check).steps) {
                const auto& tasks = datasets::taskList();
                CHECK((step.isBench()
                       || std::any_of(tasks.begin(), tasks.end(),
                                      [&](const auto& task) { return task.name == step.task; })));
                CHECK((step.isBench() || step.limit == (quick ? 12 : 40)));
                for (const std::string& method : step.methods)
                    CHECK(compress::makeMethod(method)->info().name == method);
            }
}

TEST_CASE("many-shot prompts have fifty examples, and fewer to try", "[study][unit]")
{
    const study::StudyPlan plan = planFor({4});
    REQUIRE(plan.steps.size() == 2);
    CHECK(plan.steps[1].shots == 50);
    CHECK_FALSE(plan.steps[1].fewerShots.empty());
    CHECK(plan.steps[1].file(50) == "default/addition-50shots.kvres.h5");
    CHECK(plan.steps[1].file(16) == "default/addition-16shots.kvres.h5");
}

TEST_CASE("public data take the place of built-in tasks where they are there", "[study][unit]")
{
    const study::StudyPlan plan = planFor({1}, {.dataDir = "data"}, allData);
    CHECK(keysOf(plan) == std::vector<std::string>{"mmlu-5shots", "commonsenseqa-4shots", "gsm8k-8shots",
                                                    "code_lines-8shots", "jailbreakbench-0shots"});
    CHECK(plan.steps[0].dataDir == "data");
    CHECK(plan.steps[3].dataDir.empty());
    REQUIRE(plan.notes.size() == 1);
    CHECK_THAT(plan.notes[0], Contains("code_lines") && Contains("--allow-code-execution"));
    const study::StudyPlan allowed = planFor({1}, {.dataDir = "data", .allowCodeExecution = true}, allData);
    CHECK(allowed.notes.empty());
    const std::vector<std::string> arguments = allowed.steps[3].arguments(8, "x");
    CHECK(valueAfter(arguments, "--task") == "humaneval");
    CHECK(std::find(arguments.begin(), arguments.end(), "--allow-code-execution") != arguments.end());
    const study::StudyPlan missing = planFor({1}, {.dataDir = "data"}, noData);
    CHECK(keysOf(missing) == keysOf(planFor({1})));
    CHECK(missing.notes.size() == 5);
    CHECK(study::taskObstacle("addition", "").empty());
    CHECK_THAT(study::taskObstacle("mmlu", "/no/such/folder"), Contains("mmlu"));
}

TEST_CASE("several models run the same steps under names of their own", "[study][unit]")
{
    const study::StudyPlan plan = planFor({2}, {.models = {"a/m.gguf", "b/m.gguf", "../w e;ird.gguf", ".gguf"}});
    REQUIRE(plan.steps.size() == 4);
    CHECK(plan.steps[0].modelLabel == "m");
    CHECK(plan.steps[1].modelLabel == "m-2");
    CHECK(plan.steps[2].modelLabel == "w_e_ird");
    CHECK(plan.steps[3].modelLabel == "model.gguf");
    CHECK(valueAfter(plan.steps[1].arguments(8, "x"), "--model") == "b/m.gguf");
    CHECK(study::modelLabel("") == "default");
    CHECK(study::modelLabel("/x/..") != "..");
}

TEST_CASE("unknown observations are refused", "[study][unit]")
{
    CHECK(study::parseObservations({"obs3", "obs1"}) == std::set<int>{1, 3});
    CHECK(study::parseObservations({"all"}).size() == 6);
    for (const char* name : {"obs0", "obs7", "obs", "obs11", "Obs1", ""})
        CHECK_THROWS_WITH(study::parseObservations({name}), Contains("unknown study"));
    CHECK_THROWS_AS(planFor({}), core::Error);
    CHECK_THROWS_AS(planFor({7}), core::Error);
}

TEST_CASE("finished steps are not run again, and a wider study runs only what is new", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    study::Manifest manifest;
    run(planFor({3}), folder.path(), manifest, engine);
    CHECK(engine.calls.size() == 5);
    for (const auto& arguments : engine.calls)
        CHECK(arguments.back() == "--force"); // nothing of these settings was begun before
    study::Manifest again = study::readManifest(folder.path());
    CHECK(again.steps.size() == 5);
    run(planFor({3}), folder.path(), again, engine);
    CHECK(engine.calls.size() == 5);
    run(planFor({3, 1}), folder.path(), again, engine);
    CHECK(engine.calls.size() == 9);
    CHECK(again.find(planFor({1}).steps[2])->observations == std::set<int>{1, 2, 3, 4, 5, 6});
    run(planFor({3}, {.limit = 7}), folder.path(), again, engine);
    CHECK(engine.calls.size() == 14); // other settings
    fs::remove(folder.path() / "results" / again.steps[0].file);
    run(planFor({3}, {.limit = 7}), folder.path(), again, engine);
    CHECK(engine.calls.size() == 15); // its file was gone
}

TEST_CASE("a step that was stopped goes on, one that failed does not end the study", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    engine.answers["addition-2"] = {130, ""};
    engine.answers["addition-1"] = {3, "the file is broken"};
    study::Manifest manifest;
    try {
        run(planFor({3}), folder.path(), manifest, engine);
        FAIL("not cancelled");
    } catch (const core::Error& error) {
        CHECK(error.exitStatus() == 130);
    }
    study::Manifest again = study::readManifest(folder.path());
    REQUIRE(again.steps.size() == 3);
    CHECK(again.steps[0].state == "done");
    CHECK(again.steps[1].state == "failed");
    CHECK(again.steps[1].message == "the file is broken");
    CHECK(again.steps[2].state == "begun");
    engine.answers.clear();
    const std::size_t before = engine.calls.size();
    run(planFor({3}), folder.path(), again, engine);
    REQUIRE(engine.calls.size() == before + 4);
    CHECK(engine.calls[before].back() == "--resume"); // tried before
    CHECK(engine.calls[before + 1].back() == "--resume");
    CHECK(engine.calls[before + 2].back() == "--force"); // never begun
    CHECK(again.steps.size() == 5);
}

TEST_CASE("prompts that do not fit into the context are tried with fewer examples", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    engine.answers["addition-50"] = {3, "the prompt has 9000 tokens, the model's context is 8192"};
    study::Manifest manifest;
    const study::StudyPlan plan = planFor({4});
    run(plan, folder.path(), manifest, engine);
    const study::StepRecord& record = *manifest.find(plan.steps[1]);
    CHECK(record.state == "done");
    CHECK(record.shots == 32);
    CHECK(record.label == "addition, 32 shots");
    CHECK_THAT(record.message, Contains("with 50 shots: the prompt has 9000 tokens"));
    CHECK(fs::exists(folder.path() / "results/default/addition-32shots.kvres.h5"));
    run(plan, folder.path(), manifest, engine);
    CHECK(engine.calls.size() == 3); // addition-8, addition-50, addition-32
    engine.answers["addition-50"].message = "another fault"; // is not tried with fewer
    run(planFor({4}, {.seed = 1}), folder.path(), manifest, engine);
    CHECK(manifest.find(plan.steps[1])->state == "failed");
    CHECK(engine.calls.size() == 5);
}

TEST_CASE("a journal that the engine refuses is begun anew", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    engine.answers["addition-8"] = {1, "no space left"};
    study::Manifest manifest;
    run(planFor({2}), folder.path(), manifest, engine);
    engine.answers.clear();
    engine.refusesJournal = true;
    run(planFor({2}), folder.path(), manifest, engine);
    REQUIRE(engine.calls.size() == 3);
    CHECK(engine.calls[1].back() == "--resume");
    CHECK(engine.calls[2].back() == "--force");
    CHECK(manifest.steps[0].state == "done");
}

TEST_CASE("latencies come from a bench of their own", "[study]")
{
    const test::ScratchFolder folder;
    const study::StudyPlan plan = planFor({6});
    const EvalStep& bench = plan.steps.back();
    REQUIRE(bench.isBench());
    CHECK(bench.arguments(-1, "").front() == "bench");
    FakeEngine engine;
    engine.report = R"({"model": "Tiny", "results": [
        {"method": "fullkv", "variant": "", "ratio": null, "input_tokens": 512, "output_tokens": 128, "total_s": 2.5,
         "tokens_per_s": 51.2, "cache_bytes": 1000},
        {"method": "shotkv", "variant": "", "ratio": 0.3, "input_tokens": 512, "output_tokens": 128, "total_s": 2,
         "tokens_per_s": 64, "cache_bytes": 300},
        {"method": "snapkv", "variant": "factory", "ratio": 0.3, "input_tokens": 512, "output_tokens": 128,
         "not_run": "no window"}]})";
    study::Manifest manifest;
    const study::StudyPlan only{{bench}, {}};
    run(only, folder.path(), manifest, engine);
    const std::vector<study::MeasuredLatency> rows = study::readLatencies(folder.path(), manifest);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].seconds == 2.5);
    CHECK(std::isnan(rows[0].ratio));
    CHECK(rows[1].latencyGain == Approx(0.2)); // of the full cache's seconds; the paper's 175.50 and 162.85 s: 7.2 %
    CHECK(rows[1].throughputGain == Approx(0.25));
    CHECK(rows[2].method == "snapkv:factory");
    CHECK(rows[2].obstacle == "no window");
    CHECK(std::isnan(rows[2].seconds));
    CHECK(study::readResults(folder.path(), manifest).empty());
    run(only, folder.path(), manifest, engine);
    CHECK(engine.calls.size() == 1);
    for (const char* broken : {"", "{}", R"({"model": 1, "results": []})", R"({"model": "x", "results": [1]})"}) {
        std::ofstream(folder.path() / "results/default/bench.json") << broken;
        manifest.steps[0].state = "done";
        CHECK(study::readLatencies(folder.path(), manifest).empty());
        INFO(broken);
        CHECK(manifest.steps[0].state == "failed");
    }
}

TEST_CASE("an engine that writes nothing has failed", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    engine.answers["addition-8"] = {0, ""};
    study::Manifest manifest;
    run(planFor({2}), folder.path(), manifest, engine);
    CHECK(manifest.steps[0].state == "failed");
    CHECK_THAT(manifest.steps[0].message, Contains("wrote no results"));
    CHECK(study::readResults(folder.path(), manifest).empty());
}

TEST_CASE("results of two files of one model are told apart, and damaged ones are named", "[study]")
{
    const test::ScratchFolder folder;
    FakeEngine engine;
    study::Manifest manifest;
    run(planFor({2}, {.models = {"q4.gguf", "q8.gguf"}}), folder.path(), manifest, engine);
    std::vector<io::EvalRecord> records = study::readResults(folder.path(), manifest);
    REQUIRE(records.size() == 2 * 55);
    CHECK(records.front().modelName == "q4");
    CHECK(records.back().modelName == "q8");
    CHECK(records.front().shots == 8);
    std::ofstream(folder.path() / "results" / manifest.steps[0].file) << "broken";
    records = study::readResults(folder.path(), manifest);
    CHECK(records.size() == 55);
    CHECK(records.front().modelName == "Tiny");
    CHECK(manifest.steps[0].state == "failed");
    CHECK_FALSE(manifest.steps[0].message.empty());
}

TEST_CASE("the manifest comes back as it was, and foreign ones are refused", "[study]")
{
    const test::ScratchFolder folder;
    study::Manifest manifest;
    manifest.creator = "kvviz", manifest.commandLine = "kvviz study 'a b' \"<\"";
    manifest.observations = {2, 5};
    manifest.notes = {"one", "two\nlines"};
    study::StepRecord step;
    step.key = "k", step.label = "addition, 8 shots", step.file = "default/k.kvres.h5", step.state = "done";
    step.shots = 8, step.questions = 3, step.prompts = 40, step.seconds = 1.5, step.observations = {1, 6};
    manifest.steps = {step};
    study::writeManifest(folder.path(), manifest);
    const study::Manifest read = study::readManifest(folder.path());
    CHECK(read.commandLine == manifest.commandLine);
    CHECK(read.notes == manifest.notes);
    CHECK(read.observations == manifest.observations);
    REQUIRE(read.steps.size() == 1);
    CHECK(read.steps[0].observations == step.observations);
    CHECK(read.steps[0].seconds == 1.5);
    manifest.steps[0].file = "../../outside.h5";
    study::writeManifest(folder.path(), manifest);
    CHECK_THROWS_WITH(study::readManifest(folder.path()), Contains("outside of the study"));
    for (const char* text : {"", "[]", "{}", "{\"format\": \"other\"}", "{\"format\": \"kvviz-study\"",
                             R"({"format":"kvviz-study","format_version":"2.0"})",
                             R"({"format":"kvviz-study","format_version":1})"}) {
        static_cast<void>(folder.write("study.json", text));
        try {
            static_cast<void>(study::readManifest(folder.path()));
            FAIL("read: " << text);
        } catch (const core::Error& error) {
            CHECK(error.exitStatus() == 3);
            CHECK_THAT(error.what(), Contains("study.json"));
        }
    }
}
