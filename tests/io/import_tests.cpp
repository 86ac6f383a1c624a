// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Captures from arrays: a made-up capture taken apart into arrays comes back with the same numbers; what is missing is
// said.
#include "core/error.hpp"
#include "core/half.hpp"
#include "core/io/capture_import.hpp"
#include "core/io/capture_reader.hpp"
#include "core/rotary.hpp"
#include "tests/support/import_arrays.hpp"

#include <cmath>

using namespace kvviz;
using namespace kvviz::test;
using Catch::Contains;
using core::Need;

namespace {

void checkNear(const std::vector<float>& a, const std::vector<float>& b, float tolerance)
{
    REQUIRE(a.size() == b.size());
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(a[i] - b[i]));
    CHECK(largest <= tolerance);
}

} // namespace

TEST_CASE("a capture taken apart into arrays is the same after an import", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    const io::ImportSummary summary = import(folder, arraysOf(capture));
    CHECK(summary.info.tier == core::Tier::full);
    CHECK(summary.scaledRows == 0);
    CHECK(summary.missing.size() == 2); // texts and log-probabilities
    CHECK(io::verifyCapture({folder / "out.kvh5", "/"}).empty());
    const io::CaptureReader reader(folder / "out.kvh5");
    const core::CaptureInfo& info = reader.info();
    CHECK(info.model.name == "elsewhere");
    CHECK(info.model.nKvHeads == kKvHeads);
    CHECK(info.prompt.nPrompt == kPrompt);
    CHECK(info.prompt.continuation == "greedy");
    CHECK(info.tokens.ids == capture.info().tokens.ids);
    REQUIRE(info.segments.size() == 4);
    CHECK(info.segments[0].label == "shot 1");
    CHECK(info.segments[1].label == "second");
    CHECK(info.segments[1].index == 1);
    CHECK(info.segments[3].kind == core::SegmentKind::generated);
    CHECK(info.extra.at("laboratory") == "ours");
    CHECK(info.extra.at("year") == "2026");
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const LayerData made = reader.loadLayer(slot, reader.available());
        const LayerData& given = capture.layer(slot);
        for (const auto array : {&LayerData::windowRows, &LayerData::decodeRows, &LayerData::key, &LayerData::value,
                                 &LayerData::query})
            CHECK(made.*array == given.*array);
        for (const auto array : {&LayerData::received, &LayerData::receivedWindow, &LayerData::receivedSq,
                                 &LayerData::receivedSqFar, &LayerData::entropy, &LayerData::sinkMass,
                                 &LayerData::queryMean, &LayerData::queryCovariance})
            checkNear(made.*array, given.*array, 2e-5f);
        for (std::int64_t head = 0; head < kHeads; ++head) {
            const io::MapTile tile = reader.tile(slot, head, {0, kPrompt}, {0, kPrompt}, kPrompt, kPrompt, io::Pooling::max);
            CHECK(tile.source == "full");
            for (std::int64_t q = 0; q < kPrompt; ++q)
                for (std::int64_t k = 0; k <= q; ++k)
                    REQUIRE(tile.values[static_cast<std::size_t>(q * kPrompt + k)]
                            == capture.fullMap(slot)[static_cast<std::size_t>((head * kPrompt + q) * kPrompt + k)]);
        }
    }
}

TEST_CASE("layers in one array, and queries before rotation, give the same capture", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    static_cast<void>(import(folder, arraysOf(capture)));
    const io::CaptureReader expected(folder / "out.kvh5");
    std::vector<float> attention, key, value, raw;
    const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    for (std::int64_t layer = 0; layer < 2; ++layer) {
        append(attention, attentionOf(capture, layer));
        append(key, capture.layer(layer).key);
        append(value, capture.layer(layer).value);
        std::vector<float> queries = capture.layer(layer).query;
        for (std::int64_t head = 0; head < kHeads; ++head)
            core::Rotary(10000.0, kChannels).rotateRows(queries.data() + head * kTotal * kChannels, kTotal, kChannels, 0, -1);
        append(raw, queries);
    }
    const std::vector<std::int32_t>& ids = capture.info().tokens.ids;
    SafetensorsBuilder file;
    file.add("input_ids", "I32", {kTotal}, ids).floats("attention", {2, 1, kHeads, kTotal, kTotal}, attention);
    file.floats("key", {2, kKvHeads, kTotal, kChannels}, key).floats("value", {2, kKvHeads, kTotal, kChannels}, value);
    file.floats("query_raw", {2, kHeads, kTotal, kChannels}, raw);
    ScratchFolder other;
    CHECK(import(other, file).info.tier == core::Tier::full);
    const io::CaptureReader made(other / "out.kvh5");
    CHECK(made.available() == expected.available());
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const LayerData a = made.loadLayer(slot, made.available()), b = expected.loadLayer(slot, made.available());
        CHECK(a.received == b.received);
        CHECK(a.key == b.key);
        checkNear(a.query, b.query, 2e-6f);
        checkNear(a.queryMean, b.queryMean, 2e-6f);
        checkNear(a.queryCovariance, b.queryCovariance, 2e-5f);
    }
}

