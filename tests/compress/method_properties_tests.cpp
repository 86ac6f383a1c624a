// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Properties that hold for every method of the registry. A new method adds its row to kRows; a test fails until it
// does.
#include "compress/kept_sets.hpp"
#include "compress/memo.hpp"
#include "compress/metrics.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"
#include "tests/support/synthetic_scorer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

enum class Spends {
    exactly,
    inLayer, ///< exactly in the sum over the heads of the layer
    atMost,
    freely
};
/// Keys that a decode query of an online method may see: no bound, the capacity, or as many and its own.
enum class Sees { freely, capacity, capacityAndOwn };

struct Row {
    std::string specification;
    Spends spends;          ///< kept tokens per layer and KV head against the capacity
    bool causal = true;     ///< plans do not depend on decode rows
    bool headwise = true;   ///< permuting KV heads permutes the plan (random draws are tied to head numbers)
    bool lossless = true;   ///< the whole budget loses nothing (methods of a fixed size change the cache even then)
    Sees sees = Sees::freely;
    bool returns = false;      ///< a key that a query did not see may come back
    bool cutsAtPrefill = true; ///< the first decode query sees `kept` and itself
};

const std::vector<Row> kRows{
    {"fullkv", Spends::freely},
    {"streaming_noshift", Spends::exactly},
    {"streaming_noshift:kvpress", Spends::atMost},
    {"h2o", Spends::exactly},
    {"h2o:reduce=max", Spends::exactly},
    {"observed_attention", Spends::exactly},
    {"observed_attention:kvpress", Spends::atMost},
    {"tova", Spends::exactly},
    {"tova:protect_last=true", Spends::exactly},
    {"tova:kvpress", Spends::atMost},
    {"snapkv", Spends::exactly},
    {"snapkv:factory", Spends::exactly},
    {"snapkv:kvpress", Spends::atMost},
    {"snapkv:window=4,order=pool_reduce", Spends::exactly},
    {"pyramidkv", Spends::freely}, // the first layers get more than C
    {"pyramidkv:factory", Spends::freely},
    {"pyramidkv:adakv", Spends::freely},
    {"pyramidkv:kvpress,window=8", Spends::freely}, // rounds to nearest
    {"adakv", Spends::freely},                      // heads differ
    {"adakv:factory", Spends::freely},
    {"adakv:kvpress,window=8", Spends::freely},
    {"adakv:alloc=guard,scorer=tova", Spends::freely},
    {"adakv:scorer=h2o,schedule=pyramid", Spends::freely},
    {"adakv:alpha=1", Spends::exactly},
    {"headkv", Spends::exactly}, // without a table
    {"headkv:window=32,beta=2", Spends::exactly},
    {"chunkkv", Spends::atMost},
    {"chunkkv:chunk=4,window=4", Spends::atMost},
    {"chunkkv:kvpress,window=8,chunk=5", Spends::freely}, // at least one chunk, and whole chunks
    {"shotkv", Spends::freely},                           // keeps the frame even above the budget
    {"shotkv:window", Spends::freely},
    {"shotkv:prefill_only", Spends::freely},
    {"shotkv:frame=as_unit,overflow=skip,decode=false", Spends::atMost},
    {"shotkv:acc=seen_mean,frame=keep_free,min_one=true,recall=true", Spends::freely, true, true, true, Sees::freely, true},
    {"knorm", Spends::exactly},
    {"knorm:paper", Spends::freely}, // layers that keep everything
    {"knorm:kvpress", Spends::atMost},
    {"knorm:compat=original", Spends::freely}, // rounds up
    {"keydiff", Spends::exactly},
    {"keydiff:paper", Spends::exactly},
    {"keydiff:block=7", Spends::exactly},
    {"keydiff:kvpress", Spends::atMost},
    {"expected_attention", Spends::exactly},
    {"expected_attention:kvpress", Spends::atMost},
    {"expected_attention:covariance=false,value_norm=false,sinks=0,future=1", Spends::exactly},
    {"lagkv", Spends::exactly},
    {"lagkv:kvpress,lag=8", Spends::atMost},
    {"lagkv:lag=5,sinks=0,cross_scoring=true", Spends::exactly},
    {"dbudgetkv", Spends::freely}, // the first layers stay whole
    {"dbudgetkv:full_layers=0", Spends::freely},
    {"dbudgetkv:paper,full_layers=0", Spends::freely},
    {"dbudgetkv:code", Spends::freely},
    {"dbudgetkv:code,include_sinks=true,scope=head", Spends::freely},
    {"kvcompress", Spends::inLayer},
    {"kvcompress:full,protect=4,sinks=2", Spends::inLayer},
    {"kvcompress:power=l1,scope=layer,kernel=1,protect=0", Spends::inLayer},
    {"kvcompress:paper", Spends::freely}, // the budget is rounded up to whole blocks
    {"kvcompress:paper,metric=full,block=5,scope=layer", Spends::freely},
    {"random", Spends::exactly, true, false},
    {"random:protected", Spends::exactly, true, false},
    {"random:kvpress", Spends::atMost, true, false},
    {"random_shot", Spends::freely}, // keeps the frame even above the budget
    {"random_shot:overflow=skip,frame=as_unit,shared_layers=true", Spends::atMost},
    {"oracle_mass", Spends::exactly, false},
    {"token_scorer", Spends::exactly, true, false}, // features are in the order of the heads
    {"kvsharer", Spends::freely},
    {"kvsharer:shared=1,calibration=3", Spends::freely, true, true, false},
    {"minicache", Spends::freely, true, true, false},
    {"minicache:threshold,start=0", Spends::freely, true, true, false},
    {"lorc", Spends::freely},
    {"lorc:uniform,rank=3", Spends::freely, true, true, false},
    {"cskv", Spends::freely},
    {"cskv:trainer,window=8", Spends::freely, true, true, false},
    {"think", Spends::freely, true, true, false},
    {"think:kvpress", Spends::freely, true, true, false},
    {"kivi", Spends::freely, true, true, false},
    {"kivi:bits4,group=2,residual=8", Spends::freely, true, true, false},
    {"snapkv:window=8+kivi:group=2,residual=8", Spends::exactly, true, true, false},
    {"h2o+think:recent=4", Spends::exactly, true, true, false},
    {"shotkv+kivi:readme", Spends::freely, true, true, false},
    {"oracle_layer", Spends::inLayer, false},
    {"oracle_global", Spends::inLayer, false},
    {"oracle_token", Spends::exactly, false},
    {"oracle_shot", Spends::freely, false}, // keeps the frame even above the budget
    {"oracle_shot:frame=as_unit", Spends::atMost, false},
    {"oracle_out", Spends::exactly, false},
    {"oracle_out:step=0", Spends::exactly, false},
    {"streaming_noshift:when=each_step", Spends::exactly, true, true, true, Sees::capacity, false, false},
    {"streaming", Spends::exactly, true, true, true, Sees::capacity, false, false},
    {"streaming:sinks=0", Spends::exactly, true, true, true, Sees::capacity, false, false},
    {"h2o_online", Spends::exactly, true, true, true, Sees::capacityAndOwn},
    {"h2o_online:reduce=max,heavy=1", Spends::exactly, true, true, true, Sees::capacityAndOwn},
    {"h2o_online:hf", Spends::atMost, true, true, true, Sees::capacity, true},
    {"h2o_online:lm_eval", Spends::atMost, false, true, true, Sees::capacityAndOwn}, // looks ahead, as published
    {"tova_online", Spends::exactly, true, true, true, Sees::capacityAndOwn},
    {"tova_online:protect_last=true", Spends::exactly, true, true, true, Sees::capacityAndOwn},
    {"pyramidinfer", Spends::freely}, // the first layer holds all that enters it
    {"pyramidinfer:exceed=1,recent=0.05", Spends::freely},
    {"pyramidinfer:prefill_only", Spends::freely},
    {"shotkv:question,global=true", Spends::freely},
    {"oracle_step", Spends::exactly, false, true, true, Sees::freely, true},
};

