// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz models check: what a model is and what it takes, from its settings and tensor tables alone.
#include "app/commands.hpp"
#include "app/engine/free_memory.hpp"
#include "app/engine/model_location.hpp"
#include "app/json_output.hpp"
#include "app/output.hpp"
#include "capture/chat_template.hpp"
#include "capture/device_choice.hpp"
#include "capture/gguf_model.hpp"
#include "capture/hf_model.hpp"
#include "capture/size_estimate.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace kvviz::app {
namespace {

constexpr std::int64_t kLongest = std::int64_t{1} << 30; ///< tokens; sizes of longer runs overflow

/// What there is to make tokens of text.
struct TokenizerSummary {
    bool found = false;
    std::string refusal; ///< why it cannot be used; empty: it can
    int tokens = 0;
    bool hasTemplate = false;
    std::string chat;    ///< name of the model's chat template, if it can be followed
};

TokenizerSummary tokenizerOf(const std::string& path)
{
    TokenizerSummary summary;
    summary.found = !core::isFolder(path) || capture::hasTokenizer(path);
    if (!summary.found)
        return summary;
    try {
        const capture::Tokenizer tokenizer = capture::loadTokenizer(path);
        summary.tokens = tokenizer.vocabSize();
        summary.hasTemplate = !tokenizer.chatTemplate().empty();
        if (const auto chat = capture::recognisedChatTemplate(tokenizer.chatTemplate()))
            summary.chat = chat->name;
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::badInput)
            throw;
        summary.refusal = error.what();
    }
    return summary;
}

/// What can be said of a model before it is loaded.
struct ModelSummary {
    std::string format; ///< "Hugging Face folder", "GGUF file"
    core::ModelInfo info;
    capture::Architecture arch;
    bool tied = false, biases = false, headNorms = false, outputNorms = false;
    std::size_t files = 1, tensors = 0;
    std::uint64_t fileBytes = 0;
    TokenizerSummary tokenizer;
};

ModelSummary modelSummaryOf(const std::string& path)
{
    ModelSummary summary;
    if (core::isFolder(path)) {
        const capture::HfFolder folder(path);
        const capture::HfModelSpec& spec = folder.spec();
        summary = {"Hugging Face folder", spec.info, spec.arch, spec.tied, spec.qkvBias || spec.ffnBias, spec.headNorms,
                   spec.outputNorms, folder.tensors().files().size(), folder.tensors().tensorCount(),
                   folder.tensors().bytes(), {}};
        return summary;
    }
    const capture::GgufFile file(path);
    capture::Model model = capture::describeModel(file);
    summary.format = "GGUF file";
    summary.info = std::move(model.info);
    summary.arch = std::move(model.arch);
    summary.tied = capture::isTied(file);
    summary.biases = file.findTensor("blk.0.attn_q.bias") != nullptr;
    summary.tensors = file.tensors().size();
    summary.fileBytes = std::filesystem::file_size(path);
    return summary;
}

std::array<std::uint64_t, 4> captureBytes(const core::ModelInfo& info, const ModelsOptions& options)
{
    const CaptureOptions defaults; // of kvviz capture
    capture::SizeQuestion question;
    question.layers = info.nLayers;
    question.heads = info.nHeads;
    question.kvHeads = info.nKvHeads;
    question.headDim = info.headDim;
    question.n = options.length;
    question.t = options.generate;
    question.window = std::min(defaults.window, options.length);
    question.mapCap = defaults.mapCap;
    question.topK = defaults.topK;
    question.fullRows = options.length;
    return capture::estimateBytes(question);
}

/// Bytes of the weights as float32 and as two-byte numbers, of a run beside them on the CPU, and of all on one GPU.
struct Memory {
    struct Gpu {
        std::uint64_t whole = 0, streamed = 0; ///< with all weights there; with layers read each time they are used
    };
    std::uint64_t float32 = 0, halves = 0, run = 0;
    Gpu gpuFloat32, gpuHalves;
};

