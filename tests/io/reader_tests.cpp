// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tiles against pooling by hand, and files that are not what they should be.
#include "core/io/capture_layout.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/h5_values.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cmath>
#include <fstream>
#include <random>

using namespace kvviz;
using test::ScratchFolder;
using test::SyntheticCapture;

/// HDF5 1.10 itself leaks where it gives up a damaged file; kept out of the leak sanitizer's report.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

namespace {

/// Pools by going over every entry of every cell.
float pooledByHand(const SyntheticCapture& capture, std::int64_t slot, std::int64_t head, core::Span queries,
                   core::Span keys, io::Pooling pooling)
{
    const std::int64_t n = capture.info().nPrompt();
    double sum = 0, largest = 0;
    int count = 0;
    for (std::int64_t q = queries.begin; q < queries.end; ++q)
        for (std::int64_t k = keys.begin; k < std::min(keys.end, q + 1); ++k) {
            const double value = capture.fullMap(slot)[static_cast<std::size_t>((head * n + q) * n + k)];
            sum += value;
            largest = std::max(largest, value);
            ++count;
        }
    if (count == 0)
        return std::numeric_limits<float>::quiet_NaN();
    return static_cast<float>(pooling == io::Pooling::max ? largest : sum / count);
}

void requireNear(float value, float expected)
{
    if (std::isnan(expected))
        REQUIRE(std::isnan(value));
    else
        REQUIRE(value == Approx(expected).epsilon(2e-3).margin(1e-6));
}

void requireTile(const SyntheticCapture& capture, const io::MapTile& tile, std::int64_t slot, std::int64_t head,
                 core::Span queries, core::Span keys, std::int64_t rowSize, std::int64_t columnSize,
                 io::Pooling pooling)
{
    REQUIRE(std::ssize(tile.values) == tile.rows * tile.columns);
    for (std::int64_t i = 0; i < tile.rows; ++i)
        for (std::int64_t j = 0; j < tile.columns; ++j) {
            const core::Span q{queries.begin + i * rowSize, std::min(queries.begin + (i + 1) * rowSize, queries.end)};
            const core::Span k{keys.begin + j * columnSize, std::min(keys.begin + (j + 1) * columnSize, keys.end)};
            requireNear(tile.values[static_cast<std::size_t>(i * tile.columns + j)],
                        pooledByHand(capture, slot, head, q, k, pooling));
        }
}

/// Changes a written capture behind the reader's back.
template <typename Change>
void tamper(const std::filesystem::path& path, Change&& change)
{
    const io::H5Lock lock;
    const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    REQUIRE(file);
    change(file.get());
}

void setVersion(hid_t file, const char* version)
{
    io::writeAttribute(file, "format_version", version);
    H5Ldelete(file, "texts", H5P_DEFAULT); // as a writer of another program, which need not write it
}

std::string openError(const std::filesystem::path& path)
{
    try {
        const io::CaptureReader reader(path);
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return "no error";
}

/// Reads all that a reader offers; returns or throws core::Error, whatever the file.
void readEverything(const std::filesystem::path& path)
{
    (void)io::verifyCapture({path, "/"});
    try {
        const io::CaptureReader reader(path);
        for (std::int64_t slot = 0; slot < std::ssize(reader.info().layers); ++slot)
            (void)reader.loadLayer(slot, reader.available());
        const std::int64_t n = reader.info().nPrompt();
        (void)reader.tile(0, 0, {0, n}, {0, n}, 10, 10, io::Pooling::mean);
        (void)reader.storedBytes();
        (void)reader.topIds();
    } catch (const core::Error&) {
        SUCCEED();
    }
}

} // namespace

TEST_CASE("a tile of the full map is what pooling by hand gives", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture({.heads = 2, .kvHeads = 1, .n = 300, .t = 4});
    test::writeSynthetic(capture, folder / "a.kvh5");
    const io::CaptureReader reader(folder / "a.kvh5");
    std::mt19937 random(3);
    for (int round = 0; round < 30; ++round) {
        const auto span = [&] {
            const auto a = static_cast<std::int64_t>(random() % 300), b = static_cast<std::int64_t>(random() % 300);
            return core::Span{std::min(a, b), std::max(a, b) + 1};
        };
        const core::Span queries = span(), keys = span();
        const auto maxRows = static_cast<std::int64_t>(1 + random() % 80);
        const auto maxColumns = static_cast<std::int64_t>(1 + random() % 80);
        const auto pooling = round % 2 == 0 ? io::Pooling::max : io::Pooling::mean;
        const io::MapTile tile = reader.tile(round % 2, 1, queries, keys, maxRows, maxColumns, pooling);
        CHECK(tile.rows <= maxRows);
        CHECK(tile.columns <= maxColumns);
        CHECK(tile.source == "full");
        const std::int64_t rowSize = (queries.size() + maxRows - 1) / maxRows;
        const std::int64_t columnSize = (keys.size() + maxColumns - 1) / maxColumns;
        CHECK(tile.rows == (queries.size() + rowSize - 1) / rowSize);
        requireTile(capture, tile, round % 2, 1, queries, keys, rowSize, columnSize, pooling);
    }
}

TEST_CASE("without the full map a tile comes from the pyramid, then from the window rows", "[io]")
{
    const ScratchFolder folder;
    SyntheticCapture capture({.heads = 2, .kvHeads = 1, .n = 301, .t = 0, .window = 20});
    for (const io::Pooling pooling : {io::Pooling::max, io::Pooling::mean}) {
        io::WriterOptions options;
        options.force = true;
        capture.mutableInfo().tier = core::Tier::map;
        test::writeSynthetic(capture, folder / "map.kvh5", options, 64);
        const io::CaptureReader map(folder / "map.kvh5");
        const io::MapTile whole = map.tile(1, 0, {0, 301}, {0, 301}, 20, 30, pooling);
        CHECK(whole.source == "level 0");
        CHECK(whole.queryEnd == 301); // 61 cells of 5 tokens: 20 rows of 4 cells at most, 30 columns of 3
        CHECK(whole.rows == 16);
        CHECK(whole.columns == 21);
        requireTile(capture, whole, 1, 0, {0, 301}, {0, 301}, 20, 15, pooling);
        const io::MapTile piece = map.tile(1, 0, {103, 107}, {0, 3}, 50, 50, pooling);
        CHECK(piece.queryBegin == 100);
        CHECK(piece.queryEnd == 110);
        CHECK(piece.keyEnd == 5);
        requireTile(capture, piece, 1, 0, {100, 110}, {0, 5}, 5, 5, pooling);

        capture.mutableInfo().tier = core::Tier::cache;
        test::writeSynthetic(capture, folder / "cache.kvh5", options);
        const io::CaptureReader cache(folder / "cache.kvh5");
        const io::MapTile rows = cache.tile(0, 1, {281, 301}, {0, 301}, 7, 60, pooling);
        CHECK(rows.source == "window rows");
        requireTile(capture, rows, 0, 1, {281, 301}, {0, 301}, 3, 6, pooling);
    }
    capture.mutableInfo().tier = core::Tier::stats;
    test::writeSynthetic(capture, folder / "stats.kvh5");
    const io::CaptureReader stats(folder / "stats.kvh5");
    CHECK_THROWS_WITH((void)stats.tile(0, 0, {0, 9}, {0, 9}, 9, 9, io::Pooling::max), Catch::Contains("tier stats"));
    CHECK_THROWS_AS((void)stats.tile(0, 5, {0, 9}, {0, 9}, 9, 9, io::Pooling::max), core::Error);
    CHECK_THROWS_AS((void)stats.tile(0, 0, {0, 302}, {0, 9}, 9, 9, io::Pooling::max), core::Error);
    CHECK_THROWS_AS((void)stats.tile(0, 0, {5, 5}, {0, 9}, 9, 9, io::Pooling::max), core::Error);
    CHECK_THROWS_AS((void)stats.mapLevel(0, 0, 0, io::Pooling::max), core::Error);
}

TEST_CASE("every level of the pyramid is what pooling by hand gives", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 1, .n = 521, .t = 0});
    test::writeSynthetic(capture, folder / "a.kvh5", {}, 300);
    const io::CaptureReader reader(folder / "a.kvh5");
    REQUIRE(reader.mapLevels() == 5); // 261, 131, 66, 33, 17 cells
    CHECK(reader.mapCells(0) == 261);
    CHECK(reader.mapCells(4) == 17);
    for (int level = 0; level < 5; ++level)
        for (const io::Pooling pooling : {io::Pooling::max, io::Pooling::mean})
            requireTile(capture, reader.mapLevel(0, 1, level, pooling), 0, 1, {0, 521}, {0, 521}, 2 << level,
                        2 << level, pooling);
}

