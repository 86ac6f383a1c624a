// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A GPU against the CPU: logits, attention, sums, whole captures. Where there is none, each test is skipped with the
// reason. Lines that begin with "agreement" are what scripts/gpu-check prints.
#include "capture/cuda_module.hpp"
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/hf_model.hpp"
#include "capture/session.hpp"
#include "core/error.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/tiny_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

/// Null, and a line that ctest takes for the reason, where no GPU can be used.
const CudaModule* gpu()
{
    try {
        const CudaModule& module = openCudaModule(KVVIZ_BIN_DIR);
        (void)module.devices();
        return &module;
    } catch (const core::Error& error) {
        std::printf("gpu tests skipped: %s\n", error.what());
        return nullptr;
    }
}

double worstDifference(std::span<const float> a, std::span<const float> b)
{
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (const double difference = std::abs(static_cast<double>(a[i]) - b[i]); !(difference <= worst))
            worst = difference;
    return worst;
}

double cosine(std::span<const float> a, std::span<const float> b)
{
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        dot += static_cast<double>(a[i]) * b[i];
        aa += static_cast<double>(a[i]) * a[i];
        bb += static_cast<double>(b[i]) * b[i];
    }
    return dot / std::sqrt(aa * bb);
}

/// What a run shows of a prompt and some steps.
struct Seen final : AttentionHook, LogitsHook {
    Seen(Runner& runner, const core::ModelInfo& model, const std::vector<std::int32_t>& ids) : info(model)
    {
        runner.addHook(static_cast<AttentionHook*>(this));
        runner.addHook(static_cast<LogitsHook*>(this));
        runner.prefill(ids);
        for (const std::int32_t id : {3, 1, 4})
            runner.step(id);
    }
    [[nodiscard]] bool wantsRows(int, Phase, std::int64_t, std::int64_t) const override { return true; }
    void onRows(const AttentionRows& block) override
    {
        for (std::int64_t h = 0; h < info.nHeads; ++h)
            for (std::int64_t i = 0; i < block.rows; ++i) {
                const float* const row = block.probabilities + h * block.headStride + i * block.rowStride;
                rows.insert(rows.end(), row, row + block.keys);
            }
    }
    void onLayer(const LayerState&, const AttentionStatistics& statistics) override
    {
        for (const auto* array : {&statistics.received, &statistics.receivedWindow, &statistics.receivedSq,
                                  &statistics.receivedSqFar, &statistics.entropy, &statistics.sinkMass,
                                  &statistics.queryMean, &statistics.queryCovariance})
            sums.insert(sums.end(), array->begin(), array->end());
    }
    void onLogits(std::int64_t, std::int64_t count, const float* values, std::int64_t vocab) override
    {
        logits.insert(logits.end(), values, values + count * vocab);
    }
    const core::ModelInfo& info;
    std::vector<float> rows, sums, logits;
};

/// The models that every type must do: all fixtures, and one of three blocks of rows.
std::vector<std::pair<std::string, std::shared_ptr<const Model>>> models()
{
    std::vector<std::pair<std::string, std::shared_ptr<const Model>>> all;
    for (const auto& entry : std::filesystem::directory_iterator(KVVIZ_TEST_DATA "/models"))
        all.emplace_back(entry.path().filename().string(), HfFolder(entry.path()).load(WeightType::float32));
    test::TinyLlama shape;
    shape.context = 1000;
    all.emplace_back("tiny", test::tinyModel(shape));
    std::sort(all.begin(), all.end());
    return all;
}

std::vector<std::int32_t> idsFor(const core::ModelInfo& info, std::int64_t count)
{
    std::vector<std::int32_t> ids = test::someIds(std::min<std::int64_t>(count, info.contextLength - 4));
    for (std::int32_t& id : ids)
        id %= info.vocabSize;
    return ids;
}

} // namespace

TEST_CASE("a GPU in float32 agrees with the CPU", "[gpu]")
{
    const CudaModule* const module = gpu();
    if (module == nullptr)
        return;
    double logits = 0, attention = 0, sums = 0;
    for (const auto& [name, model] : models()) {
        CAPTURE(name);
        const std::vector<std::int32_t> ids = idsFor(model->info, 700);
        const DecoderOptions options{std::ssize(ids) + 3, 32, 4, true, true};
        Decoder decoder(model, options);
        const Seen expected(decoder, model->info, ids);
        const auto runner = module->open(model, {0}, "float32")->newRunner(options);
        const Seen seen(*runner, model->info, ids);
        const double ofLogits = worstDifference(seen.logits, expected.logits);
        const double ofRows = worstDifference(seen.rows, expected.rows);
        const double ofSums = worstDifference(seen.sums, expected.sums);
        CHECK(ofLogits < 2e-3);
        CHECK(ofRows < 2e-4);
        CHECK(ofSums < 5e-3);
        logits = std::max(logits, ofLogits), attention = std::max(attention, ofRows), sums = std::max(sums, ofSums);
    }
    fmt::print("agreement float32, all models: logits {:.1e}, attention {:.1e}, column sums and row statistics {:.1e}\n",
               logits, attention, sums);
}

