// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The readout of a capture file: written, read, verified, packed, and refused when it does not fit.
#include "core/error.hpp"
#include "core/io/capture_layout.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/capture_writer.hpp"
#include "core/io/h5_values.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cmath>
#include <numeric>

using namespace kvviz;
using Catch::Matchers::Contains;
using core::Need;

namespace {

constexpr std::int64_t kCandidates = 3;

struct Arrays {
    std::vector<std::int32_t> ids;
    std::vector<float> logprob, gradient, written; // gradient and written of slot 0; other slots add the slot
};

Arrays makeArrays(const core::CaptureInfo& info)
{
    Arrays arrays;
    const std::int64_t t = info.nGenerated();
    for (std::int64_t step = 0; step < t; ++step) {
        const auto next = static_cast<std::size_t>(info.nPrompt() + step + 1);
        const bool last = step + 1 == t;
        arrays.ids.insert(arrays.ids.end(), {last ? -1 : info.tokens.ids[next], 1, 0});
        arrays.logprob.insert(arrays.logprob.end(), {last ? std::nanf("") : -1.0f, -2.0f, -3.0f});
    }
    arrays.gradient.resize(static_cast<std::size_t>(std::ssize(info.heads) * t * kCandidates * info.model.headDim));
    std::iota(arrays.gradient.begin(), arrays.gradient.end(), -20.0f);
    arrays.written.resize(static_cast<std::size_t>(std::ssize(info.heads) * t));
    std::iota(arrays.written.begin(), arrays.written.end(), 0.25f);
    return arrays;
}

/// A capture of tier cache with this readout; `slots`: how many layers get theirs.
void write(const test::SyntheticCapture& capture, const std::filesystem::path& path, const Arrays& arrays,
           std::int64_t slots)
{
    core::CaptureInfo info = capture.info();
    info.tier = core::Tier::cache;
    io::CaptureWriter writer(path, info, {});
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot)
        writer.writeLayer(slot, test::arraysOf(capture.layer(slot)));
    writer.writeReadout(arrays.ids, arrays.logprob, kCandidates);
    for (std::int64_t slot = 0; slot < slots; ++slot) {
        io::LayerArrays views;
        views.readout = arrays.gradient;
        views.written = arrays.written;
        views.nGenerated = info.nGenerated();
        writer.writeLayer(slot, views);
    }
    const std::vector<float> logprob(static_cast<std::size_t>(info.nTokens()), -1.0f);
    writer.writeLogits(logprob, {}, {}, 0);
    writer.finish(info);
}

std::string problemsOf(const std::filesystem::path& path)
{
    std::string all;
    for (const std::string& problem : io::verifyCapture({path, "/"}))
        all += problem + "\n";
    return all;
}

template <class Work>
void tamper(const std::filesystem::path& path, Work&& work)
{
    const io::H5Lock lock;
    const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    REQUIRE(file);
    work(file.get());
}

} // namespace

TEST_CASE("a readout comes back as it was written and verifies", "[io][readout]")
{
    const test::ScratchFolder folder;
    const test::SyntheticCapture capture;
    const Arrays arrays = makeArrays(capture.info());
    write(capture, folder / "a.kvh5", arrays, 2);
    CHECK(problemsOf(folder / "a.kvh5").empty());
    const io::CaptureReader reader(folder / "a.kvh5");
    REQUIRE(includes(reader.available(), Need::readout));
    const auto tokens = reader.readoutTokens();
    REQUIRE(tokens.has_value());
    CHECK(tokens->candidates == kCandidates);
    CHECK(tokens->ids == arrays.ids);
    CHECK(std::isnan(tokens->logprob[tokens->logprob.size() - 3]));
    const core::LayerData layer = reader.loadLayer(1, Need::readout);
    CHECK(layer.readout == arrays.gradient); // small whole numbers survive float16
    CHECK(layer.written == arrays.written);
    CHECK(layer.decodeRows.empty());
    CHECK(reader.loadLayer(1, Need::decodeRows).readout.empty());
    const io::CaptureRef whole{folder / "a.kvh5", "/"};
    REQUIRE(io::packCaptures({whole}, folder / "pack.kvh5", false) == 1);
    const io::CaptureReader packed(io::findCaptures({folder / "pack.kvh5"}).at(0));
    CHECK(packed.readoutTokens()->ids == arrays.ids);
    CHECK(packed.loadLayer(0, Need::readout).readout == arrays.gradient);
}

TEST_CASE("captures without a readout say so", "[io][readout]")
{
    const test::ScratchFolder folder;
    const test::SyntheticCapture capture;
    test::writeSynthetic(capture, folder / "a.kvh5");
    const io::CaptureReader reader(folder / "a.kvh5");
    CHECK_FALSE(includes(reader.available(), Need::readout));
    CHECK_FALSE(reader.readoutTokens().has_value());
    CHECK_THROWS_WITH((void)reader.loadLayer(0, Need::readout), Contains("readout needed"));
}

TEST_CASE("a readout that does not fit is refused", "[io][readout]")
{
    const test::ScratchFolder folder;
    const test::SyntheticCapture capture;
    Arrays arrays = makeArrays(capture.info());
    CHECK_THROWS_WITH(write(capture, folder / "a.kvh5", arrays, 1), Contains("1 of 2 layers"));
    arrays.gradient.pop_back();
    CHECK_THROWS_AS(write(capture, folder / "a.kvh5", arrays, 2), core::Error);
    arrays = makeArrays(capture.info());
    arrays.logprob.pop_back();
    CHECK_THROWS_WITH(write(capture, folder / "a.kvh5", arrays, 2), Contains("candidates"));
    CHECK_FALSE(std::filesystem::exists(folder / "a.kvh5"));
}

TEST_CASE("verify names what is wrong with a readout", "[io][readout]")
{
    const test::ScratchFolder folder;
    const test::SyntheticCapture capture;
    const auto path = folder / "a.kvh5";
    Arrays arrays = makeArrays(capture.info());
    SECTION("a first candidate that did not follow")
    {
        arrays.ids[0] += 1;
        write(capture, path, arrays, 2);
        CHECK_THAT(problemsOf(path), Contains("readout/id") && Contains("candidate 0"));
    }
    SECTION("probabilities above 1")
    {
        arrays.logprob[1] = arrays.logprob[2] = -0.1f;
        write(capture, path, arrays, 2);
        CHECK_THAT(problemsOf(path), Contains("readout/logprob") && Contains("together"));
    }
    SECTION("a gradient that is no number")
    {
        arrays.gradient[7] = std::nanf("");
        write(capture, path, arrays, 2);
        CHECK_THAT(problemsOf(path), Contains("readout/gradient") && Contains("not finite"));
    }
    SECTION("an array that is gone")
    {
        write(capture, path, arrays, 2);
        tamper(path, [](hid_t file) { REQUIRE(H5Ldelete(file, "readout/written", H5P_DEFAULT) >= 0); });
        CHECK_THAT(problemsOf(path), Contains("readout/written") && Contains("missing"));
        const io::CaptureReader reader(path);
        CHECK_FALSE(includes(reader.available(), Need::readout));
        CHECK_FALSE(reader.readoutTokens().has_value());
    }
}