/// Methods that are listed, and refused with the reason.
const std::vector<std::string> kNotReplayable{"kv_distill"};

core::ModelTables tablesOf(const core::CaptureInfo& info)
{
    core::ModelTables tables;
    tables.scorer = test::syntheticScorer(info);
    return tables;
}

LayerInput inputOf(const core::LayerData& data, const test::SyntheticCapture& capture, const core::ModelTables& tables)
{
    LayerInput input{data, capture.info().segments};
    input.info = &capture.info();
    input.tables = &tables;
    input.layers = std::ssize(capture.info().layers);
    input.otherLayer = [&capture](std::int64_t slot, core::Need needs) {
        return std::make_shared<const core::LayerData>(capture.loadLayer(slot, needs));
    };
    return input;
}

struct Edge {
    std::string what;
    test::SyntheticOptions options;
    void (*change)(core::LayerData&) = nullptr;
    std::vector<core::Segment> segments = {};
};

void makeEven(core::LayerData& data)
{
    for (int head = 0; head < data.heads.queryHeads(); ++head) {
        std::fill_n(data.received.begin() + head * data.total(), data.n, 1.0f);
        for (std::int64_t i = 0; i < data.w; ++i)
            std::fill_n(data.windowRows.begin() + (head * data.w + i) * data.n, data.n - data.w + i + 1,
                        1.0f / static_cast<float>(data.n - data.w + i + 1));
        for (std::int64_t i = 0; i < data.t; ++i)
            std::fill_n(data.decodeRows.begin() + (head * data.t + i) * data.total(), data.n + i + 1,
                        1.0f / static_cast<float>(data.n + i + 1));
    }
}

