// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Verdicts on made-up data whose truth is known.
#include "study/verdicts.hpp"
#include "tests/study/made_up.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>

using namespace kvviz;
using Catch::Contains;
using study::Outcome;
using study::Verdict;
using test::MadeUpTask;

namespace {

std::vector<Verdict> verdicts(const std::vector<io::EvalRecord>& records, int observation)
{
    return study::judge(study::collectBlocks(records), {observation});
}

Verdict verdict(const std::vector<io::EvalRecord>& records, int observation)
{
    const std::vector<Verdict> all = verdicts(records, observation);
    REQUIRE(all.size() == 1);
    REQUIRE_FALSE(all[0].findings.empty());
    CHECK(all[0].outcome == all[0].findings[0].outcome);
    INFO(all[0].reason);
    CHECK_FALSE(all[0].reason.empty());
    return all[0];
}

/// Keeps everything down to ratio 0.4 and `low` below.
auto keeping(double low)
{
    return [low](const std::string&, double ratio) { return ratio > 0.35 ? 1.0 : low; };
}

/// The five tasks of observation 1, all with the same loss but arithmetic.
std::vector<io::EvalRecord> fiveTasks(double arithmetic, double others, int prompts = 60, double base = 0.8)
{
    std::vector<io::EvalRecord> records;
    for (const char* task : {"facts", "everyday", "addition", "code_lines", "requests"}) {
        const double low = task == std::string("addition") ? arithmetic : others;
        test::append(records, {.task = task, .prompts = prompts, .base = base, .kept = keeping(low)});
    }
    return records;
}

/// Seen with the statement's words.
const study::Finding& findingAbout(const Verdict& verdict, const std::string& words)
{
    const auto found = std::find_if(verdict.findings.begin(), verdict.findings.end(), [&](const auto& finding) {
        return finding.statement.find(words) != std::string::npos;
    });
    REQUIRE(found != verdict.findings.end());
    return *found;
}

} // namespace

TEST_CASE("task dependence holds where arithmetic alone loses, and the paper's direction with it", "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(0.3, 0.95), 1);
    CHECK(result.outcome == Outcome::holds);
    CHECK(result.model == "Tiny-Instruct");
    CHECK_THAT(result.reason, Contains("addition, 8 shots loses more than"));
    const study::Finding& direction = findingAbout(result, "Arithmetic loses more");
    CHECK(direction.outcome == Outcome::holds);
    // The mean over the low ratios: (1 - 0.3) - (1 - 0.95), but for the rounding to whole prompts.
    CHECK(direction.estimate.value == Approx(0.65).margin(0.03));
    CHECK(direction.samples.size() == 3);
}

TEST_CASE("the direction is reported against the paper where arithmetic is the task that loses nothing",
          "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(1.0, 0.3), 1);
    CHECK(result.outcome == Outcome::holds);
    CHECK(findingAbout(result, "Arithmetic loses more").outcome == Outcome::doesNotHold);
}

TEST_CASE("task dependence does not hold where all tasks surely lose alike", "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(0.95, 0.95, 600), 1);
    CHECK(result.outcome == Outcome::doesNotHold);
    CHECK_THAT(result.reason, Contains("differ by less than 10 %"));
}

TEST_CASE("task dependence is not decided by noise", "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(0.7, 0.7, 16), 1);
    CHECK(result.outcome == Outcome::undecided);
    CHECK_THAT(result.reason, Contains("includes 0"));
}

TEST_CASE("tasks that the model cannot do are left out and named", "[study][unit]")
{
    std::vector<io::EvalRecord> records = fiveTasks(0.3, 0.95);
    test::append(records, {.task = "facts", .model = "b", .base = 0.2});
    test::append(records, {.task = "addition", .model = "b", .base = 0.8, .kept = keeping(0.1)});
    const std::vector<Verdict> both = verdicts(records, 1);
    REQUIRE(both.size() == 2);
    CHECK(both[0].outcome == Outcome::holds);
    CHECK(both[1].outcome == Outcome::undecided);
    CHECK_THAT(both[1].reason, Contains("two tasks are needed") && Contains("facts, 8 shots (0.20)"));
}

