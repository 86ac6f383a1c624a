// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One row a family: what it does otherwise than Llama, and the defaults of the keys that its files may leave out.
#include "capture/hf_config.hpp"

#include "capture/hf_rope.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace kvviz::capture {
namespace {

/// How the layers of a family come by their sliding windows when the file does not list the kinds of its layers.
enum class Windows : std::uint8_t { none, all, optional, alternating, fiveOfSix };

struct Family {
    const char* name;
    std::int64_t vocab, hidden, ffn, layers, heads;
    std::int64_t context;        ///< max_position_embeddings
    std::int64_t headDim;        ///< 0: hidden / heads
    std::int64_t kvHeads;        ///< 0: as many as query heads
    std::int64_t slidingWindow;  ///< 0: none
    Windows windows = Windows::none;
    bool biasKeys = false;       ///< attention_bias and mlp_bias are read
    bool qkvBias = false;        ///< always there
    bool headNorms = false, gemma = false, fused = false;
    double scalar = 0;           ///< query_pre_attn_scalar
    double scoreCap = 0, logitCap = 0;
    RopeDefaults rope = {};
};

const std::array<Family, 9>& families()
{
    static const std::array<Family, 9> all{{
        {.name = "llama", .vocab = 32000, .hidden = 4096, .ffn = 11008, .layers = 32, .heads = 32, .context = 2048, .headDim = 0, .kvHeads = 0, .slidingWindow = 0, .biasKeys = true},
        {.name = "mistral", .vocab = 32000, .hidden = 4096, .ffn = 14336, .layers = 32, .heads = 32, .context = 131072,
         .headDim = 0, .kvHeads = 8, .slidingWindow = 4096, .windows = Windows::all},
        {.name = "ministral", .vocab = 32000, .hidden = 4096, .ffn = 14336, .layers = 32, .heads = 32, .context = 131072,
         .headDim = 0, .kvHeads = 8, .slidingWindow = 4096, .windows = Windows::all},
        {.name = "qwen2", .vocab = 151936, .hidden = 4096, .ffn = 22016, .layers = 32, .heads = 32, .context = 32768, .headDim = 0, .kvHeads = 32, .slidingWindow = 4096,
         .windows = Windows::optional, .qkvBias = true},
        {.name = "qwen3", .vocab = 151936, .hidden = 4096, .ffn = 22016, .layers = 32, .heads = 32, .context = 32768, .headDim = 128, .kvHeads = 32, .slidingWindow = 4096,
         .windows = Windows::optional, .biasKeys = true, .headNorms = true},
        {.name = "gemma2", .vocab = 256000, .hidden = 2304, .ffn = 9216, .layers = 26, .heads = 8, .context = 8192, .headDim = 256, .kvHeads = 4, .slidingWindow = 4096,
         .windows = Windows::alternating, .biasKeys = true, .gemma = true, .scalar = 256, .scoreCap = 50, .logitCap = 30},
        {.name = "gemma3_text", .vocab = 262208, .hidden = 2304, .ffn = 9216, .layers = 26, .heads = 8, .context = 131072, .headDim = 256, .kvHeads = 4, .slidingWindow = 4096,
         .windows = Windows::fiveOfSix, .biasKeys = true, .headNorms = true, .gemma = true, .scalar = 256,
         .rope = {.theta = 1e6, .localTheta = 10000.0}},
        {.name = "gemma3", .vocab = 262208, .hidden = 2304, .ffn = 9216, .layers = 26, .heads = 8, .context = 131072, .headDim = 256, .kvHeads = 4, .slidingWindow = 4096,
         .windows = Windows::fiveOfSix, .biasKeys = true, .headNorms = true, .gemma = true, .scalar = 256,
         .rope = {.theta = 1e6, .localTheta = 10000.0}},
        {.name = "phi3", .vocab = 32064, .hidden = 3072, .ffn = 8192, .layers = 32, .heads = 32, .context = 4096,
         .headDim = 0, .kvHeads = 0, .slidingWindow = 0, .windows = Windows::all, .fused = true,
         .rope = {.yarnIsLongrope = true, .partial = true, .originalContext = 4096}},
    }};
    return all;
}

const Family& familyOf(const JsonFields& config, const std::string& name)
{
    for (const Family& family : families())
        if (name == family.name)
            return family;
    config.refuse(fmt::format("the architecture '{}' (model_type) is not supported; supported: {}",
                              name.empty() ? "not named" : name, supportedFamilies()));
}

/// A window for each layer; empty when no layer has one.
std::vector<int> readWindows(const JsonFields& config, const Family& family, int layers)
{
    const bool off = family.windows == Windows::none
                     || (family.windows == Windows::optional && !config.boolean("use_sliding_window", false));
    const bool null = config.names("sliding_window") && !config.has("sliding_window");
    const std::int64_t window = off || null ? 0 : config.integer("sliding_window", family.slidingWindow, 0);
    if (window == 0)
        return {};
    const std::int64_t full = config.integer("max_window_layers", 28, 0), cycle = config.integer("sliding_window_pattern", 6);
    std::vector<int> windows;
    for (int layer = 0; layer < layers; ++layer) {
        const bool slides = family.windows == Windows::all
                            || (family.windows == Windows::optional && layer >= full)
                            || (family.windows == Windows::alternating && layer % 2 == 0)
                            || (family.windows == Windows::fiveOfSix && (layer + 1) % cycle != 0);
        windows.push_back(slides ? static_cast<int>(window) : 0);
    }
    // Mistral files with such a list are Ministral's, which goes by it; Phi-3 does not.
    if (!config.has("layer_types") || family.fused)
        return windows;
    const nlohmann::json& kinds = config.json().at("layer_types");
    if (!kinds.is_array() || std::ssize(kinds) != layers)
        config.refuse(fmt::format("'layer_types' is no list of {} kinds, one for each layer", layers));
    for (int layer = 0; layer < layers; ++layer) {
        const nlohmann::json& kind = kinds[static_cast<std::size_t>(layer)];
        if (kind != "full_attention" && kind != "sliding_attention")
            config.refuse(fmt::format("'layer_types' holds {}, expected full_attention or sliding_attention", kind.dump()));
        windows[static_cast<std::size_t>(layer)] = kind == "sliding_attention" ? static_cast<int>(window) : 0;
    }
    return windows;
}

Activation readActivation(const JsonFields& config, const Family& family)
{
    // Gemma files have "hidden_act", too, left over from Gemma 1 and of no effect.
    const std::string name = family.gemma ? config.text("hidden_activation", "gelu_pytorch_tanh")
                                          : config.text("hidden_act", "silu");
    if (name == "silu" || name == "swish")
        return Activation::silu;
    if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast")
        return Activation::geluTanh;
    if (name == "gelu" || name == "gelu_python")
        return Activation::gelu;
    config.refuse(fmt::format("the activation '{}' is not supported; supported: silu, gelu, gelu_pytorch_tanh", name));
}

core::ModelInfo readSizes(const JsonFields& config, const Family& family)
{
    const auto number = [&](const char* key, std::int64_t fallback) {
        return static_cast<int>(config.integer(key, fallback));
    };
    core::ModelInfo info;
    info.arch = family.name;
    info.nLayers = number("num_hidden_layers", family.layers);
    info.nHeads = number("num_attention_heads", family.heads);
    // A null stands for as many as query heads, no key for the family's number.
    const bool null = config.names("num_key_value_heads") && !config.has("num_key_value_heads");
    info.nKvHeads = number("num_key_value_heads", family.kvHeads > 0 && !null ? family.kvHeads : info.nHeads);
    info.hiddenSize = number("hidden_size", family.hidden);
    info.vocabSize = number("vocab_size", family.vocab);
    if (!config.has("head_dim") && family.headDim == 0 && info.hiddenSize < info.nHeads)
        config.refuse(fmt::format("hidden_size {} is less than num_attention_heads {}", info.hiddenSize, info.nHeads));
    info.headDim = number("head_dim", family.headDim > 0 ? family.headDim : info.hiddenSize / info.nHeads);
    if (info.nHeads % info.nKvHeads != 0)
        config.refuse(fmt::format("{} query heads cannot share {} KV heads", info.nHeads, info.nKvHeads));
    return info;
}

/// A cap of the family, unless the file sets or removes it.
double readCap(const JsonFields& config, const char* key, double usual)
{
    return config.names(key) && !config.has(key) ? 0.0 : config.has(key) ? config.positive(key, 0.0) : usual;
}

void readGemma(const JsonFields& config, const Family& family, HfModelSpec& spec)
{
    spec.outputNorms = spec.normsFromOne = true;
    spec.arch.embeddingScale = std::sqrt(static_cast<float>(spec.info.hiddenSize));
    spec.info.scoreScale = 1.0 / std::sqrt(config.positive("query_pre_attn_scalar", family.scalar));
    spec.arch.logitCap = static_cast<float>(readCap(config, "final_logit_softcapping", family.logitCap));
    // Gemma 3 has the key, but its attention does not use it.
    if (family.scoreCap > 0)
        spec.info.scoreCap = readCap(config, "attn_logit_softcapping", family.scoreCap);
    if (config.boolean("use_bidirectional_attention", false))
        config.refuse("attention in both directions ('use_bidirectional_attention') is not supported: there is no cache");
}

} // namespace