void putAllOnFirst(core::LayerData& data)
{
    for (auto* rows : {&data.windowRows, &data.decodeRows, &data.received})
        std::fill(rows->begin(), rows->end(), 0.0f);
    for (std::size_t row = 0; row < data.windowRows.size(); row += static_cast<std::size_t>(data.n))
        data.windowRows[row] = 1.0f;
    for (std::size_t row = 0; row < data.decodeRows.size(); row += static_cast<std::size_t>(data.total()))
        data.decodeRows[row] = 1.0f;
    for (std::size_t row = 0; row < data.received.size(); row += static_cast<std::size_t>(data.total()))
        data.received[row] = static_cast<float>(data.n);
}

test::SyntheticOptions shape(std::int64_t n, std::int64_t window, std::int64_t t = 3, int heads = 4, int kvHeads = 2)
{
    return {.layers = 2, .heads = heads, .kvHeads = kvHeads, .n = n, .t = t, .window = window, .headDim = 4,
            .seed = static_cast<std::uint64_t>(n)};
}

std::vector<Edge> edges()
{
    using core::SegmentKind;
    std::vector<Edge> list{{"n = 1", shape(1, 1)},
                           {"n = 2", shape(2, 2)},
                           {"n below the window", shape(20, 32)},
                           {"n equal to the window", shape(32, 32)},
                           {"n one above the window", shape(33, 32)},
                           {"n below the chunk", shape(9, 4)},
                           {"n mod chunk is 0", shape(40, 8)},
                           {"n mod chunk is 1", shape(41, 8)},
                           {"n mod chunk is chunk - 1", shape(49, 8)},
                           {"one window row", shape(40, 1)},
                           {"one decode step", shape(40, 8, 1)},
                           {"as many KV heads as query heads", shape(40, 8, 3, 3, 3)},
                           {"one KV head", shape(40, 8, 3, 5, 1)},
                           {"equal attention", shape(40, 32), makeEven},
                           {"all attention on token 0", shape(40, 32), putAllOnFirst}};
    list.push_back({"one shot", shape(40, 32), nullptr, {{SegmentKind::shot, 0, {3, 30}, ""}}});
    list.push_back({"no shot", shape(40, 32), nullptr, {{SegmentKind::question, 0, {0, 40}, ""}}});
    list.push_back({"only a shot", shape(40, 32), nullptr, {{SegmentKind::shot, 0, {0, 40}, ""}}});
    return list;
}