TEST_CASE("a full cache that scores 0 leaves every observation undecided", "[study][unit]")
{
    std::vector<io::EvalRecord> records = fiveTasks(0.3, 0.9, 60, 0);
    for (const int shots : {0, 1, 2, 50})
        test::append(records, {.shots = shots, .base = 0});
    test::append(records, {.task = "sums", .shots = 4, .base = 0});
    for (const int observation : {1, 2, 3, 4, 5, 6}) {
        const Verdict result = verdict(records, observation);
        INFO(observation << ": " << result.reason);
        CHECK(result.outcome == Outcome::undecided);
        for (const study::Finding& finding : result.findings)
            CHECK(finding.outcome == Outcome::undecided);
    }
}

TEST_CASE("without data every observation is undecided and says so", "[study][unit]")
{
    const std::vector<Verdict> all = study::judge({}, {1, 2, 3, 4, 5, 6});
    REQUIRE(all.size() == 6);
    for (const Verdict& result : all) {
        CHECK(result.outcome == Outcome::undecided);
        CHECK_FALSE(result.reason.empty());
        CHECK(std::isnan(result.findings.front().estimate.value));
    }
}

TEST_CASE("clear differences on fewer than ten prompts decide nothing", "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(0.0, 1.0, 9), 1);
    CHECK(result.outcome == Outcome::undecided);
    CHECK_THAT(findingAbout(result, "Arithmetic").reason, Contains("only 9 prompts") && Contains("10 are needed"));
}

TEST_CASE("one model decides nothing about model types", "[study][unit]")
{
    const Verdict result = verdict(fiveTasks(0.5, 0.5), 2);
    CHECK(result.outcome == Outcome::undecided);
    CHECK(result.model.empty());
    CHECK_THAT(result.reason, Contains("one model was measured"));
}

TEST_CASE("model types compares a reasoning model with an instruction-tuned one", "[study][unit]")
{
    const auto twoModels = [](const std::string& first, double firstKept, const std::string& second,
                              double secondKept) {
        std::vector<io::EvalRecord> records;
        test::append(records, {.model = first, .kept = keeping(firstKept)});
        test::append(records, {.model = second, .kept = keeping(secondKept)});
        return verdict(records, 2);
    };
    CHECK(twoModels("Llama-Instruct", 0.4, "DeepSeek-R1-Distill-Llama", 0.9).outcome == Outcome::holds);
    CHECK(twoModels("Llama-Instruct", 0.9, "DeepSeek-R1-Distill-Llama", 0.4).outcome == Outcome::doesNotHold);
    const Verdict bases = twoModels("first", 0.4, "second-base", 0.9);
    CHECK(bases.outcome == Outcome::undecided);
    CHECK_THAT(bases.reason, Contains("no model's name says"));
    REQUIRE(bases.findings.size() == 2); // the difference is shown all the same
    CHECK(bases.findings[1].outcome == Outcome::doesNotHold);
    CHECK_THAT(bases.findings[1].statement, Contains("first loses less than second-base"));
}

TEST_CASE("what a model is follows from whole words of its name", "[study][unit]")
{
    using study::ModelRole;
    CHECK(study::modelRole("DeepSeek-R1-Distill-Llama-8B") == ModelRole::reasoning);
    CHECK(study::modelRole("SmolLM2 135M Instruct") == ModelRole::instruct);
    CHECK(study::modelRole("gemma-2b-it") == ModelRole::instruct);
    CHECK(study::modelRole("Qwen3-4B-Base") == ModelRole::base);
    CHECK(study::modelRole("split-r12") == ModelRole::base);
    CHECK(study::modelRole("") == ModelRole::base);
}

TEST_CASE("shot numbers are judged by the slope over doublings of the examples", "[study][unit]")
{
    const auto withShots = [](auto keptAt, int prompts) {
        std::vector<io::EvalRecord> records;
        for (const int shots : {1, 2, 4, 8})
            test::append(records, {.shots = shots, .prompts = prompts, .kept = keeping(keptAt(shots))});
        return verdict(records, 3);
    };
    const Verdict rising = withShots([](int shots) { return 0.3 + 0.2 * std::log2(shots); }, 100);
    CHECK(rising.outcome == Outcome::holds);
    CHECK(rising.findings[0].estimate.value == Approx(0.2).margin(0.01));
    CHECK(findingAbout(rising, "8 examples lose less than 1").estimate.value == Approx(0.6).margin(0.02));
    CHECK(withShots([](int shots) { return 0.9 - 0.2 * std::log2(shots); }, 100).outcome == Outcome::doesNotHold);
    CHECK(withShots([](int) { return 0.7; }, 20).outcome == Outcome::undecided);
}

