// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the tensors of a folder to the weights that the decoder runs.
#include "capture/hf_model.hpp"

#include "capture/sha256.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace kvviz::capture {
namespace {

namespace fs = std::filesystem;
using Shape = std::vector<std::int64_t>;
using Parts = TensorParts;

/// The tensors of a model by what they are for. The names are those of transformers.
class Layout {
public:
    Layout(const HfModelSpec& spec, std::string prefix) : m_spec(spec), m_prefix(std::move(prefix)) {}

    [[nodiscard]] Parts qkv(int layer, const char* kind) const
    {
        const bool matrix = std::string_view(kind) == "weight";
        const auto shape = [&](std::int64_t rows) { return matrix ? Shape{rows, hidden()} : Shape{rows}; };
        if (m_spec.fusedProjections)
            return {{part(layer, "self_attn.qkv_proj", kind), shape(queryRows() + 2 * keyRows())}};
        return {{part(layer, "self_attn.q_proj", kind), shape(queryRows())},
                {part(layer, "self_attn.k_proj", kind), shape(keyRows())},
                {part(layer, "self_attn.v_proj", kind), shape(keyRows())}};
    }
    [[nodiscard]] Parts gateUp(int layer, const char* kind) const
    {
        const bool matrix = std::string_view(kind) == "weight";
        const std::int64_t ffn = m_spec.arch.ffnSize;
        const auto shape = [&](std::int64_t rows) { return matrix ? Shape{rows, hidden()} : Shape{rows}; };
        if (m_spec.fusedProjections)
            return {{part(layer, "mlp.gate_up_proj", kind), shape(2 * ffn)}};
        return {{part(layer, "mlp.gate_proj", kind), shape(ffn)}, {part(layer, "mlp.up_proj", kind), shape(ffn)}};
    }
    [[nodiscard]] Parts output(int layer) const
    {
        return {{part(layer, "self_attn.o_proj", "weight"), {hidden(), queryRows()}}};
    }
    [[nodiscard]] Parts down(int layer) const
    {
        return {{part(layer, "mlp.down_proj", "weight"), {hidden(), m_spec.arch.ffnSize}}};
    }
    [[nodiscard]] Parts vector(int layer, const char* name, std::int64_t size, const char* kind = "weight") const
    {
        return {{part(layer, name, kind), {size}}};
    }
    [[nodiscard]] Parts embedding() const { return {{m_prefix + "embed_tokens.weight", {m_spec.info.vocabSize, hidden()}}}; }
    [[nodiscard]] Parts outputNorm() const { return {{m_prefix + "norm.weight", {hidden()}}}; }
    /// Beside the decoder, whatever stands before its names.
    [[nodiscard]] Parts head() const
    {
        const std::string before = m_prefix.starts_with("language_model.") ? "language_model." : "";
        return {{before + "lm_head.weight", {m_spec.info.vocabSize, hidden()}}};
    }
    /// Norms before attention and feed-forward, and of what they write.
    [[nodiscard]] const char* ffnNorm() const
    {
        return m_spec.outputNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
    }
    [[nodiscard]] std::int64_t hidden() const { return m_spec.info.hiddenSize; }

private:
    [[nodiscard]] std::string part(int layer, const char* name, const char* kind) const
    {
        return fmt::format("{}layers.{}.{}.{}", m_prefix, layer, name, kind);
    }
    [[nodiscard]] std::int64_t queryRows() const { return std::int64_t{m_spec.info.nHeads} * m_spec.info.headDim; }
    [[nodiscard]] std::int64_t keyRows() const { return std::int64_t{m_spec.info.nKvHeads} * m_spec.info.headDim; }

