// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The backward pass against differences of a transformer written out in double whose heads' outputs are changed a
// little, and the arrays that captures hold of it.
#include "capture/decoder.hpp"
#include "capture/hf_model.hpp"
#include "capture/readout.hpp"
#include "capture/session.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/model_folders.hpp"
#include "tests/support/naive_llama.hpp"
#include "tests/support/tiny_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

constexpr std::int64_t kPrompt = 20, kSteps = 5;
constexpr int kOthers = 3;

struct Readout {
    core::ReadoutTokens tokens;
    std::map<int, ReadoutLayer> layers;
    [[nodiscard]] const float* gradient(const core::ModelInfo& model, int layer, int head, std::int64_t step,
                                        std::int64_t candidate) const
    {
        return layers.at(layer).gradient.data() + ((head * kSteps + step) * tokens.candidates + candidate) * model.headDim;
    }
};

Readout readoutOf(const std::shared_ptr<const Model>& model, const std::vector<std::int32_t>& ids)
{
    Decoder decoder(model, {std::ssize(ids), 1, 4, false});
    StreamRecorder streams(model->info, kPrompt);
    decoder.addHook(&streams);
    const std::span all(ids);
    decoder.prefill(all.first(kPrompt));
    for (const std::int32_t id : all.subspan(kPrompt))
        decoder.step(id);
    Readout readout;
    readout.tokens = computeReadout(model, decoder.cache(), streams, all.subspan(kPrompt), kOthers,
                                    [&](const ReadoutLayer& layer) { readout.layers[layer.layer] = layer; });
    return readout;
}

/// Every head's output of every layer and query.
std::map<std::pair<int, std::int64_t>, std::vector<double>> outputsOf(const Model& model,
                                                                     const std::vector<std::int32_t>& ids)
{
    std::map<std::pair<int, std::int64_t>, std::vector<double>> outputs;
    (void)test::naiveRun(model, ids, {}, {}, [&](int layer, std::int64_t query, std::span<double> values) {
        outputs[{layer, query}].assign(values.begin(), values.end());
    });
    return outputs;
}

/// Logits after one query when the output of one head moves by `step` times `direction` there.
std::vector<double> nudged(const Model& model, const std::vector<std::int32_t>& ids, int atLayer, int head,
                           std::int64_t atQuery, const std::vector<double>& direction, double step)
{
    const auto change = [&](int layer, std::int64_t query, std::span<double> outputs) {
        for (std::size_t c = 0; layer == atLayer && query == atQuery && c < direction.size(); ++c)
            outputs[static_cast<std::size_t>(head) * direction.size() + c] += step * direction[c];
    };
    const test::NaiveRun run = test::naiveRun(model, ids, {}, {}, change, kPrompt);
    const auto row = run.logits.begin() + atQuery * model.info.vocabSize;
    return {row, row + model.info.vocabSize};
}

/// One direction of every layer and head at one of the steps, against differences of the naive run.
void checkSlopes(const std::shared_ptr<const Model>& model, double tolerance)
{
    const core::ModelInfo& info = model->info;
    std::vector<std::int32_t> ids = test::someIds(kPrompt + kSteps);
    for (std::int32_t& id : ids)
        id %= info.vocabSize;
    const Readout readout = readoutOf(model, ids);
    REQUIRE(readout.layers.size() == static_cast<std::size_t>(info.nLayers));
    constexpr double kStep = 1e-4;
    for (int layer = 0; layer < info.nLayers; ++layer)
        for (int head = 0; head < info.nHeads; ++head) {
            const std::int64_t step = (layer * info.nHeads + head) % kSteps;
            std::vector<double> direction;
            for (int c = 0; c < info.headDim; ++c)
                direction.push_back(std::sin(1.7 * c + head + 3 * layer));
            const auto up = nudged(*model, ids, layer, head, kPrompt + step, direction, kStep);
            const auto down = nudged(*model, ids, layer, head, kPrompt + step, direction, -kStep);
            for (std::int64_t i = 0; i < readout.tokens.candidates; ++i) {
                const float* const gradient = readout.gradient(info, layer, head, step, i);
                const double slope = std::inner_product(direction.begin(), direction.end(), gradient, 0.0);
                const std::int32_t id = readout.tokens.ids[static_cast<std::size_t>(step * (kOthers + 1) + i)];
                if (id < 0) {
                    CHECK(slope == 0);
                    continue;
                }
                const auto at = static_cast<std::size_t>(id);
                INFO("layer " << layer << " head " << head << " step " << step << " candidate " << i);
                CHECK(slope == Approx((up[at] - down[at]) / (2 * kStep)).margin(tolerance).epsilon(tolerance));
            }
        }
}

} // namespace

