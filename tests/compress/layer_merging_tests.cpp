// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// MiniCache on its arcs and KVSharer on its ranking, each against its definition written out.
#include "compress/layer_sharing.hpp"
#include "compress/slerp.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/layer_input.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const double kPi = std::acos(-1.0);

std::vector<float> normals(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f);
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

std::vector<float> between(const std::vector<float>& a, const std::vector<float>& b, double t)
{
    std::vector<float> out(a.size());
    slerp(a, b, t, out);
    return out;
}

std::vector<double> vectorAt(const core::LayerData& data, const std::vector<float>& tensor, int kvHead,
                             std::int64_t token)
{
    const auto first = tensor.begin() + (kvHead * data.total() + token) * data.headDim;
    return {first, first + data.headDim};
}

double norm(const std::vector<double>& x) { return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)); }

double angleOf(const std::vector<double>& a, const std::vector<double>& b)
{
    const double cosine = std::inner_product(a.begin(), a.end(), b.begin(), 0.0) / (norm(a) * norm(b));
    return std::acos(std::min(1 - 1e-6, std::max(-1 + 1e-6, cosine)));
}

/// Layer `slot` planned with all surveyed, as a replay does it.
std::vector<LayerPlan> planAll(const test::SyntheticCapture& capture, const Method& method, const Budget& budget,
                               const core::ModelTables* tables = nullptr)
{
    const auto survey = method.makeSurvey();
    std::vector<LayerInput> inputs;
    for (std::int64_t slot = 0; slot < std::ssize(capture.info().layers); ++slot) {
        inputs.push_back(test::inputOf(capture, slot));
        inputs.back().tables = tables;
        if (survey)
            survey->look(inputs.back());
    }
    if (survey)
        survey->finish();
    std::vector<LayerPlan> plans;
    for (LayerInput& input : inputs) {
        input.survey = survey.get();
        plans.push_back(method.plan(input, budget));
    }
    return plans;
}

/// Layer each layer takes its cache from, by its facts.
std::vector<int> sourcesOf(const std::vector<LayerPlan>& plans)
{
    std::vector<int> sources;
    for (const LayerPlan& plan : plans)
        sources.push_back(plan.facts.count("shared_from") == 1 ? static_cast<int>(plan.facts.at("shared_from"))
                                                                : plan.layer);
    return sources;
}

} // namespace

TEST_CASE("an arc starts at one direction, ends at the other and is walked evenly", "[unit]")
{
    for (unsigned seed = 0; seed < 20; ++seed) {
        const std::vector<float> a = normals(9, seed), b = normals(9, seed + 100);
        const double angle = angleBetween(a, b);
        for (const double t : {0.0, 0.25, 0.6, 1.0}) {
            const std::vector<float> e = between(a, b, t);
            CHECK(lengthOf(e) == Approx(1).epsilon(1e-6));
            CHECK(angleBetween(a, e) == Approx(t * angle).margin(2e-3)); // cosines end 1e-6 before 1
            CHECK(angleBetween(b, e) == Approx((1 - t) * angle).margin(2e-3));
            const std::vector<float> back = between(b, a, 1 - t);
            for (std::size_t i = 0; i < e.size(); ++i)
                CHECK(e[i] == Approx(back[i]).margin(1e-6));
        }
        for (std::size_t i = 0; i < a.size(); ++i) {
            CHECK(between(a, b, 0)[i] * lengthOf(a) == Approx(a[i]).margin(1e-6));
            CHECK(between(a, b, 1)[i] * lengthOf(b) == Approx(b[i]).margin(1e-6));
            CHECK(between(a, a, 0.6)[i] * lengthOf(a) == Approx(a[i]).margin(1e-6));
        }
    }
}

TEST_CASE("zero vectors and opposite directions have an answer", "[unit]")
{
    const std::vector<float> a{3, 0, 4}, opposite{-3, 0, -4}, zero{0, 0, 0};
    CHECK(angleBetween(a, zero) == Approx(kPi / 2));
    CHECK(angleBetween(a, opposite) == Approx(kPi).margin(2e-3));
    CHECK(between(zero, a, 0.6)[2] == Approx(0.8));
    CHECK(between(zero, zero, 0.6) == zero);
    for (const double t : {0.0, 0.3, 0.5, 0.6, 1.0})
        for (const float value : between(a, opposite, t))
            CHECK(std::isfinite(value));
    CHECK(lengthOf(between(a, opposite, 0.5)) == Approx(1));
}

