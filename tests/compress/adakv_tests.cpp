// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// AdaKV's two allocations against a slow rewriting of the references, on the scores that the scorers show.
#include "compress/head_budgets.hpp"
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

using Scores = std::vector<std::vector<double>>; // [G][n]
using Kept = std::vector<std::vector<std::int32_t>>;

test::SyntheticCapture captureOf(int heads, int kvHeads)
{
    return test::SyntheticCapture(
        {.layers = 1, .heads = heads, .kvHeads = kvHeads, .n = 80, .t = 4, .window = 16, .seed = 3});
}

Scores scoresOf(const Method& method, const LayerInput& input)
{
    Scores scores;
    for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead)
        scores.push_back(method.scores(input, kvHead));
    return scores;
}

/// (score, position, head) of every entry, best first.
std::vector<std::tuple<double, int, int>> sortedEntries(const Scores& scores)
{
    std::vector<std::tuple<double, int, int>> entries;
    for (std::size_t head = 0; head < scores.size(); ++head)
        for (std::size_t position = 0; position < scores[head].size(); ++position)
            entries.emplace_back(-scores[head][position], static_cast<int>(position), static_cast<int>(head));
    std::sort(entries.begin(), entries.end());
    return entries;
}

Kept bestOf(const Scores& scores, const std::vector<std::int64_t>& counts)
{
    Kept kept;
    for (std::size_t head = 0; head < scores.size(); ++head) {
        const auto entries = sortedEntries({scores[head]});
        std::set<std::int32_t> positions;
        for (std::int64_t i = 0; i < counts[head]; ++i)
            positions.insert(std::get<1>(entries[static_cast<std::size_t>(i)]));
        kept.emplace_back(positions.begin(), positions.end());
    }
    return kept;
}

/// Part of the sum that the `best` largest hold.
double shareOfBest(std::vector<double> scores, std::int64_t best)
{
    std::sort(scores.begin(), scores.end(), std::greater<>());
    const double top = std::accumulate(scores.begin(), scores.begin() + best, 0.0);
    return top / std::accumulate(scores.begin(), scores.end(), 0.0);
}

/// Heads of the layer's `taken` best scores, each head's scores times its weight.
std::multiset<int> headsOfBest(Scores scores, const std::vector<double>& weights, std::int64_t taken)
{
    for (std::size_t head = 0; head < scores.size(); ++head)
        for (double& score : scores[head])
            score *= weights[head];
    const auto entries = sortedEntries(scores);
    std::multiset<int> heads;
    for (std::int64_t i = 0; i < taken; ++i)
        heads.insert(std::get<2>(entries[static_cast<std::size_t>(i)]));
    return heads;
}

/// The AdaKV repository: scores without the window, B = C - w.
Kept mixByHand(const Scores& scores, std::int64_t capacity, std::int64_t window, double alpha, bool normalize)
{
    const std::int64_t pool = capacity - window;
    Scores past = scores;
    std::vector<double> weights;
    for (std::vector<double>& head : past) {
        head.resize(head.size() - static_cast<std::size_t>(window));
        weights.push_back(normalize ? shareOfBest(head, pool) : 1.0);
    }
    const std::multiset<int> heads = headsOfBest(past, weights, pool * std::ssize(scores));
    const double floor = std::floor(alpha * static_cast<double>(pool) + 1e-9);
    std::vector<std::int64_t> counts;
    for (int head = 0; head < std::ssize(scores); ++head)
        counts.push_back(window
                         + std::llrint((1 - alpha) * static_cast<double>(heads.count(head)) + floor)); // half to even
    return bestOf(scores, counts);
}

/// kvpress: the safe entries of each head first, then the lowest of the layer go.
Kept guardByHand(const Scores& scores, std::int64_t capacity, double alpha)
{
    const auto safe =
        std::max(std::int64_t{1}, static_cast<std::int64_t>(alpha * static_cast<double>(capacity) + 1e-9));
    const Kept best = bestOf(scores, std::vector<std::int64_t>(scores.size(), alpha > 0 ? safe : 0));
    Scores lifted = scores;
    for (std::size_t head = 0; head < best.size(); ++head)
        for (const std::int32_t position : best[head])
            lifted[head][static_cast<std::size_t>(position)] = std::numeric_limits<double>::infinity();
    const auto entries = sortedEntries(lifted);
    std::vector<std::set<std::int32_t>> kept(scores.size());
    for (std::int64_t i = 0; i < capacity * std::ssize(scores); ++i) {
        const auto& [score, position, head] = entries[static_cast<std::size_t>(i)];
        kept[static_cast<std::size_t>(head)].insert(position);
    }
    Kept result;
    for (const auto& positions : kept)
        result.emplace_back(positions.begin(), positions.end());
    return result;
}

std::int64_t total(const Kept& kept)
{
    std::int64_t sum = 0;
    for (const auto& positions : kept)
        sum += std::ssize(positions);
    return sum;
}

} // namespace