std::string supportedFamilies()
{
    std::string names;
    for (const Family& family : families())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", family.name);
    return names;
}

namespace {

/// That of the folder; in the cache of Hugging Face's programs (models--ORG--NAME/snapshots/COMMIT), NAME.
std::string nameOf(const std::filesystem::path& folder)
{
    const std::string repository = folder.parent_path().parent_path().filename().string();
    if (folder.parent_path().filename() == "snapshots" && repository.starts_with("models--"))
        return repository.substr(repository.rfind("--") + 2);
    return folder.filename().string();
}

/// "quantization_config": {"weight_block_size": [rows, columns]}; 128 x 128 unless it says so. What is quantised how is
/// seen by the types of the tensors.
ScaleBlock readScaleBlock(const JsonFields& file)
{
    if (!file.has("quantization_config"))
        return {};
    const JsonFields settings = file.object("quantization_config");
    if (!settings.has("weight_block_size"))
        return {};
    const std::vector<double> sizes = settings.positives("weight_block_size");
    const auto whole = [](double size) { return size == std::floor(size) && size <= 1 << 20; };
    if (sizes.size() != 2 || !whole(sizes[0]) || !whole(sizes[1]))
        settings.refuse(fmt::format("'weight_block_size' is {}, expected two whole numbers",
                                    settings.json().at("weight_block_size").dump()));
    return {static_cast<std::int64_t>(sizes[0]), static_cast<std::int64_t>(sizes[1])};
}

} // namespace

