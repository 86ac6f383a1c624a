// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay results come back as they were.
#include "core/error.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/results.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cmath>
#include <numeric>

using namespace kvviz;
using io::ReplayRecord;
using test::ScratchFolder;

namespace {

ReplayRecord makeRecord(int i)
{
    ReplayRecord r;
    r.capture = "run/a.kvh5";
    r.task = "opposites";
    r.promptId = "opposites-" + std::to_string(i);
    r.modelName = "m";
    r.method = "snapkv";
    r.variant = "paper";
    r.params = R"({"window":32})";
    r.depth = i % 2 == 0 ? "output" : "mass";
    r.assumption = "keys as captured";
    r.ratio = 0.1 * (i + 1);
    r.budgetTokens = i;
    r.actualRatio = 0.25;
    r.keptTokens = 77;
    r.bytes = std::uint64_t{1} << 63;
    r.tiesAtCut = 3;
    r.deadQueries = 1;
    r.flags = i % 2 == 0 ? std::vector<std::string>{"no_shot_fits", "other"} : std::vector<std::string>{};
    r.seconds = 0.125;
    r.layers = 2, r.heads = 4, r.kvHeads = 2, r.n = 9, r.t = 3, r.segments = 5;
    r.kept.assign(2 * 2 * 9, 1);
    r.kept[static_cast<std::size_t>(i)] = 0;
    r.lostMass.resize(2 * 4 * 3);
    std::iota(r.lostMass.begin(), r.lostMass.end(), 0.5f);
    r.lostNonSink = r.lostMass;
    if (i % 2 == 0) {
        r.outputError = r.lostMass;
        r.keptDecode.assign(2 * 2 * 3 * 12, 1);
    }
    r.survival.assign(2 * 5, 0.75f);
    r.meanLost = 0.1, r.p95Lost = 0.2, r.maxLost = 0.3, r.meanLostNonSink = 0.4;
    r.meanOutputError = 0.5, r.p95OutputError = 0.6;
    r.budgetUse = "finds";
    r.facts = R"({"head_budget_min":12})";
    r.draws = 20;
    r.sizeRatio = 0.125;
    r.stdLost = 1.5, r.meanLostGenerated = 2.5, r.meanConcatError = 3.5, r.meanBlockError = 4.5;
    r.adjacentJaccard = 5.5, r.meanRun = 6.5;
    r.runLengths.resize(16);
    std::iota(r.runLengths.begin(), r.runLengths.end(), std::int64_t{1} << 40);
    r.intact.assign(2 * 5, 0.5f);
    if (i % 3 == 0) { // what applies to some methods and to depth decode only
        r.keyError = 7.5, r.valueError = 8.5, r.keyCosine = 9.5, r.valueCosine = 10.5;
        r.depth = "decode";
        r.meanLogprobDelta = -11.5, r.meanKl = 12.5, r.top1Agreement = 0.875;
        r.lostGenerated = r.lostMass;
        r.logprobDelta = {-0.5f, 0.25f, -3.0f};
        r.kl = {0.0f, 1.0f, 2.0f};
        r.top1 = {1, 0, 1};
        r.meanPredictedDelta = -13.5, r.meanPredictedKl = 14.5;
        r.predictedDelta = {-0.75f, 0.125f, -2.0f};
        r.predictedKl = {0.5f, 1.5f, 2.5f};
    }
    return r;
}

void requireSame(const ReplayRecord& a, const ReplayRecord& b, bool arrays)
{
    const auto scalars = [](const ReplayRecord& r) {
        return std::tuple(std::tie(r.capture, r.task, r.promptId, r.modelName, r.method, r.variant, r.params, r.depth,
                                   r.assumption, r.ratio, r.budgetTokens, r.actualRatio, r.keptTokens, r.bytes),
                          std::tie(r.tiesAtCut, r.deadQueries, r.flags, r.seconds, r.layers, r.heads, r.kvHeads, r.n,
                                   r.t, r.segments, r.meanLost, r.p95Lost, r.maxLost, r.meanLostNonSink,
                                   r.meanOutputError, r.p95OutputError));
    };
    CHECK(scalars(a) == scalars(b));
    CHECK(std::tie(a.budgetUse, a.facts, a.draws) == std::tie(b.budgetUse, b.facts, b.draws));
    for (const auto member : {&ReplayRecord::stdLost, &ReplayRecord::meanLostGenerated, &ReplayRecord::meanConcatError,
                              &ReplayRecord::meanBlockError, &ReplayRecord::adjacentJaccard, &ReplayRecord::meanRun,
                              &ReplayRecord::keyError, &ReplayRecord::valueError, &ReplayRecord::keyCosine,
                              &ReplayRecord::valueCosine, &ReplayRecord::meanLogprobDelta, &ReplayRecord::meanKl,
                              &ReplayRecord::top1Agreement, &ReplayRecord::sizeRatio,
                              &ReplayRecord::meanPredictedDelta, &ReplayRecord::meanPredictedKl})
        CHECK((a.*member == b.*member || (std::isnan(a.*member) && std::isnan(b.*member))));
    CHECK(a.kept == (arrays ? b.kept : std::vector<std::uint8_t>{}));
    CHECK(a.keptDecode == (arrays ? b.keptDecode : std::vector<std::uint8_t>{}));
    CHECK(a.lostMass == (arrays ? b.lostMass : std::vector<float>{}));
    CHECK(a.lostNonSink == (arrays ? b.lostNonSink : std::vector<float>{}));
    CHECK(a.outputError == (arrays ? b.outputError : std::vector<float>{}));
    CHECK(a.survival == (arrays ? b.survival : std::vector<float>{}));
    CHECK(a.lostGenerated == (arrays ? b.lostGenerated : std::vector<float>{}));
    CHECK(a.intact == (arrays ? b.intact : std::vector<float>{}));
    CHECK(a.runLengths == (arrays ? b.runLengths : std::vector<std::int64_t>{}));
    CHECK(a.logprobDelta == (arrays ? b.logprobDelta : std::vector<float>{}));
    CHECK(a.kl == (arrays ? b.kl : std::vector<float>{}));
    CHECK(a.top1 == (arrays ? b.top1 : std::vector<std::uint8_t>{}));
    CHECK(a.predictedDelta == (arrays ? b.predictedDelta : std::vector<float>{}));
    CHECK(a.predictedKl == (arrays ? b.predictedKl : std::vector<float>{}));
}

} // namespace

