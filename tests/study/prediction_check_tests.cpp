// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Predicted against measured with made-up records: what is joined with what, what is refused, and that the curve and
// the correlations are those of the joined points.
#include "core/correlation.hpp"
#include "study/calibration_file.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

using namespace kvviz;
using namespace kvviz::study;
using Catch::Matchers::Contains;

namespace {

constexpr int kTasks = 4;
constexpr double kRatios[] = {0.9, 0.5, 0.1};
constexpr const char* kMethods[] = {"snapkv", "h2o", "knorm"};

struct Records {
    std::vector<io::ReplayRecord> replays;
    std::vector<io::EvalRecord> evaluations;
};

/// Three captures and one evaluation of other prompts for each (task, method, ratio). The score falls with the
/// prediction: delta = 2 x predicted, to which `noise` of the task is added.
Records makeRecords(double noise = 0)
{
    Records records;
    for (int task = 0; task < kTasks; ++task)
        for (int m = 0; m < 3; ++m)
            for (const double ratio : kRatios) {
                const double loss = (1 - ratio) * (0.1 + 0.05 * m + 0.02 * task);
                io::EvalRecord eval;
                eval.task = "task" + std::to_string(task);
                eval.modelName = "tiny";
                eval.method = kMethods[m];
                eval.ratio = ratio;
                eval.n = 40;
                eval.delta = -2 * loss + noise * (task - 1.5);
                eval.ciLow = eval.delta - 0.1;
                eval.ciHigh = eval.delta + 0.1;
                eval.goldLogprobDelta = -3 * loss;
                eval.promptIds = {eval.task + "-0100", eval.task + "-0101"};
                records.evaluations.push_back(eval);
                for (int prompt = 0; prompt < 3; ++prompt) {
                    io::ReplayRecord replay;
                    replay.task = eval.task;
                    replay.promptId = eval.task + "-000" + std::to_string(prompt);
                    replay.modelName = "tiny";
                    replay.method = kMethods[m];
                    replay.ratio = ratio + 1e-9; // sums of other rounding
                    replay.meanPredictedDelta = -loss + 0.001 * (prompt - 1);
                    replay.meanLostNonSink = loss;
                    records.replays.push_back(replay);
                }
            }
    return records;
}

PredictionCheck check(const Records& records, const char* predictor = "predicted")
{
    return checkPrediction(records.replays, records.evaluations, predictorNamed(predictor));
}

std::string refusal(const Records& records)
{
    try {
        (void)check(records);
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("points are the means of captures beside evaluations of other prompts", "[unit][prediction]")
{
    const Records records = makeRecords();
    const PredictionCheck result = check(records);
    REQUIRE(result.points.size() == kTasks * 9);
    CHECK(result.model == "tiny");
    for (const PredictionPoint& point : result.points) {
        CHECK(point.captures == 3);
        CHECK(point.prompts == 40);
        CHECK(point.measured == Approx(2 * point.predicted));
        CHECK(point.low == Approx(point.measured - 0.1));
        CHECK(point.gold == Approx(3 * point.predicted));
    }
    CHECK(result.points[0].task == "task0");
    CHECK(result.points[0].method == "h2o");
    CHECK(result.points[0].ratio == Approx(0.9));
    CHECK(result.points[2].ratio == Approx(0.1));
    CHECK(result.overall.spearman.value == Approx(1));
    CHECK(result.overall.kendall.value == Approx(1));
    CHECK(result.overall.goldSpearman.value == Approx(1));
    REQUIRE(result.tasks.size() == kTasks);
    CHECK(result.tasks[2].task == "task2");
    CHECK(result.tasks[2].spearman.value == Approx(1));
}

TEST_CASE("a predictor that falls as the score rises has a falling curve", "[unit][prediction]")
{
    const PredictionCheck result = check(makeRecords(), "lost_non_sink");
    CHECK(result.overall.spearman.value == Approx(-1));
    const std::vector<double>& y = result.calibration.fit.y;
    CHECK(std::is_sorted(y.rbegin(), y.rend()));
    CHECK(result.calibration.fit(0.05) == Approx(-0.1).margin(0.03));
}

TEST_CASE("correlations and curve are those of the joined points", "[unit][prediction]")
{
    const PredictionCheck result = check(makeRecords(0.05));
    std::vector<double> x, y;
    std::vector<std::int64_t> groups;
    for (const PredictionPoint& point : result.points) {
        x.push_back(point.predicted);
        y.push_back(point.measured);
        groups.push_back(point.task.back() - '0');
    }
    CHECK(result.overall.spearman.value == Approx(core::spearman(x, y)));
    CHECK(result.overall.kendall.value == Approx(core::kendall(x, y)));
    CHECK(result.overall.spearman.low <= result.overall.spearman.value);
    CHECK(result.overall.spearman.high >= result.overall.spearman.value);
    // What is expected of a task comes from the other tasks alone.
    for (int task = 0; task < kTasks; ++task) {
        std::vector<double> otherX, otherY;
        for (std::size_t i = 0; i < x.size(); ++i)
            if (groups[i] != task) {
                otherX.push_back(x[i]);
                otherY.push_back(y[i]);
            }
        const core::IsotonicFit fit = core::fitIsotonic(otherX, otherY, {}, core::Direction::rising);
        for (std::size_t i = 0; i < x.size(); ++i)
            if (groups[i] == task)
                CHECK(result.points[i].expected == Approx(fit(x[i])));
    }
    CHECK(result.calibration.residualLow < 0);
    CHECK(result.calibration.residualHigh > 0);
}

TEST_CASE("records without a counterpart, the full cache and budgets in tokens are left out", "[unit][prediction]")
{
    Records records = makeRecords();
    io::EvalRecord more = records.evaluations.front();
    more.method = "fullkv";
    more.ratio = 1;
    records.evaluations.push_back(more);
    more.method = "snapkv";
    more.budgetTokens = 64;
    records.evaluations.push_back(more);
    io::ReplayRecord lone = records.replays.front();
    lone.method = "tova";
    records.replays.push_back(lone);
    lone.method = "h2o";
    lone.promptId = "task0-0009";
    lone.meanPredictedDelta = io::kNotKnown;
    records.replays.push_back(lone);
    const PredictionCheck result = check(records);
    CHECK(result.points.size() == kTasks * 9);
    CHECK(result.points[0].captures == 3);
}

TEST_CASE("of several settings of a task the default one counts", "[unit][prediction]")
{
    Records records = makeRecords();
    std::vector<io::EvalRecord> others = records.evaluations;
    for (io::EvalRecord& record : others) {
        record.setting = "shots=50";
        record.delta = 99;
    }
    records.evaluations.insert(records.evaluations.begin(), others.begin(), others.end());
    for (const PredictionPoint& point : check(records).points)
        CHECK(point.measured < 1);
    Records only = makeRecords();
    for (io::EvalRecord& record : only.evaluations)
        record.setting = "shots=2";
    CHECK(check(only).points.size() == kTasks * 9);
    std::vector<io::EvalRecord> third = only.evaluations;
    third.front().setting = "shots=4";
    only.evaluations.push_back(third.front());
    CHECK_THAT(refusal(only), Contains("task0") && Contains("settings"));
}

TEST_CASE("what would not be a prediction is refused", "[unit][prediction]")
{
    Records records = makeRecords();
    SECTION("a prompt on both sides")
    {
        records.evaluations[5].promptIds.push_back("task0-0001");
        CHECK_THAT(refusal(records), Contains("task0-0001") && Contains("other prompts"));
    }
    SECTION("the same id in another task is another prompt")
    {
        records.evaluations[5].promptIds.push_back("task3-0001");
        CHECK(refusal(records) == "accepted");
    }
    SECTION("two models")
    {
        records.replays.back().modelName = "other";
        CHECK_THAT(refusal(records), Contains("tiny") && Contains("other"));
    }
    SECTION("one point evaluated twice")
    {
        records.evaluations.push_back(records.evaluations.front());
        CHECK_THAT(refusal(records), Contains("twice") && Contains("snapkv"));
    }
    SECTION("nothing in common")
    {
        for (io::EvalRecord& record : records.evaluations)
            record.ratio *= 0.99;
        CHECK_THAT(refusal(records), Contains("no task, method and ratio"));
    }
    SECTION("an unknown predictor")
    {
        CHECK_THROWS_WITH(predictorNamed("luck"), Contains("luck") && Contains("lost_non_sink"));
    }
}

TEST_CASE("one task has no interval and no errors on others", "[unit][prediction]")
{
    Records records = makeRecords();
    std::erase_if(records.evaluations, [](const io::EvalRecord& record) { return record.task != "task1"; });
    const PredictionCheck result = check(records);
    CHECK(result.points.size() == 9);
    CHECK(std::isnan(result.overall.spearman.low));
    CHECK(std::isnan(result.calibration.residualLow));
    CHECK(std::isnan(result.points[0].expected));
}

TEST_CASE("a calibration comes back from its file", "[unit][prediction]")
{
    const test::ScratchFolder folder;
    const PredictionCheck written = check(makeRecords(0.05));
    std::ofstream(folder / "c.json") << checkText(written, "kvviz", "kvviz calibrate");
    const Calibration read = readCalibration(folder / "c.json");
    CHECK(read.model == "tiny");
    CHECK(read.predictor == "predicted");
    CHECK(read.tasks == kTasks);
    CHECK(read.prompts == kTasks * 40);
    CHECK(read.curve.fit.x == written.calibration.fit.x);
    CHECK(read.curve.fit.y == written.calibration.fit.y);
    const Calibration::Expected expected = read.expect(-0.1);
    CHECK(expected.value == Approx(written.calibration.fit(-0.1)));
    CHECK(expected.low == Approx(expected.value + written.calibration.residualLow));
    CHECK(expected.high == Approx(expected.value + written.calibration.residualHigh));
    CHECK(std::isnan(read.expect(std::nan("")).value));
    // A score cannot fall by more than all of it.
    Calibration steep = read;
    steep.curve.fit = {{-1, 0}, {-0.95, 0}};
    steep.curve.residualLow = -0.5;
    CHECK(steep.expect(-1).low == -1);
}

TEST_CASE("files that are no calibration are refused by name", "[unit][prediction]")
{
    const test::ScratchFolder folder;
    const auto refused = [&](const std::string& text) {
        std::ofstream(folder / "c.json") << text;
        try {
            (void)readCalibration(folder / "c.json");
        } catch (const core::Error& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    for (const char* text : {"", "{", "[]", "3", R"({"format": "kvviz-capture"})", "\xff"})
        CHECK_THAT(refused(text), Contains("no check of predictions"));
    const nlohmann::json sound = nlohmann::json::parse(checkText(check(makeRecords()), "", ""));
    CHECK(refused(sound.dump()) == "accepted");
    const auto with = [&](const char* pointer, const nlohmann::json& value) {
        nlohmann::json json = sound;
        json[nlohmann::json::json_pointer(pointer)] = value;
        return refused(json.dump());
    };
    CHECK_THAT(with("/curve/x", nlohmann::json::array()), Contains("curve") && Contains("ascending"));
    CHECK_THAT(with("/curve/y/0", "high"), Contains("y: expected a number"));
    CHECK_THAT(with("/curve", 3), Contains("curve") && Contains("expected"));
    CHECK_THAT(with("/model", 3), Contains("model: expected a text"));
    CHECK_THAT(with("/tasks_learned_from", -1), Contains("whole number"));
    CHECK_THAT(with("/residual_low", "low"), Contains("residual_low: expected a number"));
    CHECK_THAT(with("/predictor_name", "luck"), Contains("this version knows"));
    CHECK_THROWS_WITH(readCalibration(folder / "none.json"), Contains("cannot be read"));
}
