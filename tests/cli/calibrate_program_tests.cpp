// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz calibrate` and `kvviz replay --calibration` as programs, from results of made-up captures.
#include "core/io/results.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;

namespace {

/// A capture of a task, replayed, and an evaluation of another prompt of that task whose score falls with what is lost.
struct Study {
    explicit Study(bool samePrompt = false)
    {
        io::ResultsWriter writer(folder / "eval.kvres.h5", "kvviz", "kvviz eval", false);
        for (const char* task : {"one", "two", "three"}) {
            test::SyntheticCapture capture({.n = 60, .t = 4, .seed = static_cast<std::uint64_t>(task[0])});
            capture.mutableInfo().prompt.task = task;
            capture.mutableInfo().prompt.id = std::string(task) + "-0000";
            test::writeSynthetic(capture, folder / (std::string(task) + ".kvh5"));
            model = capture.info().model.name;
            for (const double ratio : {0.8, 0.4, 0.2}) {
                io::EvalRecord eval;
                eval.task = task;
                eval.modelName = model;
                eval.method = "h2o";
                eval.params = "{}";
                eval.budgetUse = "follows";
                eval.ratio = ratio;
                eval.n = 1;
                eval.delta = -0.5 * (1 - ratio);
                eval.ciLow = eval.delta - 0.1, eval.ciHigh = eval.delta + 0.1;
                eval.goldLogprobDelta = eval.delta;
                eval.promptIds = {std::string(task) + (samePrompt ? "-0000" : "-0001")};
                eval.scores = eval.baseScores = eval.goldLogprobDeltas = {0.0};
                eval.keptTokens = {1};
                eval.answers = {"a"};
                writer.append(eval);
            }
        }
        writer.finish();
        const test::Outcome outcome = run({"replay", "-q", "--methods", "h2o", "--ratios", "0.8,0.4,0.2", folderName()});
        INFO(outcome.err);
        REQUIRE(outcome.status == 0);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return (folder.path() / name).string(); }
    [[nodiscard]] std::string folderName() const { return folder.path().string(); }
    [[nodiscard]] test::Outcome run(const std::vector<std::string>& arguments) const
    {
        return test::runProgram("kvviz", arguments);
    }
    [[nodiscard]] test::Outcome calibrate(std::vector<std::string> arguments = {}) const
    {
        arguments.insert(arguments.begin(), {"calibrate", path("replay.kvres.h5"), path("eval.kvres.h5")});
        return run(arguments);
    }

    test::ScratchFolder folder;
    std::string model;
};

} // namespace

TEST_CASE("calibrate reports ranks and writes a curve that replays then show", "[cli][prediction]")
{
    const Study study;
    const test::Outcome outcome = study.calibrate({"-o", study.path("c.json")});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK_THAT(outcome.out, Contains("Spearman") && Contains("three") && Contains("lost mass without sinks"));
    std::ifstream stream(study.path("c.json"));
    const json file = json::parse(stream);
    CHECK(file.at("format") == "kvviz-prediction-check");
    CHECK(file.at("model") == study.model);
    CHECK(file.at("points").size() == 9);
    CHECK(file.at("spearman").at("value").get<double>() < -0.9);

    const std::vector<std::string> replay{"replay", "--no-output", "--methods", "h2o", "--ratios", "0.8,0.2",
                                          "--calibration", study.path("c.json"), study.path("one.kvh5")};
    const test::Outcome shown = study.run(replay);
    INFO(shown.err);
    REQUIRE(shown.status == 0);
    CHECK_THAT(shown.out, Contains("expected score change") && Contains("3 prompts in 3")
                              && Contains("brackets hold 95 %"));
    std::vector<std::string> asJson = replay;
    asJson.insert(asJson.begin() + 1, "--json");
    const json report = json::parse(study.run(asJson).out);
    CHECK(report.at("calibration").at("tasks") == 3);
    for (const json& average : report.at("averages")) {
        const json& expected = average.at("expected_score_change");
        CHECK(expected.at("value").get<double>() <= 0);
        CHECK(expected.at("value").get<double>() >= -0.41);
        CHECK(expected.at("low").get<double>() <= expected.at("value").get<double>());
    }
}

TEST_CASE("a calibration of another model or of numbers that are not there shows nothing", "[cli][prediction]")
{
    const Study study;
    REQUIRE(study.calibrate({"-o", study.path("c.json")}).status == 0);
    const auto shown = [&](const char* key, const std::string& value) {
        std::ifstream in(study.path("c.json"));
        json file = json::parse(in);
        file[key] = value;
        std::ofstream(study.path("d.json")) << file.dump();
        return study.run({"replay", "--no-output", "--methods", "h2o", "--ratios", "0.5", "--calibration",
                          study.path("d.json"), study.path("one.kvh5")});
    };
    const test::Outcome other = shown("model", "another model");
    CHECK(other.status == 0);
    CHECK_THAT(other.err, Contains("another model") && Contains("no change of score is shown"));
    CHECK_THAT(other.out, !Contains("expected score change"));
    const test::Outcome absent = shown("predictor_name", "logprob_change");
    CHECK_THAT(absent.err, Contains("do not hold"));
    CHECK_THAT(absent.out, !Contains("expected score change"));
}

TEST_CASE("calibrate refuses what proves nothing", "[cli][prediction]")
{
    const Study same(true);
    const test::Outcome outcome = same.calibrate();
    CHECK(outcome.status == 3);
    CHECK_THAT(outcome.err, Contains("one-0000") && Contains("both replayed and evaluated"));
    const Study study;
    CHECK_THAT(study.run({"calibrate", study.path("replay.kvres.h5")}).err, Contains("0 evaluations"));
    CHECK(study.calibrate({"--predictor", "luck"}).status == 2);
    CHECK(study.calibrate({"--predictor", "predicted"}).status == 3);
    std::ofstream(study.path("kept.json")) << "mine";
    CHECK_THAT(study.calibrate({"-o", study.path("kept.json")}).err, Contains("kept.json"));
    std::ifstream kept(study.path("kept.json"));
    CHECK(std::string(std::istreambuf_iterator<char>(kept), {}) == "mine");
}
