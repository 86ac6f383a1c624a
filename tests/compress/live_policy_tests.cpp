// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Methods inside a model that generates: a simulated run, whose caches really lose their keys, against the replay.
#include "compress/live_policy.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"
#include "tests/support/synthetic_scorer.hpp"

#include <algorithm>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;
using Mask = std::vector<std::uint8_t>;

namespace {

/// Each evicts while decoding at a ratio of 0.4.
const std::vector<std::string> kSteppers{"streaming_noshift:when=each_step",
                                         "streaming_noshift:when=each_step,sinks=0",
                                         "streaming_noshift:when=each_step,sinks=60",
                                         "streaming_noshift:kvpress,when=each_step",
                                         "h2o_online",
                                         "h2o_online:reduce=max,heavy=0.8",
                                         "h2o_online:heavy=1",
                                         "tova_online",
                                         "tova_online:protect_last=true",
                                         "shotkv",
                                         "shotkv:window,decode_ratio=0.2",
                                         "shotkv:question,global=true",
                                         "pyramidinfer",
                                         "pyramidinfer:exceed=3,recent=0.05,min_context=8",
                                         "pyramidinfer:llama3,exceed=5",
                                         "pyramidinfer:compat=code,exceed=2,recent=0.1"};

test::SyntheticCapture captureOf(std::uint64_t seed, int heads = 6, int kvHeads = 3)
{
    return test::SyntheticCapture(
        {.layers = 3, .heads = heads, .kvHeads = kvHeads, .n = 70, .t = 40, .window = 24, .headDim = 8, .seed = seed});
}

LayerInput inputOf(const core::LayerData& data, std::int64_t slot, const test::SyntheticCapture& capture,
                   const core::ModelTables& tables)
{
    LayerInput input{data, capture.info().segments};
    input.slot = slot;
    input.layers = std::ssize(capture.info().layers);
    input.info = &capture.info();
    input.tables = &tables;
    return input;
}

void surveyAll(Survey* survey, const test::SyntheticCapture& capture, const core::ModelTables& tables)
{
    if (!survey)
        return;
    for (std::int64_t slot = 0; slot < std::ssize(capture.info().layers); ++slot)
        survey->look(inputOf(capture.layer(slot), slot, capture, tables));
    survey->finish();
}

core::ModelTables tablesOf(const test::SyntheticCapture& capture)
{
    core::ModelTables tables;
    tables.scorer = test::syntheticScorer(capture.info());
    return tables;
}

std::vector<LayerPlan> replayed(const Method& method, const test::SyntheticCapture& capture, const Budget& budget)
{
    const core::ModelTables tables = tablesOf(capture);
    const auto survey = method.makeSurvey();
    surveyAll(survey.get(), capture, tables);
    std::vector<LayerPlan> plans;
    for (std::int64_t slot = 0; slot < std::ssize(capture.info().layers); ++slot) {
        LayerInput input = inputOf(capture.layer(slot), slot, capture, tables);
        input.survey = survey.get();
        input.earlier = plans;
        plans.push_back(method.plan(input, budget));
    }
    return plans;
}

/// A prompt after prefill: what is left of its caches, and how they go on. Nothing else of it stays in memory.
struct Prefilled {
    std::vector<LayerPlan> plans;
    std::vector<std::vector<Positions>> caches; // [L][G]
    LiveRules rules;
};

Prefilled prefilled(const Method& method, const test::SyntheticCapture& capture, const Budget& budget)
{
    const test::SyntheticCapture prompt = test::promptPart(capture);
    const core::ModelTables tables = tablesOf(capture);
    const auto survey = method.makeSurvey();
    surveyAll(survey.get(), prompt, tables);
    Prefilled result;
    for (std::int64_t slot = 0; slot < std::ssize(prompt.info().layers); ++slot) {
        auto data = std::make_unique<core::LayerData>(prompt.loadLayer(slot, method.promptNeeds()));
        LayerInput input = inputOf(*data, slot, prompt, tables);
        input.survey = survey.get();
        input.earlier = result.plans;
        result.plans.push_back(method.plan(input, budget));
        StepRules rules = method.stepRules(input, result.plans.back(), budget);
        result.caches.push_back(startKeys(result.plans.back(), rules));
        result.rules.add(data->layer, std::move(rules));
        std::fill(data->received.begin(), data->received.end(), -1.0f); // would be noticed if it were read again
        std::fill(data->windowRows.begin(), data->windowRows.end(), -1.0f);
    }
    return result;
}

/// Single-precision attention on the live keys, as a model computes it.
std::vector<float> liveRow(const core::LayerData& data, int head, std::int64_t step, const Positions& live)
{
    std::vector<float> row;
    double mass = 0;
    for (const std::int32_t key : live)
        mass += data.decodeRow(head, step)[key];
    for (const std::int32_t key : live)
        row.push_back(static_cast<float>(data.decodeRow(head, step)[key] / mass));
    return row;
}

/// Token after token through all layers. Returns what each query saw, [L][G, t, T].
std::vector<Mask> run(const Prefilled& prompt, const test::SyntheticCapture& capture)
{
    const auto policy = prompt.rules.policy();
    auto caches = prompt.caches;
    std::vector<Mask> masks;
    for (const auto& cache : caches)
        masks.emplace_back(cache.size() * static_cast<std::size_t>(capture.layer(0).t * capture.layer(0).total()));
    for (std::int64_t step = 0; step < capture.layer(0).t; ++step)
        for (std::size_t slot = 0; slot < caches.size(); ++slot) {
            const core::LayerData& data = capture.layer(static_cast<std::int64_t>(slot));
            std::vector<std::span<const std::int32_t>> live;
            std::vector<std::vector<float>> rows;
            for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
                Positions& cache = caches[slot][static_cast<std::size_t>(kvHead)];
                cache.push_back(static_cast<std::int32_t>(data.n + step));
                for (const std::int32_t key : cache)
                    masks[slot][static_cast<std::size_t>((kvHead * data.t + step) * data.total() + key)] = 1;
                for (int r = 0; r < data.heads.groupSize(); ++r)
                    rows.push_back(liveRow(data, data.heads.firstQueryHead(kvHead) + r, step, cache));
                live.emplace_back(cache);
            }
            if (!policy)
                continue;
            const std::vector<std::span<const float>> views(rows.begin(), rows.end());
            const auto stay = policy->stay({data.layer, step, live, views});
            REQUIRE(stay.size() == caches[slot].size());
            for (std::size_t kvHead = 0; kvHead < stay.size(); ++kvHead)
                keepPlaces(caches[slot][kvHead], stay[kvHead]);
        }
    return masks;
}

