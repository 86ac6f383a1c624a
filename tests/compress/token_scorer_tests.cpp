// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The learned token scorer: its features, its network, and the selection by it.
#include "compress/memo.hpp"
#include "compress/scorer_output.hpp"
#include "core/token_features.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"
#include "tests/support/synthetic_scorer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;
using Positions = std::vector<std::int32_t>;

namespace {

const test::SyntheticCapture& capture()
{
    static const test::SyntheticCapture made(
        {.layers = 3, .heads = 4, .kvHeads = 2, .n = 60, .t = 3, .window = 4, .headDim = 6, .seed = 17});
    return made;
}

core::ModelTables tablesFor(int layer)
{
    core::ModelTables tables;
    tables.scorer = test::syntheticScorer(capture().info(), layer);
    return tables;
}

LayerInput inputOf(int slot, const core::ModelTables& tables, const Survey* survey = nullptr)
{
    LayerInput input{capture().layer(slot), capture().info().segments, slot, 3};
    input.info = &capture().info();
    input.tables = &tables;
    input.survey = survey;
    return input;
}

std::unique_ptr<Survey> surveyOf(const Method& method, const core::ModelTables& tables)
{
    auto survey = method.makeSurvey();
    for (int slot = 0; slot < 3; ++slot)
        survey->look(inputOf(slot, tables));
    survey->finish();
    return survey;
}

/// The score of a token, number by number.
double scoreOf(const core::TokenScorer& scorer, const core::LayerData& data, std::int64_t token)
{
    std::vector<double> features;
    const auto d = static_cast<std::size_t>(data.headDim);
    for (const bool isKey : {true, false})
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
            const float* const row =
                (isKey ? data.key : data.value).data() + (kvHead * data.total() + token) * data.headDim;
            for (std::size_t i = 0; i < d; ++i) {
                const double angle = -static_cast<double>(token)
                                     * std::pow(10000.0, -2.0 * static_cast<double>(i % (d / 2)) / data.headDim);
                const double partner = i < d / 2 ? -row[i + d / 2] : row[i - d / 2];
                features.push_back(isKey ? row[i] * std::cos(angle) + partner * std::sin(angle) : row[i]);
            }
        }
    double score = scorer.b2;
    for (std::size_t unit = 0; unit < scorer.w2.size(); ++unit) {
        double sum = scorer.b1[unit];
        for (std::size_t i = 0; i < features.size(); ++i)
            sum += scorer.w1[unit * features.size() + i] * (features[i] - scorer.mean[i]) * scorer.scale[i];
        score += scorer.w2[unit] * sum / (1 + std::exp(-sum));
    }
    return score;
}

} // namespace

TEST_CASE("token features are keys before RoPE and values, head by head", "[unit]")
{
    const core::LayerData& data = capture().layer(1);
    const core::Rotary rotary(capture().info().model, 0);
    const std::vector<float> features = core::tokenFeatures(data, rotary, data.n);
    REQUIRE(features.size() == 60 * 24);
    for (const std::int64_t token : {0, 1, 59})
        for (int kvHead = 0; kvHead < 2; ++kvHead) {
            std::vector<float> key(features.begin() + token * 24 + kvHead * 6,
                                   features.begin() + token * 24 + kvHead * 6 + 6);
            rotary.rotate(key.data(), token);
            for (int i = 0; i < 6; ++i) {
                const auto at = static_cast<std::size_t>((kvHead * data.total() + token) * 6 + i);
                CHECK(key[static_cast<std::size_t>(i)] == Approx(data.key[at]).margin(1e-6));
                CHECK(features[static_cast<std::size_t>(token * 24 + 12 + kvHead * 6 + i)] == data.value[at]);
            }
        }
    const std::vector<float> fewer = core::tokenFeatures(data, rotary, 5);
    CHECK(std::equal(fewer.begin(), fewer.end(), features.begin()));
    CHECK(core::tokenFeatures(data, rotary, data.total()).size() == 63 * 24);
    CHECK_THROWS_WITH(core::tokenFeatures(data, rotary, data.total() + 1), Contains("64 tokens"));
    CHECK_THROWS_AS(core::tokenFeatures(data, core::Rotary(10000.0, 8), 5), core::Error);
    core::LayerData bare = data;
    bare.value.clear();
    CHECK_THROWS_WITH(core::tokenFeatures(bare, rotary, 5), Contains("not loaded"));
}

TEST_CASE("the scorer's output is that of its two layers", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    const core::TokenScorer scorer = *tablesFor(0).scorer;
    const std::vector<double> scores =
        scorerOutput(scorer, core::tokenFeatures(data, core::Rotary(capture().info().model, 0), data.n));
    REQUIRE(scores.size() == 60);
    for (const std::int64_t token : {0, 7, 31, 59})
        CHECK(scores[static_cast<std::size_t>(token)] == Approx(scoreOf(scorer, data, token)).epsilon(1e-5));
    CHECK(scorerOutput(scorer, {}).empty());
    CHECK_THROWS_AS(scorerOutput(scorer, std::vector<float>(25)), core::Error);
}

