// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ExpectedAttention against sums written out with explicit rotation matrices.
#include "compress/mean_rotation.hpp"
#include "compress/method.hpp"
#include "compress/top_k.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;
using Positions = std::vector<std::int32_t>;
using Square = std::vector<std::vector<double>>;

namespace {

const test::SyntheticCapture& capture()
{
    static const test::SyntheticCapture made(
        {.layers = 1, .heads = 6, .kvHeads = 2, .n = 90, .t = 3, .window = 8, .headDim = 8, .seed = 31});
    return made;
}

LayerInput inputOf(const test::SyntheticCapture& source)
{
    LayerInput input{source.layer(0), source.info().segments};
    input.info = &source.info();
    return input;
}

/// R_p as a full matrix.
Square rotationMatrix(double theta, int ropeDim, int headDim, double position)
{
    Square matrix(static_cast<std::size_t>(headDim), std::vector<double>(static_cast<std::size_t>(headDim), 0.0));
    for (int i = 0; i < headDim; ++i) {
        const auto row = static_cast<std::size_t>(i);
        matrix[row][row] = 1;
        if (i >= ropeDim)
            continue;
        const auto half = static_cast<std::size_t>(ropeDim / 2);
        const double angle = position * std::pow(theta, -2.0 * static_cast<double>(row % half) / ropeDim);
        matrix[row][row] = std::cos(angle);
        if (row < half)
            matrix[row][row + half] = -std::sin(angle);
        else
            matrix[row][row - half] = std::sin(angle);
    }
    return matrix;
}

Square meanMatrix(double theta, int ropeDim, int headDim, std::int64_t first, std::int64_t count)
{
    Square mean = rotationMatrix(theta, ropeDim, headDim, static_cast<double>(first));
    for (std::int64_t position = first + 1; position < first + count; ++position) {
        const Square next = rotationMatrix(theta, ropeDim, headDim, static_cast<double>(position));
        for (std::size_t i = 0; i < mean.size(); ++i)
            for (std::size_t j = 0; j < mean.size(); ++j)
                mean[i][j] += next[i][j];
    }
    for (auto& row : mean)
        for (double& value : row)
            value /= static_cast<double>(count);
    return mean;
}

struct Definition {
    std::int64_t future = 512, sinks = 4;
    bool covariance = true, valueNorm = true;
    double epsilon = 0;
};

/// z_j of one query head.
double logit(const core::LayerData& data, int head, const float* key, const Square& mean, bool covariance)
{
    const auto d = static_cast<std::size_t>(data.headDim);
    const auto h = static_cast<std::size_t>(head);
    std::vector<double> back(d, 0.0); // Rbar^T k
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j)
            back[j] += mean[i][j] * key[i];
    double linear = 0, quadratic = 0;
    for (std::size_t i = 0; i < d; ++i) {
        linear += data.queryMean[h * d + i] * back[i];
        for (std::size_t j = 0; j < d; ++j)
            quadratic += back[i] * data.queryCovariance[(h * d + i) * d + j] * back[j];
    }
    const auto width = static_cast<double>(d);
    return linear / std::sqrt(width) + (covariance ? quadratic / (2 * width) : 0.0);
}

std::vector<double> definition(const core::LayerData& data, int kvHead, const Definition& about)
{
    const Square mean = meanMatrix(10000.0, data.headDim, data.headDim, data.n, about.future);
    std::vector<double> scores(static_cast<std::size_t>(data.n), 0.0);
    for (int r = 0; r < data.heads.groupSize(); ++r) {
        std::vector<double> weights;
        double sum = 0;
        for (std::int64_t j = about.sinks; j < data.n; ++j) {
            const float* const key = data.key.data() + (kvHead * data.total() + j) * data.headDim;
            weights.push_back(
                std::exp(logit(data, data.heads.firstQueryHead(kvHead) + r, key, mean, about.covariance)));
            sum += weights.back();
        }
        for (std::size_t j = 0; j < weights.size(); ++j)
            scores[j + static_cast<std::size_t>(about.sinks)] += weights[j] / sum / data.heads.groupSize();
    }
    double largest = 0;
    for (std::int64_t j = about.sinks; j < data.n; ++j) {
        double square = 0;
        for (int i = 0; i < data.headDim; ++i)
            square += std::pow(data.value[static_cast<std::size_t>((kvHead * data.total() + j) * data.headDim + i)], 2);
        double& score = scores[static_cast<std::size_t>(j)];
        if (about.valueNorm)
            score = (score + about.epsilon) * std::sqrt(square);
        largest = std::max(largest, score);
    }
    std::fill_n(scores.begin(), about.sinks, largest + 1);
    return scores;
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

} // namespace