TEST_CASE("a file that is no sound capture is refused with its name and the reason", "[io]")
{
    const ScratchFolder folder;
    const auto path = folder / "a.kvh5";
    const SyntheticCapture capture;
    const auto fresh = [&] {
        io::WriterOptions options;
        options.force = true;
        test::writeSynthetic(capture, path, options);
    };
    using Catch::Contains;
    CHECK_THAT(openError(folder / "none.kvh5"), Contains("does not exist"));
    CHECK_THAT(openError(folder.path()), Contains("is a folder"));
    std::ofstream(folder / "text.kvh5") << "hello";
    CHECK_THAT(openError(folder / "text.kvh5"), Contains("not an HDF5 file") && Contains("text.kvh5"));
    std::ofstream(folder / "empty.kvh5").flush();
    CHECK_THAT(openError(folder / "empty.kvh5"), Contains("not an HDF5 file"));
    CHECK_THAT(openError(KVVIZ_TEST_DATA "/kvpress-smollm2.h5"), Contains("no 'kvviz-capture'"));

    fresh();
    tamper(path, [](hid_t file) { setVersion(file, "2.0"); });
    CHECK_THAT(openError(path), Contains("2.0") && Contains("newer") && Contains("update kvviz"));
    tamper(path, [](hid_t file) { setVersion(file, "1.7"); });
    CHECK(openError(path) == "no error");
    tamper(path, [](hid_t file) { setVersion(file, "one"); });
    CHECK_THAT(openError(path), Contains("no format version"));
    fresh();
    tamper(path, [](hid_t file) { H5Adelete(file, "complete"); });
    CHECK_THAT(openError(path), Contains("incomplete"));
    fresh();
    tamper(path, [](hid_t file) { io::writeAttribute(file, "n_heads", std::int64_t{5}); });
    CHECK_THAT(openError(path), Contains("5 heads"));
    fresh();
    tamper(path, [](hid_t file) { H5Ldelete(file, "tokens/id", H5P_DEFAULT); });
    CHECK_THAT(openError(path), Contains("tokens/id") && Contains("missing"));
    fresh();
    tamper(path, [](hid_t file) {
        const io::Handle prompt = io::openGroup(file, "prompt", "");
        io::writeAttribute(prompt.get(), "n_prompt", std::int64_t{1} << 30);
    });
    CHECK_THAT(openError(path), Contains("tokens/id") && Contains("expected [1073741829]"));
}

