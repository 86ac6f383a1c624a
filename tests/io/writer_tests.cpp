// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is written comes back: every array and every word of the description, in every tier and element type; and what
// cannot be written leaves no file.
#include "core/half.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/capture_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <sys/resource.h>

using namespace kvviz;
using test::ScratchFolder;
using test::SyntheticCapture;

namespace {

std::vector<float> throughHalf(const std::vector<float>& values)
{
    std::vector<float> result;
    for (const float value : values)
        result.push_back(core::halfToFloat(core::floatToHalf(value)));
    return result;
}

/// The description with nothing left out; CaptureInfo has no operator== of its own.
void requireSameInfo(const core::CaptureInfo& a, const core::CaptureInfo& b)
{
    CHECK(a.creator == b.creator);
    CHECK(a.created == b.created);
    CHECK(a.commandLine == b.commandLine);
    CHECK(a.tier == b.tier);
    CHECK(a.seed == b.seed);
    CHECK(a.dtype == b.dtype);
    CHECK(a.model == b.model);
    CHECK(a.prompt == b.prompt);
    CHECK(a.tokens == b.tokens);
    CHECK(a.segments == b.segments);
    CHECK(a.layers == b.layers);
    CHECK(a.heads == b.heads);
    CHECK(a.window == b.window);
    CHECK(a.sinkTokens == b.sinkTokens);
    CHECK(a.extra == b.extra);
}

bool isEmpty(const ScratchFolder& folder) { return std::filesystem::is_empty(folder.path()); }

} // namespace

TEST_CASE("a capture comes back exactly, float16 arrays as their rounded values", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    test::writeSynthetic(capture, folder / "a.kvh5");
    const io::CaptureReader reader(folder / "a.kvh5");
    requireSameInfo(reader.info(), capture.info());
    CHECK(reader.available() == capture.available());
    CHECK(reader.name() == "a.kvh5");
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const core::LayerData read = reader.loadLayer(slot, reader.available());
        const core::LayerData& made = capture.layer(slot);
        CHECK(read.layer == made.layer);
        CHECK(read.heads == made.heads);
        CHECK(read.received == made.received);
        CHECK(read.receivedWindow == made.receivedWindow);
        CHECK(read.receivedSq == made.receivedSq);
        CHECK(read.receivedSqFar == made.receivedSqFar);
        CHECK(read.queryMean == made.queryMean);
        CHECK(read.queryCovariance == made.queryCovariance);
        CHECK(read.entropy == made.entropy);
        CHECK(read.sinkMass == made.sinkMass);
        CHECK(read.windowRows == throughHalf(made.windowRows));
        CHECK(read.decodeRows == throughHalf(made.decodeRows));
        CHECK(read.key == throughHalf(made.key));
        CHECK(read.value == throughHalf(made.value));
        CHECK(read.query == throughHalf(made.query));
    }
    const std::vector<float> logprob = reader.logprob();
    REQUIRE(logprob.size() == 75);
    CHECK(std::isnan(logprob[0]));
    CHECK(std::equal(logprob.begin() + 1, logprob.end(), capture.logprob().begin() + 1));
    CHECK(reader.topK() == 3);
    CHECK(reader.topIds().at(3 * 7 + 2) == 9);
    CHECK(reader.topLogprobs().at(3 * 7 + 2) == -2.5f);
    CHECK(io::verifyCapture({folder / "a.kvh5", "/"}).empty());
    CHECK_FALSE(std::filesystem::exists(folder / "a.kvh5.part"));
}

TEST_CASE("float32 storage keeps every bit", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    io::WriterOptions options;
    options.rowsType = options.cacheType = options.mapType = core::StorageType::float32;
    test::writeSynthetic(capture, folder / "a.kvh5", options);
    const io::CaptureReader reader(folder / "a.kvh5");
    const core::LayerData read = reader.loadLayer(1, reader.available());
    CHECK(read.windowRows == capture.layer(1).windowRows);
    CHECK(read.key == capture.layer(1).key);
    const io::MapTile tile = reader.tile(1, 2, {0, 70}, {0, 70}, 70, 70, io::Pooling::max);
    for (std::int64_t q = 0; q < 70; ++q)
        for (std::int64_t k = 0; k <= q; ++k)
            REQUIRE(tile.values[static_cast<std::size_t>(q * 70 + k)]
                    == capture.fullMap(1)[static_cast<std::size_t>((2 * 70 + q) * 70 + k)]);
}

