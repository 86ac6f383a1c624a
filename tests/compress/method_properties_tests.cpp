// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Properties that hold for every method of the registry. A new method adds its row to kRows; a test fails until it
// does.
#include "compress/metrics.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
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

struct Row {
    std::string specification;
    Spends spends;          ///< kept tokens per layer and KV head against the capacity
    bool causal = true;     ///< plans do not depend on decode rows
    bool headwise = true;   ///< permuting KV heads permutes the plan (random draws are tied to head numbers)
};

const std::vector<Row> kRows{
    {"fullkv", Spends::freely},
    {"streaming_noshift", Spends::exactly},
    {"streaming_noshift:kvpress", Spends::atMost},
    {"h2o", Spends::exactly},
    {"h2o:reduce=max", Spends::exactly},
    {"snapkv", Spends::exactly},
    {"snapkv:factory", Spends::exactly},
    {"snapkv:kvpress", Spends::atMost},
    {"snapkv:window=4,order=pool_reduce", Spends::exactly},
    {"chunkkv", Spends::atMost},
    {"chunkkv:chunk=4,window=4", Spends::atMost},
    {"chunkkv:kvpress,window=8,chunk=5", Spends::freely}, // at least one chunk, and whole chunks
    {"shotkv", Spends::freely},                           // keeps the frame even above the budget
    {"shotkv:window", Spends::freely},
    {"shotkv:prefill_only", Spends::freely},
    {"shotkv:frame=as_unit,overflow=skip,decode=false", Spends::atMost},
    {"shotkv:acc=seen_mean,frame=keep_free,min_one=true,recall=true", Spends::freely},
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
    {"oracle_mass", Spends::exactly, false},
    {"oracle_layer", Spends::inLayer, false},
    {"oracle_global", Spends::inLayer, false},
    {"oracle_token", Spends::exactly, false},
    {"oracle_shot", Spends::freely, false}, // keeps the frame even above the budget
    {"oracle_shot:frame=as_unit", Spends::atMost, false},
    {"oracle_out", Spends::exactly, false},
    {"oracle_out:step=0", Spends::exactly, false},
};

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
    return {.layers = 1, .heads = heads, .kvHeads = kvHeads, .n = n, .t = t, .window = window, .headDim = 4,
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

bool followsBudget(const Row& row) { return makeMethod(row.specification)->budgetUse() == BudgetUse::follows; }

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
            REQUIRE(std::ssize(kept) <= capacity);
        if (capacity == data.n && followsBudget(row))
            REQUIRE(std::ssize(kept) == data.n);
    }
    if (row.spends == Spends::inLayer)
        REQUIRE(total == capacity * data.heads.kvHeads());
    if (!plan.keptDecode.empty())
        REQUIRE(std::ssize(plan.keptDecode) == data.heads.kvHeads() * data.t * data.total());
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
        {.layers = 1, .heads = 6, .kvHeads = 3, .n = 84, .t = 9, .window = 32, .headDim = 8, .seed = 11});
    return capture;
}

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
    for (const MethodInfo& info : methodList()) {
        CAPTURE(info.name);
        CHECK(covered.count(info.name) == 1);
    }
}

TEST_CASE("every method plans every edge prompt at every edge budget", "[unit]")
{
    for (const Edge& edge : edges()) {
        test::SyntheticCapture capture(edge.options);
        if (edge.change)
            edge.change(capture.mutableLayer(0));
        const core::LayerData& data = capture.layer(0);
        const auto& segments = edge.segments.empty() ? capture.info().segments : edge.segments;
        for (const Row& row : kRows)
            for (const Budget& budget : edgeBudgets(data.n)) {
                INFO(row.specification << " on " << edge.what << ", capacity " << budget.capacity(data.n));
                const LayerInput input{data, segments};
                const LayerPlan plan = makeMethod(row.specification)->plan(input, budget);
                checkPlan(row, data, plan, budget);
                checkMetrics(data, evaluate(input, plan, Depth::output, 4),
                             budget.capacity(data.n) == data.n && followsBudget(row));
            }
    }
}

TEST_CASE("ratio 1 keeps what FullKV keeps and loses exactly 0", "[unit]")
{
    const LayerInput input{sharedCapture().layer(0), sharedCapture().info().segments};
    const auto full = makeMethod("fullkv")->plan(input, {0.1, {}});
    for (const Row& row : kRows) {
        CAPTURE(row.specification);
        if (!followsBudget(row))
            continue;
        const LayerPlan plan = makeMethod(row.specification)->plan(input, {1.0, {}});
        CHECK(plan.kept == full.kept);
        checkMetrics(input.data, evaluate(input, plan, Depth::output, 4), true);
    }
}

TEST_CASE("no method with one set per KV head beats the mass oracle", "[unit]")
{
    const LayerInput input{sharedCapture().layer(0), sharedCapture().info().segments};
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
    for (const Row& row : kRows) {
        CAPTURE(row.specification);
        const auto method = makeMethod(row.specification);
        bool same = true;
        for (const double ratio : {0.4, 0.7}) {
            const auto before = method->plan({sharedCapture().layer(0), changed.info().segments}, {ratio, {}});
            const auto after = method->plan({data, changed.info().segments}, {ratio, {}});
            same = same && before.kept == after.kept;
        }
        CHECK(same == row.causal);
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
    permute(data.value, permuted.value);
    for (const Row& row : kRows) {
        if (!row.headwise)
            continue;
        CAPTURE(row.specification);
        const auto method = makeMethod(row.specification);
        const auto before = method->plan({data, sharedCapture().info().segments}, {0.4, {}});
        const auto after = method->plan({permuted, sharedCapture().info().segments}, {0.4, {}});
        for (std::size_t g = 0; g < order.size(); ++g)
            CHECK(after.kept[g] == before.kept[static_cast<std::size_t>(order[g])]);
    }
}

TEST_CASE("equal attention ties at the cut, and the tie is reported", "[unit]")
{
    test::SyntheticCapture capture(shape(40, 8));
    makeEven(capture.mutableLayer(0));
    for (const char* specification : {"h2o", "snapkv:window=8", "chunkkv:window=8,chunk=4", "oracle_mass", "oracle_layer",
                                      "oracle_global", "oracle_token"}) {
        CAPTURE(specification);
        const LayerInput input{capture.layer(0), capture.info().segments};
        const LayerPlan plan = makeMethod(specification)->plan(input, {0.5, {}});
        CHECK(plan.tiesAtCut > 0);
        CHECK(plan.kept[0].front() == 0); // the lower position first
    }
}
