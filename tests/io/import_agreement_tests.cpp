// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Queries and keys of an import must give its attention: what does not is refused, what only rounding moved is not.
#include "core/half.hpp"
#include "core/rotary.hpp"
#include "tests/support/import_arrays.hpp"

#include <cmath>
#include <functional>
#include <iterator>

using namespace kvviz;
using namespace kvviz::test;
using Catch::Contains;

namespace {

constexpr const char* kTurned = R"({"n_prompt": 70, "rope_theta": 10000})";

using Change = std::function<void(std::vector<float>& queries)>; // of layer 1, [H, T, d]

/// All arrays, with other queries in layer 1.
SafetensorsBuilder withQueries(const Change& change, const std::string& name = "query")
{
    const SyntheticCapture capture = whole();
    SafetensorsBuilder file = arraysOf(capture, {.query = true});
    for (std::int64_t layer = 0; layer < 2; ++layer) {
        std::vector<float> queries = capture.layer(layer).query;
        if (layer == 1)
            change(queries);
        file.floats(fmt::format("{}.{}", name, layer), {kHeads, kTotal, kChannels}, queries);
    }
    return file;
}

void turn(std::vector<float>& queries, int sign)
{
    for (std::int64_t head = 0; head < kHeads; ++head)
        core::Rotary(10000.0, kChannels).rotateRows(queries.data() + head * kTotal * kChannels, kTotal, kChannels, 0, sign);
}

struct Model {
    double scale = 1, cap = 0;
    std::int64_t window = kTotal;
};

/// Softmax of a layer by the definition, one head after the other.
std::vector<float> attentionBy(const LayerData& layer, const Model& model)
{
    const auto at = [](const std::vector<float>& values, std::int64_t i) {
        return static_cast<double>(values[static_cast<std::size_t>(i)]);
    };
    std::vector<float> rows(static_cast<std::size_t>(kHeads * kTotal * kTotal), 0.0f);
    for (std::int64_t h = 0; h < kHeads; ++h)
        for (std::int64_t q = 0; q < kTotal; ++q) {
            double sum = 0;
            std::vector<double> weights;
            for (std::int64_t k = std::max<std::int64_t>(0, q - model.window + 1); k <= q; ++k) {
                double score = 0;
                for (std::int64_t c = 0; c < kChannels; ++c)
                    score += model.scale * at(layer.query, (h * kTotal + q) * kChannels + c)
                             * at(layer.key, (h / 2 * kTotal + k) * kChannels + c);
                weights.push_back(std::exp(model.cap > 0 ? model.cap * std::tanh(score / model.cap) : score));
                sum += weights.back();
            }
            float* const afterLast = rows.data() + (h * kTotal + q) * kTotal + q + 1;
            std::transform(weights.rbegin(), weights.rend(), std::make_reverse_iterator(afterLast),
                           [sum](double weight) { return static_cast<float>(weight / sum); });
        }
    return rows;
}

/// Layer 0 alone, as that model would see it.
SafetensorsBuilder seenBy(const Model& model)
{
    const SyntheticCapture capture = whole();
    const LayerData& layer = capture.layer(0);
    SafetensorsBuilder file;
    file.add("input_ids", "I64", {kTotal}, idsOf(capture));
    file.floats("attention", {1, kHeads, kTotal, kTotal}, attentionBy(layer, model));
    file.floats("key", {1, kKvHeads, kTotal, kChannels}, layer.key);
    file.floats("value", {1, kKvHeads, kTotal, kChannels}, layer.value);
    return file.floats("query", {1, kHeads, kTotal, kChannels}, layer.query);
}

/// Attention, keys and queries as a model of 16-bit numbers has them.
SafetensorsBuilder rounded(const char* type, const std::function<std::uint16_t(float)>& round, const Change& change)
{
    const SyntheticCapture capture = whole();
    SafetensorsBuilder file;
    file.add("input_ids", "I64", {kTotal}, idsOf(capture));
    const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
        std::vector<std::uint16_t> bits(values.size());
        std::transform(values.begin(), values.end(), bits.begin(), round);
        file.add(name, type, shape, bits);
    };
    for (std::int64_t layer = 0; layer < 2; ++layer) {
        std::vector<float> queries = capture.layer(layer).query;
        change(queries);
        add(fmt::format("attention.{}", layer), {kHeads, kTotal, kTotal}, attentionOf(capture, layer));
        add(fmt::format("key.{}", layer), {kKvHeads, kTotal, kChannels}, capture.layer(layer).key);
        add(fmt::format("value.{}", layer), {kKvHeads, kTotal, kChannels}, capture.layer(layer).value);
        add(fmt::format("query.{}", layer), {kHeads, kTotal, kChannels}, queries);
    }
    return file;
}

} // namespace