std::vector<Budget> edgeBudgets(std::int64_t n)
{
    std::vector<Budget> budgets{{1.0, {}}, {0.9, {}}, {0.5, {}}, {0.1, {}}, {0.01, {}}, {1.0, 1}};
    for (const std::int64_t tokens : {n - 1, n, n + 1, std::int64_t{8}, std::int64_t{32}, std::int64_t{33}})
        if (tokens >= 1)
            budgets.push_back({1.0, tokens});
    return budgets;
}

void checkChange(const core::LayerData& data, const ChangedCache& change)
{
    const auto check = [&](const std::vector<float>& forms, const std::vector<std::int32_t>& from) {
        REQUIRE(forms.empty() == from.empty());
        if (forms.empty())
            return;
        REQUIRE(std::ssize(from) == data.heads.kvHeads() * data.total());
        REQUIRE(std::ssize(forms) == std::ssize(from) * data.headDim);
        REQUIRE(std::all_of(forms.begin(), forms.end(), [](float value) { return std::isfinite(value); }));
        REQUIRE(std::all_of(from.begin(), from.end(), [](std::int32_t step) { return step >= 0; }));
    };
    check(change.key, change.keyFrom);
    check(change.value, change.valueFrom);
}

bool followsBudget(const Row& row) { return makeMethod(row.specification)->budgetUse() == BudgetUse::follows; }

/// kvpress keeps one key however small the budget is.
std::int64_t leastKept(const Row& row) { return row.specification.find("kvpress") != std::string::npos ? 1 : 0; }

/// The masks of decode queries, read as the caches of a run.
void checkDecode(const Row& row, const core::LayerData& data, const LayerPlan& plan, std::int64_t capacity)
{
    for (std::int64_t line = 0; line < data.heads.kvHeads() * data.t; ++line) {
        const std::int64_t kvHead = line / data.t, step = line % data.t, query = data.n + step;
        const std::uint8_t* const visible = plan.keptDecode.data() + line * data.total();
        REQUIRE(visible[query] == 1);
        REQUIRE(std::count(visible + query + 1, visible + data.total(), 0) == data.total() - query - 1);
        const auto seen = std::count(visible, visible + query + 1, 1);
        REQUIRE(seen + std::count(visible, visible + query + 1, 0) == query + 1);
        if (row.sees == Sees::capacityAndOwn)
            REQUIRE(seen <= capacity + 1);
        if (row.sees == Sees::capacity) // sinks alone may fill the cache
            REQUIRE(seen <= capacity + (capacity <= 4 ? 1 : 0));
        for (std::int64_t key = 0; key < query && step > 0 && !row.returns; ++key)
            REQUIRE((!visible[key] || visible[key - data.total()]));
        if (step == 0) {
            const auto& kept = plan.kept[static_cast<std::size_t>(kvHead)];
            for (std::int32_t key = 0; key < data.n; ++key)
                if (row.cutsAtPrefill || visible[key])
                    REQUIRE(visible[key] == std::binary_search(kept.begin(), kept.end(), key));
        }
    }
}

