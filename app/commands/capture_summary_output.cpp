// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A summary as text for people and as JSON for programs.
#include "app/commands/capture_summary.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kvviz::app {
namespace {

constexpr std::int64_t kFirstTokens = 16;

/// "0-3, 7"
std::string rangesText(const std::vector<int>& numbers)
{
    std::string result;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t last = i;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1)
            ++last;
        result += fmt::format("{}{}", result.empty() ? "" : ", ", numbers[i]);
        if (last > i)
            result += fmt::format("-{}", numbers[last]);
        i = last + 1;
    }
    return result;
}

std::string field(std::string_view name, std::string_view text) { return fmt::format("  {:<12}{}\n", name, text); }

std::string modelText(const core::ModelInfo& model)
{
    std::string result = fmt::format("{} ({}), {} layers, {} heads on {} KV heads of {} channels, context {}",
                                     model.name, model.arch, model.nLayers, model.nHeads, model.nKvHeads, model.headDim,
                                     model.contextLength);
    if (const int widest = model.widestWindow(); widest > 0) {
        const auto all = std::count(model.slidingWindows.begin(), model.slidingWindows.end(), 0);
        result += fmt::format(", sliding window {}", widest);
        if (all > 0)
            result += fmt::format(" in {} layers", model.nLayers - all);
    }
    return result;
}

std::string tokensText(const core::CaptureInfo& info)
{
    std::string result;
    const std::int64_t shown = std::min(kFirstTokens, info.tokens.size());
    for (std::int64_t i = 0; i < shown; ++i)
        result += fmt::format("{}[{}]", i == 0 ? "" : " ", info.tokens.displayText(i));
    return result + (shown < info.tokens.size() ? " ..." : "");
}

std::string segmentsText(const core::CaptureInfo& info)
{
    TextTable table({"segment", ">index", ">begin", ">end", ">tokens", "label"});
    for (const core::Segment& segment : info.segments)
        table.add({std::string(segmentKindName(segment.kind)), std::to_string(segment.index),
                   std::to_string(segment.span.begin), std::to_string(segment.span.end),
                   std::to_string(segment.span.size()), core::displayBytes(segment.label)});
    return "\n" + table.text("  ");
}

std::string arraysText(const CaptureSummary& summary)
{
    TextTable table({"array", "axes", ">shape", ">stored in the group"});
    std::string group;
    for (const ArraySummary& array : summary.arrays) {
        const std::string own = array.path.substr(1, array.path.find('/', 1) - 1);
        std::string stored;
        for (const auto& [name, bytes] : summary.groupBytes)
            if (name == own && own != group)
                stored = core::humanBytes(bytes);
        group = own;
        table.add({array.path, fmt::format("{}", fmt::join(array.axes, " ")),
                   fmt::format("{}", fmt::join(array.shape, " x ")), stored});
    }
    return "\n" + table.text("  ");
}

std::string layersText(const CaptureSummary& summary)
{
    TextTable table({">layer", ">row entropy", fmt::format(">on first {}", summary.info.sinkTokens), ">heaviest key",
                     ">its share", "token"});
    for (const LayerSummary& layer : summary.layers)
        table.add({std::to_string(layer.layer), fmt::format("{:.3f}", layer.entropy),
                   fmt::format("{:.3f}", layer.sinkMass), std::to_string(layer.heaviestKey),
                   fmt::format("{:.4f}", layer.heaviestShare),
                   fmt::format("[{}]", summary.info.tokens.displayText(layer.heaviestKey))});
    return "\n" + table.text("  ");
}

Json segmentsJson(const core::CaptureInfo& info)
{
    Json result = Json::array();
    for (const core::Segment& segment : info.segments)
        result.push_back({{"kind", segmentKindName(segment.kind)},
                          {"index", segment.index},
                          {"begin", segment.span.begin},
                          {"end", segment.span.end},
                          {"label", segment.label}});
    return result;
}