TEST_CASE("AdaKV mix allocates as its repository does", "[unit]")
{
    for (const auto& [heads, kvHeads] : {std::pair{8, 4}, std::pair{3, 3}, std::pair{4, 1}}) {
        const test::SyntheticCapture capture = captureOf(heads, kvHeads);
        const LayerInput input{capture.layer(0), capture.info().segments};
        for (const char* parameters : {"", ",normalize=true", ",alpha=0.5", ",alpha=0"}) {
            const auto method = makeMethod(std::string("adakv:window=8") + parameters);
            const bool normalize = method->params().flag("normalize");
            const double alpha = method->params().real("alpha", 0, 1);
            for (const std::int64_t capacity : {9, 13, 20, 41, 79}) {
                CAPTURE(kvHeads, parameters, capacity);
                const LayerPlan plan = method->plan(input, {1.0, capacity});
                CHECK(plan.kept == mixByHand(scoresOf(*method, input), capacity, 8, alpha, normalize));
                // Each head loses less than a token to the floor and half a one to rounding.
                CHECK(std::abs(static_cast<double>(total(plan.kept) - kvHeads * capacity)) <= 1.5 * kvHeads);
            }
        }
    }
}

TEST_CASE("AdaKV guard keeps exactly G times C and no head below its guarantee", "[unit]")
{
    for (const auto& [heads, kvHeads] : {std::pair{8, 4}, std::pair{3, 3}, std::pair{4, 1}}) {
        const test::SyntheticCapture capture = captureOf(heads, kvHeads);
        const LayerInput input{capture.layer(0), capture.info().segments};
        for (const char* parameters : {"window=8", "scorer=observed_attention", "scorer=h2o", "scorer=tova",
                                       "window=8,alpha=0.6", "scorer=observed_attention,alpha=0"}) {
            const auto method = makeMethod(std::string("adakv:alloc=guard,") + parameters);
            const double alpha = method->params().real("alpha", 0, 1);
            for (const std::int64_t capacity : {9, 13, 20, 41, 79}) {
                CAPTURE(kvHeads, parameters, capacity);
                const LayerPlan plan = method->plan(input, {1.0, capacity});
                CHECK(plan.kept == guardByHand(scoresOf(*method, input), capacity, alpha));
                CHECK(total(plan.kept) == kvHeads * capacity);
                for (const auto& kept : plan.kept)
                    CHECK(std::ssize(kept) >= static_cast<std::int64_t>(alpha * static_cast<double>(capacity)));
            }
        }
    }
}

TEST_CASE("AdaKV shows the budgets of the heads and its scorer's scores", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(8, 4);
    const LayerInput input{capture.layer(0), capture.info().segments};
    const LayerPlan plan = makeMethod("adakv:window=8")->plan(input, {1.0, 30});
    std::vector<std::size_t> sizes;
    for (const auto& kept : plan.kept)
        sizes.push_back(kept.size());
    const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
    CHECK(plan.facts.at("head_budget_min") == static_cast<double>(*least));
    CHECK(plan.facts.at("head_budget_max") == static_cast<double>(*most));
    CHECK(*least < *most);
    const auto snap = makeMethod("snapkv:window=8,kernel=5");
    CHECK(makeMethod("adakv:window=8,kernel=5")->scores(input, 2) == snap->scores(input, 2));
    CHECK(makeMethod("adakv:scorer=h2o,window=16")->scores(input, 1) == makeMethod("h2o")->scores(input, 1));
}

TEST_CASE("AdaKV is its scorer where there is nothing to share out", "[unit]")
{
    const test::SyntheticCapture capture = captureOf(8, 4);
    const test::SyntheticCapture one = captureOf(4, 1);
    const LayerInput input{capture.layer(0), capture.info().segments}, single{one.layer(0), one.info().segments};
    const auto snap = makeMethod("snapkv:window=8");
    for (const std::int64_t capacity : {3, 8, 30, 79}) {
        CAPTURE(capacity);
        const Budget budget{1.0, capacity};
        CHECK(makeMethod("adakv:window=8,alpha=1")->plan(input, budget).kept == snap->plan(input, budget).kept);
        CHECK(makeMethod("adakv:window=8,skip=1")->plan(input, budget).kept == snap->plan(input, budget).kept);
        CHECK(makeMethod("adakv:window=8,alloc=guard")->plan(single, budget).kept == snap->plan(single, budget).kept);
    }
    const LayerPlan within = makeMethod("adakv:window=8")->plan(input, {1.0, 5});
    CHECK(within.kept == snap->plan(input, {1.0, 5}).kept);
    CHECK(within.flags == std::vector<std::string>{"window_exceeds_budget"});
    // max(1, int(0.8)) tokens a KV head
    const LayerPlan least = makeMethod("adakv:kvpress,window=8")->plan(input, {0.01, {}});
    CHECK(total(least.kept) == std::ssize(least.kept));
}