void checkPlan(const Row& row, const core::LayerData& data, const LayerPlan& plan, const Budget& budget)
{
    const std::int64_t capacity = budget.capacity(data.n);
    REQUIRE(std::ssize(plan.kept) == data.heads.kvHeads());
    CHECK(plan.layer == data.layer);
    CHECK(plan.tiesAtCut >= 0);
    std::int64_t total = 0;
    for (const auto& kept : plan.kept) {
        REQUIRE(std::is_sorted(kept.begin(), kept.end()));
        REQUIRE(std::adjacent_find(kept.begin(), kept.end()) == kept.end());
        REQUIRE((kept.empty() || (kept.front() >= 0 && kept.back() < data.n)));
        total += std::ssize(kept);
        if (row.spends == Spends::exactly)
            REQUIRE(std::ssize(kept) == capacity);
        // A prompt without shots is kept whole and flagged.
        if (row.spends == Spends::atMost && plan.flags != std::vector<std::string>{"no_shots"})
            REQUIRE(std::ssize(kept) <= std::max(capacity, leastKept(row)));
        if (capacity == data.n && followsBudget(row))
            REQUIRE(std::ssize(kept) == data.n);
    }
    if (plan.changed)
        checkChange(data, *plan.changed);
    CHECK(plan.bytes.value_or(0) >= 0);
    if (row.lossless && capacity == data.n)
        CHECK_FALSE(plan.changed);
    if (row.spends == Spends::inLayer)
        REQUIRE(total == capacity * data.heads.kvHeads());
    if (plan.keptDecode.empty())
        return;
    REQUIRE(std::ssize(plan.keptDecode) == data.heads.kvHeads() * data.t * data.total());
    checkDecode(row, data, plan, capacity);
}

void checkMetrics(const core::LayerData& data, const LayerMetrics& metrics, bool whole)
{
    REQUIRE(std::ssize(metrics.lostMass) == data.heads.queryHeads() * data.t);
    for (std::size_t i = 0; i < metrics.lostMass.size(); ++i) {
        REQUIRE((metrics.lostMass[i] >= 0 && metrics.lostMass[i] <= 1));
        REQUIRE((metrics.lostNonSink[i] >= 0 && metrics.lostNonSink[i] <= 1));
        REQUIRE((metrics.outputError[i] >= 0 || metrics.deadQueries > 0));
        if (whole) {
            REQUIRE(metrics.lostMass[i] == 0);
            REQUIRE(metrics.outputError[i] == 0);
        }
    }
}

const test::SyntheticCapture& sharedCapture()
{
    static const test::SyntheticCapture capture(
        {.layers = 2, .heads = 6, .kvHeads = 3, .n = 84, .t = 9, .window = 32, .headDim = 8, .seed = 11});
    return capture;
}

const core::ModelTables& sharedTables()
{
    static const core::ModelTables tables = tablesOf(sharedCapture().info());
    return tables;
}

LayerInput sharedInput() { return inputOf(sharedCapture().layer(0), sharedCapture(), sharedTables()); }

double lostOf(const core::LayerData& data, const LayerMetrics& metrics, int kvHead)
{
    const auto first = metrics.lostMass.begin() + data.heads.firstQueryHead(kvHead) * data.t;
    return std::accumulate(first, first + data.heads.groupSize() * data.t, 0.0);
}

} // namespace

TEST_CASE("every method of the registry has a row in the property table", "[unit]")
{
    std::set<std::string> covered;
    for (const Row& row : kRows)
        covered.insert(makeMethod(row.specification)->info().name);
    covered.insert(kNotReplayable.begin(), kNotReplayable.end());
    for (const MethodInfo& info : methodList()) {
        CAPTURE(info.name);
        CHECK(covered.count(info.name) == 1);
    }
}

TEST_CASE("methods that cannot be replayed say why before and when they are asked to", "[unit]")
{
    for (const std::string& name : kNotReplayable) {
        CAPTURE(name);
        const auto method = makeMethod(name);
        const std::string reason = method->obstacle(sharedCapture().info(), &sharedTables());
        REQUIRE_FALSE(reason.empty());
        CHECK(reason == method->obstacle(sharedCapture().info(), nullptr));
        for (const double ratio : {0.1, 1.0})
            try {
                (void)method->plan(sharedInput(), {ratio, {}});
                FAIL("it was planned");
            } catch (const core::Error& error) {
                CHECK(error.code() == core::ErrorCode::badInput);
                CHECK(error.what() == name + ": " + reason);
            }
    }
}

