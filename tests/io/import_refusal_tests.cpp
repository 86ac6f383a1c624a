// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is wrong with arrays or metadata is refused with its place, and nothing is written.
#include "core/error.hpp"
#include "tests/support/import_arrays.hpp"

#include <cmath>
#include <limits>

using namespace kvviz;
using namespace kvviz::test;
using Catch::Contains;

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
    CHECK_THAT(with(3, 9, 10, 0.25f), Contains("head 3: query 9 attends to key 10 (0.25), a later one") && Contains("causal"));
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

TEST_CASE("rows that look outside of the layer's window are refused", "[io]")
{
    const ScratchFolder folder;
    const std::string windows = R"({"n_prompt": 70, "sliding_windows": [0, 16]})";
    CHECK_THAT(refusal(folder, arraysOf(whole(), {.cache = true, .query = true}), exactly(windows)),
               Contains("'attention', layer 1, head ") && Contains(": query 16 attends to key 0 (")
                   && Contains("sliding_windows"));
    // Uniform rows of 16 keys, and a weight beyond that no rounding explains.
    const auto rows = [](float beyond) {
        std::vector<float> weights(static_cast<std::size_t>(kTotal * kTotal), 0.0f);
        for (std::int64_t query = 0; query < kTotal; ++query)
            for (std::int64_t key = std::max<std::int64_t>(0, query - 15); key <= query; ++key)
                weights[static_cast<std::size_t>(query * kTotal + key)] =
                    1.0f / static_cast<float>(std::min<std::int64_t>(16, query + 1));
        weights[static_cast<std::size_t>(40 * kTotal + 24)] = beyond;
        SafetensorsBuilder file;
        file.add("input_ids", "I64", {kTotal}, idsOf(whole())).floats("attention", {1, 1, kTotal, kTotal}, weights);
        return file;
    };
    const io::ImportSettings narrow = exactly(R"({"sliding_windows": [16]})");
    CHECK_THAT(refusal(folder, rows(1e-4f), narrow), Contains("layer 0, head 0: query 40 attends to key 24 (0.0001)"));
    CHECK_THAT(refusal(folder, rows(NAN), narrow), Contains("attends to key 24 (nan)"));
    CHECK_NOTHROW(import(folder, rows(1e-7f), narrow));
    CHECK_NOTHROW(import(folder, rows(1e-4f), exactly(R"({"sliding_windows": [17]})")));
}

TEST_CASE("logits that no softmax takes are refused with their row", "[io]")
{
    const ScratchFolder folder;
    constexpr std::int64_t kVocabulary = 920;
    const float infinity = std::numeric_limits<float>::infinity();
    const auto with = [&](std::int64_t begin, std::int64_t count, float value) {
        std::vector<float> logits(static_cast<std::size_t>(kTotal * kVocabulary), 0.5f);
        std::fill_n(logits.begin() + 3 * kVocabulary + begin, count, value);
        SafetensorsBuilder file = arraysOf(whole(), {.cache = true, .query = true});
        return file.floats("logits", {kTotal, kVocabulary}, logits);
    };
    CHECK_THAT(refusal(folder, with(7, 1, infinity)), Contains("'logits', row 3: the logit of token 7 is inf"));
    CHECK_THAT(refusal(folder, with(919, 1, NAN)), Contains("'logits', row 3: the logit of token 919 is nan"));
    CHECK_THAT(refusal(folder, with(0, kVocabulary, -infinity)), Contains("'logits', row 3: all logits are -inf"));
    CHECK_NOTHROW(import(folder, with(0, kVocabulary - 1, -infinity))); // a grammar may forbid all but one
    std::filesystem::remove(folder / "out.kvh5");
    SafetensorsBuilder wide;
    wide.add("input_ids", "I64", {1}, std::vector<std::int64_t>{4}).floats("attention", {1, 1, 1, 1}, {1});
    wide.floats("logits", {1, (1 << 24) + 1}, std::vector<float>((1 << 24) + 1, 0.0f));
    CHECK_THAT(refusal(folder, wide, exactly("{}")), Contains("'logits' has the shape [1, 16777217]"));
}

TEST_CASE("two sides that contradict each other are both named", "[io]")
{
    const ScratchFolder folder;
    const auto said = [&](const std::string& metadata) { return refusal(folder, arraysOf(whole()), exactly(metadata)); };
    CHECK_THAT(said(R"({"head_dim": 16})"), Contains("head_dim of the metadata is 16, but 'key' has 8 channels"));
    CHECK_THAT(said(R"({"n_prompt": 70, "continuation": "none"})"),
               Contains("continuation of the metadata is 'none', but n_prompt leaves 5 of 75 tokens"));
    CHECK_THAT(said(R"({"continuation": "gold"})"), Contains("'gold', but n_prompt leaves 0 of 75"));
    CHECK_THAT(said(R"({"vocab_size": 9})"), Contains("'input_ids': ") && Contains("expected 0 to 8")
                                                 && Contains("(vocab_size of the metadata is 9)"));
    SafetensorsBuilder negative;
    negative.add("input_ids", "I64", {2}, std::vector<std::int64_t>{4, -1}).floats("attention", {1, 1, 2, 2}, {1, 0, 0.5f, 0.5f});
    CHECK_THAT(refusal(folder, negative, exactly("{}")), Contains("'input_ids': -1 at 1 is no token id"));

    const std::vector<float> rows = attentionOf(whole(), 0);
    SafetensorsBuilder both = arraysOf(whole());
    CHECK_THAT(refusal(folder, both.floats("attention", {1, kHeads, kTotal, kTotal}, rows)),
               Contains("'attention' (all layers) and 'attention.0' (one of them) are both there"));
    SafetensorsBuilder late = arraysOf(whole(), {.cache = true, .query = true});
    CHECK_THAT(refusal(folder, late.floats("query.1", {kHeads, kTotal, kChannels}, whole().layer(1).query)),
               Contains("'query.0' is missing, but there are 1 arrays 'query.NUMBER'"));
}

TEST_CASE("arrays under other names stay unread and are named", "[io]")
{
    const ScratchFolder folder;
    SafetensorsBuilder file = arraysOf(whole());
    file.floats("keys", {2}, {1, 2}).floats("key.scale", {1}, {1}).floats("attention_mask", {1}, {1});
    const io::ImportSummary summary = import(folder, file);
    CHECK(summary.ignored == std::vector<std::string>{"attention_mask", "key.scale", "keys"});
    CHECK(summary.info.tier == core::Tier::full);
}