    const HfModelSpec& m_spec;
    std::string m_prefix;
};

/// Every tensor of one layer goes through `take`, in the order of the forward pass.
template <typename Take> void eachOfLayer(const HfModelSpec& spec, const Layout& layout, int layer, Take&& take)
{
    const std::int64_t hidden = layout.hidden(), d = spec.info.headDim;
    take(&LayerWeights::attentionNorm, layout.vector(layer, "input_layernorm", hidden), true);
    take(&LayerWeights::qkv, layout.qkv(layer, "weight"), false);
    if (spec.qkvBias)
        take(&LayerWeights::qkvBias, layout.qkv(layer, "bias"), false);
    if (spec.headNorms) {
        take(&LayerWeights::queryNorm, layout.vector(layer, "self_attn.q_norm", d), true);
        take(&LayerWeights::keyNorm, layout.vector(layer, "self_attn.k_norm", d), true);
    }
    take(&LayerWeights::attentionOutput, layout.output(layer), false);
    if (spec.outputBias)
        take(&LayerWeights::attentionOutputBias, layout.vector(layer, "self_attn.o_proj", hidden, "bias"), false);
    if (spec.outputNorms)
        take(&LayerWeights::attentionOutputNorm, layout.vector(layer, "post_attention_layernorm", hidden), true);
    take(&LayerWeights::ffnNorm, layout.vector(layer, layout.ffnNorm(), hidden), true);
    take(&LayerWeights::gateUp, layout.gateUp(layer, "weight"), false);
    take(&LayerWeights::down, layout.down(layer), false);
    if (spec.ffnBias) {
        take(&LayerWeights::gateUpBias, layout.gateUp(layer, "bias"), false);
        take(&LayerWeights::downBias, layout.vector(layer, "mlp.down_proj", hidden, "bias"), false);
    }
    if (spec.outputNorms)
        take(&LayerWeights::ffnOutputNorm, layout.vector(layer, "post_feedforward_layernorm", hidden), true);
}

void check(const TensorSource& source, const Parts& parts)
{
    for (const auto& [name, shape] : parts)
        (void)source.tensor(name, shape);
}

std::vector<float> readNorm(const TensorSource& source, const Parts& parts, bool fromOne)
{
    std::vector<float> values = readVector(source, parts);
    if (fromOne)
        for (float& value : values)
            value += 1.0f;
    return values;
}

Linear readMatrix(const TensorSource& source, const Parts& parts, WeightType type)
{
    std::int64_t rows = 0;
    for (const auto& [name, shape] : parts)
        rows += shape.front();
    return Linear(readStacked(source, parts), rows, parts.front().second.back(), type);
}

LayerWeights readLayer(const TensorSource& source, const HfModelSpec& spec, const Layout& layout, int layer,
                       WeightType type)
{
    LayerWeights weights;
    eachOfLayer(spec, layout, layer, [&]<typename Member>(Member member, const Parts& parts, bool norm) {
        if constexpr (std::is_same_v<Member, Linear LayerWeights::*>)
            weights.*member = readMatrix(source, parts, type);
        else
            weights.*member = readNorm(source, parts, norm && spec.normsFromOne);
    });
    return weights;
}

/// What stands before the decoder's tensors: models with a vision part have had several names for it.
std::string findPrefix(const SafetensorsModel& tensors)
{
    for (const char* prefix : {"model.", "language_model.model.", "model.language_model.", ""})
        if (tensors.findTensor(fmt::format("{}embed_tokens.weight", prefix)) != nullptr)
            return prefix;
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("'{}': tensor 'model.embed_tokens.weight' is missing; this is not a complete model",
                                  tensors.path()));
}

/// Is there an output matrix other than the embedding in spite of settings that tie them? As transformers, we keep it.
bool headDiffers(const SafetensorsModel& tensors, const Layout& layout)
{
    const TensorInfo* const head = tensors.findTensor(layout.head().front().first);
    const TensorInfo* const embedding = tensors.findTensor(layout.embedding().front().first);
    return head != nullptr && (head->type != embedding->type || !std::ranges::equal(head->data, embedding->data));
}

/// A weight of a layer that the settings know nothing of (a bias, experts, adapters): without it the numbers are wrong.
/// Scales belong to other weights, and frequencies of rotations follow from the settings.
void refuseOthers(const SafetensorsModel& tensors, const std::string& prefix, const std::set<std::string>& known)
{
    for (const TensorInfo* const tensor : tensors.tensors())
        if (tensor->name.starts_with(prefix) && !known.contains(tensor->name)
            && tensor->name.find("scale") == std::string::npos && !tensor->name.ends_with("rotary_emb.inv_freq"))
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}': there is a tensor '{}' of the shape {}, but config.json describes a model "
                                          "without it", tensors.path(), core::displayBytes(tensor->name), tensor->shape));
}