Memory memoryOf(const ModelSummary& summary, const ModelsOptions& options)
{
    const std::uint64_t count = capture::weightCount(summary.info, summary.arch.ffnSize, summary.tied);
    const std::int64_t tokens = options.length + options.generate;
    const auto gpu = [&](std::int64_t elementBytes) -> Memory::Gpu {
        const auto needs = capture::deviceNeeds(summary.info, summary.arch.ffnSize, summary.tied, elementBytes, tokens, 1);
        return {capture::leastDeviceBytes(needs, false), capture::leastDeviceBytes(needs, true)};
    };
    return {4 * count, 2 * count, capture::runBytes(summary.info, summary.arch.ffnSize, tokens), gpu(4), gpu(2)};
}

std::string attentionText(const core::ModelInfo& info)
{
    std::string text = fmt::format("{} heads on {} KV heads of {} channels", info.nHeads, info.nKvHeads, info.headDim);
    const auto slides = std::count_if(info.slidingWindows.begin(), info.slidingWindows.end(), [](int w) { return w > 0; });
    if (slides > 0)
        text += fmt::format("; {} of {} layers see the last {} tokens only", slides, info.nLayers, info.widestWindow());
    if (info.scoreCap > 0)
        text += fmt::format("; scores capped at {}", info.scoreCap);
    return text;
}

std::string partsText(const ModelSummary& summary)
{
    std::string text;
    const auto add = [&](bool has, const char* what) {
        if (has)
            text += fmt::format("{}{}", text.empty() ? "" : ", ", what);
    };
    add(summary.biases, "biases");
    add(summary.headNorms, "norms of queries and keys");
    add(summary.outputNorms, "norms of what attention and feed-forward write");
    add(summary.arch.logitCap > 0, "capped logits");
    add(summary.tied, "output tied to the embedding");
    return text;
}

std::string tokenizerText(const TokenizerSummary& tokenizer)
{
    if (!tokenizer.found)
        return "none (no tokenizer.json or tokenizer.model): prompts as token ids only (--token-ids)";
    if (!tokenizer.refusal.empty())
        return "not supported: " + tokenizer.refusal;
    std::string chat = "no chat template";
    if (!tokenizer.chat.empty())
        chat = tokenizer.chat == capture::kOwnChatTemplate ? "a chat template of its own (--chat auto)"
                                                           : fmt::format("chat template {} (--chat auto)", tokenizer.chat);
    else if (tokenizer.hasTemplate)
        chat = "a chat template that cannot be followed (--chat NAME chooses one)";
    return fmt::format("{} tokens; {}", tokenizer.tokens, chat);
}

void printSummary(const ModelSummary& summary, const ModelsOptions& options)
{
    const core::ModelInfo& info = summary.info;
    const Memory memory = memoryOf(summary, options);
    const auto line = [](std::string_view name, const std::string& text) {
        if (!text.empty())
            printOut(fmt::format("  {:<11} {}\n", name, text));
    };
    printOut(fmt::format("{}: {} ({}), supported\n", options.path, info.name, info.arch));
    line("layers", fmt::format("{}, hidden size {}, feed-forward {}, vocabulary {}", info.nLayers, info.hiddenSize,
                               summary.arch.ffnSize, info.vocabSize));
    line("attention", attentionText(info));
    line("also", partsText(summary));
    line("context", fmt::format("{} tokens; RoPE {}, theta {}, {} of {} channels turn", info.contextLength,
                                capture::ropeKindName(summary.arch.rope.kind), info.ropeTheta, info.ropeDim, info.headDim));
    line("files", fmt::format("{}: {} with {} tensors, {}", summary.format, summary.files, summary.tensors,
                              core::humanBytes(summary.fileBytes)));
    line("weights", fmt::format("{} in float32, {} in bfloat16 or float16", core::humanBytes(memory.float32),
                                core::humanBytes(memory.halves)));
    line("a run", fmt::format("of {} + {} tokens takes {} beside them; this machine has {} free", options.length,
                              options.generate, core::humanBytes(memory.run), core::humanBytes(freeMemory())));
    const auto gpuLine = [&](const char* name, std::uint64_t halves, std::uint64_t float32, const char* how) {
        line(name, fmt::format("{} in bfloat16 or float16, {} in float32, {}", core::humanBytes(halves),
                               core::humanBytes(float32), how));
    };
    gpuLine("on a GPU", memory.gpuHalves.whole, memory.gpuFloat32.whole, "weights and that run");
    if (memory.gpuHalves.streamed < memory.gpuHalves.whole)
        gpuLine("", memory.gpuHalves.streamed, memory.gpuFloat32.streamed, "layers read each time they are used");
    line("tokenizer", tokenizerText(summary.tokenizer));
    const auto bytes = captureBytes(info, options);
    line("captures", fmt::format("of that run take at most, before compression: stats {}, cache {}, map {}, full {}",
                                 core::humanBytes(bytes[0]), core::humanBytes(bytes[1]), core::humanBytes(bytes[2]),
                                 core::humanBytes(bytes[3])));
    if (options.length + options.generate > info.contextLength)
        line("note", fmt::format("{} tokens exceed its context", options.length + options.generate));
}