TEST_CASE("a head that looks at few keys gives its budget to one that looks at many", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 2, .n = 60, .t = 2, .window = 4});
    core::LayerData& data = capture.mutableLayer(0);
    for (std::int64_t i = 0; i < data.w; ++i) {
        float* const narrow = data.windowRows.data() + i * data.n;
        float* const wide = data.windowRows.data() + (data.w + i) * data.n;
        std::fill_n(narrow, data.n, 0.0f);
        narrow[10] = 1;
        std::fill_n(wide, data.n - data.w, 1.0f / static_cast<float>(data.n - data.w));
    }
    const LayerInput input{data, capture.info().segments};
    // 20 of the layer's best: one in the narrow head, 19 in the wide one.
    const LayerPlan mix = makeMethod("adakv:window=4,pool=none")->plan(input, {1.0, 14});
    CHECK(mix.kept[0].size() == 4 + 3);  // 0.8 * 1 + 2
    CHECK(mix.kept[1].size() == 4 + 17); // 0.8 * 19 + 2
    const LayerPlan guard = makeMethod("adakv:window=4,pool=none,alloc=guard,alpha=0.5")->plan(input, {1.0, 14});
    CHECK(guard.kept[0].size() == 7); // floor(14 / 2), the window among them
    CHECK(guard.kept[1].size() == 21);
    CHECK(guard.tiesAtCut > 0);
}

TEST_CASE("Ada-PyramidKV shares out the budget of the layer's place", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 4, .heads = 4, .kvHeads = 2, .n = 90, .window = 8});
    std::vector<std::int64_t> totals;
    for (std::int64_t slot = 0; slot < 4; ++slot) {
        const LayerInput input{.data = capture.layer(slot),
                               .segments = capture.info().segments,
                               .slot = slot,
                               .layers = 4,
                               .info = &capture.info()};
        totals.push_back(total(makeMethod("adakv:schedule=pyramid,alloc=guard,window=8")->plan(input, {1.0, 28}).kept));
    }
    CHECK(totals == std::vector<std::int64_t>{2 * 47, 2 * 34, 2 * 22, 2 * 9});
}

TEST_CASE("AdaKV refuses what cannot be", "[unit]")
{
    for (const char* specification :
         {"adakv:alpha=1.1", "adakv:alpha=-0.1", "adakv:scorer=random", "adakv:alloc=both", "adakv:kernel=4",
          "adakv:kernel=4,scorer=h2o", "adakv:beta=0.5", "adakv:skip=-1", "adakv:normalize=maybe"}) {
        CAPTURE(specification);
        CHECK_THROWS_AS(makeMethod(specification), core::Error);
    }
}

TEST_CASE("a guarantee is a whole number of tokens where the decimal is one", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 2, .n = 210, .t = 1, .window = 1});
    std::fill_n(capture.mutableLayer(0).received.begin(), 210, 0.0f); // head 0 wins nothing
    const LayerInput input{capture.layer(0), capture.info().segments};
    const std::string guard = "adakv:alloc=guard,scorer=observed_attention,alpha=0.29";
    CHECK(makeMethod(guard)->plan(input, {1.0, 100}).kept[0].size() == 29);
    CHECK(makeMethod(guard + ",compat=kvpress")->plan(input, {1.0, 100}).kept[0].size() == 28);
}

TEST_CASE("rounding of mixed budgets is half to even", "[unit]")
{
    const std::vector<std::int64_t> counts{1, 3, 5};
    CHECK(mixedBudgets(counts, 4, 0.5, 1e-9) == std::vector<std::int64_t>{2, 4, 4}); // 2.5, 3.5, 4.5
    CHECK(mixedBudgets(counts, 10, 1, 0) == std::vector<std::int64_t>{10, 10, 10});
    const std::vector<std::int64_t> none{0}; // 0.29 * 100 is just below 29 in binary
    CHECK(mixedBudgets(none, 100, 0.29, 1e-9) == std::vector<std::int64_t>{29});
    CHECK(mixedBudgets(none, 100, 0.29, 0) == std::vector<std::int64_t>{28});
}

TEST_CASE("a layer's order takes equal scores by position, then head, and counts them", "[unit]")
{
    const Scores scores{{3, 1, 1, 0}, {1, 1, 2, 1}};
    const std::vector<double> same{1, 1};
    const LayerOrder order(scores, same);
    const std::vector<std::int64_t> none{0, 0}, one{1, 1};
    CHECK(order.take(none, 2).counts == std::vector<std::int64_t>{1, 1});
    CHECK(order.take(none, 2).tiesAtCut == 0);
    CHECK(order.take(none, 3).counts == std::vector<std::int64_t>{1, 2}); // position 0 of head 1 first
    CHECK(order.take(none, 3).tiesAtCut == 5);
    CHECK(order.take(none, 7).tiesAtCut == 0); // all five equal ones are in
    CHECK(order.take(one, 2).counts == std::vector<std::int64_t>{1, 1});
    CHECK(order.take(one, 0).counts == none);
    CHECK(LayerOrder(Scores{{0, 1, 0}, {1, 0, 0}}, same).take(none, 1).counts == std::vector<std::int64_t>{0, 1});
    CHECK(LayerOrder(Scores{{1, 0, 0}, {1, 0, 0}}, same).take(none, 1).counts == std::vector<std::int64_t>{1, 0});
    const std::vector<double> weights{1, 10};
    CHECK(LayerOrder(scores, weights).take(none, 4).counts == std::vector<std::int64_t>{0, 4});
}