TEST_CASE("a wrong array is refused when it is touched, and the verifier names it", "[io]")
{
    const ScratchFolder folder;
    const auto path = folder / "a.kvh5";
    const SyntheticCapture capture;
    const auto problems = [&](auto&& change) {
        io::WriterOptions options;
        options.force = true;
        test::writeSynthetic(capture, path, options);
        tamper(path, change);
        std::string all;
        for (const std::string& problem : io::verifyCapture({path, "/"}))
            all += problem + "\n";
        return all;
    };
    const auto replace = [](hid_t file, const char* name, std::vector<float> values, const std::vector<hsize_t>& dims) {
        H5Ldelete(file, name, H5P_DEFAULT);
        io::writeDataset(file, name, std::span<const float>(values), dims);
    };
    using Catch::Contains;
    CHECK(problems([](hid_t) {}).empty());
    CHECK_THAT(problems([&](hid_t file) { replace(file, "cache/key", std::vector<float>(12), {2, 2, 3}); }),
               Contains("cache/key") && Contains("[2, 2, 3], expected [2, 2, 75, 8]"));
    CHECK_THROWS_WITH((void)io::CaptureReader(path).loadLayer(0, core::Need::keys), Contains("cache/key"));
    CHECK_THAT(problems([&](hid_t file) { H5Ldelete(file, "stats/entropy", H5P_DEFAULT); }), Contains("stats/entropy"));
    const auto fillRows = [&](float value) {
        return [&, value](hid_t file) {
            replace(file, "rows/decode", std::vector<float>(2 * 4 * 5 * 75, value), {2, 4, 5, 75});
        };
    };
    CHECK_THAT(problems(fillRows(0.5f)), Contains("rows/decode") && Contains("no attention weight"));
    CHECK_THAT(problems(fillRows(0.0f)), Contains("sums to 0"));
    CHECK_THAT(problems([&](hid_t file) {
                   std::vector<float> mass(2 * 4 * 75, 0.0f);
                   for (std::size_t row = 0; row < 8; ++row)
                       mass[row * 75 + 1] = 16.0f; // the right total in the wrong place
                   replace(file, "stats/received_window", mass, {2, 4, 75});
               }),
               Contains("received_window") && Contains("its rows sum to"));
    CHECK_THAT(problems([&](hid_t file) {
                   replace(file, "cache/value", std::vector<float>(2 * 2 * 75 * 8, std::nanf("")), {2, 2, 75, 8});
               }),
               Contains("cache/value") && Contains("not finite"));
    CHECK_THAT(problems([&](hid_t file) { replace(file, "logits/logprob", std::vector<float>(75, 0.5f), {75}); }),
               Contains("logits/logprob"));
}