Json modelJson(const core::ModelInfo& model)
{
    return {{"name", model.name},
            {"arch", model.arch},
            {"sha256", model.sha256},
            {"n_layers", model.nLayers},
            {"n_heads", model.nHeads},
            {"n_kv_heads", model.nKvHeads},
            {"head_dim", model.headDim},
            {"hidden_size", model.hiddenSize},
            {"vocab_size", model.vocabSize},
            {"context_length", model.contextLength},
            {"rope_theta", model.ropeTheta},
            {"rope_dim", model.ropeDim},
            {"rope_scaling", model.ropeScaling},
            {"rope_factor", model.ropeFactor},
            {"score_scale", model.scoreScale},
            {"score_cap", model.scoreCap},
            {"sliding_window", model.widestWindow()},
            {"sliding_windows", model.slidingWindows}};
}

Json promptJson(const core::PromptInfo& prompt)
{
    return {{"task", prompt.task},
            {"id", prompt.id},
            {"n_prompt", prompt.nPrompt},
            {"n_generated", prompt.nGenerated},
            {"continuation", prompt.continuation},
            {"target", prompt.target},
            {"answer", prompt.answer},
            {"text", prompt.promptText}};
}

Json storageJson(const CaptureSummary& summary)
{
    Json arrays = Json::array();
    for (const ArraySummary& array : summary.arrays)
        arrays.push_back({{"path", array.path}, {"axes", array.axes}, {"shape", array.shape}});
    Json groups = Json::object();
    for (const auto& [group, bytes] : summary.groupBytes)
        groups[group] = bytes;
    return {{"file_bytes", summary.fileBytes}, {"group_bytes", groups}, {"arrays", arrays}};
}

} // namespace

Json toJson(const CaptureSummary& summary)
{
    const core::CaptureInfo& info = summary.info;
    Json texts = Json::array();
    for (std::int64_t i = 0; i < info.tokens.size(); ++i)
        texts.push_back(info.tokens.displayText(i));
    Json result{{"capture", summary.name},
                {"creator", info.creator},
                {"created", info.created},
                {"command_line", info.commandLine},
                {"tier", tierName(info.tier)},
                {"seed", info.seed},
                {"dtype", info.dtype},
                {"model", modelJson(info.model)},
                {"prompt", promptJson(info.prompt)},
                {"layers", info.layers},
                {"heads", info.heads},
                {"window", info.window},
                {"sink_tokens", info.sinkTokens},
                {"segments", segmentsJson(info)},
                {"storage", storageJson(summary)},
                {"tokens", {{"id", info.tokens.ids}, {"text", texts}}},
                {"extra", info.extra}};
    if (!summary.layers.empty()) {
        result["layer_summary"] = Json::array();
        for (const LayerSummary& layer : summary.layers)
            result["layer_summary"].push_back({{"layer", layer.layer},
                                               {"mean_entropy", layer.entropy},
                                               {"mean_sink_mass", layer.sinkMass},
                                               {"heaviest_key", layer.heaviestKey},
                                               {"heaviest_key_share", layer.heaviestShare}});
    }
    return result;
}

std::string toText(const CaptureSummary& summary)
{
    const core::CaptureInfo& info = summary.info;
    std::string result = summary.name + "\n";
    result += field("model", modelText(info.model));
    result += field("prompt", fmt::format("{} / {}: {} prompt tokens + {} generated ({})", info.prompt.task,
                                          info.prompt.id, info.nPrompt(), info.nGenerated(), info.prompt.continuation));
    result += field("tier", fmt::format("{}: {}; window of {} queries", tierName(info.tier),
                                        needNames(summary.available), info.window));
    result += field("captured", fmt::format("layers {} of {}; heads {} of {}", rangesText(info.layers),
                                            info.model.nLayers, rangesText(info.heads), info.model.nHeads));
    result += field("made", fmt::format("{} by {}, {} weights, seed {}", info.created, info.creator, info.dtype,
                                        info.seed));
    result += field("command", info.commandLine);
    for (const auto& [name, value] : info.extra)
        result += field(name, core::displayBytes(value));
    result += field("file", core::humanBytes(summary.fileBytes));
    result += field("tokens", tokensText(info));
    result += segmentsText(info) + arraysText(summary);
    return summary.layers.empty() ? result : result + layersText(summary);
}

} // namespace kvviz::app