TEST_CASE("MiniCache gives both layers of a pair one direction and their own lengths", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 5, .heads = 4, .kvHeads = 2, .n = 61, .t = 9, .headDim = 6});
    const auto method = makeMethod("minicache:start=1"); // pairs (1,2) and (3,4)
    for (int shallow : {1, 3}) {
        const LayerInput lower = test::inputOf(capture, shallow), upper = test::inputOf(capture, shallow + 1);
        const LayerPlan a = method->plan(lower, {1.0, {}}), b = method->plan(upper, {1.0, {}});
        const core::LayerData &x = lower.data, &y = upper.data;
        for (int g = 0; g < 2; ++g) {
            std::vector<double> prompt;
            for (std::int64_t token = 0; token < x.n; ++token)
                prompt.push_back(angleOf(vectorAt(x, x.key, g, token), vectorAt(y, y.key, g, token)));
            std::sort(prompt.rbegin(), prompt.rend());
            const double limit = prompt[3]; // ceil(0.05 * 61) = 4 stay
            for (std::int64_t token = 0; token < x.total(); ++token) {
                const auto u = vectorAt(x, x.key, g, token), v = vectorAt(y, y.key, g, token);
                const double angle = angleOf(u, v);
                CAPTURE(shallow, g, token, angle, limit);
                const auto i = static_cast<std::size_t>(g * x.total() + token);
                const bool stays = angle >= limit;
                const std::int64_t from = stays ? x.t : std::max<std::int64_t>(0, token - x.n + 1);
                CHECK(a.changed->keyFrom[i] == from);
                CHECK(b.changed->keyFrom[i] == from);
                if (stays)
                    continue;
                const auto seenA = test::seenKey(x, a, g, token, x.t), seenB = test::seenKey(y, b, g, token, x.t);
                for (std::size_t c = 0; c < u.size(); ++c) {
                    const double e = (std::sin(0.4 * angle) * u[c] / norm(u) + std::sin(0.6 * angle) * v[c] / norm(v))
                                     / std::sin(angle);
                    CHECK(seenA[c] == Approx(norm(u) * e).margin(1e-5));
                    CHECK(seenB[c] == Approx(norm(v) * e).margin(1e-5));
                }
            }
        }
        CHECK(a.facts.at("merged") == 1);
        CHECK(a.facts.at("mean_angle_key") == Approx(b.facts.at("mean_angle_key")));
        // K and V of both layers: n G (2 d + 4) + 2 retained 2 d each
        CHECK(*a.bytes + *b.bytes == Approx(2 * (61 * 2 * (2 * 6 + 4) + 2 * 4 * 2 * 2 * 6)));
    }
    for (const int alone : {0, 4}) { // below the start; the default pairs (2,3) and leaves layer 4
        const LayerPlan plan = makeMethod("minicache")->plan(test::inputOf(capture, alone), {1.0, {}});
        CHECK_FALSE(plan.changed);
        CHECK_FALSE(plan.bytes);
        CHECK(plan.facts.at("merged") == 0);
        CHECK(plan.flags.empty());
    }
    CHECK(makeMethod("minicache")->plan(test::inputOf(capture, 3), {1.0, {}}).facts.at("merged") == 1);
}

TEST_CASE("MiniCache with a threshold keeps the angles close to the largest", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 2, .kvHeads = 2, .n = 50, .t = 6, .headDim = 6});
    const LayerInput input = test::inputOf(capture, 1);
    const LayerPlan plan = makeMethod("minicache:threshold,start=0,gamma=0.3")->plan(input, {1.0, {}});
    const core::LayerData &x = capture.layer(0), &y = capture.layer(1);
    double retained = 0;
    for (int g = 0; g < 2; ++g) {
        std::vector<double> angles;
        for (std::int64_t token = 0; token < x.total(); ++token)
            angles.push_back(angleOf(vectorAt(x, x.value, g, token), vectorAt(y, y.value, g, token)));
        const auto [least, most] = std::minmax_element(angles.begin(), angles.begin() + x.n);
        const double limit = *most - 0.3 * (*most - *least);
        for (std::int64_t token = 0; token < x.total() - 1; ++token) { // no query comes after the last
            const bool stays = angles[static_cast<std::size_t>(token)] > limit;
            CHECK((plan.changed->valueFrom[static_cast<std::size_t>(g * x.total() + token)] == x.t) == stays);
            retained += stays && token < x.n ? 1 : 0;
        }
    }
    CHECK(plan.facts.at("retained_value") == retained);
    CHECK(retained > 0);
}

