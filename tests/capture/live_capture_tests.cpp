// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A capture in memory against the capture file of the same prompt, and against the decoder.
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/live_capture.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace kvviz;
using namespace kvviz::capture;
using core::Need;

namespace {

constexpr Need kEverything = Need::stats | Need::windowRows | Need::decodeRows | Need::keys | Need::values
                             | Need::queries | Need::queryStats | Need::farSquares;

struct Tiny {
    Tiny()
    {
        test::TinyLlama shape;
        shape.layers = 3;
        shape.context = 400;
        test::writeTinyLlama(folder / "tiny.gguf", shape);
        const GgufFile file(folder / "tiny.gguf");
        model = loadModel(file, WeightType::float32);
        tokenizer = std::make_shared<Tokenizer>(file);
        settings.window = 16;
        settings.sinkTokens = 3;
        settings.creator = "kvviz test";
        settings.seed = 5;
        source.task = "made up";
        source.id = "one";
        for (int i = 0; i < 150; ++i)
            source.text += static_cast<char>('a' + i * i % 23);
        source.segments = {{core::SegmentKind::shot, 0, {0, 90}, "shot 1"},
                           {core::SegmentKind::question, 0, {90, 150}, "question"}};
        source.target = " xyz";
    }
    [[nodiscard]] TokenizedPrompt prompt() const
    {
        return tokenizePrompt(source, *tokenizer, model->info, capture::Continuation::none, 0);
    }
    [[nodiscard]] LiveCapture live() const { return {model, *tokenizer, source, prompt(), settings}; }
    test::ScratchFolder folder;
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer;
    CaptureSettings settings;
    PromptSource source;
};

} // namespace

TEST_CASE("a live capture gives what the file of the same prompt gives", "[capture][io]")
{
    Tiny tiny;
    SECTION("all layers and heads") {}
    SECTION("some layers and heads")
    {
        tiny.settings.layers = {0, 2};
        tiny.settings.heads = {3};
    }
    SECTION("a window longer than the prompt") { tiny.settings.window = 1000; }
    const LiveCapture live = tiny.live();
    CaptureSettings settings = tiny.settings;
    settings.rowsType = settings.cacheType = core::StorageType::float32;
    settings.continuation = capture::Continuation::none;
    Session(tiny.model, tiny.tokenizer, settings).run(tiny.source, tiny.folder / "one.kvh5", {});
    const io::CaptureReader file{tiny.folder / "one.kvh5"};
    CHECK(live.info().model == file.info().model);
    CHECK(live.info().prompt == file.info().prompt);
    CHECK(live.info().tokens == file.info().tokens);
    CHECK(live.info().segments == file.info().segments);
    CHECK(live.info().layers == file.info().layers);
    CHECK(live.info().heads == file.info().heads);
    CHECK(live.info().window == file.info().window);
    CHECK(live.info().sinkTokens == file.info().sinkTokens);
    CHECK(live.info().tier == file.info().tier);
    CHECK(live.info().seed == file.info().seed);
    CHECK(live.info().creator == file.info().creator);
    CHECK(live.available() == file.available());
    CHECK(live.name() == "one");
    for (std::int64_t slot = 0; slot < std::ssize(live.info().layers); ++slot) {
        const core::LayerData ours = live.loadLayer(slot, kEverything);
        const core::LayerData theirs = file.loadLayer(slot, kEverything);
        CHECK(ours.layer == theirs.layer);
        CHECK(ours.heads == theirs.heads);
        CHECK(ours.n == theirs.n);
        CHECK(ours.t == 0);
        CHECK(ours.w == theirs.w);
        CHECK(ours.headDim == theirs.headDim);
        CHECK(ours.received == theirs.received);
        CHECK(ours.receivedWindow == theirs.receivedWindow);
        CHECK(ours.receivedSq == theirs.receivedSq);
        CHECK(ours.receivedSqFar == theirs.receivedSqFar);
        CHECK(ours.entropy == theirs.entropy);
        CHECK(ours.sinkMass == theirs.sinkMass);
        CHECK(ours.windowRows == theirs.windowRows);
        CHECK(ours.decodeRows == theirs.decodeRows);
        CHECK(ours.key == theirs.key);
        CHECK(ours.value == theirs.value);
        CHECK(ours.query == theirs.query);
        CHECK(ours.queryMean == theirs.queryMean);
        CHECK(ours.queryCovariance == theirs.queryCovariance);
        CHECK(!ours.key.empty());
        CHECK(!ours.queryCovariance.empty());
    }
}

TEST_CASE("a live capture gives only the arrays that are asked for", "[capture][unit]")
{
    const LiveCapture live = Tiny().live();
    const core::LayerData keys = live.loadLayer(1, Need::keys);
    CHECK(std::ssize(keys.key) == 2 * live.info().nPrompt() * 8);
    CHECK(keys.value.empty());
    CHECK(keys.received.empty());
    CHECK(keys.windowRows.empty());
    const core::LayerData stats = live.loadLayer(1, Need::stats);
    CHECK(!stats.sinkMass.empty());
    CHECK(stats.receivedSqFar.empty());
    CHECK(stats.key.empty());
    CHECK(stats.query.empty());
    CHECK_THROWS_AS(live.loadLayer(3, Need::keys), core::Error);
    CHECK_THROWS_AS(live.loadLayer(-1, Need::keys), core::Error);
}

TEST_CASE("a live capture keeps the cache and the logits of its prefill", "[capture][unit]")
{
    const Tiny tiny;
    const LiveCapture live = tiny.live();
    const TokenizedPrompt prompt = tiny.prompt();
    Decoder decoder(tiny.model, {prompt.size(), 1, 4, false});
    const std::span<const float> logits = decoder.prefill(prompt.ids);
    CHECK(std::vector<float>(logits.begin(), logits.end())
          == std::vector<float>(live.logits().begin(), live.logits().end()));
    REQUIRE(live.cache().size() == prompt.size());
    for (int layer = 0; layer < 3; ++layer) {
        const core::LayerData data = live.loadLayer(layer, Need::keys | Need::values);
        for (int g = 0; g < 2; ++g) {
            const std::int64_t count = prompt.size() * 8;
            const float* const key = live.cache().key(layer) + g * live.cache().headStride();
            const float* const value = live.cache().value(layer) + g * live.cache().headStride();
            CHECK(std::equal(key, key + count, data.key.begin() + g * count));
            CHECK(std::equal(value, value + count, data.value.begin() + g * count));
            CHECK(std::equal(key, key + count, decoder.cache().key(layer) + g * decoder.cache().headStride()));
        }
    }
}

TEST_CASE("a prompt that the model cannot hold is no live capture", "[capture][unit]")
{
    Tiny tiny;
    TokenizedPrompt prompt = tiny.prompt();
    prompt.ids.assign(401, 65);
    CHECK(test::badInputMessage([&] {
              const LiveCapture live(tiny.model, *tiny.tokenizer, tiny.source, prompt, tiny.settings);
          }).find("exceed the context")
          != std::string::npos);
}