TEST_CASE("every method plans every edge prompt at every edge budget", "[unit]")
{
    for (const Edge& edge : edges()) {
        test::SyntheticCapture capture(edge.options);
        if (edge.change)
            edge.change(capture.mutableLayer(0));
        if (!edge.segments.empty())
            capture.mutableInfo().segments = edge.segments;
        const core::LayerData& data = capture.layer(0);
        const core::ModelTables tables = tablesOf(capture.info());
        for (const Row& row : kRows)
            for (const Budget& budget : edgeBudgets(data.n)) {
                INFO(row.specification << " on " << edge.what << ", capacity " << budget.capacity(data.n));
                const LayerInput input = inputOf(data, capture, tables);
                const LayerPlan plan = makeMethod(row.specification)->plan(input, budget);
                checkPlan(row, data, plan, budget);
                checkMetrics(data, evaluate(input, plan, Depth::output, 4),
                             row.lossless && budget.capacity(data.n) == data.n && followsBudget(row));
            }
    }
}

TEST_CASE("ratio 1 keeps what FullKV keeps and loses exactly 0", "[unit]")
{
    const LayerInput input = sharedInput();
    const auto full = makeMethod("fullkv")->plan(input, {0.1, {}});
    for (const Row& row : kRows) {
        CAPTURE(row.specification);
        if (!followsBudget(row))
            continue;
        const LayerPlan plan = makeMethod(row.specification)->plan(input, {1.0, {}});
        CHECK(plan.kept == full.kept);
        checkMetrics(input.data, evaluate(input, plan, Depth::output, 4), row.lossless);
    }
}

TEST_CASE("results shared between methods and budgets change no plan", "[unit]")
{
    LayerMemo memo; // one for all, so that two meanings of a key would meet
    LayerInput sharing = sharedInput();
    sharing.memo = &memo;
    for (const Row& row : kRows)
        for (const double ratio : {0.8, 0.3}) {
            CAPTURE(row.specification, ratio);
            const auto method = makeMethod(row.specification);
            const LayerPlan own = method->plan(sharedInput(), {ratio, {}});
            const LayerPlan shared = method->plan(sharing, {ratio, {}});
            CHECK(shared.kept == own.kept);
            CHECK(shared.tiesAtCut == own.tiesAtCut);
            CHECK(shared.keptDecode == own.keptDecode);
        }
}

TEST_CASE("no method with one set per KV head beats the mass oracle", "[unit]")
{
    const LayerInput input = sharedInput();
    const core::LayerData& data = input.data;
    for (const Row& row : kRows)
        for (const double ratio : {0.1, 0.35, 0.6, 0.9}) {
            CAPTURE(row.specification, ratio);
            LayerPlan plan = makeMethod(row.specification)->plan(input, {ratio, {}});
            plan.keptDecode.clear(); // its prompt part alone is a static set
            const LayerMetrics metrics = evaluate(input, plan, Depth::mass, 4);
            for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
                const std::int64_t used = std::ssize(plan.kept[static_cast<std::size_t>(kvHead)]);
                if (used == 0)
                    continue;
                const LayerPlan best = makeMethod("oracle_mass")->plan(input, {1.0, used});
                const LayerMetrics least = evaluate(input, best, Depth::mass, 4);
                CHECK(lostOf(data, least, kvHead) <= lostOf(data, metrics, kvHead) + 1e-6);
            }
        }
}

TEST_CASE("plans of all but oracles ignore what happens after the eviction", "[unit]")
{
    test::SyntheticCapture changed = sharedCapture();
    core::LayerData& data = changed.mutableLayer(0);
    std::reverse(data.decodeRows.begin(), data.decodeRows.end());
    for (auto* cache : {&data.key, &data.value})
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
            std::fill_n(cache->begin() + (kvHead * data.total() + data.n) * data.headDim, data.t * data.headDim, 9.0f);
    for (const Row& row : kRows) {
        CAPTURE(row.specification);
        const auto method = makeMethod(row.specification);
        bool same = true;
        for (const double ratio : {0.4, 0.7}) {
            const auto before = method->plan(sharedInput(), {ratio, {}});
            const auto after = method->plan(inputOf(data, changed, sharedTables()), {ratio, {}});
            same = same && before.kept == after.kept;
        }
        CHECK(same == row.causal);
    }
}

