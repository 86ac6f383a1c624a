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

core::ModelInfo readInfo(const GgufFile& file)
{
    const std::string arch = file.string("general.architecture");
    if (arch != "llama")
        refuse(file, fmt::format("the architecture '{}' is not supported; supported: llama", arch));
    const auto number = [&](const char* key) { return positive(file, "llama." + std::string(key), file.integer("llama." + std::string(key))); };

    core::ModelInfo info;
    info.arch = arch;
    // general.name is often a training run's ("Smollm2 135M 8k Lc100K Mix1 Ep2"); people know models by their file.
    info.name = std::filesystem::path(file.path()).stem().string();
    info.nLayers = number("block_count");
    info.nHeads = number("attention.head_count");
    info.nKvHeads = positive(file, "llama.attention.head_count_kv", file.integer("llama.attention.head_count_kv", info.nHeads));
    info.hiddenSize = number("embedding_length");
    info.contextLength = number("context_length");
    if (info.nHeads % info.nKvHeads != 0)
        refuse(file, fmt::format("{} query heads cannot share {} KV heads", info.nHeads, info.nKvHeads));
    info.headDim = positive(file, "llama.attention.key_length",
                            file.integer("llama.attention.key_length", info.hiddenSize / info.nHeads));
    info.ropeDim = positive(file, "llama.rope.dimension_count", file.integer("llama.rope.dimension_count", info.headDim));
    if (info.ropeDim > info.headDim || info.ropeDim % 2 != 0)
        refuse(file, fmt::format("llama.rope.dimension_count is {}, expected an even number up to the head size {}",
                                 info.ropeDim, info.headDim));
    info.ropeTheta = file.real("llama.rope.freq_base", 10000.0);
    if (!(info.ropeTheta > 0))
        refuse(file, "llama.rope.freq_base is not a positive number");
    const std::string scaling = file.string("llama.rope.scaling.type", "none");
    if (scaling != "none" || file.findTensor("rope_freqs.weight") != nullptr)
        refuse(file, fmt::format("RoPE scaling ('{}') is not supported", scaling == "none" ? "rope_freqs.weight" : scaling));
    const TensorInfo* embedding = file.findTensor("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2)
        refuse(file, "the tensor token_embd.weight is missing or is no matrix");
    info.vocabSize = positive(file, "the number of rows of token_embd.weight", embedding->shape[0]);
    return info;
}

std::vector<float> readVector(const GgufFile& file, const std::string& name, std::int64_t size)
{
    std::vector<float> result(static_cast<std::size_t>(size));
    dequantise(file.tensor(name, {size}), result);
    return result;
}

void readMatrix(const GgufFile& file, const std::string& name, std::int64_t rows, std::int64_t columns, float* out)
{
    dequantise(file.tensor(name, {rows, columns}), std::span(out, static_cast<std::size_t>(rows * columns)));
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
    weights.attentionNorm = readVector(file, name("attn_norm"), hidden);
    weights.ffnNorm = readVector(file, name("ffn_norm"), hidden);

    std::vector<float> qkv(static_cast<std::size_t>((queryRows + 2 * keyRows) * hidden));
    readMatrix(file, name("attn_q"), queryRows, hidden, qkv.data());
    unpermute(qkv.data(), info.nHeads, info.headDim, hidden);
    readMatrix(file, name("attn_k"), keyRows, hidden, qkv.data() + queryRows * hidden);
    unpermute(qkv.data() + queryRows * hidden, info.nKvHeads, info.headDim, hidden);
    readMatrix(file, name("attn_v"), keyRows, hidden, qkv.data() + (queryRows + keyRows) * hidden);
    weights.qkv = Linear(std::move(qkv), queryRows + 2 * keyRows, hidden, type);

    std::vector<float> output(static_cast<std::size_t>(hidden * queryRows));
    readMatrix(file, name("attn_output"), hidden, queryRows, output.data());
    weights.attentionOutput = Linear(std::move(output), hidden, queryRows, type);

    std::vector<float> gateUp(static_cast<std::size_t>(2 * model.ffnSize * hidden));
    readMatrix(file, name("ffn_gate"), model.ffnSize, hidden, gateUp.data());
    readMatrix(file, name("ffn_up"), model.ffnSize, hidden, gateUp.data() + model.ffnSize * hidden);
    weights.gateUp = Linear(std::move(gateUp), 2 * model.ffnSize, hidden, type);

    std::vector<float> down(static_cast<std::size_t>(hidden * model.ffnSize));
    readMatrix(file, name("ffn_down"), hidden, model.ffnSize, down.data());
    weights.down = Linear(std::move(down), hidden, model.ffnSize, type);
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

    std::vector<float> embedding(static_cast<std::size_t>(info.vocabSize) * static_cast<std::size_t>(info.hiddenSize));
    readMatrix(file, "token_embd.weight", info.vocabSize, info.hiddenSize, embedding.data());
    model->embedding = Linear(std::move(embedding), info.vocabSize, info.hiddenSize, type);
    for (int layer = 0; layer < info.nLayers; ++layer)
        model->layers.push_back(readLayer(file, *model, layer, type));
    model->outputNorm = readVector(file, "output_norm.weight", info.hiddenSize);
    if (file.findTensor("output.weight") != nullptr) {
        std::vector<float> output(static_cast<std::size_t>(info.vocabSize) * static_cast<std::size_t>(info.hiddenSize));
        readMatrix(file, "output.weight", info.vocabSize, info.hiddenSize, output.data());
        model->output = Linear(std::move(output), info.vocabSize, info.hiddenSize, type);
    }
    for (int i = 0; i < info.ropeDim / 2; ++i)
        model->inverseFrequency.push_back(static_cast<float>(std::pow(info.ropeTheta, -2.0 * i / info.ropeDim)));
    file.dropPages();
    return model;
}

} // namespace kvviz::capture
