// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From GGUF tensors to the weights that the decoder runs.
#include "capture/gguf_model.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <cmath>
#include <algorithm>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;

[[noreturn]] void refuse(const GgufFile& file, const std::string& why)
{
    throw Error(ErrorCode::badInput, fmt::format("{}: {}", file.path(), why));
}

int positive(const GgufFile& file, const std::string& key, std::int64_t value)
{
    if (value <= 0 || value > (std::int64_t{1} << 30))
        refuse(file, fmt::format("{} is {}, expected a positive number", key, value));
    return static_cast<int>(value);
}

/// Scaling comes as factors of each pair (Llama 3.1), as one number, or not at all.
RopeSpec readRope(const GgufFile& file, const core::ModelInfo& info)
{
    RopeSpec spec;
    spec.theta = info.ropeTheta;
    spec.dim = info.ropeDim;
    spec.context = info.contextLength;
    const std::string scaling = file.string("llama.rope.scaling.type", "none");
    const double linear = file.real("llama.rope.scale_linear", file.real("llama.rope.scaling.factor", 1.0));
    if (scaling != "none" && scaling != "linear")
        refuse(file, fmt::format("RoPE scaling '{}' is not supported in GGUF files; use the model's Hugging Face folder",
                                 scaling));
    if (!(linear > 0))
        refuse(file, "the factor of the RoPE scaling is not a positive number");
    if (linear != 1.0) {
        spec.kind = RopeSpec::Kind::linear;
        spec.factor = linear;
    }
    if (file.findTensor("rope_freqs.weight") != nullptr) {
        std::vector<float> factors = readVector(file, {{"rope_freqs.weight", {spec.dim / 2}}});
        for (int i = 0; i < spec.dim / 2; ++i) {
            float& factor = factors[static_cast<std::size_t>(i)];
            if (!(factor > 0))
                refuse(file, "rope_freqs.weight holds a factor that is not positive");
            factor = static_cast<float>(std::pow(spec.theta, -2.0 * i / spec.dim) / static_cast<double>(factor) / linear);
        }
        spec.frequencies = std::move(factors);
        spec.kind = RopeSpec::Kind::stored;
    }
    return spec;
}

core::ModelInfo readInfo(const GgufFile& file)
{
    const std::string arch = file.string("general.architecture");
    if (arch != "llama")
        refuse(file, fmt::format("the architecture '{}' is not supported; supported: llama", arch));
    const auto number = [&](const char* key) {
        return positive(file, "llama." + std::string(key), file.integer("llama." + std::string(key)));
    };

    core::ModelInfo info;
    info.arch = arch;
    // general.name is often a training run's ("Smollm2 135M 8k Lc100K Mix1 Ep2"); people know models by their file.
    info.name = std::filesystem::path(file.path()).stem().string();
    info.nLayers = number("block_count");
    info.nHeads = number("attention.head_count");
    info.nKvHeads =
        positive(file, "llama.attention.head_count_kv", file.integer("llama.attention.head_count_kv", info.nHeads));
    info.hiddenSize = number("embedding_length");
    info.contextLength = number("context_length");
    if (info.nHeads % info.nKvHeads != 0)
        refuse(file, fmt::format("{} query heads cannot share {} KV heads", info.nHeads, info.nKvHeads));
    info.headDim = positive(file, "llama.attention.key_length",
                            file.integer("llama.attention.key_length", info.hiddenSize / info.nHeads));
    info.ropeDim =
        positive(file, "llama.rope.dimension_count", file.integer("llama.rope.dimension_count", info.headDim));
    if (info.ropeDim > info.headDim || info.ropeDim % 2 != 0)
        refuse(file, fmt::format("llama.rope.dimension_count is {}, expected an even number up to the head size {}",
                                 info.ropeDim, info.headDim));
    info.ropeTheta = file.real("llama.rope.freq_base", 10000.0);
    if (!(info.ropeTheta > 0))
        refuse(file, "llama.rope.freq_base is not a positive number");
    const TensorInfo* embedding = file.findTensor("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2)
        refuse(file, "the tensor token_embd.weight is missing or is no matrix");
    info.vocabSize = positive(file, "the number of rows of token_embd.weight", embedding->shape[0]);
    return info;
}

Linear readLinear(const GgufFile& file, const std::string& name, std::int64_t outputs, std::int64_t inputs,
                  WeightType type)
{
    return Linear(readStacked(file, {{name, {outputs, inputs}}}), outputs, inputs, type);
}

/// GGUF's llama stores query and key rows for interleaved rotation: of the r rotated rows of a head, stored row 2 i + j
/// is row j r/2 + i of the Hugging Face layout, which rotates channel i with i + r/2. Biases are rows of one column.
void unpermute(float* weights, std::int64_t heads, const core::ModelInfo& info, std::int64_t columns)
{
    const std::int64_t rotated = info.ropeDim;
    std::vector<float> head(static_cast<std::size_t>(rotated * columns));
    for (std::int64_t h = 0; h < heads; ++h) {
        float* const rows = weights + h * info.headDim * columns;
        std::copy_n(rows, rotated * columns, head.begin());
        for (std::int64_t i = 0; i < rotated / 2; ++i)
            for (std::int64_t j = 0; j < 2; ++j)
                std::copy_n(head.begin() + (2 * i + j) * columns, columns, rows + (j * rotated / 2 + i) * columns);
    }
}

LayerWeights readLayer(const GgufFile& file, const Model& model, int layer, WeightType type)
{
    const core::ModelInfo& info = model.info;
    const std::int64_t hidden = info.hiddenSize;
    const std::int64_t queryRows = static_cast<std::int64_t>(info.nHeads) * info.headDim;
    const std::int64_t keyRows = static_cast<std::int64_t>(info.nKvHeads) * info.headDim;
    const auto name = [layer](const char* part) { return fmt::format("blk.{}.{}.weight", layer, part); };
    const auto bias = [layer](const char* part) { return fmt::format("blk.{}.{}.bias", layer, part); };

    LayerWeights weights;
    weights.attentionNorm = readVector(file, {{name("attn_norm"), {hidden}}});
    weights.ffnNorm = readVector(file, {{name("ffn_norm"), {hidden}}});
    WeightVector<float> qkv = readStacked(file, {{name("attn_q"), {queryRows, hidden}},
                                                {name("attn_k"), {keyRows, hidden}},
                                                {name("attn_v"), {keyRows, hidden}}});
    unpermute(qkv.data(), info.nHeads, info, hidden);
    unpermute(qkv.data() + queryRows * hidden, info.nKvHeads, info, hidden);
    weights.qkv = Linear(std::move(qkv), queryRows + 2 * keyRows, hidden, type);
    if (file.findTensor(bias("attn_q")) != nullptr) {
        weights.qkvBias = readVector(
            file, {{bias("attn_q"), {queryRows}}, {bias("attn_k"), {keyRows}}, {bias("attn_v"), {keyRows}}});
        unpermute(weights.qkvBias.data(), info.nHeads, info, 1);
        unpermute(weights.qkvBias.data() + queryRows, info.nKvHeads, info, 1);
    }
    weights.attentionOutput = readLinear(file, name("attn_output"), hidden, queryRows, type);
    if (file.findTensor(bias("attn_output")) != nullptr)
        weights.attentionOutputBias = readVector(file, {{bias("attn_output"), {hidden}}});
    weights.gateUp = Linear(
        readStacked(file, {{name("ffn_gate"), {model.arch.ffnSize, hidden}}, {name("ffn_up"), {model.arch.ffnSize, hidden}}}),
        2 * model.arch.ffnSize, hidden, type);
    weights.down = readLinear(file, name("ffn_down"), hidden, model.arch.ffnSize, type);
    return weights;
}

} // namespace