/// keptDecode, also of plans that evict at the end of prefill only. [G, t, T]
Mask seenInReplay(const core::LayerData& data, const LayerPlan& plan)
{
    if (!plan.keptDecode.empty())
        return plan.keptDecode;
    Mask mask;
    for (const Positions& kept : plan.kept)
        for (std::int64_t query = data.n; query < data.total(); ++query)
            for (std::int32_t key = 0; key < data.total(); ++key)
                mask.push_back(key < data.n ? std::binary_search(kept.begin(), kept.end(), key) : key <= query);
    return mask;
}

void requireSameAsReplay(const Method& method, const test::SyntheticCapture& capture, const Budget& budget)
{
    const std::vector<LayerPlan> plans = replayed(method, capture, budget);
    const Prefilled prompt = prefilled(method, capture, budget);
    const std::vector<Mask> seen = run(prompt, capture);
    REQUIRE(seen.size() == plans.size());
    for (std::size_t slot = 0; slot < plans.size(); ++slot) {
        CAPTURE(slot);
        REQUIRE(prompt.plans[slot].kept == plans[slot].kept);
        REQUIRE(seen[slot] == seenInReplay(capture.layer(static_cast<std::int64_t>(slot)), plans[slot]));
    }
}

} // namespace

TEST_CASE("a run under a method's policy sees exactly the keys that its replay shows", "[unit]")
{
    for (const std::uint64_t seed : {1, 2})
        for (const std::string& specification : kSteppers)
            for (const double ratio : {0.05, 0.4, 0.9, 1.0}) {
                CAPTURE(seed, specification, ratio);
                requireSameAsReplay(*makeMethod(specification), captureOf(seed), {ratio, {}});
            }
}

TEST_CASE("a run equals the replay whatever the grouping of heads", "[unit]")
{
    for (const auto& [heads, kvHeads] : {std::pair{4, 4}, {4, 1}, {1, 1}, {8, 2}})
        for (const std::string& specification : kSteppers) {
            CAPTURE(heads, kvHeads, specification);
            requireSameAsReplay(*makeMethod(specification), captureOf(7, heads, kvHeads), {1.0, 17});
        }
}

TEST_CASE("a run breaks ties as the replay does", "[unit]")
{
    test::SyntheticCapture capture = captureOf(3);
    for (const std::int64_t slot : {0, 1, 2}) {
        core::LayerData& data = capture.mutableLayer(slot);
        std::fill(data.received.begin(), data.received.end(), 1.0f);
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            for (std::int64_t step = 0; step < data.t; ++step)
                std::fill_n(data.decodeRows.begin() + (head * data.t + step) * data.total(), data.n + step + 1,
                            1.0f / static_cast<float>(data.n + step + 1));
    }
    for (const std::string& specification : kSteppers) {
        CAPTURE(specification);
        requireSameAsReplay(*makeMethod(specification), capture, {0.4, {}});
    }
}