TEST_CASE("a layer at the end of prefill is planned as the prompt part of the whole layer", "[unit]")
{
    const test::SyntheticCapture prompt = test::promptPart(sharedCapture());
    for (const Row& row : kRows)
        for (const std::int64_t slot : {0, 1})
            for (const double ratio : {0.1, 0.4, 1.0}) {
                if (makeMethod(row.specification)->info().klass == "T" && slot > 0) // scores by the first layer alone
                    continue;
                CAPTURE(row.specification, slot, ratio);
                const auto method = makeMethod(row.specification);
                CHECK(method->usesFuture() != row.causal);
                if (method->usesFuture())
                    continue;
                CHECK_FALSE(core::includes(method->promptNeeds(), core::Need::decodeRows));
                core::LayerData bare = prompt.loadLayer(slot, method->promptNeeds());
                const LayerPlan whole =
                    method->plan(inputOf(sharedCapture().layer(slot), sharedCapture(), sharedTables()), {ratio, {}});
                LayerPlan half = method->plan(inputOf(bare, prompt, sharedTables()), {ratio, {}});
                CHECK(half.kept == whole.kept);
                CHECK(half.keptDecode.empty());
                CHECK(half.tiesAtCut == whole.tiesAtCut);
                CHECK(half.bytes == whole.bytes);
                CHECK(half.facts == whole.facts);
                if (!whole.keptDecode.empty() && row.specification.find('+') != std::string::npos) // said of generated tokens
                    addFlag(half, "residual_counts_all_generated");
                CHECK(std::set(half.flags.begin(), half.flags.end())
                      == std::set(whole.flags.begin(), whole.flags.end()));
            }
}

TEST_CASE("what a decode query sees does not depend on its own row or later ones", "[unit]")
{
    const core::LayerData& data = sharedCapture().layer(0);
    const std::int64_t changed = 4;
    core::LayerData other = data;
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = changed; step < data.t; ++step) {
            const auto row = other.decodeRows.begin() + (head * data.t + step) * data.total();
            std::reverse(row, row + data.n + step + 1);
        }
    const std::int64_t same = (changed + 1) * data.total(); // masks of the queries before, and of the changed one
    for (const Row& row : kRows)
        for (const double ratio : {0.1, 0.4, 0.9}) {
            CAPTURE(row.specification, ratio);
            const auto method = makeMethod(row.specification);
            const auto before = method->plan(sharedInput(), {ratio, {}});
            const auto after = method->plan(inputOf(other, sharedCapture(), sharedTables()), {ratio, {}});
            REQUIRE(before.keptDecode.size() == after.keptDecode.size());
            bool equal = true;
            for (std::size_t at = 0; at < before.keptDecode.size();
                 at += static_cast<std::size_t>(data.t * data.total())) {
                const auto first = before.keptDecode.begin() + static_cast<std::ptrdiff_t>(at);
                equal = equal
                        && std::equal(first, first + same, after.keptDecode.begin() + static_cast<std::ptrdiff_t>(at));
            }
            if (row.causal)
                CHECK(equal);
            else if (!before.keptDecode.empty() && ratio == 0.4)
                CHECK_FALSE(equal);
        }
}