TEST_CASE("shot numbers that the model cannot use are left out of the slope", "[study][unit]")
{
    std::vector<io::EvalRecord> records;
    test::append(records, {.shots = 1, .base = 0.1, .kept = keeping(1)});
    test::append(records, {.shots = 4, .kept = keeping(0.3)});
    test::append(records, {.shots = 8, .kept = keeping(0.9)});
    const Verdict result = verdict(records, 3);
    CHECK(result.outcome == Outcome::holds);
    CHECK_THAT(result.reason, Contains("addition, 1 shot (0.10)"));
    CHECK(result.findings[0].samples.size() == 2);
    CHECK(findingAbout(result, "8 examples lose less than 1").outcome == Outcome::undecided);
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(records.size() / 3), records.end());
    CHECK(verdict(records, 3).outcome == Outcome::undecided);
}

TEST_CASE("chunk level compares ChunkKV with the mean of token-level methods on the same prompts", "[study][unit]")
{
    const auto manyShot = [](double chunk, double shot, double token, int prompts = 60) {
        MadeUpTask task{.setting = "shots=50", .shots = 50, .prompts = prompts};
        task.methods.emplace_back("random_shot");
        task.kept = [=](const std::string& method, double ratio) {
            return ratio > 0.45 ? 1 : method == "chunkkv" ? chunk : method == "shotkv" ? shot : token;
        };
        std::vector<io::EvalRecord> records;
        test::append(records, {});
        test::append(records, task);
        return verdict(records, 4);
    };
    const Verdict better = manyShot(0.9, 0.2, 0.5);
    CHECK(better.outcome == Outcome::holds);
    CHECK(better.findings[0].estimate.value == Approx(0.4).margin(0.02));
    CHECK(findingAbout(better, "ShotKV loses less than methods").outcome == Outcome::doesNotHold);
    CHECK(findingAbout(better, "ShotKV loses less than ChunkKV").estimate.value == Approx(-0.7).margin(0.02));
    CHECK(findingAbout(better, "random shots").estimate.value == Approx(-0.3).margin(0.02));
    // With eight examples nothing was lost by any method, so the advantage is new.
    CHECK(findingAbout(better, "advantage of ChunkKV").estimate.value == Approx(0.4).margin(0.02));
    CHECK(manyShot(0.3, 0.9, 0.8).outcome == Outcome::doesNotHold);
    CHECK(manyShot(0.5, 0.5, 0.5, 12).outcome == Outcome::undecided);
    const Verdict none = verdict(fiveTasks(0.5, 0.5), 4);
    CHECK(none.outcome == Outcome::undecided);
    CHECK_THAT(none.reason, Contains("no many-shot prompt was run"));
}

TEST_CASE("prompt gain compares the task that gains most with the one that gains least", "[study][unit]")
{
    const auto twoTasks = [](double addition, double facts, double zeroAddition = 0.1, double zeroFacts = 0.7) {
        std::vector<io::EvalRecord> records;
        test::append(records, {.task = "addition", .kept = keeping(addition)});
        test::append(records, {.task = "facts", .kept = keeping(facts)});
        test::append(records, {.task = "addition", .setting = "shots=0", .shots = 0, .base = zeroAddition,
                               .withMethods = false});
        test::append(records, {.task = "facts", .setting = "shots=0", .shots = 0, .base = zeroFacts,
                               .withMethods = false});
        return verdict(records, 5);
    };
    const Verdict asPublished = twoTasks(0.4, 0.95);
    CHECK(asPublished.outcome == Outcome::holds);
    CHECK_THAT(asPublished.findings[0].statement, Contains("addition (+0.70) against facts (+0.10)"));
    // 0.8 with examples, 0.1 without, 0.8 * 0.4 when compressed: (0.8 - 0.32) / 0.7 of the gain is gone.
    CHECK(findingAbout(asPublished, "On addition, compression takes back").estimate.value
          == Approx(0.48 / 0.7).margin(0.03));
    CHECK(twoTasks(0.95, 0.4).outcome == Outcome::doesNotHold);
    const Verdict alike = twoTasks(0.4, 0.95, 0.5, 0.5);
    CHECK(alike.outcome == Outcome::undecided);
    CHECK_THAT(alike.reason, Contains("not surely different"));
    const Verdict noGain = twoTasks(0.4, 0.95, 0.1, 0.85);
    const study::Finding& facts = findingAbout(noGain, "On facts");
    CHECK(facts.outcome == Outcome::undecided);
    CHECK_THAT(facts.reason, Contains("do not surely bring anything"));
}

