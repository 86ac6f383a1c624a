// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Captures from arrays: a made-up capture taken apart into arrays comes back with the same numbers; what is missing is
// said; what is wrong is refused with its place.
#include "core/error.hpp"
#include "core/half.hpp"
#include "core/io/capture_import.hpp"
#include "core/io/capture_reader.hpp"
#include "core/rotary.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/safetensors_builder.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <cmath>
#include <cstring>

using namespace kvviz;
using Catch::Contains;
using core::LayerData;
using core::Need;
using test::SafetensorsBuilder;
using test::ScratchFolder;
using test::SyntheticCapture;

namespace {

constexpr std::int64_t kPrompt = 70, kSteps = 5, kTotal = kPrompt + kSteps, kHeads = 4, kKvHeads = 2, kChannels = 8;

/// All queries are kept, so that the capture can be taken apart completely.
SyntheticCapture whole() { return SyntheticCapture({.n = kPrompt, .t = kSteps, .window = kPrompt}); }

/// [H, T, T] of a layer.
std::vector<float> attentionOf(const SyntheticCapture& capture, std::int64_t slot)
{
    std::vector<float> rows(static_cast<std::size_t>(kHeads * kTotal * kTotal), 0.0f);
    for (std::int64_t h = 0; h < kHeads; ++h)
        for (std::int64_t q = 0; q < kTotal; ++q) {
            float* const row = rows.data() + (h * kTotal + q) * kTotal;
            if (q < kPrompt)
                std::copy_n(capture.fullMap(slot).data() + (h * kPrompt + q) * kPrompt, kPrompt, row);
            else
                std::copy_n(capture.layer(slot).decodeRow(static_cast<int>(h), q - kPrompt), kTotal, row);
        }
    return rows;
}

std::vector<std::int64_t> idsOf(const SyntheticCapture& capture)
{
    return {capture.info().tokens.ids.begin(), capture.info().tokens.ids.end()};
}

const char* const kMetadata = R"({"n_prompt": 70, "rope_theta": 10000, "model": "elsewhere", "task": "mine",
    "segments": [{"kind": "shot", "begin": 0, "end": 30}, {"kind": "shot", "begin": 30, "end": 60, "label": "second"},
                 {"kind": "question", "begin": 60, "end": 70}], "laboratory": "ours", "year": 2026})";

struct Without {
    bool cache = false, query = false;
};

/// One array a layer, as the script in docs/import.md writes them.
SafetensorsBuilder arraysOf(const SyntheticCapture& capture, const Without& without = {})
{
    SafetensorsBuilder file;
    file.add("input_ids", "I64", {1, kTotal}, idsOf(capture));
    for (std::int64_t layer = 0; layer < 2; ++layer) {
        const LayerData& data = capture.layer(layer);
        const auto name = [&](const char* array) { return fmt::format("{}.{}", array, layer); };
        file.floats(name("attention"), {1, kHeads, kTotal, kTotal}, attentionOf(capture, layer));
        if (!without.cache) {
            file.floats(name("key"), {kKvHeads, kTotal, kChannels}, data.key);
            file.floats(name("value"), {kKvHeads, kTotal, kChannels}, data.value);
        }
        if (!without.query)
            file.floats(name("query"), {kHeads, kTotal, kChannels}, data.query);
    }
    return file;
}

io::ImportSettings exactly(const std::string& metadata = kMetadata)
{
    io::ImportSettings settings;
    settings.metadata = metadata;
    settings.tier = core::Tier::full;
    settings.window = kPrompt;
    settings.rowsType = settings.cacheType = settings.mapType = core::StorageType::float32;
    settings.creator = "kvviz test";
    return settings;
}

io::ImportSummary import(const ScratchFolder& folder, const SafetensorsBuilder& file,
                         const io::ImportSettings& settings = exactly())
{
    io::ImportSettings again = settings;
    again.force = true;
    return io::importCapture(folder.write("in.safetensors", file.bytes()), folder / "out.kvh5", again, {});
}

void checkNear(const std::vector<float>& a, const std::vector<float>& b, float tolerance)
{
    REQUIRE(a.size() == b.size());
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(a[i] - b[i]));
    CHECK(largest <= tolerance);
}

