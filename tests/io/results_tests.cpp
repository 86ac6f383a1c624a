// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay results come back as they were.
#include "core/error.hpp"
#include "core/io/results.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_file.hpp"

#include <numeric>

using namespace kvviz;
using io::ReplayRecord;
using test::TemporaryFolder;

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
    CHECK(a.kept == (arrays ? b.kept : std::vector<std::uint8_t>{}));
    CHECK(a.keptDecode == (arrays ? b.keptDecode : std::vector<std::uint8_t>{}));
    CHECK(a.lostMass == (arrays ? b.lostMass : std::vector<float>{}));
    CHECK(a.lostNonSink == (arrays ? b.lostNonSink : std::vector<float>{}));
    CHECK(a.outputError == (arrays ? b.outputError : std::vector<float>{}));
    CHECK(a.survival == (arrays ? b.survival : std::vector<float>{}));
}

} // namespace

TEST_CASE("replay results come back as written, in order, with and without arrays", "[io]")
{
    const TemporaryFolder folder;
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
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "r.kvres.h5";
    {
        io::ReplayResultsWriter writer(path, "kvviz", "kvviz replay", false);
        writer.append(makeRecord(0));
        CHECK(std::filesystem::exists(folder / "r.kvres.h5.part"));
    }
    CHECK(std::filesystem::is_empty(folder.path()));
    io::ReplayResultsWriter writer(path, "kvviz", "kvviz replay", false);
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

TEST_CASE("results files are protected and checked like captures", "[io]")
{
    const TemporaryFolder folder;
    io::writeReplayResults(folder / "r.kvres.h5", {}, "kvviz", "kvviz replay", false);
    CHECK(io::readReplayResults(folder / "r.kvres.h5", true).empty());
    CHECK_THROWS_WITH(io::writeReplayResults(folder / "r.kvres.h5", {}, "", "", false),
                      Catch::Contains("exists already"));
    ReplayRecord wrong = makeRecord(0);
    wrong.kept.pop_back();
    CHECK_THROWS_WITH(io::writeReplayResults(folder / "r.kvres.h5", {wrong}, "", "", true), Catch::Contains("kept"));
    CHECK(io::readReplayResults(folder / "r.kvres.h5", true).empty()); // the old file is still there
    CHECK_FALSE(std::filesystem::exists(folder / "r.kvres.h5.part"));
    test::writeSynthetic(test::SyntheticCapture(), folder / "a.kvh5");
    CHECK_THROWS_WITH(io::readReplayResults(folder / "a.kvh5", true), Catch::Contains("kvviz-results"));
}