TEST_CASE("long generation is compared with short answers, and the fall at 0.3 with a fifth", "[study][unit]")
{
    const auto longTask = [](double longKept, double shortKept) {
        std::vector<io::EvalRecord> records;
        test::append(records, {.kept = keeping(shortKept)});
        test::append(records, {.task = "needle", .shots = 0, .kept = keeping(1)});
        MadeUpTask sums{.task = "sums", .setting = "questions=8", .shots = 4, .kept = keeping(longKept)};
        sums.methods.emplace_back("pyramidinfer");
        sums.ratios.insert(sums.ratios.end(), {0.35, 0.25});
        test::append(records, sums);
        return verdict(records, 6);
    };
    const Verdict worse = longTask(0.2, 0.9);
    CHECK(worse.outcome == Outcome::holds);
    CHECK(findingAbout(worse, "loses more than 20 %").outcome == Outcome::holds);
    CHECK(findingAbout(worse, "loses more than 20 %").estimate.value == Approx(0.6).margin(0.02));
    CHECK(findingAbout(worse, "retrieval").outcome == Outcome::holds);
    CHECK(longTask(0.95, 0.3).outcome == Outcome::doesNotHold);
    CHECK(findingAbout(longTask(0.95, 0.3), "loses more than 20 %").outcome == Outcome::doesNotHold);
}

TEST_CASE("a longer task that the model cannot do gives way to a shorter one", "[study][unit]")
{
    std::vector<io::EvalRecord> records;
    test::append(records, {.kept = keeping(1)});
    test::append(records, {.task = "sums", .setting = "questions=8", .shots = 4, .base = 0.1});
    test::append(records, {.task = "sums", .shots = 4, .kept = keeping(0.4)});
    const Verdict result = verdict(records, 6);
    CHECK(result.outcome == Outcome::holds);
    CHECK_THAT(result.findings[0].statement, Contains("sums, 4 shots against addition"));
    CHECK_THAT(result.reason, Contains("sums, 4 shots, 8 questions (0.10)"));
}

TEST_CASE("about 5 % of studies without any effect decide something", "[study][unit]")
{
    // Scores of independent coins: the interval must not be narrower than chance.
    int decided = 0;
    constexpr int kStudies = 200;
    std::uint64_t state = 12345;
    const auto coin = [&](double chance) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        return static_cast<double>(state >> 11) * 0x1.0p-53 < chance ? 1.0 : 0.0;
    };
    for (int i = 0; i < kStudies; ++i) {
        std::vector<io::EvalRecord> records;
        for (const int shots : {1, 8}) {
            MadeUpTask task{.shots = shots, .methods = {"snapkv"}, .ratios = {0.2}};
            std::vector<io::EvalRecord> made = test::recordsOf(task);
            for (double& score : made[1].scores)
                score = coin(0.5);
            records.insert(records.end(), made.begin(), made.end());
        }
        core::ResamplingOptions options;
        options.resamples = 400;
        options.seed = static_cast<std::uint64_t>(i);
        decided += study::judge(study::collectBlocks(records), {3}, options)[0].outcome != Outcome::undecided;
    }
    CHECK(decided >= 2);
    CHECK(decided <= 24); // 10 expected; more than 24 has a chance below 1e-4
}