TEST_CASE("each tier holds what it promises", "[io]")
{
    using core::Need;
    const ScratchFolder folder;
    SyntheticCapture capture;
    for (const core::Tier tier : {core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full}) {
        const auto path = folder / (std::string(tierName(tier)) + ".kvh5");
        capture.mutableInfo().tier = tier;
        test::writeSynthetic(capture, path);
        const io::CaptureReader reader(path);
        CHECK(reader.info().tier == tier);
        CHECK(includes(reader.available(), Need::stats | Need::farSquares));
        CHECK(includes(reader.available(), Need::queryStats) == (tier != core::Tier::stats));
        CHECK(includes(reader.available(), Need::keys | Need::windowRows) == (tier != core::Tier::stats));
        CHECK((reader.mapLevels() > 0) == (tier >= core::Tier::map));
        CHECK(reader.hasFullMap() == (tier == core::Tier::full));
        CHECK(io::verifyCapture({path, "/"}).empty());
        if (tier == core::Tier::stats)
            CHECK_THROWS_WITH((void)reader.loadLayer(0, Need::keys), Catch::Contains("tier stats"));
    }
}

TEST_CASE("odd shapes come back: no decode steps, no window, one token, ragged chunks, selected heads", "[io]")
{
    const ScratchFolder folder;
    const auto roundTrip = [&](const test::SyntheticOptions& options, int firstHead = 0) {
        SyntheticCapture capture(options);
        if (firstHead > 0) { // the same arrays as heads of a larger model
            core::CaptureInfo& info = capture.mutableInfo();
            info.model.nHeads *= 2;
            info.model.nKvHeads *= 2;
            for (int& head : info.heads)
                head += firstHead;
            info.model.nLayers = 9;
            info.layers = {7, 8};
        }
        io::WriterOptions writerOptions;
        writerOptions.force = true;
        test::writeSynthetic(capture, folder / "odd.kvh5", writerOptions);
        const io::CaptureReader reader(folder / "odd.kvh5");
        requireSameInfo(reader.info(), capture.info());
        const core::LayerData read = reader.loadLayer(1, reader.available());
        CHECK(read.windowRows == throughHalf(capture.layer(1).windowRows));
        CHECK(read.decodeRows == throughHalf(capture.layer(1).decodeRows));
        CHECK(read.query == throughHalf(capture.layer(1).query));
        CHECK(read.value == throughHalf(capture.layer(1).value));
        CHECK(io::verifyCapture({folder / "odd.kvh5", "/"}).empty());
    };
    SECTION("no decode steps") { roundTrip({.t = 0}); }
    SECTION("no window") { roundTrip({.window = 0}); }
    SECTION("one prompt token") { roundTrip({.n = 1, .t = 1, .window = 5}); }
    SECTION("exactly one chunk") { roundTrip({.heads = 2, .kvHeads = 1, .n = 256, .t = 3}); }
    SECTION("several ragged chunks") { roundTrip({.heads = 2, .kvHeads = 1, .n = 521, .t = 300, .window = 300}); }
    SECTION("heads 4 to 7, layers 7 and 8") { roundTrip({}, 4); }
}

TEST_CASE("any bytes survive in the texts of a capture", "[io]")
{
    const ScratchFolder folder;
    SyntheticCapture capture;
    core::CaptureInfo& info = capture.mutableInfo();
    info.prompt.promptText = std::string(1 << 20, 'x') + "\xE2\x86\xB5"; // longer than an attribute in place may be
    info.prompt.target = std::string("a\0b", 3);
    info.prompt.answer = "\xFF\xFE";
    info.prompt.task.clear();
    info.segments[1].label = "Schritt f\xC3\xBCr Schritt";
    info.extra = {{"slurm job/1", "a\nb"}, {"empty", ""}};
    info.seed = std::numeric_limits<std::uint64_t>::max();
    info.model.ropeTheta = 0.1;
    info.model.ropeFrequencies = {1.0f, 0.31622776f, 1e-30f, 0.0f};
    test::writeSynthetic(capture, folder / "a.kvh5");
    requireSameInfo(io::CaptureReader(folder / "a.kvh5").info(), info);
}