/// "; there is one in '...'" where a folder below is a model, as in the cache of Hugging Face's programs
/// (models--ORG--NAME/snapshots/COMMIT).
std::string hintBelow(const fs::path& folder)
{
    constexpr int kDeepest = 3, kMost = 2000;
    std::error_code error;
    int seen = 0;
    for (fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error), end;
         !error && entry != end && ++seen < kMost; entry.increment(error)) {
        if (entry->path().filename() == "config.json")
            return fmt::format("; there is one in '{}'", entry->path().parent_path().string());
        if (entry.depth() >= kDeepest)
            entry.disable_recursion_pending();
    }
    return {};
}

/// config.json; a folder without one is no model.
fs::path settingsOf(const fs::path& folder)
{
    if (!core::nameExists(folder / "config.json"))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}': there is no config.json; a model is a Hugging Face folder or a GGUF file{}",
                                      folder.string(), hintBelow(folder)));
    return folder / "config.json";
}

} // namespace

HfFolder::HfFolder(const fs::path& folder)
    : m_folder(folder), m_spec(readHfConfig(settingsOf(folder))),
      m_tensors(std::make_shared<const SafetensorsModel>(folder, m_spec.scaleBlock)), m_prefix(findPrefix(*m_tensors))
{
    const Layout layout(m_spec, m_prefix);
    check(*m_tensors, layout.embedding());
    std::set<std::string> known;
    for (int layer = 0; layer < m_spec.info.nLayers; ++layer)
        eachOfLayer(m_spec, layout, layer, [&](auto, const Parts& parts, bool) {
            check(*m_tensors, parts);
            for (const auto& [name, shape] : parts)
                known.insert(name);
        });
    check(*m_tensors, layout.outputNorm());
    if (!m_spec.tied || m_tensors->findTensor(layout.head().front().first) != nullptr)
        check(*m_tensors, layout.head());
    const std::string next = fmt::format("{}layers.{}.input_layernorm.weight", m_prefix, m_spec.info.nLayers);
    if (m_tensors->findTensor(next) != nullptr)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}': config.json says {} layers, but there is a tensor '{}'", folder.string(),
                                      m_spec.info.nLayers, next));
    refuseOthers(*m_tensors, m_prefix + "layers.", known);
}

std::shared_ptr<Model> HfFolder::describe() const
{
    auto model = std::make_shared<Model>();
    model->info = m_spec.info;
    model->arch = m_spec.arch;
    model->info = model->infoFor(0);
    return model;
}

std::shared_ptr<Model> HfFolder::load(WeightType type, bool streamed) const
{
    std::shared_ptr<Model> model = describe();
    const Layout layout(m_spec, m_prefix);
    model->embedding = readMatrix(*m_tensors, layout.embedding(), type);
    model->outputNorm = readNorm(*m_tensors, layout.outputNorm(), m_spec.normsFromOne);
    if (!m_spec.tied || headDiffers(*m_tensors, layout))
        model->output = readMatrix(*m_tensors, layout.head(), type);
    model->layers.resize(static_cast<std::size_t>(m_spec.info.nLayers));
    model->readLayer = [tensors = m_tensors, spec = m_spec, prefix = m_prefix, type](int layer) {
        LayerWeights weights = readLayer(*tensors, spec, Layout(spec, prefix), layer, type);
        tensors->dropPages(); // else they would count as resident until the memory is short
        return weights;
    };
    for (int layer = 0; layer < m_spec.info.nLayers && !streamed; ++layer)
        model->layers[static_cast<std::size_t>(layer)] =
            std::make_shared<const LayerWeights>(readLayer(*m_tensors, m_spec, layout, layer, type));
    m_tensors->dropPages();
    return model;
}

std::vector<fs::path> HfFolder::files() const
{
    std::vector<fs::path> files{m_folder / "config.json"};
    for (const fs::path& file : m_tensors->files())
        files.push_back(file);
    return files;
}

std::string HfFolder::sha256() const { return sha256OfFiles(files()); }

} // namespace kvviz::capture