TEST_CASE("replay results come back as written, in order, with and without arrays", "[io]")
{
    const ScratchFolder folder;
    std::vector<ReplayRecord> records;
    for (int i = 0; i < 12; ++i) // more than ten: "10" must not sort before "2"
        records.push_back(makeRecord(i));
    io::writeReplayResults(folder / "r.kvres.h5", records, "kvviz", "kvviz replay", false);
    for (const bool arrays : {true, false}) {
        const auto read = io::readReplayResults(folder / "r.kvres.h5", arrays);
        REQUIRE(read.size() == 12);
        for (std::size_t i = 0; i < 12; ++i)
            requireSame(read[i], records[i], arrays);
    }
}

TEST_CASE("results that are written one by one are a file only when they are finished", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    {
        io::ResultsWriter writer(path, "kvviz", "kvviz replay", false);
        writer.append(makeRecord(0));
        CHECK(std::filesystem::exists(folder / "r.kvres.h5.part"));
    }
    CHECK(std::filesystem::is_empty(folder.path()));
    io::ResultsWriter writer(path, "kvviz", "kvviz replay", false);
    for (int i = 0; i < 3; ++i) {
        writer.append(makeRecord(i));
        CHECK_FALSE(std::filesystem::exists(path));
    }
    writer.finish();
    const auto read = io::readReplayResults(path, true);
    REQUIRE(read.size() == 3);
    for (int i = 0; i < 3; ++i)
        requireSame(read[static_cast<std::size_t>(i)], makeRecord(i), true);
    CHECK_FALSE(std::filesystem::exists(folder / "r.kvres.h5.part"));
}