TEST_CASE("chosen queries of the full tier are picked out of any blocks", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture({.heads = 2, .kvHeads = 1, .n = 400, .t = 2});
    const core::CaptureInfo& info = capture.info();
    std::vector<std::int64_t> queries{0, 5, 6};
    for (std::int64_t query = 20; query < 380; ++query) // more than a chunk of rows
        queries.push_back(query);
    io::WriterOptions options;
    options.fullQueries = queries;
    {
        io::CaptureWriter writer(folder / "a.kvh5", info, options);
        for (std::int64_t slot = 0; slot < 2; ++slot)
            writer.writeLayer(slot, test::arraysOf(capture.layer(slot)));
        for (std::int64_t begin = 0; begin < 400; begin += 37) // as a chunked prefill: layers inside of blocks
            for (std::int64_t slot = 0; slot < 2; ++slot)
                writer.writeFullRows(slot, begin, std::min<std::int64_t>(37, 400 - begin),
                                     capture.fullMap(slot).data() + begin * 400, 400 * 400, 400);
        writer.finish(info);
    }
    const io::CaptureReader reader(folder / "a.kvh5");
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const io::MapTile tile = reader.tile(slot, 1, {0, 400}, {0, 400}, 400, 400, io::Pooling::max);
        for (std::int64_t q = 0; q < 400; ++q) {
            const bool kept = std::binary_search(queries.begin(), queries.end(), q);
            for (std::int64_t k = 0; k <= q; ++k) {
                const float value = tile.values[static_cast<std::size_t>(q * 400 + k)];
                const float made = capture.fullMap(slot)[static_cast<std::size_t>((400 + q) * 400 + k)];
                REQUIRE((kept ? value == core::halfToFloat(core::floatToHalf(made)) : std::isnan(value)));
            }
        }
    }
}

TEST_CASE("a writer that is not finished leaves nothing", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    {
        io::CaptureWriter writer(folder / "a.kvh5", capture.info(), {});
        writer.writeLayer(0, test::arraysOf(capture.layer(0)));
        CHECK(std::filesystem::exists(folder / "a.kvh5.part"));
        CHECK_THROWS_WITH(writer.finish(capture.info()), Catch::Contains("1 of 2 layers"));
    }
    CHECK(isEmpty(folder));
}

TEST_CASE("a capture without what its tier promises is refused by the name of what is missing", "[io]")
{
    const ScratchFolder folder;
    SyntheticCapture capture;
    io::WriterOptions options;
    const auto finished = [&](const io::LayerArrays& first, int levels) {
        io::CaptureWriter writer(folder / "a.kvh5", capture.info(), options);
        const std::vector<float> cells(4 * 35 * 35, 0.0f);
        for (std::int64_t slot = 0; slot < 2; ++slot) {
            io::LayerArrays arrays = first;
            for (int level = 0; level < levels; ++level)
                writer.writeMapLevel(slot, level, 35, std::span(cells), std::span(cells));
            writer.writeLayer(slot, arrays);
        }
        writer.finish(capture.info());
    };
    const io::LayerArrays all = test::arraysOf(capture.layer(0));
    capture.mutableInfo().tier = core::Tier::cache;
    io::LayerArrays some = all;
    some.value = {};
    CHECK_THROWS_WITH(finished(some, 0), Catch::Contains("/cache/value") && Catch::Contains("tier cache"));
    some = all;
    some.decodeRows = {};
    CHECK_THROWS_WITH(finished(some, 0), Catch::Contains("/rows/decode"));
    some = all;
    some.queryCovariance = {};
    CHECK_THROWS_WITH(finished(some, 0), Catch::Contains("/stats/query_covariance") && Catch::Contains("tier cache"));
    some = all;
    some.receivedSqFar = {};
    CHECK_THROWS_WITH(finished(some, 0), Catch::Contains("/stats/received_sq_far"));
    capture.mutableInfo().tier = core::Tier::map;
    options.mapLevels = 1;
    options.mapCells = 35;
    CHECK_THROWS_WITH(finished(all, 0), Catch::Contains("/map/level_0/max") && Catch::Contains("tier map"));
    capture.mutableInfo().tier = core::Tier::full;
    CHECK_THROWS_WITH(finished(all, 1), Catch::Contains("/map/full"));
    CHECK(isEmpty(folder));
    capture.mutableInfo().tier = core::Tier::map;
    finished(all, 1);
    CHECK(io::CaptureReader(folder / "a.kvh5").info().tier == core::Tier::map);
    capture.mutableInfo().tier = core::Tier::stats;
    options = {};
    options.force = true;
    some = all;
    some.windowRows = some.decodeRows = some.key = some.value = some.query = {};
    some.queryMean = some.queryCovariance = {};
    finished(some, 0);
    CHECK(io::CaptureReader(folder / "a.kvh5").info().tier == core::Tier::stats);
}