Json jsonOf(const TokenizerSummary& tokenizer)
{
    if (!tokenizer.found)
        return nullptr;
    if (!tokenizer.refusal.empty())
        return {{"supported", false}, {"reason", tokenizer.refusal}};
    Json json = {{"supported", true}, {"tokens", tokenizer.tokens}, {"has_chat_template", tokenizer.hasTemplate}};
    json["chat_template"] = tokenizer.chat.empty() ? Json(nullptr) : Json(tokenizer.chat);
    return json;
}

Json jsonOf(const ModelSummary& summary, const ModelsOptions& options)
{
    const core::ModelInfo& info = summary.info;
    const Memory memory = memoryOf(summary, options);
    const auto bytes = captureBytes(info, options);
    Json report = jsonReport("models");
    report.update({{"path", options.path},
            {"format", summary.format},
            {"name", info.name},
            {"arch", info.arch},
            {"supported", true},
            {"n_layers", info.nLayers},
            {"n_heads", info.nHeads},
            {"n_kv_heads", info.nKvHeads},
            {"head_dim", info.headDim},
            {"hidden_size", info.hiddenSize},
            {"ffn_size", summary.arch.ffnSize},
            {"vocab_size", info.vocabSize},
            {"context_length", info.contextLength},
            {"rope", capture::ropeKindName(summary.arch.rope.kind)},
            {"sliding_windows", info.slidingWindows},
            {"score_cap", info.scoreCap},
            {"tied", summary.tied},
            {"files", summary.files},
            {"tensors", summary.tensors},
            {"file_bytes", summary.fileBytes},
            {"weight_bytes", {{"float32", memory.float32}, {"half", memory.halves}}},
            {"length", options.length},
            {"generate", options.generate},
            {"run_bytes", memory.run},
            {"free_bytes", freeMemory()},
            {"gpu_bytes",
             {{"float32", memory.gpuFloat32.whole},
              {"half", memory.gpuHalves.whole},
              {"float32_streamed", memory.gpuFloat32.streamed},
              {"half_streamed", memory.gpuHalves.streamed}}},
            {"tokenizer", jsonOf(summary.tokenizer)},
            {"capture_bytes", {{"stats", bytes[0]}, {"cache", bytes[1]}, {"map", bytes[2]}, {"full", bytes[3]}}}});
    return report;
}

} // namespace

int runModels(const ModelsOptions& options, const CommonOptions& common)
{
    if (options.length > kLongest || options.generate > kLongest)
        throw core::Error(core::ErrorCode::usage, fmt::format("--length and --generate go up to {}", kLongest));
    const std::string path = folderOfModel(options.path).string();
    ModelSummary summary = modelSummaryOf(path);
    summary.tokenizer = tokenizerOf(path);
    if (common.json)
        printJson(jsonOf(summary, options));
    else
        printSummary(summary, options);
    // Without a tokenizer there are token ids; with one that cannot be read a capture ends at once.
    return summary.tokenizer.refusal.empty() ? 0 : 3;
}

} // namespace kvviz::app