TEST_CASE("the verifier names damaged squares and query statistics", "[io]")
{
    const ScratchFolder folder;
    const auto path = folder / "a.kvh5";
    SyntheticCapture capture;
    capture.mutableInfo().model.ropeFrequencies = {1.0f, 0.1f, 0.01f, 0.001f};
    /// What the verifier says when one value of an array has been replaced.
    const auto problems = [&](const char* name, std::size_t index, float value) {
        io::WriterOptions options;
        options.force = true;
        test::writeSynthetic(capture, path, options);
        tamper(path, [&](hid_t file) {
            const io::Handle dataset = io::openDataset(file, name, "");
            const std::vector<hsize_t> shape = io::datasetShape(dataset.get());
            std::vector<float> values = io::readFloats(file, name, shape, "");
            values.at(index) = value;
            io::check(H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
                      core::ErrorCode::failure, "tamper");
        });
        std::string all;
        for (const std::string& problem : io::verifyCapture({path, "/"}))
            all += problem + "\n";
        return all;
    };
    using Catch::Contains;
    const float squares = capture.layer(0).receivedSq[75 + 7];
    const char* const far = "stats/received_sq_far";
    CHECK(problems(far, 75 + 7, squares).empty());
    CHECK_THAT(problems(far, 75 + 7, squares * 1.1f), Contains(far) && Contains("head 1, key 7"));
    CHECK_THAT(problems(far, 59, -0.01f), Contains(far) && Contains("key 59"));
    CHECK_THAT(problems(far, 60, 0.01f), Contains(far) && Contains("key 60")); // the last query is 9 after it
    CHECK_THAT(problems(far, 0, std::nanf("")), Contains(far) && Contains("nan"));
    const char* const covariance = "stats/query_covariance"; // [2, 4, 8, 8]
    CHECK_THAT(problems("stats/query_mean", 9, std::nanf("")), Contains("query_mean") && Contains("not finite"));
    CHECK_THAT(problems(covariance, 64 + 9, -1.0f), Contains("head 1: the variance of channel 1 is -1"));
    CHECK_THAT(problems(covariance, 256 + 1, 0.5f), Contains("slot 1, head 0: [1, 0] is") && Contains("[0, 1] is 0.5"));
    CHECK_THAT(problems(covariance, 9, 1e-9f), Contains("the variances allow"));
    CHECK_THAT(problems(covariance, 9, INFINITY), Contains("not finite"));

    tamper(path, [](hid_t file) {
        const std::vector<float> three(3, 0.5f);
        io::writeAttribute(file, "rope_frequencies", std::span<const float>(three));
    });
    CHECK_THAT(openError(path), Contains("'rope_frequencies' has 3 values, expected 4"));
    tamper(path, [](hid_t file) {
        const std::vector<float> broken{1.0f, std::nanf(""), 0.1f, 0.1f};
        io::writeAttribute(file, "rope_frequencies", std::span<const float>(broken));
    });
    CHECK_THAT(openError(path), Contains("'rope_frequencies' holds nan"));
    tamper(path, [](hid_t file) { io::writeAttribute(file, "rope_frequencies", "one"); });
    CHECK_THAT(openError(path), Contains("not a list of floating-point numbers"));
}