TEST_CASE("MiniCache leaves a layer whose partner was not captured", "[unit]")
{
    test::SyntheticCapture capture({.layers = 4, .n = 40, .t = 4});
    capture.mutableInfo().layers = {0, 1, 2, 5}; // of six: pairs (3,4), (5)
    capture.mutableInfo().model.nLayers = 6;
    capture.mutableLayer(3).layer = 4;
    LayerInput input = test::inputOf(capture, 3);
    const LayerPlan plan = makeMethod("minicache")->plan(input, {1.0, {}});
    CHECK(plan.flags == std::vector<std::string>{"pair_not_captured"});
    CHECK_FALSE(plan.changed);
    LayerInput lower = test::inputOf(capture, 1);
    CHECK(makeMethod("minicache:start=0")->plan(lower, {1.0, {}}).changed);
    lower.otherLayer = nullptr;
    CHECK(makeMethod("minicache:start=0")->plan(lower, {1.0, {}}).flags
          == std::vector<std::string>{"pair_not_captured"});
    input.info = nullptr;
    CHECK_THROWS_AS(makeMethod("minicache")->plan(input, {1.0, {}}), core::Error);
}

TEST_CASE("replacements come by falling distance, each layer once, and chains end at their root", "[unit]")
{
    // Distances of (1,0), (2,0), (2,1), (3,0), (3,1), (3,2)
    const std::vector<double> distance{0, 0, 0, 0, 5, 0, 0, 0, 2, 9, 0, 0, 1, 3, 8, 0};
    const auto order = sharingOrder(distance, 4);
    CHECK(order == std::vector<SharedLayer>{{2, 1}, {3, 2}, {1, 0}});
    CHECK(sharingSources(std::span(order).first(0), 4) == std::vector<int>{0, 1, 2, 3});
    CHECK(sharingSources(std::span(order).first(2), 4) == std::vector<int>{0, 1, 1, 1});
    CHECK(sharingSources(order, 4) == std::vector<int>{0, 0, 0, 0});
    const std::vector<double> even(16, 1.0);
    CHECK(sharingOrder(even, 4) == std::vector<SharedLayer>{{1, 0}, {2, 0}, {3, 0}});
    const std::vector<double> undefined{0, 0, kNan, 0};
    CHECK(sharingOrder(undefined, 2).size() == 1);
    CHECK(sharingOrder({}, 0).empty());
}

TEST_CASE("KVSharer ranks pairs by the distance of their first tokens", "[unit]")
{
    test::SyntheticCapture capture({.layers = 6, .heads = 4, .kvHeads = 2, .n = 40, .t = 4, .headDim = 6});
    for (int slot = 0; slot < 6; ++slot) // distances that differ clearly, in no order
        for (float& value : capture.mutableLayer(slot).key)
            value *= std::array{1.0f, 4.0f, 2.0f, 7.0f, 3.0f, 5.0f}[static_cast<std::size_t>(slot)];
    const std::int64_t calibration = 16;
    std::vector<std::tuple<double, int, int>> pairs;
    for (int i = 0; i < 6; ++i)
        for (int j = 0; j < i; ++j) {
            double sum = 0;
            for (int g = 0; g < 2; ++g)
                for (std::int64_t token = 0; token < calibration; ++token)
                    for (const auto tensor : {&core::LayerData::key, &core::LayerData::value}) {
                        auto a = vectorAt(capture.layer(i), capture.layer(i).*tensor, g, token);
                        const auto b = vectorAt(capture.layer(j), capture.layer(j).*tensor, g, token);
                        std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::minus<>());
                        sum += norm(a) / (2 * 2 * static_cast<double>(calibration));
                    }
            pairs.emplace_back(-sum, i, j);
        }
    std::sort(pairs.begin(), pairs.end());
    for (const int count : {0, 1, 2, 3, 5}) {
        CAPTURE(count);
        std::map<int, int> source;
        for (const auto& [distance, i, j] : pairs)
            if (static_cast<int>(source.size()) < count)
                source.emplace(i, j);
        const auto method = makeMethod("kvsharer:calibration=16,shared=" + std::to_string(count));
        CHECK(method->budgetUse() == BudgetUse::fixed);
        const auto plans = planAll(capture, *method, {1.0, {}});
        for (int i = 0; i < 6; ++i) {
            int root = i;
            while (source.count(root) == 1)
                root = source.at(root);
            const LayerPlan& plan = plans[static_cast<std::size_t>(i)];
            CHECK(sourcesOf(plans)[static_cast<std::size_t>(i)] == root);
            CHECK((plan.bytes == 0.0) == (root != i));
            CHECK(static_cast<bool>(plan.changed) == (root != i));
            CHECK(plan.kept == plans[0].kept);
            if (root == i)
                continue;
            REQUIRE(plan.changed);
            CHECK(plan.changed->key == capture.layer(root).key);
            CHECK(plan.changed->value == capture.layer(root).value);
            CHECK(plan.changed->keyFrom == std::vector<std::int32_t>(2 * 44, 0));
            const auto pair = std::find_if(pairs.begin(), pairs.end(), [&](const auto& entry) {
                return std::get<1>(entry) == i && std::get<2>(entry) == root;
            });
            REQUIRE(pair != pairs.end());
            CHECK(plan.facts.at("distance") == Approx(-std::get<0>(*pair)));
        }
    }
    const auto byRatio = [&](double ratio) { return planAll(capture, *makeMethod("kvsharer"), {ratio, {}})[0]; };
    CHECK(byRatio(1.0).facts.at("layers_shared") == 0);
    CHECK(byRatio(0.5).facts.at("layers_shared") == 3);
    CHECK(byRatio(0.4).facts.at("layers_shared") == 3); // floor(0.6 * 6)
    CHECK(byRatio(0.01).facts.at("layers_shared") == 5);
    const auto tooMany = planAll(capture, *makeMethod("kvsharer:shared=9"), {1.0, {}});
    CHECK(tooMany[0].flags == std::vector<std::string>{"fewer_layers_shared"});
}