TEST_CASE("damaged scorer tables are refused", "[unit]")
{
    const core::TokenScorer good = *tablesFor(0).scorer;
    CHECK_NOTHROW(checkScorer(good));
    const auto refuses = [&](const auto& damage) {
        core::TokenScorer scorer = good;
        damage(scorer);
        CHECK_THROWS_WITH(checkScorer(scorer), Contains("damaged"));
    };
    refuses([](core::TokenScorer& s) { s.w1.pop_back(); });
    refuses([](core::TokenScorer& s) { s.mean.clear(); });
    refuses([](core::TokenScorer& s) { s.hidden = 4; });
    refuses([](core::TokenScorer& s) { s.inputs = -24; });
    refuses([](core::TokenScorer& s) { s.b1[2] = std::numeric_limits<float>::quiet_NaN(); });
    refuses([](core::TokenScorer& s) { s.b2 = std::numeric_limits<float>::infinity(); });
}

TEST_CASE("the same tokens stay in every layer and head, chosen by the scorer's layer alone", "[unit]")
{
    const auto method = makeMethod("token_scorer:sinks=2,window=3");
    const core::ModelTables tables = tablesFor(1);
    const auto survey = surveyOf(*method, tables);
    // The best 15 by the definition, sinks and window first.
    Positions order(60);
    std::iota(order.begin(), order.end(), 0);
    const auto rankOf = [&](std::int32_t token) {
        return token < 2 || token >= 57 ? 1e9 : scoreOf(*tables.scorer, capture().layer(1), token);
    };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return rankOf(a) > rankOf(b); });
    Positions expected(order.begin(), order.begin() + 15);
    std::sort(expected.begin(), expected.end());
    for (int slot = 0; slot < 3; ++slot) {
        const LayerPlan plan = method->plan(inputOf(slot, tables, survey.get()), {0.25, {}});
        CHECK(plan.layer == slot);
        CHECK(plan.flags.empty());
        for (const Positions& kept : plan.kept)
            CHECK(kept == expected);
    }
    CHECK(method->scores(inputOf(2, tables, survey.get()), 1)[0] == std::numeric_limits<double>::infinity());
    // Alone, the scorer's own layer plans the same.
    CHECK(method->plan(inputOf(1, tables), {0.25, {}}).kept[0] == expected);
    CHECK(method->scores(inputOf(1, tables), 0) == method->scores(inputOf(0, tables, survey.get()), 0));
    const LayerPlan tight = method->plan(inputOf(0, tables, survey.get()), {1.0, 4});
    CHECK(tight.flags == std::vector<std::string>{"protected_exceed_budget"});
    CHECK(tight.kept[0].size() == 4);
    // Nothing protected: pure order of scores.
    const auto bare = makeMethod("token_scorer:sinks=0,window=0");
    CHECK(bare->plan(inputOf(1, tables), {1.0, 1}).kept[0][0]
          == std::max_element(order.begin(), order.end(),
                              [&](std::int32_t a, std::int32_t b) {
                                  return scoreOf(*tables.scorer, capture().layer(1), a)
                                         < scoreOf(*tables.scorer, capture().layer(1), b);
                              })[0]);
}

TEST_CASE("the token scorer says what it lacks, before and when it is asked", "[unit]")
{
    const auto method = makeMethod("token_scorer");
    const core::ModelTables good = tablesFor(1);
    CHECK(method->obstacle(capture().info(), &good).empty());
    const auto says = [&](const core::CaptureInfo& info, const core::ModelTables* tables, const char* what) {
        CHECK_THAT(method->obstacle(info, tables), Contains(what));
        LayerInput input = inputOf(1, good);
        input.info = &info;
        input.tables = tables;
        CHECK_THROWS_WITH(method->plan(input, {0.5, {}}), Contains(what));
        CHECK_THROWS_WITH(method->scores(input, 0), Contains(what));
    };
    says(capture().info(), nullptr, "kvviz train-scorer");
    const core::ModelTables empty;
    says(capture().info(), &empty, "--table");
    const core::ModelTables elsewhere = tablesFor(5);
    says(capture().info(), &elsewhere, "layer 5");
    core::CaptureInfo some = capture().info();
    some.heads = {2, 3};
    says(some, &good, "holds 1");
    core::ModelTables wide = good;
    wide.scorer->inputs = 48;
    says(capture().info(), &wide, "48");
    core::ModelTables damaged = good;
    damaged.scorer->w2.clear();
    says(capture().info(), &damaged, "damaged");
    core::CaptureInfo scaled = capture().info();
    scaled.model.ropeScaling = "yarn";
    says(scaled, &good, "yarn");
    // Another layer planned alone.
    CHECK_THROWS_WITH(method->plan(inputOf(0, good), {0.5, {}}), Contains("layer 1"));
    CHECK_THROWS_WITH(method->plan({capture().layer(1), {}}, {0.5, {}}), Contains("model"));
}
