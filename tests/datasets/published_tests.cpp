// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paper's numbers: all there, consistent where the paper is, with their flags where it is not.
#include "datasets/published.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

using namespace kvviz::datasets;

namespace {

bool has(const PublishedScore& score, const std::string& flag)
{
    return std::find(score.flags.begin(), score.flags.end(), flag) != score.flags.end();
}

std::int64_t countFlag(const std::string& flag)
{
    const auto& scores = publishedScores();
    return std::count_if(scores.begin(), scores.end(), [&](const PublishedScore& s) { return has(s, flag); });
}

const PublishedScore& only(const PublishedQuery& query)
{
    const std::vector<const PublishedScore*> found = findPublished(query);
    REQUIRE(found.size() == 1);
    return *found[0];
}

/// Blocks of one model, benchmark and setting, in which a row is a ratio.
using Block = std::tuple<std::string, std::string, std::string>;
std::map<Block, std::map<double, std::vector<const PublishedScore*>>> fullBlocks()
{
    static const std::set<std::string> five{"StreamingLLM", "H2O", "SnapKV", "PyramidKV", "ChunkKV"};
    std::map<Block, std::map<double, std::vector<const PublishedScore*>>> blocks;
    for (const PublishedScore& score : publishedScores())
        if (score.table >= 6 && score.table <= 10 && five.contains(score.method))
            blocks[{score.model, score.benchmark, score.setting}][score.ratio].push_back(&score);
    std::erase_if(blocks, [](const auto& block) { return block.second.size() < 9; });
    return blocks;
}

} // namespace

TEST_CASE("all rows of the paper's tables are there", "[unit]")
{
    CHECK(publishedScores().size() == 684);
    std::map<int, int> rows;
    std::set<std::tuple<int, std::string, std::string, std::string, std::string, double>> keys;
    for (const PublishedScore& s : publishedScores()) {
        ++rows[s.table];
        keys.emplace(s.table, s.model, s.benchmark, s.setting, s.method, s.ratio);
        CHECK((s.unit == "percent" || s.unit == "fraction"));
        CHECK((s.fraction > 0 && s.fraction < 1));
        CHECK((s.ratio > 0 && s.ratio <= 1));
        CHECK((s.ratio == 1) == (s.method == "FullKV"));
    }
    CHECK(keys.size() == 684);
    CHECK(rows == std::map<int, int>{{1, 4}, {2, 17}, {3, 13}, {4, 29}, {6, 92}, {7, 184}, {8, 46}, {9, 184},
                                     {10, 71}, {11, 10}, {12, 4}, {13, 4}, {14, 16}, {16, 10}});
    CHECK(publishedLatencies().size() == 6);
    CHECK(publishedDatasets().size() == 7);
}

TEST_CASE("blocks of five methods and nine ratios are complete", "[unit]")
{
    const auto blocks = fullBlocks();
    CHECK(blocks.size() == 12);
    int rows = 0;
    for (const auto& [block, ratios] : blocks)
        for (const auto& [ratio, methods] : ratios) {
            CHECK(methods.size() == 5);
            ++rows;
        }
    CHECK(rows == 108); // the paper prints an average for each
}

TEST_CASE("printed deltas follow from printed scores but for one block", "[unit]")
{
    // Deltas are printed to 0.1 or 0.01, from scores that are printed to four digits.
    int printed = 0, agree = 0;
    for (const PublishedScore& s : publishedScores()) {
        if (!std::isnan(s.deltaPoints)) {
            const double from = s.table == 11 ? s.base : only({.table = 1, .benchmark = s.benchmark,
                                                               .setting = "zero-shot; shots=0"}).fraction;
            CHECK(100 * (s.fraction - from) == Approx(s.deltaPoints).margin(0.006));
        }
        if (std::isnan(s.deltaPercent))
            continue;
        ++printed;
        INFO(s.table << ' ' << s.model << ' ' << s.benchmark << ' ' << s.method << ' ' << s.ratio);
        if (!has(s, "delta_mismatch")) {
            CHECK(100 * s.change == Approx(s.deltaPercent).margin(0.056));
            ++agree;
            continue;
        }
        CHECK(s.table == 10);
        CHECK(s.base == 0.7123);
        CHECK(std::abs(100 * s.change - s.deltaPercent) > 1);
        CHECK(100 * (s.fraction / 0.7023 - 1) == Approx(s.deltaPercent).margin(0.02));
    }
    CHECK(printed == 585);
    CHECK(agree == 540);
}

TEST_CASE("flags of misprints are kept", "[unit]")
{
    CHECK(countFlag("delta_mismatch") == 45);
    CHECK(countFlag("deltas_imply_0.7023") == 1);
    CHECK(countFlag("identical_to_T7_CG") == 46);
    CHECK(countFlag("label_conflict") == 5);
    CHECK(countFlag("nonmonotone_10_vs_30") == 4);
    CHECK(countFlag("model_conflict_T12") == 17);
    CHECK(countFlag("model_conflict_T2") == 4);
    CHECK(countFlag("delta_from_T10") == 20);
    CHECK(countFlag("model_inferred") == 379 + 20 + 46 + 2);
    CHECK(only({.table = 11, .benchmark = "many-shot AR", .method = "H2O", .ratio = 0.3}).flags
          == std::vector<std::string>{"label_conflict", "same_value_as_T6_AR_20%"});
}