Model describeModel(const GgufFile& file)
{
    Model model;
    model.info = readInfo(file);
    model.arch.ffnSize = positive(file, "llama.feed_forward_length", file.integer("llama.feed_forward_length"));
    model.arch.normEps = static_cast<float>(file.real("llama.attention.layer_norm_rms_epsilon", 1e-5));
    model.arch.rope = model.arch.localRope = readRope(file, model.info);
    if (model.arch.rope.kind != RopeSpec::Kind::plain)
        model.info.ropeScaling = ropeKindName(model.arch.rope.kind);
    model.info = model.infoFor(0);
    return model;
}

bool isTied(const GgufFile& file) { return file.findTensor("output.weight") == nullptr; }

namespace {

/// All but the layers, which are null.
std::shared_ptr<Model> loadOuter(const GgufFile& file, const Model& described, WeightType type)
{
    auto model = std::make_shared<Model>(described);
    const core::ModelInfo& info = model->info;
    model->embedding = readLinear(file, "token_embd.weight", info.vocabSize, info.hiddenSize, type);
    model->outputNorm = readVector(file, {{"output_norm.weight", {info.hiddenSize}}});
    if (!isTied(file))
        model->output = readLinear(file, "output.weight", info.vocabSize, info.hiddenSize, type);
    model->layers.resize(static_cast<std::size_t>(info.nLayers));
    return model;
}

} // namespace

std::shared_ptr<Model> loadModel(const GgufFile& file, WeightType type)
{
    auto model = loadOuter(file, describeModel(file), type);
    for (int layer = 0; layer < model->info.nLayers; ++layer)
        model->layers[static_cast<std::size_t>(layer)] =
            std::make_shared<const LayerWeights>(readLayer(file, *model, layer, type));
    file.dropPages();
    return model;
}

std::shared_ptr<Model> streamModel(std::shared_ptr<const GgufFile> file, WeightType type)
{
    const Model described = describeModel(*file);
    auto model = loadOuter(*file, described, type);
    model->readLayer = [file, described, type](int layer) {
        LayerWeights weights = readLayer(*file, described, layer, type);
        file->dropPages(); // else they would count as resident until the memory is short
        return weights;
    };
    file->dropPages();
    return model;
}

} // namespace kvviz::capture
