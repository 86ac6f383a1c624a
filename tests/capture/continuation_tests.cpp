// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A continuation run over a cache against the decoder's own steps and against a transformer written out in double.
#include "capture/continuation.hpp"
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/naive_llama.hpp"
#include "tests/support/plain_attention.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <limits>

using namespace kvviz;
using namespace kvviz::capture;
using test::PlainAttention;
using test::someIds;
using test::tinyModel;

namespace {

/// The larger of the two; NaN if either is (std::max would hide it).
double worse(double worst, double difference) { return difference <= worst ? worst : difference; }

template <class Expected>
double maxDifference(std::span<const float> ours, const Expected& expected)
{
    REQUIRE(ours.size() == expected.size());
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i)
        worst = worse(worst, std::abs(static_cast<double>(ours[i]) - static_cast<double>(expected[i])));
    return worst;
}

/// A prompt in a decoder's cache, and what the decoder's own steps say of the tokens after it.
struct Prefilled {
    Prefilled(std::shared_ptr<const Model> theModel, std::span<const std::int32_t> ids, std::int64_t prompt)
        : model(std::move(theModel)),
          n(prompt),
          continuation(ids.begin() + prompt, ids.end()),
          decoder(model, {std::ssize(ids), 1, 4, false})
    {
        decoder.prefill(ids.first(static_cast<std::size_t>(n)));
        for (const std::int32_t id : continuation) {
            const std::span<const float> row = decoder.step(id);
            logits.insert(logits.end(), row.begin(), row.end());
        }
    }
    [[nodiscard]] std::int64_t tokens() const { return std::ssize(continuation); }
    [[nodiscard]] PlainAttention attention(PlainAttention::Kept kept = {}) const
    {
        return PlainAttention(model->info, decoder.cache(), n, tokens(), std::move(kept));
    }
    std::shared_ptr<const Model> model;
    std::int64_t n;
    std::vector<std::int32_t> continuation;
    Decoder decoder;
    std::vector<float> logits; // [t, vocab]
};

using Attentions = std::vector<const ContinuationAttention*>;

std::vector<float> logitsOf(Continuation& run, const Model& model, std::int64_t stream)
{
    std::vector<float> logits(static_cast<std::size_t>(run.tokens() * model.info.vocabSize));
    run.logits(stream, logits.data());
    return logits;
}

/// Logits of every stream, all taken through each layer together.
std::vector<std::vector<float>> runTogether(const Prefilled& prompt, const Attentions& attentions)
{
    Continuation run(prompt.model, prompt.n, prompt.continuation, std::ssize(attentions));
    for (int layer = 0; layer < prompt.model->info.nLayers; ++layer)
        run.runLayer(layer, 0, attentions);
    std::vector<std::vector<float>> logits;
    for (std::int64_t stream = 0; stream < run.streams(); ++stream)
        logits.push_back(logitsOf(run, *prompt.model, stream));
    return logits;
}

/// Keeps a third of the keys, another one in each layer and head.
bool everyThird(int layer, int kvHead, std::int64_t key) { return (key + layer + 2 * kvHead) % 3 == 0; }

struct Broken final : ContinuationAttention {
    explicit Broken(std::int64_t size) : values(size) {}
    void attend(int, const float*, const float*, const float*, float* out) const override
    {
        std::fill_n(out, values, std::numeric_limits<float>::quiet_NaN());
    }
    std::int64_t values;
};

struct Throwing final : ContinuationAttention {
    void attend(int, const float*, const float*, const float*, float*) const override
    {
        throw core::Error(core::ErrorCode::badInput, "no such cache");
    }
};

} // namespace

TEST_CASE("a continuation over the whole cache gives the logits of the decoder's steps", "[capture][unit]")
{
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(4, 4), std::pair(4, 1));
    const std::int64_t n = GENERATE(1, 60);
    const std::int64_t t = GENERATE(1, 2, 17);
    test::TinyLlama shape;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    shape.tied = n == 1;
    const Prefilled prompt(tinyModel(shape), someIds(n + t), n);
    const PlainAttention full = prompt.attention();
    const std::int64_t streams = GENERATE(1, 3);
    for (const std::vector<float>& logits : runTogether(prompt, Attentions(static_cast<std::size_t>(streams), &full)))
        CHECK(maxDifference(logits, prompt.logits) < 1e-5);
}

