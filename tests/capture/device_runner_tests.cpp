// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The runner of devices on the CPU: every architecture against transformers, every hook against the decoder of the CPU,
// layers split and streamed, whole captures.
#include "capture/decoder.hpp"
#include "capture/hf_model.hpp"
#include "capture/session.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/capture/cpu_devices.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/model_folders.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/tiny_model.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

using namespace kvviz;
using namespace kvviz::capture;
using test::modelFolders;
using test::worstDifference;
using test::cpuDevices;
using test::someIds;
using test::tinyModel;

namespace {

/// Everything that hooks are shown, one call after the other.
struct Everything final : AttentionHook, LogitsHook, StreamHook {
    explicit Everything(const core::ModelInfo& model) : info(model) {}
    [[nodiscard]] bool wantsRows(int, Phase, std::int64_t, std::int64_t) const override { return true; }
    void onRows(const AttentionRows& block) override
    {
        calls.push_back("rows " + std::to_string(block.layer) + " " + std::to_string(block.queryBegin));
        for (std::int64_t h = 0; h < info.nHeads; ++h)
            for (std::int64_t i = 0; i < block.rows; ++i)
                for (std::int64_t k = 0; k < block.keys; ++k)
                    rows.push_back(block.probabilities[h * block.headStride + i * block.rowStride + k]);
    }
    void onLayer(const LayerState& state, const AttentionStatistics& statistics) override
    {
        calls.push_back("layer " + std::to_string(state.layer) + " " + std::to_string(state.queryBegin));
        const std::int64_t keys = state.queryBegin + state.queries, d = info.headDim;
        vectors.insert(vectors.end(), state.query, state.query + state.queries * state.queryHeads * d);
        for (std::int64_t g = 0; g < info.nKvHeads; ++g)
            for (const float* from : {state.key + g * state.kvHeadStride, state.value + g * state.kvHeadStride})
                vectors.insert(vectors.end(), from, from + keys * d);
        for (const auto* array : {&statistics.received, &statistics.receivedWindow, &statistics.receivedSq,
                                  &statistics.receivedSqFar, &statistics.entropy, &statistics.sinkMass,
                                  &statistics.queryMean, &statistics.queryCovariance})
            sums.insert(sums.end(), array->begin(), array->end());
    }
    void onLogits(std::int64_t begin, std::int64_t count, const float* values, std::int64_t vocab) override
    {
        calls.push_back("logits " + std::to_string(begin));
        logits.insert(logits.end(), values, values + count * vocab);
    }
    void onLayerInput(int layer, std::int64_t begin, std::int64_t count, const float* stream, std::int64_t hidden) override
    {
        calls.push_back("stream " + std::to_string(layer) + " " + std::to_string(begin));
        streams.insert(streams.end(), stream, stream + count * hidden);
    }
    const core::ModelInfo& info;
    std::vector<std::string> calls;
    std::vector<float> rows, vectors, sums, logits, streams;
};

/// A prompt and three more tokens, with all hooks.
Everything watch(Runner& runner, const core::ModelInfo& info, const std::vector<std::int32_t>& ids)
{
    Everything seen(info);
    runner.addHook(static_cast<AttentionHook*>(&seen));
    runner.addHook(static_cast<LogitsHook*>(&seen));
    runner.addHook(static_cast<StreamHook*>(&seen));
    runner.prefill(ids);
    for (const std::int32_t id : {3, 1, 4})
        runner.step(id);
    return seen;
}

} // namespace

TEST_CASE("the device runner agrees with transformers on models of every architecture", "[device][model]")
{
    for (const std::filesystem::path& path : modelFolders()) {
        CAPTURE(path.filename().string());
        const std::shared_ptr<const Model> model = HfFolder(path).load(WeightType::float32);
        const test::H5Fixture expected((path / "expected.h5").string());
        const std::vector<std::int32_t> ids = expected.ints("input_ids"), greedy = expected.ints("greedy_ids");
        const std::int64_t n = std::ssize(ids);
        const auto runner = cpuDevices(model)->newRunner({n + std::ssize(greedy), 8, 4, true});
        Everything seen(model->info);
        runner->addHook(static_cast<AttentionHook*>(&seen));
        runner->addHook(static_cast<LogitsHook*>(&seen));
        std::span<const float> last = runner->prefill(ids);
        CHECK(worstDifference(seen.logits, expected.floats("logits")) < 2e-3);
        REQUIRE(n <= 256); // one block a layer: rows come in the order of the file
        CHECK(worstDifference(seen.rows, expected.floats("attention")) < 2e-4);
        std::vector<std::int32_t> chosen;
        while (chosen.size() < greedy.size()) {
            chosen.push_back(static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin()));
            last = runner->step(chosen.back());
        }
        CHECK(chosen == greedy);
    }
}