TEST_CASE("a capture of format 1.0 is read without the arrays of 1.1, and a later one must have them", "[io]")
{
    using core::Need;
    const ScratchFolder folder;
    const auto path = folder / "a.kvh5";
    const SyntheticCapture capture;
    test::writeSynthetic(capture, path);
    tamper(path, [](hid_t file) {
        for (const char* name : {"stats/received_sq_far", "stats/query_mean", "stats/query_covariance"})
            H5Ldelete(file, name, H5P_DEFAULT);
        setVersion(file, "1.0");
    });
    {
        const io::CaptureReader reader(path);
        CHECK(reader.available() == without(capture.available(), Need::farSquares | Need::queryStats));
        CHECK(reader.info().model.ropeFrequencies.empty());
        const core::LayerData layer = reader.loadLayer(1, reader.available());
        CHECK(layer.receivedSq == capture.layer(1).receivedSq);
        CHECK(layer.receivedSqFar.empty());
        CHECK(layer.queryCovariance.empty());
        using Catch::Contains;
        CHECK_THROWS_WITH((void)reader.loadLayer(0, Need::queryStats), Contains("query statistics needed"));
        CHECK_THROWS_WITH((void)reader.loadLayer(0, Need::farSquares), Contains("squared sums of far queries needed"));
    }
    CHECK(io::verifyCapture({path, "/"}).empty());
    tamper(path, [](hid_t file) { io::writeAttribute(file, "format_version", "1.1"); });
    const std::vector<std::string> problems = io::verifyCapture({path, "/"});
    REQUIRE(problems.size() == 3);
    CHECK_THAT(problems[0], Catch::Contains("stats/received_sq_far") && Catch::Contains("missing"));
}

TEST_CASE("no damage to a file's bytes brings a reader down", "[io][slow]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 1, .n = 40, .t = 2, .window = 4, .headDim = 4});
    test::writeSynthetic(capture, folder / "a.kvh5", {}, 40);
    std::ifstream in(folder / "a.kvh5", std::ios::binary);
    const std::string sound((std::istreambuf_iterator<char>(in)), {});
    const auto attack = [&](const std::string& bytes) {
        std::ofstream(folder / "b.kvh5", std::ios::binary | std::ios::trunc) << bytes;
        readEverything(folder / "b.kvh5");
    };
    std::mt19937 random(5);
    for (int round = 0; round < 400; ++round) {
        std::string bytes = sound;
        for (unsigned flips = 1 + random() % 8; flips > 0; --flips)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        attack(bytes);
    }
    for (std::size_t part = 0; part < 40; ++part)
        attack(sound.substr(0, sound.size() * part / 40));
}