TEST_CASE("the mean rotation is the mean of the rotations", "[unit]")
{
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    for (const int ropeDim : {12, 8, 2})
        for (const std::int64_t count : {1, 7, 512}) {
            const int d = 12;
            const MeanRotation rotation(core::Rotary(10000.0, ropeDim), d, 1000, count);
            const Square mean = meanMatrix(10000.0, ropeDim, d, 1000, count);
            std::vector<double> vector(12), matrix(144);
            for (auto* values : {&vector, &matrix})
                std::generate(values->begin(), values->end(), [&] { return normal(random); });
            std::vector<double> turned = vector, both = matrix;
            rotation.applyTo(turned);
            rotation.applyToBothSides(both);
            for (std::size_t i = 0; i < 12; ++i) {
                double expected = 0;
                for (std::size_t k = 0; k < 12; ++k)
                    expected += mean[i][k] * vector[k];
                CHECK(turned[i] == Approx(expected).margin(1e-12));
                for (std::size_t j = 0; j < 12; ++j) {
                    double entry = 0;
                    for (std::size_t k = 0; k < 12; ++k)
                        for (std::size_t l = 0; l < 12; ++l)
                            entry += mean[i][k] * matrix[k * 12 + l] * mean[j][l];
                    CHECK(both[i * 12 + j] == Approx(entry).margin(1e-11));
                }
            }
        }
}

TEST_CASE("the mean rotation turns as RoPE does, and rotations of drawn positions average to it", "[unit]")
{
    const core::Rotary rotary(10000.0, 8);
    std::vector<float> single{1, -2, 3, 0.5f, 0.25f, -1, 2, 1};
    std::vector<double> same(single.begin(), single.end()), mean = same;
    MeanRotation(rotary, 8, 37, 1).applyTo(same);
    const std::vector<float> original = single;
    rotary.rotate(single.data(), 37);
    for (std::size_t i = 0; i < 8; ++i)
        CHECK(same[i] == Approx(single[i]).margin(1e-6));
    // Positions drawn from the same range: the sample mean lies within five standard errors.
    MeanRotation(rotary, 8, 100, 512).applyTo(mean);
    std::mt19937_64 random(8);
    std::uniform_int_distribution<std::int64_t> positions(100, 611);
    const int draws = 20000;
    std::vector<double> sum(8, 0.0), squares(8, 0.0);
    for (int draw = 0; draw < draws; ++draw) {
        std::vector<float> turned = original;
        rotary.rotate(turned.data(), positions(random));
        for (std::size_t i = 0; i < 8; ++i) {
            sum[i] += turned[i];
            squares[i] += static_cast<double>(turned[i]) * turned[i];
        }
    }
    for (std::size_t i = 0; i < 8; ++i) {
        const double average = sum[i] / draws;
        const double error = std::sqrt((squares[i] / draws - average * average) / draws);
        CHECK(std::abs(average - mean[i]) < 5 * error);
    }
}

TEST_CASE("ExpectedAttention keeps what its definition keeps", "[unit]")
{
    struct Case {
        const char* specification;
        Definition about;
    };
    const auto test = GENERATE(Case{"expected_attention", {}},
                               Case{"expected_attention:future=1,sinks=0", {1, 0}},
                               Case{"expected_attention:covariance=false", {512, 4, false}},
                               Case{"expected_attention:value_norm=false,epsilon=0.5", {512, 4, true, false}},
                               Case{"expected_attention:epsilon=0.01,sinks=7", {512, 7, true, true, 0.01}});
    CAPTURE(test.specification);
    const LayerInput input = inputOf(capture());
    const auto method = makeMethod(test.specification);
    for (int kvHead = 0; kvHead < 2; ++kvHead) {
        const std::vector<double> expected = definition(input.data, kvHead, test.about);
        const std::vector<double> own = method->scores(input, kvHead);
        REQUIRE(own.size() == expected.size());
        for (std::size_t j = 0; j < own.size(); ++j)
            if (static_cast<std::int64_t>(j) < test.about.sinks)
                CHECK(std::isinf(own[j]));
            else
                CHECK(own[j] == Approx(expected[j]).epsilon(1e-9));
        for (const std::int64_t count : {8, 45, 89})
            CHECK(method->plan(input, {1.0, count}).kept[static_cast<std::size_t>(kvHead)]
                  == topK(expected, count).positions);
    }
}