TEST_CASE("a continuation of a real model gives the logits of the decoder's steps", "[capture][model]")
{
    std::vector<std::int32_t> ids = test::H5Fixture(KVVIZ_TEST_DATA "/kvpress-smollm2.h5").ints("input_ids");
    ids.resize(68);
    setThreads(0);
    const Prefilled prompt(loadModel(GgufFile(KVVIZ_TEST_MODEL), WeightType::float32), ids, 60);
    const PlainAttention full = prompt.attention();
    const auto logits = runTogether(prompt, {&full, &full});
    const double first = maxDifference(logits[0], prompt.logits);
    const double second = maxDifference(logits[1], prompt.logits);
    INFO("max abs difference of logits: " << first << " and " << second);
    CHECK(first < 1e-4);
    CHECK(second < 1e-4);
}

TEST_CASE("bfloat16 weights are run as the decoder runs them", "[capture][unit]")
{
    const Prefilled prompt(tinyModel({}, WeightType::bfloat16), someIds(40), 32);
    const PlainAttention full = prompt.attention();
    // The decoder's step keeps its activations in float32, a block of rows rounds them to bfloat16.
    CHECK(maxDifference(runTogether(prompt, {&full})[0], prompt.logits) < 0.1);
}

TEST_CASE("a stream that lost keys equals a transformer that cannot see them", "[capture][unit]")
{
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(6, 2), std::pair(2, 1));
    test::TinyLlama shape;
    shape.layers = 3;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    const auto model = tinyModel(shape);
    const std::int64_t n = 50, t = 9;
    const std::vector<std::int32_t> ids = someIds(n + t);
    const Prefilled prompt(model, ids, n);
    const PlainAttention full = prompt.attention();
    const PlainAttention third = prompt.attention(everyThird);
    const PlainAttention none = prompt.attention([](int, int, std::int64_t) { return false; });
    const auto logits = runTogether(prompt, {&full, &third, &none});

    const auto expected = [&](const PlainAttention::Kept& kept) {
        const test::NaiveRun run =
            test::naiveRun(*model, ids, [&](int layer, int kvHead, std::int64_t query, std::int64_t key) {
                return query < n || key >= n || kept(layer, kvHead, key); // the prefill itself sees everything
            });
        return std::vector<double>(run.logits.end() - t * model->info.vocabSize, run.logits.end());
    };
    CHECK(maxDifference(logits[0], expected([](int, int, std::int64_t) { return true; })) < 1e-4);
    CHECK(maxDifference(logits[1], expected(everyThird)) < 1e-4);
    CHECK(maxDifference(logits[2], expected([](int, int, std::int64_t) { return false; })) < 1e-4);
    CHECK(maxDifference(logits[1], logits[0]) > 0.01); // losing keys is felt
    CHECK(maxDifference(logits[2], logits[1]) > 0.01);
}

TEST_CASE("streams do not touch one another", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(47), 40);
    const PlainAttention full = prompt.attention();
    const PlainAttention third = prompt.attention(everyThird);
    const Broken broken(prompt.tokens() * prompt.model->info.nHeads * prompt.model->info.headDim);
    const auto healthy = runTogether(prompt, {&full, &full, &third});
    const auto beside = runTogether(prompt, {&full, &broken, &third});
    CHECK(healthy[0] == beside[0]); // bit for bit, although its neighbour is NaN throughout
    CHECK(healthy[2] == beside[2]);
    CHECK(std::isnan(beside[1].front()));
}

