// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluation records come back as they were, alone and beside replays.
#include "core/error.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/results.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace kvviz;
using io::EvalRecord;
using test::ScratchFolder;

namespace {

constexpr double EvalRecord::*kNumbers[] = {
    &EvalRecord::ratio, &EvalRecord::actualRatio, &EvalRecord::sizeRatio, &EvalRecord::promptTokens, &EvalRecord::generatedTokens,
    &EvalRecord::score, &EvalRecord::baseScore, &EvalRecord::delta, &EvalRecord::ciLow,
    &EvalRecord::ciHigh, &EvalRecord::pValue, &EvalRecord::goldLogprobDelta, &EvalRecord::prefillSeconds,
    &EvalRecord::decodeSeconds, &EvalRecord::tokensPerSecond};

EvalRecord makeRecord(int i)
{
    EvalRecord r;
    r.task = "addition", r.category = "arithmetic", r.modelName = "m";
    r.setting = "shots=50", r.shots = 50 + i, r.budgetUse = "follows";
    r.method = "snapkv", r.variant = "factory", r.params = R"({"window":32})";
    r.budgetTokens = 128 + i;
    r.n = 3;
    double next = 0.125 + i;
    for (const auto member : kNumbers)
        r.*member = next *= 1.5;
    r.cacheBytes = std::uint64_t{1} << 63, r.fullCacheBytes = 77;
    if (i % 2 == 0)
        r.flags = {"base_zero", "few_prompts"};
    else
        r.delta = r.pValue = io::kNotKnown;
    r.promptIds = {"addition-0", "", "Größe-2"};
    r.scores = {1, 0.1 * i, 0};
    r.baseScores = {1, 1, 0.5};
    r.goldLogprobDeltas = {-0.5, std::nan(""), 0.25};
    r.keptTokens = {i, std::int64_t{1} << 40, 0};
    r.answers = {"4\n 5", std::string("\0cut \xe2\x86\0", 8), ""};
    return r;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool same(const std::vector<double>& a, const std::vector<double>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return same(x, y); });
}

void requireSame(const EvalRecord& a, const EvalRecord& b)
{
    CHECK(std::tie(a.task, a.category, a.modelName, a.method, a.variant, a.params, a.budgetTokens, a.n, a.cacheBytes,
                   a.fullCacheBytes, a.flags, a.setting, a.shots, a.budgetUse)
          == std::tie(b.task, b.category, b.modelName, b.method, b.variant, b.params, b.budgetTokens, b.n, b.cacheBytes,
                      b.fullCacheBytes, b.flags, b.setting, b.shots, b.budgetUse));
    for (const auto member : kNumbers)
        CHECK(same(a.*member, b.*member));
    CHECK(std::tie(a.promptIds, a.keptTokens, a.answers) == std::tie(b.promptIds, b.keptTokens, b.answers));
    CHECK(same(a.scores, b.scores));
    CHECK(same(a.baseScores, b.baseScores));
    CHECK(same(a.goldLogprobDeltas, b.goldLogprobDeltas));
}

io::ReplayRecord replayRecord(double seconds)
{
    io::ReplayRecord r;
    r.task = "needle";
    r.params = "{}";
    r.seconds = seconds;
    return r;
}

void writeAll(const std::filesystem::path& path, const std::vector<EvalRecord>& records, bool force = false)
{
    io::ResultsWriter writer(path, "kvviz", "kvviz eval", force);
    for (const EvalRecord& record : records)
        writer.append(record);
    writer.finish();
}

} // namespace

TEST_CASE("evaluations come back as they were written", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    std::vector<EvalRecord> records;
    for (int i = 0; i < 12; ++i) // more than ten, whose groups are not in name order
        records.push_back(makeRecord(i));
    records.emplace_back(); // all that is not known
    writeAll(path, records);
    const std::vector<EvalRecord> read = io::readEvalResults(path, true), scalars = io::readEvalResults(path, false);
    REQUIRE(read.size() == records.size());
    REQUIRE(scalars.size() == records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        requireSame(read[i], records[i]);
        EvalRecord bare = records[i];
        bare.promptIds = bare.answers = {};
        bare.scores = bare.baseScores = bare.goldLogprobDeltas = {};
        bare.keptTokens.clear();
        requireSame(scalars[i], bare);
    }
    CHECK(io::readReplayResults(path, true).empty());
}