TEST_CASE("what a query sees of a changed cache does not depend on later tokens", "[unit]")
{
    test::SyntheticCapture changed = sharedCapture();
    for (const std::int64_t slot : {0, 1}) {
        core::LayerData& data = changed.mutableLayer(slot);
        for (std::int64_t row = 1; row <= data.heads.kvHeads(); ++row)
            for (auto* tensor : {&data.key, &data.value})
                std::fill_n(tensor->begin() + (row * data.total() - 1) * data.headDim, data.headDim, 9.0f);
    }
    for (const Row& row : kRows)
        for (const std::int64_t slot : {0, 1}) {
            if (makeMethod(row.specification)->info().klass == "T") // keeps or drops, changes nothing
                continue;
            CAPTURE(row.specification, slot);
            const core::LayerData& data = sharedCapture().layer(slot);
            const auto planOf = [&](const test::SyntheticCapture& capture) {
                return makeMethod(row.specification)->plan(
                    inputOf(capture.layer(slot), capture, sharedTables()), {0.4, {}});
            };
            const LayerPlan before = planOf(sharedCapture()), after = planOf(changed);
            if (!before.changed || !after.changed)
                continue;
            const auto check = [&](const auto& forms, const auto& otherForms, const auto& from, const auto& otherFrom) {
                REQUIRE(from.size() == otherFrom.size());
                for (std::size_t i = 0; i < from.size(); ++i) {
                    const bool last = (static_cast<std::int64_t>(i) + 1) % data.total() == 0;
                    if (last || std::min(from[i], otherFrom[i]) >= data.t - 1) // seen by no query before the last
                        continue;
                    CHECK(from[i] == otherFrom[i]);
                    const std::size_t d = static_cast<std::size_t>(data.headDim);
                    CHECK(std::equal(forms.begin() + static_cast<std::ptrdiff_t>(i * d),
                                     forms.begin() + static_cast<std::ptrdiff_t>((i + 1) * d),
                                     otherForms.begin() + static_cast<std::ptrdiff_t>(i * d)));
                }
            };
            check(before.changed->key, after.changed->key, before.changed->keyFrom, after.changed->keyFrom);
            check(before.changed->value, after.changed->value, before.changed->valueFrom, after.changed->valueFrom);
        }
}

TEST_CASE("permuting KV heads permutes the plan", "[unit]")
{
    const core::LayerData& data = sharedCapture().layer(0);
    const std::vector<int> order{2, 0, 1}; // new KV head g holds old head order[g]
    core::LayerData permuted = data;
    const auto permute = [&](const std::vector<float>& from, std::vector<float>& to) {
        const std::size_t block = from.size() / order.size();
        for (std::size_t g = 0; g < order.size(); ++g)
            std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(order[g]) * block), block,
                        to.begin() + static_cast<std::ptrdiff_t>(g * block));
    };
    permute(data.received, permuted.received);
    permute(data.receivedSqFar, permuted.receivedSqFar);
    permute(data.windowRows, permuted.windowRows);
    permute(data.decodeRows, permuted.decodeRows);
    permute(data.key, permuted.key);
    permute(data.value, permuted.value);
    permute(data.queryMean, permuted.queryMean);
    permute(data.queryCovariance, permuted.queryCovariance);
    for (const Row& row : kRows) {
        if (!row.headwise)
            continue;
        CAPTURE(row.specification);
        const auto method = makeMethod(row.specification);
        const auto before = method->plan(sharedInput(), {0.4, {}});
        const auto after = method->plan(inputOf(permuted, sharedCapture(), sharedTables()), {0.4, {}});
        for (std::size_t g = 0; g < order.size(); ++g)
            CHECK(after.kept[g] == before.kept[static_cast<std::size_t>(order[g])]);
        const std::size_t block = before.keptDecode.size() / order.size();
        for (std::size_t at = 0; at < before.keptDecode.size(); ++at)
            REQUIRE(after.keptDecode[at]
                    == before.keptDecode[static_cast<std::size_t>(order[at / block]) * block + at % block]);
    }
}

TEST_CASE("equal attention ties at the cut, and the tie is reported", "[unit]")
{
    test::SyntheticCapture capture(shape(40, 8));
    makeEven(capture.mutableLayer(0));
    for (const char* specification : {"h2o", "snapkv:window=8", "tova", "pyramidkv:window=8", "headkv", "adakv:window=8",
                                      "adakv:alloc=guard,window=8", "chunkkv:window=8,chunk=4", "oracle_mass",
                                      "oracle_layer", "oracle_global", "oracle_token", "h2o_online", "tova_online",
                                      "oracle_step"}) {
        CAPTURE(specification);
        const LayerInput input{capture.layer(0), capture.info().segments};
        const LayerPlan plan = makeMethod(specification)->plan(input, {0.5, {}});
        CHECK(plan.tiesAtCut > 0);
        CHECK(plan.kept[0].front() == 0); // the lower position first
    }
}
