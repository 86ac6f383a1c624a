// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Intervals over several lists of prompts, and records as blocks.
#include "core/error.hpp"
#include "study/finding.hpp"
#include "study/resampling.hpp"
#include "tests/study/made_up.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <random>

using namespace kvviz;
using study::Draws;

namespace {

double meanOf(const std::vector<double>& values, const std::vector<std::uint32_t>& chosen)
{
    double total = 0;
    for (const std::uint32_t i : chosen)
        total += values[i];
    return total / static_cast<double>(chosen.size());
}

std::vector<double> normals(std::size_t count, double mean, std::uint32_t seed)
{
    std::mt19937 engine(seed);
    std::normal_distribution<double> distribution(mean, 1);
    std::vector<double> values(count);
    for (double& value : values)
        value = distribution(engine);
    return values;
}

double variance(const std::vector<double>& values)
{
    double sum = 0, squares = 0;
    for (const double value : values)
        sum += value, squares += value * value;
    const auto n = static_cast<double>(values.size());
    return (squares - sum * sum / n) / n;
}

} // namespace

TEST_CASE("one list gives the interval that the plain bootstrap gives", "[study][unit]")
{
    const std::vector<double> values = normals(37, 1, 3);
    const std::size_t sizes[] = {values.size()};
    const core::Estimate ours =
        study::bootstrapLists(sizes, [&](const Draws& draws) { return meanOf(values, draws[0]); });
    const core::Estimate plain = core::bootstrapMean(values);
    CHECK(ours.value == Approx(plain.value));
    CHECK(ours.low == Approx(plain.low));
    CHECK(ours.high == Approx(plain.high));
    CHECK(ours.count == 37);
}

TEST_CASE("two lists are resampled independently of each other", "[study][unit]")
{
    // The variance of a difference of independent means is the sum of the variances; with the same draws for both lists
    // it would be that of the paired differences, here 0.
    const std::vector<double> values = normals(50, 0, 5);
    const std::size_t sizes[] = {values.size(), values.size()};
    core::ResamplingOptions options;
    options.resamples = 20000;
    const core::Estimate interval = study::bootstrapLists(sizes, [&](const Draws& draws) {
        return meanOf(values, draws[0]) - meanOf(values, draws[1]);
    }, options);
    const double expected = 1.96 * std::sqrt(2 * variance(values) / static_cast<double>(values.size()));
    CHECK(interval.value == Approx(0).margin(1e-12));
    CHECK(interval.high == Approx(expected).epsilon(0.05));
    CHECK(interval.low == Approx(-expected).epsilon(0.05));
}

TEST_CASE("lists of one prompt have a number but no interval, and no list has neither", "[study][unit]")
{
    const std::size_t single[] = {1, 20};
    const core::Estimate one = study::bootstrapLists(single, [](const Draws&) { return 7.0; });
    CHECK(one.value == 7);
    CHECK(std::isnan(one.low));
    CHECK(std::isnan(study::bootstrapLists({}, [](const Draws&) { return 7.0; }).value));
    const std::size_t empty[] = {5, 0};
    CHECK(std::isnan(study::bootstrapLists(empty, [](const Draws&) { return 7.0; }).value));
    const std::size_t many[] = {20};
    const auto never = [](const Draws&) { return std::nan(""); };
    CHECK(std::isnan(study::bootstrapLists(many, never).low));
    core::ResamplingOptions wrong;
    wrong.level = 2;
    CHECK_THROWS_AS(study::bootstrapLists(many, never, wrong), core::Error);
}

TEST_CASE("records of one task fall into blocks by model, shots and setting", "[study][unit]")
{
    std::vector<io::EvalRecord> records;
    test::append(records, {});
    test::append(records, {.shots = 1});
    test::append(records, {.model = "other"});
    test::append(records, {.task = "sums", .setting = "questions=8", .shots = 4});
    const study::ScoreBlocks data = study::collectBlocks(records);
    CHECK(data.faults.empty());
    REQUIRE(data.blocks.size() == 4);
    CHECK(data.blocks[0].cells.size() == study::kPaperMethods.size() * study::kPaperRatios.size());
    CHECK(data.blocks[0].ability == "AR");
    CHECK(data.blocks[0].baseScore() == Approx(0.8));
    CHECK(data.blocks[0].find("snapkv", 0.3) != nullptr);
    CHECK(data.blocks[0].find("snapkv", 0.35) == nullptr);
    CHECK(data.blocks[1].shots == 1);
    CHECK(data.blocks[3].questions == 8);
    CHECK(data.blocks[3].ability == "LG");
    CHECK(data.blocks[3].label() == "sums, 4 shots, 8 questions");
}