TEST_CASE("gradients of a readout are the slopes of the logits when a head's output moves", "[capture][readout]")
{
    const WeightType type = GENERATE(WeightType::float32, WeightType::bfloat16);
    // Products in bfloat16 round the activations of the forward part.
    checkSlopes(test::tinyModel({}, type), type == WeightType::float32 ? 2e-3 : 5e-2);
}

TEST_CASE("readouts of models of every architecture are the slopes of the logits", "[capture][readout][model]")
{
    for (const std::filesystem::path& path : test::modelFolders()) {
        CAPTURE(path.filename().string());
        checkSlopes(HfFolder(path).load(WeightType::float32), 2e-3);
    }
}

TEST_CASE("candidates are the token that followed and the most likely others", "[capture][readout]")
{
    const auto model = test::tinyModel();
    const std::vector<std::int32_t> ids = test::someIds(kPrompt + kSteps);
    const core::ReadoutTokens tokens = readoutOf(model, ids).tokens;
    const test::NaiveRun run = test::naiveRun(*model, ids);
    REQUIRE(tokens.candidates == kOthers + 1);
    REQUIRE(tokens.ids.size() == static_cast<std::size_t>(kSteps * tokens.candidates));
    for (std::int64_t step = 0; step < kSteps; ++step) {
        const auto row = run.logits.begin() + (kPrompt + step) * model->info.vocabSize;
        const std::vector<double> logits(row, row + model->info.vocabSize);
        double sum = 0;
        for (const double logit : logits)
            sum += std::exp(logit);
        const std::int32_t* const found = tokens.ids.data() + step * tokens.candidates;
        const std::int32_t follows = step + 1 < kSteps ? ids[static_cast<std::size_t>(kPrompt + step + 1)] : -1;
        CHECK(found[0] == follows);
        std::vector<std::int32_t> order(logits.size());
        std::iota(order.begin(), order.end(), 0);
        std::erase(order, follows);
        std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
            return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
        });
        for (std::int64_t i = 0; i < tokens.candidates; ++i) {
            const float logprob = tokens.logprob[static_cast<std::size_t>(step * tokens.candidates + i)];
            if (i > 0)
                CHECK(found[i] == order[static_cast<std::size_t>(i - 1)]);
            if (found[i] < 0)
                CHECK(std::isnan(logprob));
            else
                CHECK(logprob == Approx(logits[static_cast<std::size_t>(found[i])] - std::log(sum)).margin(1e-4));
        }
    }
}