TEST_CASE("queries that do not give the attention are refused with both weights and likely causes", "[io]")
{
    const ScratchFolder folder;
    const std::string before = refusal(folder, withQueries([](auto& queries) { turn(queries, -1); }), exactly(kTurned));
    CHECK_THAT(before, Contains("'attention', layer 1, head ") && Contains(", query ") && Contains(", key ")
                           && Contains("but 'query' and 'key' give") && Contains("before the rotation"));
    const auto twice = withQueries([](auto& queries) { turn(queries, 1); }, "query_raw");
    CHECK_THAT(refusal(folder, twice, exactly(kTurned)), Contains("after the rotation given as 'query_raw'"));
    const auto swapped = withQueries([](auto& queries) {
        std::swap_ranges(queries.begin(), queries.begin() + kTotal * kChannels, queries.begin() + kTotal * kChannels);
    });
    CHECK_THAT(refusal(folder, swapped), Contains("layer 1, head ") && Contains("another order of heads"));
    // The last token alone, of one head.
    const auto last = withQueries([](auto& queries) { std::fill(queries.end() - kChannels, queries.end(), 3.0f); });
    CHECK_THAT(refusal(folder, last), Contains("layer 1, head 3, query 74, key "));
}

TEST_CASE("scale, cap and window of the metadata count when queries are held against the attention", "[io]")
{
    const ScratchFolder folder;
    const auto taken = [&](const Model& model, const std::string& metadata) {
        CHECK_NOTHROW(import(folder, seenBy(model), exactly(metadata)));
        std::filesystem::remove(folder / "out.kvh5");
    };
    const auto refused = [&](const Model& model, const std::string& metadata) {
        CHECK_THAT(refusal(folder, seenBy(model), exactly(metadata)), Contains("score_scale, score_cap"));
    };
    taken({.scale = 0.25}, R"({"score_scale": 0.25})");
    refused({.scale = 0.25}, "{}"); // 1 / sqrt(8)
    refused({.scale = 0.25}, R"({"score_scale": 0.27})");
    taken({.scale = 1, .cap = 3}, R"({"score_scale": 1, "score_cap": 3})");
    refused({.scale = 1, .cap = 3}, R"({"score_scale": 1})");
    taken({.scale = 1, .window = 16}, R"({"score_scale": 1, "sliding_windows": [16]})");
    refused({.scale = 1, .window = 16}, R"({"score_scale": 1})");
    refused({.scale = 1, .window = 16}, R"({"score_scale": 1, "sliding_windows": [17]})");
}

TEST_CASE("what 16-bit numbers round is no contradiction, queries from before the rotation are", "[io]")
{
    const ScratchFolder folder;
    const std::pair<const char*, std::function<std::uint16_t(float)>> types[] = {
        {"BF16", [](float value) { return core::floatToBFloat16(value); }},
        {"F16", [](float value) { return core::floatToHalf(value); }}};
    for (const auto& [type, round] : types) {
        CAPTURE(type);
        CHECK_NOTHROW(import(folder, rounded(type, round, [](auto&) {}), exactly(kTurned)));
        std::filesystem::remove(folder / "out.kvh5");
        CHECK_THAT(refusal(folder, rounded(type, round, [](auto& queries) { turn(queries, -1); }), exactly(kTurned)),
                   Contains("before the rotation"));
    }
}

TEST_CASE("a model that was run in bfloat16 is known by its keys when a script has made them float32", "[io]")
{
    const ScratchFolder folder;
    const SyntheticCapture capture = whole();
    const auto shortened = [](std::vector<float> values) {
        for (float& value : values)
            value = core::bfloat16ToFloat(core::floatToBFloat16(value));
        return values;
    };
    const auto arrays = [&](bool shortKeys) {
        const LayerData& layer = capture.layer(0);
        const std::vector<float> keys = shortKeys ? shortened(layer.key) : layer.key;
        SafetensorsBuilder file;
        file.add("input_ids", "I64", {kTotal}, idsOf(capture));
        file.floats("attention", {1, kHeads, kTotal, kTotal}, attentionOf(capture, 0));
        file.floats("key", {1, kKvHeads, kTotal, kChannels}, keys).floats("value", {1, kKvHeads, kTotal, kChannels}, keys);
        std::vector<float> queries = layer.query; // off by 2 %: roundings to 8 bits may do so, others not
        std::transform(queries.begin(), queries.end(), queries.begin(), [](float value) { return value * 1.02f; });
        return file.floats("query", {1, kHeads, kTotal, kChannels}, queries);
    };
    CHECK_NOTHROW(import(folder, arrays(true)));
    std::filesystem::remove(folder / "out.kvh5");
    CHECK_THAT(refusal(folder, arrays(false)), Contains("layer 0"));
}