TEST_CASE("hooks of the device runner see what those of the decoder see, in the same order", "[device][model]")
{
    for (const std::filesystem::path& path : modelFolders()) {
        CAPTURE(path.filename().string());
        const std::shared_ptr<const Model> model = HfFolder(path).load(WeightType::float32);
        const std::vector<std::int32_t> ids = test::H5Fixture((path / "expected.h5").string()).ints("input_ids");
        const DecoderOptions options{std::ssize(ids) + 3, 8, 4, true, true};
        Decoder decoder(model, options);
        const Everything expected = watch(decoder, model->info, ids);
        const auto runner = cpuDevices(model)->newRunner(options);
        const Everything seen = watch(*runner, model->info, ids);
        CHECK(seen.calls == expected.calls);
        CHECK(worstDifference(seen.rows, expected.rows) < 1e-4);
        CHECK(worstDifference(seen.vectors, expected.vectors) < 1e-3);
        CHECK(worstDifference(seen.sums, expected.sums) < 1e-3);
        CHECK(worstDifference(seen.streams, expected.streams) < 1e-3);
        CHECK(worstDifference(seen.logits, expected.logits) < 1e-3);
        for (int layer = 0; layer < model->info.nLayers; ++layer) {
            const LayerCache a = decoder.layerCache(layer), b = runner->layerCache(layer);
            for (std::int64_t g = 0; g < model->info.nKvHeads; ++g) {
                const auto count = static_cast<std::size_t>(runner->size() * model->info.headDim);
                CHECK(worstDifference({a.key + g * a.headStride, count}, {b.key + g * b.headStride, count}) < 1e-3);
                CHECK(worstDifference({runner->cache().value(layer) + g * runner->cache().headStride(), count},
                                      {b.value + g * b.headStride, count}) == 0);
            }
        }
    }
}

TEST_CASE("layers that are split over devices or streamed give the same numbers", "[device][unit]")
{
    test::TinyLlama shape;
    shape.layers = 6;
    const auto model = tinyModel(shape);
    const std::vector<std::int32_t> ids = someIds(40);
    const DecoderOptions options{50, 8, 4, true, false};
    const DeviceNeeds needs = deviceNeeds(*model, 4, 50, 1), shared = deviceNeeds(*model, 4, 50, 2);
    const std::uint64_t layer = needs.layerWeights + needs.layerCache;
    const auto whole = cpuDevices(model);
    const auto split = cpuDevices(model, "float32", {shared.scratch + shared.embedding + 3 * layer,
                                                     shared.scratch + shared.head + 3 * layer});
    const auto streamed =
        cpuDevices(model, "float32", {needs.scratch + needs.embedding + needs.head + 6 * needs.layerCache
                                      + 4 * needs.layerWeights});
    const Everything expected = watch(*whole->newRunner(options), model->info, ids);
    for (const auto& backend : {split, streamed}) {
        const Everything seen = watch(*backend->newRunner(options), model->info, ids);
        CHECK(seen.calls == expected.calls);
        CHECK(seen.logits == expected.logits);
        CHECK(seen.sums == expected.sums);
    }
    CHECK(split->plan().deviceOfLayer == std::vector<int>{0, 0, 0, 1, 1, 1});
    CHECK(split->plan().streamedLayers() == 0);
    CHECK(streamed->plan().streamedLayers() == 4);
}

TEST_CASE("a run that does not fit is refused with what would", "[device][unit]")
{
    test::TinyLlama shape;
    shape.context = 1000;
    const auto model = tinyModel(shape);
    const DeviceNeeds small = deviceNeeds(*model, 4, 20, 1);
    const auto backend = cpuDevices(model, "float32", {small.weights() + small.run()});
    CHECK(backend->newRunner({20, 8, 4, true, false}) != nullptr);
    try {
        (void)backend->newRunner({400, 8, 4, true, false});
        FAIL("it fitted");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::device);
        CHECK_THAT(error.what(), Catch::Contains("a run of 400 tokens") && Catch::Contains("test:0 has")
                                     && Catch::Contains("would fit"));
    }
    CHECK_THROWS_AS(backend->newRunner({100000, 8, 4, true, false}), core::Error);
    CHECK_THROWS_AS(cpuDevices(model, "int8"), core::Error);
}

