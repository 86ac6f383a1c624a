// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Journal lines and summaries, against made-up outcomes.
#include "core/error.hpp"
#include "evaluation/outcome_json.hpp"
#include "evaluation/summary.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace kvviz;
using namespace kvviz::evaluation;

namespace {

CacheOutcome cache(double score, double gold, std::int64_t generated)
{
    CacheOutcome outcome;
    outcome.score = score;
    outcome.goldLogprob = gold;
    outcome.generated = generated;
    outcome.decodeSeconds = 0.5;
    outcome.keptTokens = 7;
    outcome.keptRatio = 0.25;
    outcome.sizeRatio = 0.125;
    outcome.heldBytes = 1000;
    return outcome;
}

PromptOutcome prompt(std::int64_t index, double base, double first, double second)
{
    PromptOutcome outcome;
    outcome.task = "t";
    outcome.id = "t-" + std::to_string(index);
    outcome.index = index;
    outcome.promptTokens = 100 + index;
    outcome.full = cache(base, -1.0, 5);
    outcome.pairs = {cache(first, -2.0, 3), cache(second, -1.5, 4)};
    return outcome;
}

bool same(const CacheOutcome& a, const CacheOutcome& b)
{
    const auto equal = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    return a.obstacle == b.obstacle && a.answer == b.answer && equal(a.score, b.score)
        && equal(a.goldLogprob, b.goldLogprob) && a.generated == b.generated && a.keptTokens == b.keptTokens
        && equal(a.keptRatio, b.keptRatio) && equal(a.sizeRatio, b.sizeRatio) && a.heldBytes == b.heldBytes
        && equal(a.decodeSeconds, b.decodeSeconds) && a.flags == b.flags;
}

} // namespace

TEST_CASE("outcomes come back from their lines bit for bit", "[evaluation]")
{
    PromptOutcome outcome = prompt(3, 1.0, 1.0 / 3, 0.1);
    for (int byte = 0; byte < 256; ++byte)
        outcome.full.answer += static_cast<char>(byte);
    outcome.id = "a \"quoted\" \xe2\x86 id\n";
    outcome.full.goldLogprob = std::nan("");
    outcome.pairs[0].flags = {"no_shot_fits", "x"};
    outcome.pairs[0].goldLogprob = -123.45678901234567;
    outcome.pairs[0].heldBytes = std::uint64_t{1} << 62;
    outcome.pairs[1] = {};
    outcome.pairs[1].obstacle = "needs a table";
    const std::string line = toJsonLine(outcome);
    CHECK(line.find('\n') == std::string::npos);
    const PromptOutcome back = fromJsonLine(line, "line 2");
    CHECK(std::tie(back.task, back.id, back.index, back.promptTokens, back.refused)
          == std::tie(outcome.task, outcome.id, outcome.index, outcome.promptTokens, outcome.refused));
    CHECK(same(back.full, outcome.full));
    REQUIRE(back.pairs.size() == 2);
    CHECK(same(back.pairs[0], outcome.pairs[0]));
    CHECK(back.pairs[1].obstacle == "needs a table");
    outcome.refused = "too long";
    CHECK(fromJsonLine(toJsonLine(outcome), "").refused == "too long");
}

TEST_CASE("lines that are no outcome are refused by their place", "[evaluation]")
{
    const std::string good = toJsonLine(prompt(0, 1, 1, 1));
    for (const std::string& bad :
         {std::string(), std::string("{}"), std::string("[1,2]"), std::string("null"), good.substr(0, good.size() / 2),
          std::string(R"({"task":"t","id":5,"index":0})"), std::string(R"({"task":"€","id":"","index":0})"),
          std::string(R"({"task":"t","id":"","index":"x","refused":"y"})")}) {
        CAPTURE(bad);
        CHECK_THROWS_WITH(fromJsonLine(bad, "run.journal, line 7"), Catch::Contains("run.journal, line 7"));
    }
}

TEST_CASE("a summary compares each method with the full cache on the same prompts", "[evaluation]")
{
    const auto method = compress::makeMethod("snapkv:window=16");
    const std::vector<compress::LivePair> pairs{{method.get(), {0.5, std::nullopt}}, {method.get(), {1.0, 20}}};
    std::vector<PromptOutcome> outcomes;
    for (int i = 0; i < 8; ++i)
        outcomes.push_back(prompt(i, i < 6, i < 3, i < 6)); // base 6/8, first 3/8, second 6/8
    outcomes[7].pairs[1] = {};
    outcomes[7].pairs[1].obstacle = "no shots";
    PromptOutcome refused = prompt(8, 1, 1, 1);
    refused.refused = "too long";
    outcomes.push_back(refused);
    const std::vector<io::EvalRecord> records =
        summarise({.name = "t", .category = "AR", .setting = "shots=2", .shots = 2, .modelName = "m"}, pairs, outcomes, 1);
    REQUIRE(records.size() == 3);
    const io::EvalRecord &full = records[0], &first = records[1], &second = records[2];
    CHECK(full.method == "fullkv");
    CHECK(full.score == 0.75);
    CHECK(full.delta == 0);
    CHECK(full.n == 8);
    CHECK(first.method == "snapkv");
    CHECK(first.variant == "window=16");
    CHECK(first.ratio == 0.5);
    CHECK(first.score == 0.375);
    CHECK(first.baseScore == 0.75);
    CHECK(first.delta == Approx(-0.5));
    CHECK(first.ciLow < -0.5);
    CHECK(first.ciHigh > -0.5);
    CHECK(first.ciHigh < 0);
    CHECK(first.pValue == Approx(0.25)); // three prompts on one side: 2 / 2^3
    CHECK(first.goldLogprobDelta == Approx(-1.0));
    CHECK(first.tokensPerSecond == Approx(2 / 0.5));
    CHECK(first.flags == std::vector<std::string>{"prompts_left_out"});
    CHECK(second.n == 7); // without the prompt that has an obstacle
    CHECK(second.budgetTokens == 20);
    CHECK(second.ratio == Approx(20.0 / 103));
    CHECK(second.baseScore == Approx(6.0 / 7));
    CHECK(second.delta == 0);
    CHECK(second.promptIds.size() == 7);
    CHECK(second.pValue == 1);
}

TEST_CASE("a base of zero has no delta and says so", "[evaluation]")
{
    const auto method = compress::makeMethod("h2o");
    const std::vector<compress::LivePair> pairs{{method.get(), {0.5, std::nullopt}}, {method.get(), {0.4, std::nullopt}}};
    const std::vector<PromptOutcome> outcomes{prompt(0, 0, 1, 0), prompt(1, 0, 0, 0)};
    const std::vector<io::EvalRecord> records = summarise({.name = "t"}, pairs, outcomes, 0);
    REQUIRE(records.size() == 3);
    CHECK(std::isnan(records[1].delta));
    CHECK(std::isnan(records[1].ciLow));
    CHECK(records[1].score == 0.5);
    CHECK(records[1].flags == std::vector<std::string>{"base_zero"});
}