TEST_CASE("a GPU in half precision stays near the CPU in float32", "[gpu]")
{
    const CudaModule* const module = gpu();
    if (module == nullptr)
        return;
    for (const char* dtype : {"bfloat16", "float16"}) {
        double worst = 0, rows = 0;
        for (const auto& [name, model] : models()) {
            CAPTURE(name, dtype);
            const std::vector<std::int32_t> ids = idsFor(model->info, 700);
            const DecoderOptions options{std::ssize(ids) + 3, 32, 4, true, false};
            Decoder decoder(model, options);
            const Seen expected(decoder, model->info, ids);
            const auto runner = module->open(model, {0}, dtype)->newRunner(options);
            const Seen seen(*runner, model->info, ids);
            CHECK(cosine(seen.logits, expected.logits) > 0.99);
            worst = std::max(worst, 1 - cosine(seen.logits, expected.logits));
            rows = std::max(rows, worstDifference(seen.rows, expected.rows));
        }
        fmt::print("agreement {}, all models: 1 - cosine of logits {:.1e}, attention {:.1e}\n", dtype, worst, rows);
    }
}

TEST_CASE("the default model on a GPU agrees with the CPU", "[gpu]")
{
    const CudaModule* const module = gpu();
    if (module == nullptr)
        return;
    const GgufFile file(KVVIZ_TEST_MODEL);
    const std::shared_ptr<const Model> model = loadModel(file, WeightType::float32);
    const std::vector<std::int32_t> ids = idsFor(model->info, 600);
    const DecoderOptions options{std::ssize(ids) + 3, 32, 4, true, true};
    Decoder decoder(model, options);
    const Seen expected(decoder, model->info, ids);
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
        const auto runner = module->open(model, {0}, dtype)->newRunner(options);
        const Seen seen(*runner, model->info, ids);
        const double logits = worstDifference(seen.logits, expected.logits);
        const double rows = worstDifference(seen.rows, expected.rows);
        if (std::string_view(dtype) == "float32") {
            CHECK(logits < 1e-2); // logits of some 30 in 30 layers of float32; the CPU and transformers differ by as much
            CHECK(rows < 1e-3);
        } else {
            CHECK(cosine(seen.logits, expected.logits) > 0.99);
        }
        fmt::print("agreement {}, {}: logits {:.1e}, attention {:.1e}, column sums and row statistics {:.1e}\n", dtype,
                   model->info.name, logits, rows, worstDifference(seen.sums, expected.sums));
    }
}

TEST_CASE("layers split over all GPUs give the numbers of one", "[gpu]")
{
    const CudaModule* const module = gpu();
    if (module == nullptr)
        return;
    std::vector<int> all;
    for (std::size_t i = 0; i < module->devices().size(); ++i)
        all.push_back(static_cast<int>(i));
    if (all.size() < 2) {
        std::puts("gpu tests skipped: there is one GPU, and layers are split over two");
        return;
    }
    test::TinyLlama shape;
    shape.layers = 8;
    const auto model = test::tinyModel(shape);
    const std::vector<std::int32_t> ids = test::someIds(100);
    const DecoderOptions options{103, 32, 4, true, true};
    const auto one = module->open(model, {0}, "float32")->newRunner(options);
    const auto split = module->open(model, all, "float32")->newRunner(options);
    CHECK(worstDifference(Seen(*split, model->info, ids).logits, Seen(*one, model->info, ids).logits) < 1e-5);
}

TEST_CASE("captures of every tier made on a GPU verify and agree with those of the CPU", "[gpu]")
{
    const CudaModule* const module = gpu();
    if (module == nullptr)
        return;
    const test::ScratchFolder folder;
    test::TinyLlama shape;
    shape.context = 1000;
    test::writeTinyLlama(folder / "tiny.gguf", shape);
    const GgufFile file(folder / "tiny.gguf");
    const std::shared_ptr<const Model> model = loadModel(file, WeightType::float32);
    const auto tokenizer = std::make_shared<Tokenizer>(file);
    PromptSource source;
    source.task = "made up";
    source.id = "long";
    for (int i = 0; i < 700; ++i)
        source.text += static_cast<char>('a' + i * i % 23);
    for (const core::Tier tier : {core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full}) {
        CaptureSettings settings;
        settings.tier = tier;
        settings.generate = 5;
        settings.mapCap = 64;
        settings.force = true;
        settings.rowsType = settings.mapType = settings.cacheType = core::StorageType::float32;
        Session(model, tokenizer, settings).run(source, folder / "cpu.kvh5", {});
        Session(model, tokenizer, settings, module->open(model, {0}, "float32")).run(source, folder / "gpu.kvh5", {});
        for (const std::string& problem : io::verifyCapture({folder / "gpu.kvh5", "/"}))
            FAIL_CHECK(problem);
        const io::CaptureReader cpu(folder / "cpu.kvh5"), device(folder / "gpu.kvh5");
        CHECK(device.info().tokens == cpu.info().tokens);
        for (std::int64_t slot = 0; slot < 2; ++slot) {
            const core::LayerData a = cpu.loadLayer(slot, cpu.available()), b = device.loadLayer(slot, cpu.available());
            for (const auto member : {&core::LayerData::received, &core::LayerData::entropy, &core::LayerData::windowRows,
                                      &core::LayerData::decodeRows, &core::LayerData::key, &core::LayerData::query})
                CHECK(worstDifference(a.*member, b.*member) < 2e-3);
            const std::int64_t n = cpu.info().nPrompt();
            if (tier >= core::Tier::map)
                for (const core::Pooling pooling : {core::Pooling::max, core::Pooling::mean}) {
                    const auto x = cpu.tile(slot, 0, {0, n}, {0, n}, 50, 50, pooling);
                    const auto y = device.tile(slot, 0, {0, n}, {0, n}, 50, 50, pooling);
                    for (std::size_t i = 0; i < x.values.size(); ++i)
                        REQUIRE((std::isnan(x.values[i]) ? std::isnan(y.values[i])
                                                         : std::abs(x.values[i] - y.values[i]) < 2e-4f));
                }
        }
    }
}