TEST_CASE("half precision on a device stays near float32", "[device][unit]")
{
    const auto model = tinyModel({});
    const auto logits = [&](const std::string& dtype) {
        const auto runner = cpuDevices(model, dtype)->newRunner({64, 8, 4, true, false});
        const std::span<const float> values = runner->prefill(someIds(64));
        return std::vector<float>(values.begin(), values.end());
    };
    const std::vector<float> exact = logits("float32");
    for (const char* dtype : {"bfloat16", "float16"}) {
        const std::vector<float> narrow = logits(dtype);
        double dot = 0, aa = 0, bb = 0;
        for (std::size_t i = 0; i < exact.size(); ++i) {
            dot += static_cast<double>(exact[i]) * narrow[i];
            aa += static_cast<double>(exact[i]) * exact[i];
            bb += static_cast<double>(narrow[i]) * narrow[i];
        }
        CAPTURE(dtype);
        CHECK(dot / std::sqrt(aa * bb) > 0.99);
        CHECK(narrow != exact);
    }
}

namespace {

/// A whole capture of one made-up prompt.
io::CaptureReader captured(const test::ScratchFolder& folder, const std::string& name, core::Tier tier, bool device)
{
    test::TinyLlama shape;
    shape.context = 700;
    test::writeTinyLlama(folder / "tiny.gguf", shape);
    const GgufFile file(folder / "tiny.gguf");
    const std::shared_ptr<const Model> model = loadModel(file, WeightType::float32);
    CaptureSettings settings;
    settings.tier = tier;
    settings.generate = 5;
    settings.mapCap = 64;
    settings.force = true;
    settings.heads = {2}; // and its group
    settings.rowsType = settings.mapType = settings.cacheType = core::StorageType::float32;
    PromptSource source;
    source.task = "made up";
    source.id = name;
    for (int i = 0; i < 300; ++i)
        source.text += static_cast<char>('a' + i * i % 23);
    const Session session(model, std::make_shared<Tokenizer>(file), settings, device ? cpuDevices(model) : nullptr);
    session.run(source, folder / (name + ".kvh5"), {});
    return io::CaptureReader(folder / (name + ".kvh5"));
}

} // namespace

TEST_CASE("captures made on a device are those made on the CPU", "[device][io]")
{
    const core::Tier tier = GENERATE(core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full);
    const test::ScratchFolder folder;
    const io::CaptureReader cpu = captured(folder, "cpu", tier, false), device = captured(folder, "device", tier, true);
    for (const std::string& problem : io::verifyCapture({folder / "device.kvh5", "/"}))
        FAIL_CHECK(problem);
    CHECK(device.info().tokens == cpu.info().tokens);
    CHECK(device.info().extra.at("device") == "test:0");
    CHECK(cpu.info().extra.count("device") == 0);
    const core::Need needs = cpu.available();
    REQUIRE(device.available() == needs);
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const core::LayerData a = cpu.loadLayer(slot, needs), b = device.loadLayer(slot, needs);
        for (const auto member : {&core::LayerData::received, &core::LayerData::receivedWindow,
                                  &core::LayerData::receivedSq, &core::LayerData::receivedSqFar,
                                  &core::LayerData::entropy, &core::LayerData::sinkMass, &core::LayerData::windowRows,
                                  &core::LayerData::decodeRows, &core::LayerData::key, &core::LayerData::value,
                                  &core::LayerData::query, &core::LayerData::queryMean, &core::LayerData::queryCovariance})
            CHECK(worstDifference(a.*member, b.*member) < 1e-3);
        if (tier < core::Tier::map)
            continue;
        const std::int64_t n = cpu.info().nPrompt();
        for (const core::Pooling pooling : {core::Pooling::max, core::Pooling::mean})
            for (const std::int64_t cells : {std::int64_t{20}, tier == core::Tier::full ? n : std::int64_t{60}}) {
                const auto x = cpu.tile(slot, 1, {0, n}, {0, n}, cells, cells, pooling);
                const auto y = device.tile(slot, 1, {0, n}, {0, n}, cells, cells, pooling);
                REQUIRE(x.values.size() == y.values.size());
                for (std::size_t i = 0; i < x.values.size(); ++i)
                    REQUIRE((std::isnan(x.values[i]) ? std::isnan(y.values[i])
                                                     : std::abs(x.values[i] - y.values[i]) < 1e-4f));
            }
    }
}