TEST_CASE("records that cannot be compared are left out with the reason", "[study][unit]")
{
    std::vector<io::EvalRecord> records = test::recordsOf({});
    io::EvalRecord others = records[1];
    others.method = "tova";
    others.promptIds.front() = "another question";
    io::EvalRecord tokens = records[1];
    tokens.method = "keydiff", tokens.budgetTokens = 64;
    io::EvalRecord bare = records[1];
    bare.method = "knorm", bare.scores.clear();
    const std::size_t before = records.size();
    for (const io::EvalRecord& record : {others, tokens, bare, records[1]})
        records.push_back(record);
    const study::ScoreBlocks data = study::collectBlocks(records);
    REQUIRE(data.blocks.size() == 1);
    CHECK(data.blocks[0].cells.size() == before - 1);
    REQUIRE(data.faults.size() == 4);
    CHECK_THAT(data.faults[0], Catch::Contains("prompts are not those"));
    CHECK_THAT(data.faults[1], Catch::Contains("in tokens"));
    CHECK_THAT(data.faults[2], Catch::Contains("no scores of single prompts"));
    CHECK_THAT(data.faults[3], Catch::Contains("measured twice"));
}

TEST_CASE("a method that could not run on some prompts keeps the others", "[study][unit]")
{
    std::vector<io::EvalRecord> records = test::recordsOf({.prompts = 20, .kept = [](auto&&...) { return 0.5; }});
    io::EvalRecord& partial = records[1];
    const std::vector<double> all = partial.scores;
    for (auto* list : {&partial.scores, &partial.baseScores})
        list->erase(list->begin() + 3, list->begin() + 5);
    partial.promptIds.erase(partial.promptIds.begin() + 3, partial.promptIds.begin() + 5);
    const study::ScoreBlocks data = study::collectBlocks(records);
    CHECK(data.faults.empty());
    const std::vector<double>& scores = data.blocks.at(0).cells.at(0).scores;
    REQUIRE(scores.size() == 20);
    for (std::size_t i = 0; i < 20; ++i)
        CHECK((i == 3 || i == 4 ? std::isnan(scores[i]) : scores[i] == all[i]));
}

TEST_CASE("changes follow equation 1 over the prompts that have both scores", "[study][unit]")
{
    std::vector<io::EvalRecord> records = test::recordsOf({.prompts = 20, .base = 0.5});
    records[1].scores.assign(20, 0.25);
    records[1].scores[0] = std::nan("");
    for (auto& record : records)
        record.baseScores[1] = std::nan("");
    records[0].scores[1] = std::nan("");
    const study::ScoreBlocks data = study::collectBlocks(records);
    REQUIRE(data.blocks.size() == 1);
    const study::ScoreBlock& block = data.blocks[0];
    double full = 0, compressed = 0;
    for (std::size_t i = 2; i < 20; ++i)
        full += block.base[i], compressed += 0.25;
    const study::Sampler sampler({&block});
    Draws all(1);
    for (std::uint32_t i = 0; i < 20; ++i)
        all[0].push_back(i);
    const study::CellRef cell{&block, records[1].method, records[1].ratio};
    CHECK(sampler.meanChange({cell})(all) == Approx((compressed - full) / full));
    // Prompts 0 and 1 count for this cell's base and not for the other's, so they are averaged apart.
    const study::CellRef other{&block, records[2].method, records[2].ratio};
    CHECK(sampler.meanChange({cell, other})(all)
          == Approx((sampler.meanChange({cell})(all) + sampler.meanChange({other})(all)) / 2));
    CHECK(std::isnan(sampler.meanChange({{&block, "tova", 0.5}})(all)));
    CHECK(std::isnan(sampler.meanChange({})(all)));
}

TEST_CASE("numbers are written as people read them", "[study][unit]")
{
    CHECK(study::percentText(-0.2341) == "\u221223.4 %");
    CHECK(study::percentText(0.1) == "10.0 %");
    CHECK(study::percentText(-0.0001) == "0.0 %");
    CHECK(study::percentText(std::nan("")).empty());
    CHECK(study::estimateText({-0.2, -0.3, 0.05, 10}) == "\u221220.0 % [\u221230.0, 5.0]");
    CHECK(study::estimateText({-0.2, std::nan(""), std::nan(""), 10}) == "\u221220.0 %");
}
