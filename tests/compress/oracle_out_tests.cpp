// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Backward elimination on the output error, against errors computed from scratch in double precision.
#include "compress/memo.hpp"
#include "compress/metrics.hpp"
#include "compress/output_elimination.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

test::SyntheticCapture smallCapture(std::uint64_t seed, std::int64_t n = 12)
{
    return test::SyntheticCapture(
        {.layers = 1, .heads = 4, .kvHeads = 2, .n = n, .t = 4, .window = 4, .headDim = 6, .seed = seed});
}

/// Sum over the decode queries of a KV head of |o' - o''| / |o|: output o' with the prompt keys of `before`, o'' with
/// those of `after`, o with all; decode keys stay.
double movement(const core::LayerData& data, int kvHead, const std::vector<bool>& before, const std::vector<bool>& after)
{
    double total = 0;
    for (int r = 0; r < data.heads.groupSize(); ++r)
        for (std::int64_t step = 0; step < data.t; ++step) {
            const float* const row = data.decodeRow(data.heads.firstQueryHead(kvHead) + r, step);
            const auto output = [&](const auto& stays) {
                std::vector<double> sum(static_cast<std::size_t>(data.headDim), 0.0);
                double mass = 0;
                for (std::int64_t key = 0; key <= data.n + step; ++key) {
                    if (key < data.n && !stays(static_cast<std::size_t>(key)))
                        continue;
                    mass += row[key];
                    for (std::size_t c = 0; c < sum.size(); ++c)
                        sum[c] += static_cast<double>(row[key])
                                  * data.value[static_cast<std::size_t>((kvHead * data.total() + key) * data.headDim) + c];
                }
                for (double& value : sum)
                    value /= mass;
                return sum;
            };
            const auto full = output([](std::size_t) { return true; });
            const auto from = output([&](std::size_t key) { return before[key]; });
            const auto to = output([&](std::size_t key) { return after[key]; });
            double apart = 0, norm = 0;
            for (std::size_t c = 0; c < full.size(); ++c) {
                apart += std::pow(from[c] - to[c], 2);
                norm += std::pow(full[c], 2);
            }
            total += std::sqrt(apart / norm);
        }
    return total;
}

/// Sum over the decode queries of a KV head of |o - o'| / |o|, keeping these prompt keys and all decode keys.
double errorOf(const core::LayerData& data, int kvHead, const std::vector<bool>& kept)
{
    return movement(data, kvHead, std::vector<bool>(kept.size(), true), kept);
}

std::vector<bool> flagsOf(const std::vector<std::int32_t>& kept, std::int64_t n)
{
    std::vector<bool> flags(static_cast<std::size_t>(n), false);
    for (const std::int32_t key : kept)
        flags[static_cast<std::size_t>(key)] = true;
    return flags;
}

double errorSum(const core::LayerData& data, const std::string& specification, const Budget& budget)
{
    const std::vector<core::Segment> none;
    const LayerInput input{data, none};
    const auto metrics = evaluate(input, makeMethod(specification)->plan(input, budget), Depth::output, 4);
    return std::accumulate(metrics.outputError.begin(), metrics.outputError.end(), 0.0);
}

} // namespace

TEST_CASE("elimination one by one removes the key that costs least at each step", "[unit]")
{
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
        const test::SyntheticCapture capture = smallCapture(seed);
        const core::LayerData& data = capture.layer(0);
        for (int kvHead = 0; kvHead < 2; ++kvHead) {
            std::vector<bool> kept(12, true);
            std::vector<std::int32_t> bestFirst;
            while (std::count(kept.begin(), kept.end(), true) > 0) {
                std::int32_t cheapest = -1;
                double least = INFINITY;
                for (std::int32_t key = 0; key < 12; ++key) {
                    if (!kept[static_cast<std::size_t>(key)])
                        continue;
                    kept[static_cast<std::size_t>(key)] = false;
                    if (const double error = errorOf(data, kvHead, kept); error < least) {
                        least = error;
                        cheapest = key;
                    }
                    kept[static_cast<std::size_t>(key)] = true;
                }
                kept[static_cast<std::size_t>(cheapest)] = false;
                bestFirst.insert(bestFirst.begin(), cheapest);
            }
            CAPTURE(seed, kvHead);
            CHECK(outputElimination(data, kvHead, 0).order == bestFirst);
        }
    }
}