TEST_CASE("KVSharer uses the map of an acceptance search in its order", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 5, .n = 40, .t = 4});
    core::ModelTables tables;
    tables.sharing = {.source = {0, 1, 0, 1, 0}, .similarity = {kNan, kNan, 0.7, 0.9, 0.8}, .threshold = 0.5,
                      .sentences = 30};
    const auto sources = [&](const std::string& specification) {
        return sourcesOf(planAll(capture, *makeMethod(specification), {1.0, {}}, &tables));
    };
    CHECK(sources("kvsharer:shared=1") == std::vector<int>{0, 1, 2, 1, 4});
    CHECK(sources("kvsharer:shared=2") == std::vector<int>{0, 1, 2, 1, 0});
    CHECK(sources("kvsharer:shared=3") == std::vector<int>{0, 1, 0, 1, 0});
    const auto plans = planAll(capture, *makeMethod("kvsharer"), {0.2, {}}, &tables); // 4 wanted, 3 accepted
    CHECK(sourcesOf(plans) == std::vector<int>{0, 1, 0, 1, 0});
    CHECK(plans[0].flags == std::vector<std::string>{"fewer_layers_shared"});
    tables.sharing->source.pop_back();
    CHECK_THAT(makeMethod("kvsharer")->obstacle(capture.info(), &tables), Contains("4 layers"));
    CHECK(makeMethod("kvsharer")->obstacle(capture.info(), nullptr).empty());
}

TEST_CASE("KVSharer leaves a layer whose source was not captured, and shares nothing alone", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .n = 40, .t = 4});
    capture.mutableInfo().layers = {1, 2};
    capture.mutableInfo().model.nLayers = 3;
    capture.mutableLayer(0).layer = 1;
    capture.mutableLayer(1).layer = 2;
    core::ModelTables tables;
    tables.sharing = {.source = {0, 0, 1}, .similarity = {kNan, 0.9, 0.8}, .threshold = 0.5, .sentences = 30};
    const auto plans = planAll(capture, *makeMethod("kvsharer:shared=2"), {1.0, {}}, &tables);
    CHECK(plans[0].flags == std::vector<std::string>{"source_not_captured"});
    CHECK_FALSE(plans[0].changed);
    CHECK(plans[1].facts.at("shared_from") == 1);
    CHECK(plans[1].changed->key == capture.layer(0).key);
    const auto bySurvey = planAll(capture, *makeMethod("kvsharer"), {0.5, {}});
    CHECK(bySurvey[1].flags == std::vector<std::string>{"captured_layers_only"});
    CHECK(bySurvey[1].facts.at("shared_from") == 1);
    const LayerPlan alone = makeMethod("kvsharer")->plan(test::inputOf(capture, 1), {0.2, {}});
    CHECK_FALSE(alone.changed);
}