TEST_CASE("what the arrays do not allow stays out, is said, and the tier promises no more than is there", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    const auto missing = [&](const io::ImportSummary& summary) {
        std::string all;
        for (const std::string& text : summary.missing)
            all += text + "; ";
        CHECK(io::verifyCapture({folder / "out.kvh5", "/"}).empty());
        return all;
    };
    const io::ImportSummary bare = import(folder, arraysOf(capture, {.cache = true, .query = true}), exactly("{}"));
    CHECK_THAT(missing(bare), Contains("keys and values") && Contains("queries") && Contains("log-prob") && Contains("texts"));
    CHECK(bare.info.tier == core::Tier::stats);
    CHECK(bare.info.nPrompt() == kTotal); // no n_prompt: all is prompt
    {
        const io::CaptureReader reader(folder / "out.kvh5");
        CHECK(includes(reader.available(), Need::stats | Need::windowRows | Need::farSquares));
        CHECK_FALSE(includes(reader.available(), Need::keys));
        CHECK(reader.mapLevels() > 0);
        CHECK(reader.hasFullMap());
    }
    const io::ImportSummary turned = import(folder, arraysOf(capture), exactly(R"({"n_prompt": 70})"));
    CHECK_THAT(missing(turned), Contains("rope_theta") && !Contains("keys"));
    CHECK(turned.info.tier == core::Tier::stats);
    CHECK(includes(io::CaptureReader(folder / "out.kvh5").available(), Need::keys | Need::values | Need::queries));
    const io::ImportSummary still = import(folder, arraysOf(capture), exactly(R"({"n_prompt": 70, "rope_dim": 0})"));
    CHECK_THAT(missing(still), !Contains("rope_theta"));
    CHECK(still.info.tier == core::Tier::full);
    io::ImportSettings less = exactly();
    less.tier = core::Tier::stats;
    CHECK(import(folder, arraysOf(capture), less).info.tier == core::Tier::stats);
    CHECK(io::CaptureReader(folder / "out.kvh5").available() == (Need::stats | Need::farSquares));
}

TEST_CASE("log-probabilities come from logits, or as they are", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    constexpr std::int64_t kVocabulary = 920;
    std::vector<float> logits(static_cast<std::size_t>(kTotal * kVocabulary), 0.0f);
    for (std::int64_t i = 0; i < kTotal; ++i)
        logits[static_cast<std::size_t>(i * kVocabulary + 7)] = 3.0f;
    SafetensorsBuilder file = arraysOf(capture);
    CHECK(import(folder, file.floats("logits", {1, kTotal, kVocabulary}, logits)).missing.size() == 1);
    const io::CaptureReader reader(folder / "out.kvh5");
    const auto normal = static_cast<float>(std::log(std::exp(3.0) + kVocabulary - 1));
    CHECK(std::isnan(reader.logprob().at(0)));
    CHECK(reader.logprob().at(1) == Approx(-normal));
    CHECK(reader.topK() == 10);
    CHECK(reader.topIds().at(0) == 7);
    CHECK(reader.topIds().at(1) == 0); // equal ones in the order of their numbers
    CHECK(reader.topLogprobs().at(0) == Approx(3 - normal));
    SafetensorsBuilder plain = arraysOf(capture);
    std::vector<float> logprob = capture.logprob();
    static_cast<void>(import(folder, plain.floats("logprob", {kTotal}, logprob)));
    CHECK(io::CaptureReader(folder / "out.kvh5").logprob().at(3) == logprob.at(3));
    logprob[5] = 0.5f;
    std::filesystem::remove(folder / "out.kvh5");
    SafetensorsBuilder wrong = arraysOf(capture);
    CHECK_THAT(refusal(folder, wrong.floats("logprob", {kTotal}, logprob)), Contains("0.5 at token 5"));
}

TEST_CASE("rows that bfloat16 has rounded are scaled, and their number is said", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    std::vector<core::BFloat16> rows;
    for (std::int64_t layer = 0; layer < 2; ++layer)
        for (const float weight : attentionOf(capture, layer))
            rows.push_back(core::floatToBFloat16(weight));
    SafetensorsBuilder file;
    file.add("input_ids", "I64", {kTotal}, idsOf(capture)).add("attention", "BF16", {2, kHeads, kTotal, kTotal}, rows);
    const io::ImportSummary summary = import(folder, file);
    CHECK(summary.scaledRows > 0);
    CHECK(summary.scaledRows < 2 * kHeads * kTotal);
    CHECK(io::verifyCapture({folder / "out.kvh5", "/"}).empty());
    const LayerData made = io::CaptureReader(folder / "out.kvh5").loadLayer(0, Need::windowRows);
    checkNear(made.windowRows, capture.layer(0).windowRows, 4e-3f);
}
