// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Masks against kvpress from end to end: kvviz captures the reference's prompt with the same model, replays it under
// compat=kvpress, and must keep the same positions in every layer and KV head.
#include "compress/replay.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/cli/engine_runs.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace kvviz;
using test::Outcome;

namespace {

constexpr std::int64_t kLayers = 30, kKvHeads = 3, kTokens = 336;

/// A float32 capture of the reference's prompt, made once.
const io::CaptureReader& referenceCapture()
{
    static const test::ScratchFolder folder;
    static const io::CaptureReader reader = [] {
        const test::H5Fixture reference(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
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

/// Positions that one keeps and the other does not.
struct Differences {
    std::int64_t plain = 0;   ///< where the scores really differ
    std::int64_t rounded = 0; ///< where float32 rounding of the scores decides, so that another machine swaps them too
};

/// The spread of the scores of these positions, relative to their size.
double spread(const std::vector<double>& scores, const std::vector<std::size_t>& positions)
{
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const std::size_t position : positions) {
        low = std::min(low, scores.at(position));
        high = std::max(high, scores.at(position));
    }
    return (high - low) / std::max(std::abs(low), std::abs(high));
}

Differences compare(const std::string& specification, const std::vector<std::uint8_t>& kept,
                    const std::vector<std::int32_t>& reference)
{
    // Keys and attention of two float32 implementations agree to about 1e-6; sums of them to a few times that.
    constexpr double kRounding = 1e-5;
    REQUIRE(kept.size() == reference.size());
    const io::CaptureReader& capture = referenceCapture();
    const auto method = compress::makeMethod(specification);
    Differences result;
    for (std::int64_t row = 0; row < kLayers * kKvHeads; ++row) {
        std::vector<std::size_t> differing;
        for (std::int64_t position = 0; position < kTokens; ++position) {
            const auto at = static_cast<std::size_t>(row * kTokens + position);
            if ((kept[at] != 0) != (reference[at] != 0))
                differing.push_back(static_cast<std::size_t>(position));
        }
        if (differing.empty())
            continue;
        const core::LayerData data = capture.loadLayer(row / kKvHeads, method->needs());
        compress::LayerInput input{data, capture.info().segments};
        input.info = &capture.info();
        const std::vector<double> scores = method->scores(input, static_cast<int>(row % kKvHeads));
        const bool tied = !scores.empty() && spread(scores, differing) < kRounding;
        (tied ? result.rounded : result.plain) += std::ssize(differing);
    }
    return result;
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
    const test::H5Fixture fixture(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
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
        const Differences found =
            compare(test.specification, report.results[i].kept,
                    fixture.ints(fmt::format("kept/{}/removed_{}", test.reference, removed)));
        CHECK(found.plain == 0);
        CHECK(found.rounded <= 6); // of 30240; 12 were seen over all methods together
    }
}