std::string refusal(const ScratchFolder& folder, const SafetensorsBuilder& file, const io::ImportSettings& settings = exactly())
{
    const std::string message = test::badInputMessage([&] { static_cast<void>(import(folder, file, settings)); });
    CHECK_FALSE(std::filesystem::exists(folder / "out.kvh5"));
    return message;
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

TEST_CASE("wrong rows are refused with layer, head, query and key", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    const auto with = [&](std::int64_t head, std::int64_t query, std::int64_t key, float value) {
        std::vector<float> rows = attentionOf(capture, 0), both = rows;
        both.insert(both.end(), rows.begin(), rows.end());
        both[static_cast<std::size_t>(((kHeads + head) * kTotal + query) * kTotal + key)] = value; // of layer 1
        SafetensorsBuilder file;
        file.add("input_ids", "I64", {kTotal}, idsOf(capture)).floats("attention", {2, kHeads, kTotal, kTotal}, both);
        return refusal(folder, file);
    };
    CHECK_THAT(with(2, 9, 4, NAN), Contains("'attention', layer 1, head 2, query 9, key 4: nan"));
    CHECK_THAT(with(2, 9, 4, -0.1f), Contains("-0.1 is no attention weight"));
    CHECK_THAT(with(0, 9, 4, INFINITY), Contains("query 9, key 4"));
    CHECK_THAT(with(3, 9, 10, 0.25f), Contains("head 3: query 9 attends to the later key 10") && Contains("causal"));
    CHECK_THAT(with(1, 74, 0, 0.9f), Contains("layer 1, head 1, query 74: the row sums to"));
}

TEST_CASE("arrays that contradict each other are refused with both shapes", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    const std::vector<std::int64_t> ids = idsOf(capture);
    const std::vector<float> rows = attentionOf(capture, 0), key = capture.layer(0).key;
    const auto base = [&] {
        return SafetensorsBuilder().add("input_ids", "I64", {kTotal}, ids).floats("attention", {1, kHeads, kTotal, kTotal}, rows);
    };
    CHECK_THAT(refusal(folder, SafetensorsBuilder().floats("attention", {1, kHeads, kTotal, kTotal}, rows)),
               Contains("'input_ids' is missing"));
    CHECK_THAT(refusal(folder, SafetensorsBuilder().add("input_ids", "I64", {kTotal}, ids)), Contains("'attention'"));
    CHECK_THAT(refusal(folder, SafetensorsBuilder().floats("input_ids", {kTotal}, std::vector<float>(kTotal)).floats(
                                   "attention", {1, kHeads, kTotal, kTotal}, rows)),
               Contains("'input_ids' holds F32, expected integers"));
    CHECK_THAT(refusal(folder, base().floats("key", {1, kKvHeads, kTotal, kChannels}, key)), Contains("without 'value'"));
    CHECK_THAT(refusal(folder, base().floats("key", {1, kKvHeads, kTotal, kChannels}, key).floats(
                                   "value", {1, kKvHeads, kChannels, kTotal}, key)),
               Contains("'value' is 1 layers of [2, 8, 75], expected 1 of [2, 75, 8]"));
    CHECK_THAT(refusal(folder, base().floats("query", {1, kHeads, kTotal, 4}, std::vector<float>(kHeads * kTotal * 4))
                                   .floats("query_raw", {1, kHeads, kTotal, 4}, std::vector<float>(kHeads * kTotal * 4))),
               Contains("both there"));
    CHECK_THAT(refusal(folder, base().floats("query_raw", {1, kHeads, kTotal, 4}, std::vector<float>(kHeads * kTotal * 4)),
                       exactly("{}")),
               Contains("rope_theta"));
    SafetensorsBuilder gap;
    gap.add("input_ids", "I64", {kTotal}, ids).floats("attention.0", {kHeads, kTotal, kTotal}, rows);
    CHECK_THAT(refusal(folder, gap.floats("attention.2", {kHeads, kTotal, kTotal}, rows)), Contains("'attention.1' is missing"));
    SafetensorsBuilder flat;
    flat.add("input_ids", "I64", {kTotal}, ids);
    CHECK_THAT(refusal(folder, flat.floats("attention", {kHeads, kTotal, kTotal}, rows)), Contains("expected 4 axes"));
    std::vector<float> large = key;
    large[11] = 70000;
    const SafetensorsBuilder overflow = base().floats("key", {1, kKvHeads, kTotal, kChannels}, large).floats(
        "value", {1, kKvHeads, kTotal, kChannels}, key);
    io::ImportSettings half = exactly();
    half.cacheType = core::StorageType::float16;
    CHECK_THAT(refusal(folder, overflow, half), Contains("element 11") && Contains("--cache-dtype float32"));
    CHECK_NOTHROW(import(folder, overflow));
}

TEST_CASE("wrong metadata is refused with its key", "[io]")
{
    const ScratchFolder folder;
    const SafetensorsBuilder file = arraysOf(whole());
    const auto refused = [&](const std::string& metadata) { return refusal(folder, file, exactly(metadata)); };
    CHECK_THAT(refused("[1]"), Contains("the metadata is no JSON object"));
    CHECK_THAT(refused("{"), Contains("the metadata is no JSON (byte 2)"));
    CHECK_THAT(refused(R"({"n_prompt": 70, "n_prompt": 71})"), Contains("the metadata names 'n_prompt' twice"));
    CHECK_THAT(refused(R"({"n_prompt": 76})"), Contains("n_prompt is 76, but there are 75 tokens"));
    CHECK_THAT(refused(R"({"n_prompt": "many"})"), Contains("n_prompt: expected a whole number from 1"));
    CHECK_THAT(refused(R"({"tokens": ["a"]})"), Contains("1 texts") && Contains("expected 75"));
    CHECK_THAT(refused(R"({"tokens": [1]})"), Contains("tokens[0]: expected a text"));
    CHECK_THAT(refused(R"({"segments": [{"kind": "word", "begin": 0, "end": 1}]})"), Contains("segments[0].kind"));
    CHECK_THAT(refused(R"({"segments": [{"kind": "shot", "begin": 0}]})"), Contains("'end'"));
    CHECK_THAT(refused(R"({"segments": [{"kind": "shot", "begin": 70, "end": 99}]})"), Contains("70 to 99"));
    CHECK_THAT(refused(R"({"rope_theta": -1})"), Contains("rope_theta: expected a positive number"));
    CHECK_THAT(refused(R"({"rope_frequencies": [1, 1, 1, 1, 1]})"), Contains("a head has 8"));
    CHECK_THAT(refused(R"({"sliding_windows": [4]})"), Contains("expected 2, one a layer"));
    CHECK_THAT(refused(R"({"continuation": "made up"})"), Contains("one of none, greedy, gold"));
}
