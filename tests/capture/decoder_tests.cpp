// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Properties of the decoder on tiny random models: one prefill equals many steps, blocks and threads change nothing.
#include "capture/decoder.hpp"
#include "capture/recorders.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>

using namespace kvviz;
using namespace kvviz::capture;
using test::someIds;
using test::tinyModel;

namespace {

/// Rows of every layer and head, whatever the phase, and the statistics of the prompt.
struct RowKeeper final : AttentionHook {
    [[nodiscard]] bool wantsRows(int, Phase, std::int64_t, std::int64_t) const override { return true; }
    void onRows(const AttentionRows& rows) override
    {
        for (int h = 0; h < heads; ++h)
            for (std::int64_t i = 0; i < rows.rows; ++i) {
                const float* const row = rows.probabilities + h * rows.headStride + i * rows.rowStride;
                kept.push_back({row, row + rows.queryBegin + i + 1});
            }
    }
    void onLayer(const LayerState& state, const AttentionStatistics& statistics) override
    {
        if (state.phase == Phase::prefill)
            received.insert(received.end(), statistics.received.begin(), statistics.received.end());
    }
    int heads = 4;
    std::vector<std::vector<float>> kept;
    std::vector<float> received;
};

} // namespace

TEST_CASE("a prompt read at once gives the logits of the same tokens read one by one", "[capture][unit]")
{
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(4, 4), std::pair(4, 1));
    test::TinyLlama shape;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    shape.context = 400;
    const auto model = tinyModel(shape);
    const std::vector<std::int32_t> ids = someIds(300); // crosses a block of 256 rows and parts of 64
    Decoder whole(model, {300, 16, 4, true});
    const std::span<const float> expected = whole.prefill(ids);
    Decoder stepped(model, {300, 1, 4, true});
    std::span<const float> logits = stepped.prefill({ids.data(), 1});
    for (std::size_t i = 1; i < ids.size(); ++i)
        logits = stepped.step(ids[i]);
    double worst = 0;
    for (std::size_t i = 0; i < logits.size(); ++i)
        worst = std::max(worst, static_cast<double>(std::abs(logits[i] - expected[i])));
    CHECK(worst < 1e-4);
}

TEST_CASE("rows sum to 1, see no later key, and add up to the received attention", "[capture][unit]")
{
    const auto model = tinyModel({});
    const std::int64_t n = GENERATE(1, 2, 63, 64, 65, 130);
    Decoder decoder(model, {n, n, 4, true});
    RowKeeper rows;
    decoder.addHook(&rows);
    decoder.prefill(someIds(n));
    REQUIRE(std::ssize(rows.kept) == 2 * 4 * n);
    std::vector<double> columns(static_cast<std::size_t>(2 * 4 * n), 0.0);
    for (std::size_t r = 0; r < rows.kept.size(); ++r) {
        double sum = 0;
        for (std::size_t k = 0; k < rows.kept[r].size(); ++k) {
            sum += rows.kept[r][k];
            columns[r / static_cast<std::size_t>(n) * static_cast<std::size_t>(n) + k] += rows.kept[r][k];
        }
        REQUIRE(sum == Approx(1.0).epsilon(1e-5));
    }
    for (std::size_t i = 0; i < columns.size(); ++i)
        REQUIRE(rows.received[i] == Approx(columns[i]).margin(1e-4));
}

TEST_CASE("later tokens do not change earlier rows", "[capture][unit]")
{
    const auto model = tinyModel({});
    std::vector<std::int32_t> ids = someIds(100);
    const auto rowsOf = [&](const std::vector<std::int32_t>& prompt) {
        Decoder decoder(model, {100, 8, 4, true});
        RowKeeper rows;
        decoder.addHook(&rows);
        decoder.prefill(prompt);
        return rows.kept;
    };
    const auto before = rowsOf(ids);
    ids.back() = (ids.back() + 1) % 256;
    const auto after = rowsOf(ids);
    std::size_t changed = 0;
    for (std::size_t r = 0; r < before.size(); ++r)
        if (before[r] != after[r]) {
            CHECK(r % 100 == 99); // only the last query's rows
            ++changed;
        }
    CHECK(changed > 0);
}

TEST_CASE("the number of threads does not change a capture", "[capture][unit]")
{
    const auto model = tinyModel({});
    const auto run = [&](int threads) {
        setThreads(threads);
        Decoder decoder(model, {200, 8, 4, true});
        RowKeeper rows;
        decoder.addHook(&rows);
        decoder.prefill(someIds(200));
        return std::pair(rows.received, rows.kept);
    };
    const auto one = run(1);
    const auto three = run(3);
    setThreads(0);
    CHECK(one.first == three.first);
    CHECK(one.second == three.second);
}

TEST_CASE("layers of a GGUF file that are read each time give the same numbers", "[capture][unit]")
{
    const test::ScratchFolder folder;
    test::writeTinyLlama(folder / "tiny.gguf", {});
    const auto file = std::make_shared<const GgufFile>(folder / "tiny.gguf");
    const std::vector<std::int32_t> ids = test::someIds(30);
    const WeightType type = GENERATE(WeightType::float32, WeightType::bfloat16);
    const std::shared_ptr<const Model> streamed = streamModel(file, type);
    CHECK(std::ranges::none_of(streamed->layers, [](const auto& layer) { return layer != nullptr; }));
    Decoder kept(loadModel(*file, type), {31, 8, 4, false}), read(streamed, {31, 8, 4, false});
    CHECK(std::ranges::equal(read.prefill(ids), kept.prefill(ids)));
    CHECK(std::ranges::equal(read.step(5), kept.step(5)));
}

TEST_CASE("weights that are not finite end a run", "[capture][unit]")
{
    const auto model = std::make_shared<Model>(*test::tinyModel());
    auto layer = std::make_shared<LayerWeights>(*model->layers.back());
    layer->ffnNorm.front() = std::nanf("");
    model->layers.back() = layer;
    Decoder decoder(model, {31, 8, 4, false});
    CHECK_THROWS_WITH(decoder.prefill(test::someIds(30)), Catch::Contains("not finite"));
}

TEST_CASE("bfloat16 weights stay near float32", "[capture][unit]")
{
    Decoder exact(tinyModel({}), {64, 8, 4, true});
    Decoder narrow(tinyModel({}, WeightType::bfloat16), {64, 8, 4, true});
    const std::span<const float> a = exact.prefill(someIds(64));
    const std::span<const float> b = narrow.prefill(someIds(64));
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        dot += static_cast<double>(a[i]) * b[i];
        aa += static_cast<double>(a[i]) * a[i];
        bb += static_cast<double>(b[i]) * b[i];
    }
    CHECK(dot / std::sqrt(aa * bb) > 0.99);
    CHECK(dot / std::sqrt(aa * bb) < 1.0 - 1e-9); // and it really is another arithmetic
}

TEST_CASE("token ids and lengths are checked", "[capture][unit]")
{
    const auto model = tinyModel({});
    Decoder decoder(model, {10, 1, 4, true});
    CHECK_THROWS_AS(decoder.prefill(std::vector<std::int32_t>{-1}), core::Error);
    CHECK_THROWS_AS(decoder.prefill(std::vector<std::int32_t>{100000}), core::Error);
    CHECK_THROWS_AS(decoder.prefill({}), core::Error);
    CHECK_THROWS_AS(decoder.prefill(someIds(11)), core::Error);
    CHECK_THROWS_AS(Decoder(model, {100000, 1, 4, true}), core::Error);
}