TEST_CASE("streams run alone, in any order, as they run together", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(45), 40);
    const PlainAttention full = prompt.attention();
    const PlainAttention third = prompt.attention(everyThird);
    const auto together = runTogether(prompt, {&full, &third});
    Continuation run(prompt.model, prompt.n, prompt.continuation, 2);
    run.runLayer(0, 1, third);
    run.runLayer(1, 1, third);
    CHECK(maxDifference(logitsOf(run, *prompt.model, 1), together[1]) < 1e-5);
    run.runLayer(0, 0, full);
    run.runLayer(1, 0, full);
    CHECK(maxDifference(logitsOf(run, *prompt.model, 0), together[0]) < 1e-5);
    CHECK(maxDifference(logitsOf(run, *prompt.model, 1), together[1]) < 1e-5);
}

TEST_CASE("hundreds of streams, more than fit into one batch of rows, each get their own attention", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(42), 30);
    const PlainAttention full = prompt.attention();
    const PlainAttention third = prompt.attention(everyThird);
    Attentions attentions;
    for (int i = 0; i < 300; ++i) // 300 x 12 rows
        attentions.push_back(i % 7 == 0 ? &third : &full);
    const auto logits = runTogether(prompt, attentions);
    const auto alone = runTogether(prompt, {&full, &third});
    for (std::size_t stream = 0; stream < logits.size(); ++stream)
        REQUIRE(maxDifference(logits[stream], alone[stream % 7 == 0 ? 1 : 0]) < 1e-5);
}

TEST_CASE("the number of threads does not change a continuation", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(60), 50);
    const PlainAttention full = prompt.attention();
    const PlainAttention third = prompt.attention(everyThird);
    setThreads(1);
    const auto one = runTogether(prompt, {&full, &third, &full});
    setThreads(3);
    const auto three = runTogether(prompt, {&full, &third, &full});
    setThreads(0);
    CHECK(one == three);
}

TEST_CASE("a continuation refuses tokens and places that it cannot run", "[capture][unit]")
{
    const auto model = tinyModel();
    const std::int64_t context = model->info.contextLength;
    const auto make = [&](std::int64_t first, std::vector<std::int32_t> ids, std::int64_t streams = 1) {
        Continuation(model, first, ids, streams);
    };
    CHECK_NOTHROW(make(context - 3, someIds(3)));
    CHECK(test::badInputMessage([&] {
              make(5, {1, model->info.vocabSize});
          }).find("outside the vocabulary")
          != std::string::npos);
    CHECK(test::badInputMessage([&] { make(5, {1, -1}); }).find("token id -1") != std::string::npos);
    CHECK(test::badInputMessage([&] { make(5, {}); }).find("no tokens") != std::string::npos);
    CHECK(test::badInputMessage([&] { make(context - 3, someIds(4)); }).find("exceed the context")
          != std::string::npos);
    CHECK_THROWS_AS(make(-1, someIds(4)), core::Error);
    CHECK_THROWS_AS(make(5, someIds(4), 0), core::Error);
}

TEST_CASE("layers run in order and errors of an attention leave a stream where it was", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(25), 20);
    const PlainAttention full = prompt.attention();
    const Throwing throwing;
    Continuation run(prompt.model, prompt.n, prompt.continuation, 2);
    std::vector<float> logits(static_cast<std::size_t>(run.tokens() * prompt.model->info.vocabSize));
    CHECK_THROWS_AS(run.runLayer(1, 0, full), core::Error); // layer 0 first
    CHECK_THROWS_AS(run.runLayer(-1, 0, full), core::Error);
    CHECK_THROWS_AS(run.runLayer(2, 0, full), core::Error); // two layers only
    CHECK_THROWS_AS(run.runLayer(0, 2, full), core::Error); // two streams only
    CHECK_THROWS_AS(run.runLayer(0, -1, full), core::Error);
    CHECK_THROWS_AS(run.logits(0, logits.data()), core::Error);
    CHECK_THROWS_WITH(run.runLayer(0, 0, Attentions{&full, &throwing}), "no such cache");
    run.runLayer(0, 0, Attentions{&full, &full});
    CHECK_THROWS_AS(run.runLayer(0, 0, full), core::Error); // each layer once
    run.runLayer(1, 0, Attentions{&full, &full});
    CHECK_THROWS_AS(run.logits(2, logits.data()), core::Error);
    run.logits(1, logits.data());
    CHECK(maxDifference(logits, prompt.logits) < 1e-5);
}
