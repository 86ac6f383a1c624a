// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Checks of predictions as files: read and refused.
#include "core/error.hpp"
#include "core/io/prediction_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

using namespace kvviz;
using Json = nlohmann::ordered_json;

namespace {

Json checkJson()
{
    Json points = Json::array();
    for (int i = 0; i < 16; ++i)
        points.push_back({{"task", i < 8 ? "facts" : "addition"}, {"method", i % 8 < 4 ? "snapkv" : "h2o"},
                          {"ratio", 0.9 - 0.2 * (i % 4)}, {"predicted", 0.01 + 0.02 * i}, {"measured", -0.02 * i},
                          {"ci_low", -0.02 * i - 0.1}, {"ci_high", -0.02 * i + 0.08}, {"expected", -0.03 * i}});
    return {{"format", "kvviz-prediction-check"},
            {"predictor", "lost non-sink mass"},
            {"predictor_name", "lost_non_sink"},
            {"model", "SmolLM2-135M-Instruct.Q4_1"},
            {"tasks_learned_from", 2},
            {"prompts_learned_from", 80},
            {"points", points},
            {"spearman", {{"value", -0.87}, {"low", -0.93}, {"high", -0.71}}},
            {"kendall", {{"value", -0.7}, {"low", -0.8}, {"high", -0.5}}},
            {"curve", {{"x", {0.05, 0.2, 0.25}}, {"y", {-0.02, -0.15, -0.2}}}},
            {"residual_low", -0.11},
            {"residual_high", 0.07}};
}

io::PredictionFile written(const Json& json)
{
    const test::ScratchFolder folder;
    std::ofstream(folder / "check.json") << json.dump();
    return io::readPredictionFile(folder / "check.json");
}

std::string refusal(const std::string& text)
{
    const test::ScratchFolder folder;
    std::ofstream(folder / "check.json", std::ios::binary) << text;
    try {
        (void)io::readPredictionFile(folder / "check.json");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return "";
}

/// The refusal of a check of which one entry is something else.
std::string refusalOf(const std::string& pointer, const Json& value)
{
    Json json = checkJson();
    json[Json::json_pointer(pointer)] = value;
    return refusal(json.dump());
}

} // namespace

TEST_CASE("A check of predictions comes back as it was written, null as not known", "[io]")
{
    Json json = checkJson();
    json["points"][1]["measured"] = nullptr;
    json["points"][2].erase("expected");
    const io::PredictionFile check = written(json);
    CHECK(check.predictor == "lost non-sink mass");
    CHECK(check.predictorName == "lost_non_sink");
    CHECK(check.tasks == 2);
    CHECK(check.prompts == 80);
    REQUIRE(check.points.size() == 16);
    CHECK(check.points[0].task == "facts");
    CHECK(check.points[4].method == "h2o");
    CHECK(check.points[3].ratio == Approx(0.3));
    CHECK(check.points[15].predicted == Approx(0.31));
    CHECK(check.points[0].low == Approx(check.points[0].measured - 0.1));
    CHECK(std::isnan(check.points[1].measured));
    CHECK(std::isnan(check.points[2].expected));
    CHECK(check.spearman.high == -0.71);
    CHECK(check.curveY == std::vector<double>{-0.02, -0.15, -0.2});
    CHECK(check.residualHigh == 0.07);
    json.erase("curve");
    json.erase("kendall");
    CHECK(written(json).curveX.empty());
    CHECK(std::isnan(written(json).kendall.value));
}

TEST_CASE("What is no check is refused with the entry that is wrong", "[io]")
{
    for (const char* text : {"", "{", "[1]", "null", R"({"format": 7})", R"({"format": "kvviz-capture"})", "\xff\xfe",
                             R"({"format": "kvviz-prediction-check", "points": [NaN]})"})
        CHECK_THAT(refusal(text), Catch::Contains("no check of predictions"));
    CHECK_THAT(refusal(R"({"format": "kvviz-prediction-check"})"), Catch::Contains("predictor: expected an entry"));
    CHECK_THAT(refusalOf("/tasks_learned_from", -1), Catch::Contains("tasks_learned_from: expected a whole number"));
    CHECK_THAT(refusalOf("/model", 3), Catch::Contains("check.json.model: expected a text"));
    CHECK_THAT(refusalOf("/points", "all"), Catch::Contains("points: expected a list"));
    CHECK_THAT(refusalOf("/points/2", 1), Catch::Contains("points[2]: expected an object"));
    CHECK_THAT(refusalOf("/points/2/predicted", "much"), Catch::Contains("points[2].predicted: expected a number"));
    CHECK_THAT(refusalOf("/spearman", 0.9), Catch::Contains("spearman: expected an object"));
    for (const Json& x : {Json{0.2, 0.1, 0.3}, Json{0.1, 0.2}, Json{0.1, nullptr, 0.3}})
        CHECK_THAT(refusalOf("/curve/x", x), Catch::Contains("x ascending"));
    CHECK_THAT(refusalOf("/curve/y", Json{"a", 1, 2}), Catch::Contains("curve.y: expected a number"));
    const test::ScratchFolder folder;
    CHECK_THROWS_WITH(io::readPredictionFile(folder / "none.json"), Catch::Contains("cannot be read"));
    CHECK_THROWS_WITH(io::readPredictionFile(folder.path()), Catch::Contains("cannot be read"));
}
