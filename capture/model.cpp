// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From GGUF tensors to the weights that the decoder runs.
#include "capture/model.hpp"

#include "capture/gguf.hpp"

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

void refuseScaledRope(const GgufFile& file)
{
    std::string scaling = file.string("llama.rope.scaling.type", "none");
    if (file.real("llama.rope.scale_linear", 1.0) != 1.0)
        scaling = "llama.rope.scale_linear";
    if (file.findTensor("rope_freqs.weight") != nullptr)
        scaling = "rope_freqs.weight";
    if (scaling != "none")
        refuse(file, fmt::format("RoPE scaling ('{}') is not supported", scaling));
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
    if (info.ropeDim != info.headDim || info.headDim % 2 != 0)
        refuse(file, fmt::format("llama.rope.dimension_count is {}, expected the head size {}, an even number; partial "
                                 "rotation is not supported",
                                 info.ropeDim, info.headDim));
    info.ropeTheta = file.real("llama.rope.freq_base", 10000.0);
    if (!(info.ropeTheta > 0))
        refuse(file, "llama.rope.freq_base is not a positive number");
    refuseScaledRope(file);
    const TensorInfo* embedding = file.findTensor("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2)
        refuse(file, "the tensor token_embd.weight is missing or is no matrix");
    info.vocabSize = positive(file, "the number of rows of token_embd.weight", embedding->shape[0]);
    return info;
}

/// The tensors one below the other as one matrix. Shapes are checked before anything is allocated: the numbers come
/// from the file.
std::vector<float> readStacked(const GgufFile& file,
                               const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& parts)
{
    std::vector<const TensorInfo*> tensors;
    std::int64_t total = 0;
    for (const auto& [name, shape] : parts) {
        tensors.push_back(&file.tensor(name, shape));
        total += tensors.back()->elements();
    }
    std::vector<float> values(static_cast<std::size_t>(total));
    std::int64_t at = 0;
    for (const TensorInfo* tensor : tensors) {
        dequantise(*tensor, std::span(values).subspan(static_cast<std::size_t>(at),
                                                      static_cast<std::size_t>(tensor->elements())));
        at += tensor->elements();
    }
    return values;
}

Linear readLinear(const GgufFile& file, const std::string& name, std::int64_t outputs, std::int64_t inputs,
                  WeightType type)
{
    return Linear(readStacked(file, {{name, {outputs, inputs}}}), outputs, inputs, type);
}

/// GGUF's llama stores query and key rows for interleaved rotation: stored row 2 i + j of a head is row j d/2 + i of
/// the Hugging Face layout, which rotates channel i with i + d/2.
void unpermute(float* weights, std::int64_t heads, std::int64_t headDim, std::int64_t columns)
{
    std::vector<float> head(static_cast<std::size_t>(headDim * columns));
    for (std::int64_t h = 0; h < heads; ++h) {
        float* const rows = weights + h * headDim * columns;
        std::copy_n(rows, headDim * columns, head.begin());
        for (std::int64_t i = 0; i < headDim / 2; ++i)
            for (std::int64_t j = 0; j < 2; ++j)
                std::copy_n(head.begin() + (2 * i + j) * columns, columns, rows + (j * headDim / 2 + i) * columns);
    }
}

LayerWeights readLayer(const GgufFile& file, const Model& model, int layer, WeightType type)
{
    const core::ModelInfo& info = model.info;
    const std::int64_t hidden = info.hiddenSize;
    const std::int64_t queryRows = static_cast<std::int64_t>(info.nHeads) * info.headDim;
    const std::int64_t keyRows = static_cast<std::int64_t>(info.nKvHeads) * info.headDim;
    const auto name = [layer](const char* part) { return fmt::format("blk.{}.{}.weight", layer, part); };
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"})
        if (file.findTensor(fmt::format("blk.{}.{}.bias", layer, part)) != nullptr)
            refuse(file, fmt::format("blk.{}.{}.bias: attention biases are not supported", layer, part));

    LayerWeights weights;
    weights.attentionNorm = readStacked(file, {{name("attn_norm"), {hidden}}});
    weights.ffnNorm = readStacked(file, {{name("ffn_norm"), {hidden}}});
    std::vector<float> qkv = readStacked(file, {{name("attn_q"), {queryRows, hidden}},
                                                {name("attn_k"), {keyRows, hidden}},
                                                {name("attn_v"), {keyRows, hidden}}});
    unpermute(qkv.data(), info.nHeads, info.headDim, hidden);
    unpermute(qkv.data() + queryRows * hidden, info.nKvHeads, info.headDim, hidden);
    weights.qkv = Linear(std::move(qkv), queryRows + 2 * keyRows, hidden, type);
    weights.attentionOutput = readLinear(file, name("attn_output"), hidden, queryRows, type);
    weights.gateUp = Linear(
        readStacked(file, {{name("ffn_gate"), {model.ffnSize, hidden}}, {name("ffn_up"), {model.ffnSize, hidden}}}),
        2 * model.ffnSize, hidden, type);
    weights.down = readLinear(file, name("ffn_down"), hidden, model.ffnSize, type);
    return weights;
}

} // namespace

std::shared_ptr<Model> loadModel(const GgufFile& file, WeightType type)
{
    auto model = std::make_shared<Model>();
    model->info = readInfo(file);
    const core::ModelInfo& info = model->info;
    model->ffnSize = positive(file, "llama.feed_forward_length", file.integer("llama.feed_forward_length"));
    model->normEps = static_cast<float>(file.real("llama.attention.layer_norm_rms_epsilon", 1e-5));

    model->embedding = readLinear(file, "token_embd.weight", info.vocabSize, info.hiddenSize, type);
    for (int layer = 0; layer < info.nLayers; ++layer)
        model->layers.push_back(readLayer(file, *model, layer, type));
    model->outputNorm = readStacked(file, {{"output_norm.weight", {info.hiddenSize}}});
    if (file.findTensor("output.weight") != nullptr)
        model->output = readLinear(file, "output.weight", info.vocabSize, info.hiddenSize, type);
    for (int i = 0; i < info.ropeDim / 2; ++i)
        model->inverseFrequency.push_back(static_cast<float>(std::pow(info.ropeTheta, -2.0 * i / info.ropeDim)));
    model->info.ropeFrequencies = model->inverseFrequency;
    file.dropPages();
    return model;
}

} // namespace kvviz::capture