TEST_CASE("expected attention of a normal distribution is what its samples attend to on average", "[unit]")
{
    // exp(z) is the mean of exp(q.k / sqrt d) over normal queries: drawn here, for one fixed position (future = 1).
    test::SyntheticCapture source({.layers = 1, .heads = 1, .kvHeads = 1, .n = 6, .t = 0, .window = 2, .headDim = 4});
    core::LayerData& data = source.mutableLayer(0);
    const std::vector<double> sd{0.5, 0.2, 0.4, 0.3}, mean{0.3, -0.4, 0.1, 0.6};
    data.queryMean.assign(mean.begin(), mean.end());
    data.queryCovariance.assign(16, 0.0f);
    for (std::size_t i = 0; i < 4; ++i)
        data.queryCovariance[i * 5] = static_cast<float>(sd[i] * sd[i]);
    const std::vector<double> scores =
        makeMethod("expected_attention:future=1,sinks=0,value_norm=false")->scores(inputOf(source), 0);
    std::mt19937_64 random(12);
    std::normal_distribution<double> normal;
    const core::Rotary rotary(10000.0, 4);
    std::vector<double> attended(6, 0.0);
    for (int draw = 0; draw < 200000; ++draw) {
        std::vector<float> query(4);
        for (std::size_t i = 0; i < 4; ++i)
            query[i] = static_cast<float>(mean[i] + sd[i] * normal(random));
        rotary.rotate(query.data(), 6);
        for (std::size_t j = 0; j < 6; ++j) {
            double dot = 0;
            for (std::size_t i = 0; i < 4; ++i)
                dot += static_cast<double>(query[i]) * data.key[j * 4 + i];
            attended[j] += std::exp(dot / 2);
        }
    }
    double sum = 0;
    for (const double value : attended)
        sum += value;
    for (std::size_t j = 0; j < 6; ++j)
        CHECK(scores[j] == Approx(attended[j] / sum).epsilon(0.01));
}

TEST_CASE("ExpectedAttention handles sinks, short prompts and keys that are no numbers", "[unit]")
{
    const LayerInput input = inputOf(capture());
    const auto plan = [&](const std::string& parameters, const Budget& budget) {
        return makeMethod("expected_attention:" + parameters)->plan(input, budget);
    };
    CHECK(plan("sinks=5", {1.0, 3}).kept[0] == Positions{0, 1, 2});
    CHECK(hasFlag(plan("sinks=5", {1.0, 3}), "sinks_exceed_budget"));
    CHECK(hasFlag(plan("sinks=5", {1.0, 30}), "stats_from_sinks"));
    CHECK_FALSE(hasFlag(plan("sinks=4", {1.0, 30}), "stats_from_sinks"));
    CHECK(plan("sinks=1000000000", {1.0, 3}).kept[0] == Positions{0, 1, 2});
    test::SyntheticCapture broken = capture();
    core::LayerData& data = broken.mutableLayer(0);
    data.key[static_cast<std::size_t>(10 * data.headDim)] = std::nanf("");
    const LayerPlan kept = makeMethod("expected_attention")->plan(inputOf(broken), {1.0, 89});
    CHECK_FALSE(std::binary_search(kept.kept[0].begin(), kept.kept[0].end(), 10));
    CHECK(kept.kept[0].size() == 89);
}

TEST_CASE("ExpectedAttention needs the rotary embedding and says what is wrong with it", "[unit]")
{
    const auto method = makeMethod("expected_attention");
    CHECK(method->obstacle(capture().info(), nullptr).empty());
    CHECK_THROWS_WITH(method->plan({capture().layer(0), {}}, {0.5, {}}), Contains("rotary embedding"));
    test::SyntheticCapture scaled = capture();
    scaled.mutableInfo().model.ropeScaling = "yarn";
    CHECK_THAT(method->obstacle(scaled.info(), nullptr), Contains("yarn"));
    CHECK_THROWS_WITH(method->plan(inputOf(scaled), {0.5, {}}), Contains("yarn"));
    test::SyntheticCapture wide = capture();
    wide.mutableInfo().model.ropeDim = 16;
    CHECK_THAT(method->obstacle(wide.info(), nullptr), Contains("16 channels"));
    CHECK_THROWS_AS(method->plan(inputOf(wide), {0.5, {}}), core::Error);
    CHECK_THROWS_AS(makeMethod("expected_attention:future=0"), core::Error);
    CHECK_THROWS_AS(makeMethod("expected_attention:future=1000000000"), core::Error);
    CHECK_THROWS_AS(makeMethod("expected_attention:epsilon=-1"), core::Error);
    test::SyntheticCapture without = capture();
    without.mutableLayer(0).queryCovariance.clear();
    CHECK_THROWS_WITH(method->plan(inputOf(without), {0.5, {}}), Contains("query statistics"));
}