TEST_CASE("one results file holds replays and evaluations", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    {
        io::ResultsWriter writer(path, "kvviz", "kvviz study", false);
        writer.append(makeRecord(0));
        writer.append(replayRecord(1));
        writer.append(makeRecord(1));
        writer.append(replayRecord(2));
        writer.append(replayRecord(3));
        writer.finish();
    }
    const std::vector<EvalRecord> evals = io::readEvalResults(path, true);
    REQUIRE(evals.size() == 2);
    requireSame(evals[0], makeRecord(0));
    requireSame(evals[1], makeRecord(1));
    const std::vector<io::ReplayRecord> replays = io::readReplayResults(path, true);
    REQUIRE(replays.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(replays[i].task == "needle");
        CHECK(replays[i].seconds == static_cast<double>(i + 1));
    }
}

TEST_CASE("results files without evaluations, as older ones are, have none", "[io]")
{
    const ScratchFolder folder;
    io::writeReplayResults(folder / "r.kvres.h5", {replayRecord(1)}, "kvviz", "kvviz replay", false);
    CHECK(io::readEvalResults(folder / "r.kvres.h5", true).empty());
    test::writeSynthetic(test::SyntheticCapture(), folder / "a.kvh5");
    CHECK_THROWS_WITH(io::readEvalResults(folder / "a.kvh5", true), Catch::Contains("kvviz-results"));
}

TEST_CASE("evaluations that contradict themselves are not written", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    const auto refused = [&](auto change) {
        EvalRecord record = makeRecord(0);
        change(record);
        try {
            writeAll(path, {record}, true);
        } catch (const core::Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refused([](EvalRecord& r) { r.scores.pop_back(); }),
               Catch::Contains("/eval/0/score: 2 values do not fill the shape [3]"));
    CHECK_THAT(refused([](EvalRecord& r) { r.answers.emplace_back("4"); }),
               Catch::Contains("/eval/0/answer: 4 values"));
    CHECK_THAT(refused([](EvalRecord& r) { r.promptIds.pop_back(); }), Catch::Contains("/eval/0/prompt_id: 2 values"));
    CHECK_THAT(refused([](EvalRecord& r) { r.n = 4; }), Catch::Contains("do not fill the shape [4]"));
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("damaged evaluations are refused with the place of the fault", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    const auto message = [&](auto damage) {
        writeAll(path, {makeRecord(0)}, true);
        {
            const io::H5Lock lock;
            const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
            REQUIRE(file);
            const io::Handle group = io::openGroup(file.get(), "eval/0", "");
            damage(group.get());
        }
        try {
            static_cast<void>(io::readEvalResults(path, true));
        } catch (const core::Error& error) {
            CHECK(error.exitStatus() == 3);
            return std::string(error.what());
        }
        return std::string();
    };
    const auto replaceOffsets = [](hid_t group, const std::vector<std::int64_t>& offsets) {
        REQUIRE(H5Ldelete(group, "answer_offset", H5P_DEFAULT) >= 0);
        io::writeDataset(group, "answer_offset", std::span(offsets), {offsets.size()});
    };
    CHECK(message([](hid_t) {}).empty());
    CHECK_THAT(message([](hid_t g) { H5Adelete(g, "base_score"); }), Catch::Contains("base_score"));
    CHECK_THAT(message([](hid_t g) { H5Adelete(g, "n"); }), Catch::Contains("eval/0"));
    CHECK_THAT(message([](hid_t g) { H5Adelete(g, "n"), io::writeAttribute(g, "n", std::int64_t{-1}); }),
               Catch::Contains("the size -1 of an array; expected 0 to"));
    CHECK_THAT(message([](hid_t g) { H5Adelete(g, "n"), io::writeAttribute(g, "n", std::int64_t{2}); }),
               Catch::Contains("eval/0/score"));
    CHECK_THAT(message([&](hid_t g) { replaceOffsets(g, {0, 5, 3, 12}); }), Catch::Contains("ascending offsets"));
    CHECK_THAT(message([&](hid_t g) { replaceOffsets(g, {0, 4, 12, 1000}); }), Catch::Contains("ascending offsets"));
    CHECK_THAT(message([](hid_t g) { H5Ldelete(g, "answer_bytes", H5P_DEFAULT); }), Catch::Contains("answer_bytes"));
}