TEST_CASE("eliminated sets are near the best of all sets, and equal to it when one key goes", "[unit]")
{
    double found = 0, possible = 0;
    for (const std::uint64_t seed : {5u, 6u, 7u}) {
        const test::SyntheticCapture capture = smallCapture(seed, 9);
        const core::LayerData& data = capture.layer(0);
        const Ranking ranking = outputElimination(data, 0, 0);
        for (int size = 1; size < 9; ++size) {
            double least = INFINITY;
            for (unsigned set = 0; set < 1u << 9; ++set)
                if (std::popcount(set) == size) {
                    std::vector<bool> kept(9);
                    for (std::size_t key = 0; key < 9; ++key)
                        kept[key] = (set >> key & 1u) != 0;
                    least = std::min(least, errorOf(data, 0, kept));
                }
            const double error = errorOf(data, 0, flagsOf(topOf(ranking, size).positions, 9));
            CAPTURE(seed, size);
            CHECK(error >= least - 1e-9);
            if (size == 8)
                CHECK(error == Approx(least).epsilon(1e-6));
            found += error;
            possible += least;
        }
    }
    CHECK(found <= 1.15 * possible); // what greed costs on these
}

TEST_CASE("rounds remove the given part of the remaining keys, judged at the start of the round", "[unit]")
{
    const test::SyntheticCapture capture = smallCapture(8, 16);
    const core::LayerData& data = capture.layer(0);
    const Ranking ranking = outputElimination(data, 1, 0.25); // rounds of 4, 3, 2, 1, 1, ...
    std::vector<bool> kept(16, true);
    std::size_t left = 16;
    for (const std::size_t round : {4u, 3u, 2u, 1u, 1u, 1u, 1u, 1u, 1u, 1u}) {
        const double before = errorOf(data, 1, kept);
        std::vector<std::pair<double, std::int32_t>> costs;
        for (std::int32_t key = 0; key < 16; ++key)
            if (kept[static_cast<std::size_t>(key)]) {
                std::vector<bool> without = kept;
                without[static_cast<std::size_t>(key)] = false;
                const double alone = errorOf(data, 1, without) - before;
                // How far the output moves is the most that the error can grow.
                costs.emplace_back(round > 1 ? (alone + movement(data, 1, kept, without)) / 2 : alone, key);
            }
        std::sort(costs.begin(), costs.end());
        for (std::size_t i = 0; i < round; ++i) {
            CHECK(ranking.order[--left] == costs[i].second);
            kept[static_cast<std::size_t>(costs[i].second)] = false;
        }
    }
    CHECK(left == 0);
}

TEST_CASE("the output oracle loses less output than methods that do not see values", "[unit]")
{
    const test::SyntheticCapture capture(
        {.layers = 1, .heads = 6, .kvHeads = 2, .n = 120, .t = 8, .window = 32, .headDim = 8, .seed = 9});
    const core::LayerData& data = capture.layer(0);
    for (const double ratio : {0.1, 0.3, 0.5, 0.8}) {
        CAPTURE(ratio);
        const double least = errorSum(data, "oracle_out", {ratio, {}});
        for (const char* other : {"oracle_mass", "snapkv", "h2o"})
            CHECK(least < errorSum(data, other, {ratio, {}}));
        CHECK(errorSum(data, "oracle_out:step=0", {ratio, {}}) < 1.02 * least); // finer rounds see more
    }
}

TEST_CASE("budgets share one elimination, and keep nested sets", "[unit]")
{
    const test::SyntheticCapture capture = smallCapture(10, 40);
    const std::vector<core::Segment> none;
    LayerMemo memo;
    LayerInput input{capture.layer(0), none};
    const auto method = makeMethod("oracle_out");
    std::vector<std::int32_t> smaller;
    for (std::int64_t tokens = 1; tokens <= 40; ++tokens) {
        input.memo = nullptr;
        const LayerPlan alone = method->plan(input, {1.0, tokens});
        input.memo = &memo;
        CHECK(method->plan(input, {1.0, tokens}).kept == alone.kept);
        CHECK(std::includes(alone.kept[0].begin(), alone.kept[0].end(), smaller.begin(), smaller.end()));
        smaller = alone.kept[0];
    }
}

TEST_CASE("keys that nobody attends to go first, and queries keep a key while they can", "[unit]")
{
    core::LayerData data;
    data.heads = core::HeadMap(1, 1);
    data.n = 5;
    data.t = 2;
    data.headDim = 2;
    // Query 0 has everything on key 3, query 1 on keys 1 and 3; both nothing on the generated keys.
    data.decodeRows = {0, 0, 0, 1, 0, 0, 0, 0, .5f, 0, .5f, 0, 0, 0};
    data.value = {1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1};
    const Ranking ranking = outputElimination(data, 0, 0);
    CHECK(ranking.order == std::vector<std::int32_t>{3, 1, 0, 2, 4});
    CHECK(topOf(ranking, 2).tiesAtCut == 0);
}