HfModelSpec readHfConfig(const std::filesystem::path& configFile)
{
    const JsonFields file = JsonFields::ofFile(configFile);
    const std::string name = file.text("model_type", "");
    const Family& family = familyOf(file, name);
    // Models with a vision part keep the settings of the text part in an object of their own.
    const JsonFields config = file.has("text_config") ? file.object("text_config") : file;
    HfModelSpec spec;
    spec.family = name;
    spec.info = readSizes(config, family);
    spec.info.name = nameOf(std::filesystem::absolute(configFile).lexically_normal().parent_path());
    const std::int64_t context = config.integer("max_position_embeddings", family.context);
    const HfRope rope = readHfRope(config, family.rope, spec.info.headDim, context);
    if (rope.global.dim != rope.local.dim || rope.global.attentionFactor != rope.local.attentionFactor)
        config.refuse("layers whose rotations differ in channels or attention factors are not supported");
    spec.arch.rope = rope.global;
    spec.arch.localRope = rope.local;
    spec.arch.ffnSize = config.integer("intermediate_size", family.ffn);
    spec.arch.normEps = static_cast<float>(config.positive("rms_norm_eps", family.fused ? 1e-5 : 1e-6));
    spec.arch.activation = readActivation(config, family);
    spec.info.contextLength = static_cast<int>(std::min<std::int64_t>(rope.global.reach(), 1 << 30));
    spec.info.ropeTheta = rope.global.theta;
    spec.info.ropeDim = rope.global.dim;
    spec.info.ropeFactor = rope.global.attentionFactor;
    if (rope.global.kind != RopeSpec::Kind::plain)
        spec.info.ropeScaling = ropeKindName(rope.global.kind);
    spec.info.slidingWindows = readWindows(config, family, spec.info.nLayers);
    const bool bias = family.biasKeys && config.boolean("attention_bias", false);
    spec.qkvBias = family.qkvBias || bias;
    spec.outputBias = bias;
    spec.ffnBias = family.biasKeys && !family.gemma && !family.headNorms && config.boolean("mlp_bias", false);
    spec.headNorms = family.headNorms;
    spec.fusedProjections = family.fused;
    spec.tied = file.boolean("tie_word_embeddings", family.gemma); // with a vision part, the outer key counts
    spec.scaleBlock = readScaleBlock(file);
    if (family.gemma)
        readGemma(config, family, spec);
    if (file.has("text_config"))
        spec.arch.logitCap = 0; // models with a vision part have the key, but do not use it
    return spec;
}

} // namespace kvviz::capture