TEST_CASE("an existing file is kept without force and replaced with it", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    std::ofstream(folder / "a.kvh5") << "precious";
    CHECK_THROWS_WITH(test::writeSynthetic(capture, folder / "a.kvh5"), Catch::Contains("exists already"));
    CHECK(std::filesystem::file_size(folder / "a.kvh5") == 8);
    std::ofstream(folder / "a.kvh5.part") << "left by a killed writer";
    io::WriterOptions options;
    options.force = true;
    test::writeSynthetic(capture, folder / "a.kvh5", options);
    CHECK(io::verifyCapture({folder / "a.kvh5", "/"}).empty());
    CHECK_FALSE(std::filesystem::exists(folder / "a.kvh5.part"));
}

TEST_CASE("a place that cannot be written is one clear sentence", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    CHECK_THROWS_WITH(test::writeSynthetic(capture, folder / "none/a.kvh5"), Catch::Contains("does not exist"));
    CHECK_THROWS_WITH(test::writeSynthetic(capture, folder.path()), Catch::Contains("is a folder"));
    std::filesystem::create_directory(folder / "b.kvh5.part"); // not even root can open a folder for writing
    CHECK_THROWS_WITH(test::writeSynthetic(capture, folder / "b.kvh5"), Catch::Contains("cannot create"));
}

TEST_CASE("arguments that contradict each other are refused", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture;
    const float* rows = capture.fullMap(0).data();
    io::WriterOptions options;
    options.mapLevels = 1;
    options.mapCells = 35;
    io::CaptureWriter writer(folder / "a.kvh5", capture.info(), options);
    CHECK_THROWS_AS(writer.writeFullRows(2, 0, 70, rows, 4900, 70), core::Error);
    CHECK_THROWS_AS(writer.writeFullRows(0, 10, 60, rows, 4900, 70), core::Error);
    CHECK_THROWS_AS(writer.writeFullRows(0, 0, 71, rows, 4900, 70), core::Error);
    CHECK_THROWS_AS(writer.writeMapLevel(0, 1, 18, {}, {}), core::Error);
    CHECK_THROWS_AS(writer.writeMapLevel(0, 0, 35, {}, {}), core::Error);
    io::LayerArrays arrays = test::arraysOf(capture.layer(0));
    writer.writeLayer(0, arrays);
    arrays.key = arrays.key.first(arrays.key.size() - 1);
    CHECK_THROWS_WITH(writer.writeLayer(1, arrays), Catch::Contains("/cache/key"));
    arrays = test::arraysOf(capture.layer(1));
    arrays.queryCovariance = arrays.queryMean;
    CHECK_THROWS_WITH(writer.writeLayer(1, arrays), Catch::Contains("/stats/query_covariance"));
    arrays = test::arraysOf(capture.layer(1));
    arrays.nGenerated = 4;
    CHECK_THROWS_WITH(writer.writeLayer(1, arrays), Catch::Contains("decode steps"));
    core::CaptureInfo info = capture.info();
    info.heads = {0, 1, 2};
    CHECK_THROWS_WITH(io::CaptureWriter(folder / "b.kvh5", info, {}), Catch::Contains("whole groups"));
}

TEST_CASE("a full disk is reported and leaves no file", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture({.heads = 8, .kvHeads = 2, .n = 300, .t = 20, .headDim = 32});
    test::writeSynthetic(capture, folder / "whole.kvh5");
    const auto whole = std::filesystem::file_size(folder / "whole.kvh5");
    std::filesystem::remove(folder / "whole.kvh5");

    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto oldHandler = std::signal(SIGXFSZ, SIG_IGN);
    for (const double part : {0.0001, 0.05, 0.5, 0.9, 0.99, 0.9999}) {
        const rlimit limit{static_cast<rlim_t>(part * static_cast<double>(whole)), before.rlim_max};
        REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        std::string message;
        try {
            test::writeSynthetic(capture, folder / "a.kvh5");
        } catch (const core::Error& error) {
            message = error.what();
            CHECK(error.code() == core::ErrorCode::failure);
        }
        REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK_THAT(message, Catch::Contains("File too large"));
        CHECK(isEmpty(folder));
    }
    std::signal(SIGXFSZ, oldHandler);
    test::writeSynthetic(capture, folder / "a.kvh5"); // the library is fit for use afterwards
    CHECK(io::verifyCapture({folder / "a.kvh5", "/"}).empty());
}