TEST_CASE("results of format 1.0 are read with what came later not known", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    io::writeReplayResults(path, {makeRecord(0)}, "kvviz", "kvviz replay", false);
    const char* const laterArrays[] = {"lost_generated", "intact", "run_lengths", "logprob_delta", "kl", "top1",
                                       "predicted_delta", "predicted_kl"};
    const char* const laterScalars[] = {"budget_use", "facts", "draws", "std_lost", "mean_lost_generated",
                                        "mean_concat_error", "mean_block_error", "adjacent_jaccard", "mean_run",
                                        "key_error", "value_error", "key_cosine", "value_cosine", "mean_logprob_delta",
                                        "mean_kl", "top1_agreement", "size_ratio", "mean_predicted_delta",
                                        "mean_predicted_kl"};
    {
        const io::H5Lock lock;
        const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
        REQUIRE(file);
        const io::Handle record = io::openGroup(file.get(), "replay/0", "");
        for (const char* name : laterArrays)
            REQUIRE(H5Ldelete(record.get(), name, H5P_DEFAULT) >= 0);
        for (const char* name : laterScalars)
            REQUIRE(H5Adelete(record.get(), name) >= 0);
        H5Ldelete(file.get(), "texts", H5P_DEFAULT);
        io::writeAttribute(file.get(), "format_version", "1.0");
    }
    ReplayRecord expected = makeRecord(0);
    const ReplayRecord none;
    expected.budgetUse = expected.facts = "";
    expected.draws = 1;
    for (const auto member : {&ReplayRecord::stdLost, &ReplayRecord::meanLostGenerated, &ReplayRecord::meanConcatError,
                              &ReplayRecord::meanBlockError, &ReplayRecord::adjacentJaccard, &ReplayRecord::meanRun,
                              &ReplayRecord::keyError, &ReplayRecord::valueError, &ReplayRecord::keyCosine,
                              &ReplayRecord::valueCosine, &ReplayRecord::meanLogprobDelta, &ReplayRecord::meanKl,
                              &ReplayRecord::top1Agreement, &ReplayRecord::sizeRatio,
                              &ReplayRecord::meanPredictedDelta, &ReplayRecord::meanPredictedKl}) {
        CHECK(std::isnan(none.*member));
        expected.*member = std::nan("");
    }
    expected.lostGenerated = expected.intact = expected.logprobDelta = expected.kl = {};
    expected.predictedDelta = expected.predictedKl = {};
    expected.runLengths.clear();
    expected.top1.clear();
    const auto read = io::readReplayResults(path, true);
    REQUIRE(read.size() == 1);
    requireSame(read[0], expected, true);
}

TEST_CASE("results files are protected and checked like captures", "[io]")
{
    const ScratchFolder folder;
    io::writeReplayResults(folder / "r.kvres.h5", {}, "kvviz", "kvviz replay", false);
    CHECK(io::readReplayResults(folder / "r.kvres.h5", true).empty());
    CHECK_THROWS_WITH(io::writeReplayResults(folder / "r.kvres.h5", {}, "", "", false),
                      Catch::Contains("exists already"));
    ReplayRecord wrong = makeRecord(0);
    wrong.kept.pop_back();
    CHECK_THROWS_WITH(io::writeReplayResults(folder / "r.kvres.h5", {wrong}, "", "", true), Catch::Contains("kept"));
    wrong = makeRecord(0);
    wrong.runLengths.push_back(1);
    CHECK_THROWS_WITH(io::writeReplayResults(folder / "r.kvres.h5", {wrong}, "", "", true),
                      Catch::Contains("run_lengths: 17 values do not fill the shape [16]"));
    CHECK(io::readReplayResults(folder / "r.kvres.h5", true).empty()); // the old file is still there
    CHECK_FALSE(std::filesystem::exists(folder / "r.kvres.h5.part"));
    test::writeSynthetic(test::SyntheticCapture(), folder / "a.kvh5");
    CHECK_THROWS_WITH(io::readReplayResults(folder / "a.kvh5", true), Catch::Contains("kvviz-results"));
}