TEST_CASE("what heads write is measured against the residual stream", "[capture][readout]")
{
    const auto model = test::tinyModel();
    const core::ModelInfo& info = model->info;
    const std::vector<std::int32_t> ids = test::someIds(kPrompt + kSteps);
    const Readout readout = readoutOf(model, ids);
    const auto outputs = outputsOf(*model, ids);
    const auto d = static_cast<std::size_t>(info.headDim);
    // The stream before layer 0 is the embedding.
    for (std::int64_t step = 0; step < kSteps; ++step) {
        std::vector<float> embedding(static_cast<std::size_t>(info.hiddenSize)), row(static_cast<std::size_t>(info.nHeads) * d);
        model->embedding.copyRow(ids[static_cast<std::size_t>(kPrompt + step)], embedding.data());
        double norm = 0;
        for (const float value : embedding)
            norm += static_cast<double>(value) * static_cast<double>(value);
        const std::vector<double>& output = outputs.at({0, kPrompt + step});
        for (std::size_t head = 0; head < static_cast<std::size_t>(info.nHeads); ++head) {
            double squares = 0;
            for (std::int64_t r = 0; r < info.hiddenSize; ++r) {
                model->layers[0]->attentionOutput.copyRow(r, row.data());
                double wrote = 0;
                for (std::size_t c = 0; c < d; ++c)
                    wrote += static_cast<double>(row[head * d + c]) * output[head * d + c];
                squares += wrote * wrote;
            }
            const std::size_t at = head * kSteps + static_cast<std::size_t>(step);
            CHECK(readout.layers.at(0).written[at] == Approx(std::sqrt(squares / norm)).epsilon(1e-4));
        }
    }
}

TEST_CASE("a readout without its streams or without candidates is refused", "[capture][readout]")
{
    const auto model = test::tinyModel();
    const std::vector<std::int32_t> ids = test::someIds(kPrompt + kSteps);
    Decoder decoder(model, {std::ssize(ids), 1, 4, false});
    decoder.prefill(ids);
    const StreamRecorder none(model->info, kPrompt);
    const std::span steps = std::span(ids).subspan(kPrompt);
    const auto ignore = [](const ReadoutLayer&) {};
    CHECK_THROWS_AS(computeReadout(model, decoder.cache(), none, steps, 2, ignore), core::Error);
    CHECK_THROWS_AS(computeReadout(model, decoder.cache(), none, steps, 0, ignore), core::Error);
}

TEST_CASE("a capture with a readout verifies and gives it back", "[capture][readout][io]")
{
    const test::ScratchFolder folder;
    test::TinyLlama shape;
    test::writeTinyLlama(folder / "tiny.gguf", shape);
    const GgufFile file(folder / "tiny.gguf");
    const std::shared_ptr<const Model> model = loadModel(file, WeightType::float32);
    CaptureSettings settings;
    settings.generate = 6;
    settings.readout = kOthers;
    settings.cacheType = core::StorageType::float32;
    PromptSource source;
    source.id = "short";
    source.text = "a prompt of some letters";
    const Session session(model, std::make_shared<Tokenizer>(file), settings);
    const Session::Estimate estimate = session.estimate(source);
    const CaptureSummary summary = session.run(source, folder / "x.kvh5", {});
    REQUIRE(summary.nGenerated > 1);
    CHECK(summary.fileBytes <= estimate.bytes[1] + 100000);
    CHECK(io::verifyCapture({folder / "x.kvh5", "/"}) == std::vector<std::string>{});
    const io::CaptureReader reader(folder / "x.kvh5");
    REQUIRE(includes(reader.available(), core::Need::readout));
    const auto tokens = reader.readoutTokens();
    REQUIRE(tokens.has_value());
    CHECK(tokens->candidates == kOthers + 1);
    CHECK(tokens->ids.at(0) == reader.info().tokens.ids.at(static_cast<std::size_t>(summary.nPrompt + 1)));
    for (std::int64_t slot = 0; slot < model->info.nLayers; ++slot) {
        const core::LayerData layer = reader.loadLayer(slot, core::Need::readout);
        const std::int64_t rows = model->info.nHeads * summary.nGenerated;
        REQUIRE(std::ssize(layer.written) == rows);
        REQUIRE(std::ssize(layer.readout) == rows * tokens->candidates * model->info.headDim);
        CHECK(std::all_of(layer.written.begin(), layer.written.end(), [](float value) { return value > 0; }));
    }
}
