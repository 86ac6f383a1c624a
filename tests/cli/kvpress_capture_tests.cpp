// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Masks against kvpress from end to end: kvviz captures the reference's prompt with the same model, replays it under
// compat=kvpress, and must keep the same positions in every layer and KV head.
#include "compress/replay.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/cli/engine_runs.hpp"
#include "tests/support/h5_fixture.hpp"

#include <cmath>

using namespace kvviz;
using test::Outcome;

namespace {

constexpr std::int64_t kLayers = 30, kKvHeads = 3, kTokens = 336;

/// A float32 capture of the reference's prompt, made once.
const io::CaptureReader& referenceCapture()
{
    static const test::ScratchFolder folder;
    static const io::CaptureReader reader = [] {
        const tests::H5Fixture reference(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
        const std::string ids = nlohmann::json(reference.ints("input_ids")).dump();
        const std::string file = (folder.path() / "reference.kvh5").string();
        const Outcome made = test::runProgram(
            "kvviz", {"capture", "--model", KVVIZ_TEST_MODEL, "--token-ids", folder.write("ids.json", ids), "--generate",
                      "8", "--cache-dtype", "float32", "--rows-dtype", "float32", "-o", file});
        INFO(made.err);
        REQUIRE(made.status == 0);
        return io::CaptureReader(std::filesystem::path(file));
    }();
    return reader;
}

/// Positions kept by one and not by the other.
std::int64_t differing(const std::vector<std::uint8_t>& kept, const std::vector<std::int32_t>& reference)
{
    REQUIRE(kept.size() == reference.size());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < kept.size(); ++i)
        count += (kept[i] != 0) != (reference[i] != 0);
    return count;
}

} // namespace

TEST_CASE("under compat=kvpress all layers and KV heads keep what kvpress keeps", "[engine]")
{
    struct Case {
        const char *specification, *reference;
    };
    const auto test = GENERATE(Case{"streaming_noshift:kvpress", "streaming_llm"},
                               Case{"snapkv:kvpress,window=32", "snapkv"}, Case{"tova:kvpress", "tova"},
                               Case{"observed_attention:kvpress", "h2o_observed"}, Case{"knorm:kvpress", "knorm"},
                               Case{"keydiff:kvpress", "keydiff"},
                               Case{"expected_attention:kvpress", "expected_attention"},
                               Case{"pyramidkv:kvpress,window=32", "pyramidkv"},
                               Case{"adakv:kvpress,window=32", "adakv_snapkv"},
                               Case{"chunkkv:kvpress,window=32,chunk=10", "chunkkv_snapkv"});
    const tests::H5Fixture fixture(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    compress::ReplayRequest request;
    request.methods = {test.specification};
    request.budgets = {{1 - 0.5, {}}, {1 - 0.8, {}}};
    request.depth = compress::Depth::mass;
    const compress::ReplayReport report = compress::replay(referenceCapture(), request);
    REQUIRE(report.skipped.empty());
    REQUIRE(report.results.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string removed = i == 0 ? "0.5" : "0.8";
        CAPTURE(test.specification, removed, report.results[i].tiesAtCut);
        REQUIRE(std::ssize(report.results[i].kept) == kLayers * kKvHeads * kTokens);
        CHECK(differing(report.results[i].kept,
                        fixture.ints(fmt::format("kept/{}/removed_{}", test.reference, removed)))
              == 0);
    }
}