TEST_CASE("the block without instruction tuning repeats the code block, digit for digit", "[unit]")
{
    const auto code = findPublished({.table = 7, .benchmark = "CG"}), base = findPublished({.table = 8});
    REQUIRE(code.size() == 46);
    REQUIRE(base.size() == 46);
    for (std::size_t i = 0; i < 46; ++i) {
        CHECK(code[i]->score == base[i]->score);
        CHECK(code[i]->method == base[i]->method);
        CHECK(has(*base[i], "identical_to_T7_CG"));
        CHECK(std::abs(code[i]->fraction * 164 - std::round(code[i]->fraction * 164)) < 0.01); // HumanEval has 164
    }
}

TEST_CASE("single published scores are found", "[unit]")
{
    const PublishedScore& shotkv = only({.table = 2, .method = "ShotKV", .ratio = 0.3});
    CHECK((shotkv.score == 38.33 && shotkv.unit == "percent" && shotkv.fraction == Approx(0.3833)));
    CHECK((shotkv.base == Approx(0.46) && shotkv.change == Approx(38.33 / 46 - 1) && std::isnan(shotkv.deltaPercent)));

    const PublishedScore& streaming = only({.table = 4, .method = "streaming", .ratio = 0.1});
    CHECK((streaming.score == 74.32 && streaming.deltaPercent == -9.75 && streaming.setting == "shots=50"));

    // Table 10 prints no full cache for LLaMA; table 4, in percent, does.
    const PublishedScore& many = only({.table = 10, .model = "LLaMA-3.1-8B-Instruct", .method = "H2O", .ratio = 0.8});
    CHECK((many.fraction == 0.8334 && many.base == Approx(0.8235) && many.deltaPercent == 1.20));

    const PublishedScore& chain = only({.table = 1, .benchmark = "WK", .setting = "CoT; shots=5"});
    CHECK((chain.score == 68.82 && chain.deltaPoints == 6.20 && chain.change == 0));

    const PublishedScore& other = only({.table = 14, .setting = "shots=50; diff-example 1", .ratio = 0.1});
    CHECK((other.kvvizMethod == "shotkv" && std::isnan(other.base) && std::isnan(other.change)));
    CHECK(findPublished({.table = 5}).empty());
    CHECK(findPublished({.method = "snapkv", .ratio = 0.55}).empty());
    CHECK(findPublished({}).size() == 684);
}

TEST_CASE("published rows of a category and a method of ours", "[unit]")
{
    // World knowledge in tables 7 (nine ratios) and 16 (H2O, two ratios).
    CHECK(findPublished({.method = "snapkv:factory,window=16", .category = "world knowledge"}).size() == 9);
    CHECK(findPublished({.method = "h2o_online", .category = "world knowledge"}).size() == 11);
    CHECK(findPublished({.method = "fullkv", .category = "safety"}).size() == 1);
    CHECK(findPublished({.method = "shotkv", .category = "long-context generation"}).size() == 4);
    CHECK(findPublished({.method = "shotkv:prefill_only", .category = "long-context generation"}).size() == 4);
    CHECK(findPublished({.method = "pyramidkv", .category = "code"}).size() == 9);
    CHECK(findPublished({.method = "chunkkv", .category = "document QA"}).size() == 2);
    CHECK(findPublished({.method = "kivi"}).empty());
    CHECK(findPublished({.method = "snapkv+kivi"}).empty());
    CHECK(findPublished({.category = "sentiment"}).empty());
}

TEST_CASE("methods of the paper and ours", "[unit]")
{
    const std::pair<const char*, const char*> names[] = {
        {"fullkv", "FullKV"}, {"streaming", "StreamingLLM"}, {"streaming_noshift:kvpress", "StreamingLLM"},
        {"h2o", "H2O"}, {"snapkv", "SnapKV"}, {"pyramidkv:paper,beta=20", "PyramidKV"}, {"chunkkv", "ChunkKV"},
        {"pyramidinfer", "PyramidInfer"}, {"shotkv:window", "ShotKV"}, {"shotkv:prefill_only", "Prefill-only"},
        {"random_shot", "Random Shot"}, {"random", ""}, {"", ""}, {"snapkv+think", ""}};
    for (const auto& [ours, printed] : names)
        CHECK(publishedName(ours) == printed);
    for (const PublishedScore& score : publishedScores())
        CHECK(publishedName(score.kvvizMethod) == score.method);
    CHECK(only({.table = 2, .method = "StreamingLLM", .ratio = 0.4}).kvvizMethod == "streaming_noshift");
}

TEST_CASE("published latencies and data sets", "[unit]")
{
    for (const PublishedLatency& row : publishedLatencies()) {
        const auto& rows = publishedLatencies();
        const auto full = std::find_if(rows.begin(), rows.end(), [&](const PublishedLatency& other) {
            return other.method == "FullKV" && other.inputTokens == row.inputTokens;
        });
        REQUIRE(full != rows.end());
        CHECK(std::isnan(row.latencyGainPercent) == (row.method == "FullKV"));
        CHECK(publishedName(row.kvvizMethod) == row.method);
        if (row.method == "FullKV")
            continue;
        CHECK(100 * (1 - row.seconds / full->seconds) == Approx(row.latencyGainPercent).margin(0.06));
        CHECK(100 * (row.tokensPerSecond / full->tokensPerSecond - 1)
              == Approx(row.throughputGainPercent).margin(0.06));
    }
    const PublishedDataset& gsm8k = publishedDatasets()[1];
    CHECK((gsm8k.name == "GSM8K" && gsm8k.questions == 1319 && gsm8k.metric == "Exact match"));
    CHECK(gsm8k.shots == std::array<std::string, 5>{"8", "8", "1-8", "50", "0;8"});
    CHECK((publishedDatasets()[6].questionsAtOnce == "35" && publishedDatasets()[6].answersAtOnce == "20"));
}