TEST_CASE("the policies really evict while decoding, and only those of the methods that act then", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(4);
    const core::LayerData& data = capture.layer(0);
    for (const std::string& specification : kSteppers) {
        CAPTURE(specification);
        const Prefilled prompt = prefilled(*makeMethod(specification), capture, {0.4, {}});
        REQUIRE(prompt.rules.policy());
        const Mask seen = run(prompt, capture).front();
        const auto seenBy = [&](std::int64_t step) {
            return std::count(seen.begin() + step * data.total(), seen.begin() + (step + 1) * data.total(), 1);
        };
        CHECK(seenBy(data.t - 1) < seenBy(0) + data.t - 1);
    }
    for (const char* specification : {"snapkv:window=8", "h2o", "tova", "streaming_noshift", "shotkv:prefill_only",
                                      "pyramidinfer:prefill_only", "fullkv", "random"}) {
        CAPTURE(specification);
        CHECK_FALSE(prefilled(*makeMethod(specification), capture, {0.4, {}}).rules.policy());
        requireSameAsReplay(*makeMethod(specification), capture, {0.4, {}});
    }
}

TEST_CASE("streams of one prompt do not disturb each other", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(5);
    for (const std::string& specification : kSteppers) {
        CAPTURE(specification);
        const Prefilled prompt = prefilled(*makeMethod(specification), capture, {0.4, {}});
        CHECK(run(prompt, capture) == run(prompt, capture));
    }
}

TEST_CASE("every method of the registry runs live as it is replayed, or says why not", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(6);
    const core::ModelTables tables = tablesOf(capture);
    std::set<std::string> refused;
    for (const std::string& specification : defaultReplaySet()) {
        CAPTURE(specification);
        const auto method = makeMethod(specification);
        if (!method->obstacle(capture.info(), &tables).empty())
            continue;
        const bool future = method->info().name.starts_with("oracle");
        CHECK(method->usesFuture() == future);
        if (!method->liveObstacle().empty())
            refused.insert(method->info().name);
        else
            requireSameAsReplay(*method, capture, {0.4, {}});
    }
    CHECK(refused
          == std::set<std::string>{"streaming", "oracle_mass", "oracle_layer", "oracle_global", "oracle_token",
                                   "oracle_step", "oracle_out", "oracle_shot"});
}

TEST_CASE("variants that no freed cache can follow say so", "[unit]")
{
    const auto why = [](const char* specification) { return makeMethod(specification)->liveObstacle(); };
    CHECK(why("streaming") == "position shift is not run live; use streaming_noshift:when=each_step");
    CHECK_THAT(why("h2o_online:hf"), Catch::Matchers::Contains("lets them return"));
    CHECK_THAT(why("h2o_online:lm_eval"), Catch::Matchers::Contains("still to come"));
    CHECK_THAT(why("oracle_step"), Catch::Matchers::Contains("still to come"));
    CHECK_THAT(why("shotkv:recall=true"), Catch::Matchers::Contains("recall=true"));
    CHECK_THAT(why("h2o_online:hf+kivi"), Catch::Matchers::Contains("lets them return"));
    CHECK(why("h2o_online+kivi").empty());
    CHECK(why("shotkv:recall=true,decode=false").empty());
    CHECK(why("adakv:window=8").empty());
}

TEST_CASE("attention that does not fit the live keys is refused", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(8, 2, 2);
    const Prefilled prompt = prefilled(*makeMethod("h2o_online"), capture, {1.0, 5});
    const auto policy = prompt.rules.policy();
    const Positions keys{0, 1, 2, 3, 4, 70};
    const std::vector<float> fits(6, 1.0f / 6), shorter(5, 0.2f);
    const std::vector<std::span<const std::int32_t>> live{keys, keys}, one{keys};
    const std::vector<std::span<const float>> bad{fits, shorter}, both{fits, fits};
    CHECK_THROWS_WITH(policy->stay({0, 0, live, bad}), Catch::Matchers::Contains("query head 1 of layer 0"));
    CHECK_THROWS_WITH(policy->stay({0, 0, one, both}), Catch::Matchers::Contains("the model has 1"));
    const auto unknown = policy->stay({99, 0, live, both}); // not a layer of the prompt: everything stays
    CHECK(unknown == std::vector<Positions>(2, {0, 1, 2, 3, 4, 5}));
}
