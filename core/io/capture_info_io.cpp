// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One function writes, one reads, in the same order.
#include "core/io/capture_info_io.hpp"

#include "core/io/capture_layout.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace kvviz::io {
namespace {

using core::CaptureInfo;
using core::Error;
using core::ErrorCode;

void writeModel(hid_t root, const core::ModelInfo& model)
{
    writeAttribute(root, "model_name", model.name);
    writeAttribute(root, "model_arch", model.arch);
    writeAttribute(root, "model_sha256", model.sha256);
    const auto integer = [&](const char* name, int value) { writeAttribute(root, name, std::int64_t{value}); };
    integer("n_layers", model.nLayers);
    integer("n_heads", model.nHeads);
    integer("n_kv_heads", model.nKvHeads);
    integer("head_dim", model.headDim);
    integer("hidden_size", model.hiddenSize);
    integer("vocab_size", model.vocabSize);
    integer("context_length", model.contextLength);
    writeAttribute(root, "rope_theta", model.ropeTheta);
    integer("rope_dim", model.ropeDim);
    writeAttribute(root, "rope_scaling", model.ropeScaling);
    if (!model.ropeFrequencies.empty())
        writeAttribute(root, "rope_frequencies", std::span<const float>(model.ropeFrequencies));
    if (!model.localRopeFrequencies.empty())
        writeAttribute(root, "rope_frequencies_local", std::span<const float>(model.localRopeFrequencies));
    writeAttribute(root, "rope_factor", model.ropeFactor);
    writeAttribute(root, "score_scale", model.scoreScale);
    writeAttribute(root, "score_cap", model.scoreCap);
    // The widest, for readers that know of one window only (format 1.2 and before).
    integer("sliding_window", model.widestWindow());
    if (!model.slidingWindows.empty())
        writeAttribute(root, "sliding_windows", std::span<const std::int32_t>(model.slidingWindows));
}

void writePrompt(hid_t root, const core::PromptInfo& prompt)
{
    const Handle group = createGroup(root, "prompt");
    writeAttribute(group.get(), "task", prompt.task);
    writeAttribute(group.get(), "id", prompt.id);
    writeAttribute(group.get(), "prompt_text", prompt.promptText);
    writeAttribute(group.get(), "target", prompt.target);
    writeAttribute(group.get(), "answer", prompt.answer);
    writeAttribute(group.get(), "n_prompt", prompt.nPrompt);
    writeAttribute(group.get(), "n_generated", prompt.nGenerated);
    writeAttribute(group.get(), "continuation", prompt.continuation);
}

void writeTokens(hid_t root, const core::TokenTable& tokens)
{
    const auto count = static_cast<hsize_t>(tokens.size());
    writeDataset(root, "tokens/id", std::span<const std::int32_t>(tokens.ids), {count});
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(tokens.bytes.data()), tokens.bytes.size());
    writeDataset(root, "tokens/bytes", bytes, {bytes.size()});
    writeDataset(root, "tokens/offset", std::span<const std::int64_t>(tokens.offsets), {count + 1});
    std::vector<std::string> texts;
    for (std::int64_t i = 0; i < tokens.size(); ++i)
        texts.push_back(tokens.displayText(i));
    writeDataset(root, "tokens/text", texts);
}

void writeSegments(hid_t root, const std::vector<core::Segment>& segments)
{
    std::vector<std::string> kinds, labels;
    std::vector<std::int32_t> indices;
    std::vector<std::int64_t> begins, ends;
    for (const core::Segment& segment : segments) {
        kinds.emplace_back(core::segmentKindName(segment.kind));
        indices.push_back(segment.index);
        begins.push_back(segment.span.begin);
        ends.push_back(segment.span.end);
        labels.push_back(segment.label);
    }
    const std::vector<hsize_t> shape{segments.size()};
    writeDataset(root, "segments/kind", kinds);
    writeDataset(root, "segments/index", std::span<const std::int32_t>(indices), shape);
    writeDataset(root, "segments/begin", std::span<const std::int64_t>(begins), shape);
    writeDataset(root, "segments/end", std::span<const std::int64_t>(ends), shape);
    writeDataset(root, "segments/label", labels);
}

/// Empty where the attribute is not there.
std::vector<float> readFrequencies(hid_t root, const char* name, int ropeDim, const std::string& where)
{
    if (!hasAttribute(root, name))
        return {};
    std::vector<float> frequencies = readReals(root, name, where);
    if (std::ssize(frequencies) != ropeDim / 2)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' has {} values, expected {}", where, name,
                                                     frequencies.size(), ropeDim / 2));
    for (const float frequency : frequencies)
        if (!std::isfinite(frequency))
            throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' holds {}", where, name, frequency));
    return frequencies;
}

/// A number that came with format 1.3; files before it hold `otherwise` in effect.
double readLaterReal(hid_t root, const char* name, double otherwise, const std::string& where)
{
    const double value = hasAttribute(root, name) ? readReal(root, name, where) : otherwise;
    if (!std::isfinite(value) || value < 0)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is {}", where, name, value));
    return value;
}

/// Of every layer; empty when all see all keys. Format 1.2 knew one window for all.
std::vector<int> readWindows(hid_t root, int layers, int widest, const std::string& where)
{
    if (!hasAttribute(root, "sliding_windows"))
        return widest > 0 ? std::vector<int>(static_cast<std::size_t>(layers), widest) : std::vector<int>();
    std::vector<std::int32_t> windows = readIntegers(root, "sliding_windows", where);
    if (std::ssize(windows) != layers)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute 'sliding_windows' has {} values, expected {}",
                                                     where, windows.size(), layers));
    for (const std::int32_t window : windows)
        if (window < 0)
            throw Error(ErrorCode::badInput,
                        fmt::format("{}: the attribute 'sliding_windows' holds {}", where, window));
    return windows;
}

core::ModelInfo readModel(hid_t root, const TextCopy& texts, const std::string& where)
{
    core::ModelInfo model;
    model.name = texts.read("", "model_name");
    model.arch = texts.read("", "model_arch");
    model.sha256 = texts.read("", "model_sha256");
    const auto integer = [&](const char* name, std::int64_t least) {
        const std::int64_t value = readInteger(root, name, where);
        if (value < least || value > std::numeric_limits<int>::max())
            throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is {}", where, name, value));
        return static_cast<int>(value);
    };
    model.nLayers = integer("n_layers", 1);
    model.nHeads = integer("n_heads", 1);
    model.nKvHeads = integer("n_kv_heads", 1);
    model.headDim = integer("head_dim", 1);
    model.hiddenSize = integer("hidden_size", 0);
    model.vocabSize = integer("vocab_size", 0);
    model.contextLength = integer("context_length", 0);
    model.ropeTheta = readReal(root, "rope_theta", where);
    model.ropeDim = integer("rope_dim", 0);
    model.ropeScaling = texts.read("", "rope_scaling");
    model.ropeFrequencies = readFrequencies(root, "rope_frequencies", model.ropeDim, where);
    model.localRopeFrequencies = readFrequencies(root, "rope_frequencies_local", model.ropeDim, where);
    model.ropeFactor = readLaterReal(root, "rope_factor", 1.0, where);
    model.scoreScale = readLaterReal(root, "score_scale", 0.0, where);
    model.scoreCap = readLaterReal(root, "score_cap", 0.0, where);
    model.slidingWindows = readWindows(root, model.nLayers, integer("sliding_window", 0), where);
    return model;
}

core::PromptInfo readPrompt(hid_t root, const TextCopy& texts, const std::string& where)
{
    const Handle group = openGroup(root, "prompt", where);
    const std::string place = where + "prompt";
    core::PromptInfo prompt;
    prompt.task = texts.read("prompt", "task");
    prompt.id = texts.read("prompt", "id");
    prompt.promptText = texts.read("prompt", "prompt_text");
    prompt.target = texts.read("prompt", "target");
    prompt.answer = texts.read("prompt", "answer");
    prompt.nPrompt = readInteger(group.get(), "n_prompt", place);
    prompt.nGenerated = readInteger(group.get(), "n_generated", place);
    prompt.continuation = texts.read("prompt", "continuation");
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (prompt.nPrompt < 1 || prompt.nPrompt > kMost || prompt.nGenerated < 0 || prompt.nGenerated > kMost)
        throw Error(ErrorCode::badInput, fmt::format("{}: {} prompt tokens and {} generated ones are not possible",
                                                     place, prompt.nPrompt, prompt.nGenerated));
    return prompt;
}

core::TokenTable readTokens(hid_t root, std::int64_t count, const std::string& where)
{
    core::TokenTable tokens;
    const auto size = static_cast<hsize_t>(count);
    tokens.ids = readInt32s(root, "tokens/id", {size}, where);
    tokens.offsets = readInt64s(root, "tokens/offset", {size + 1}, where);
    const Handle blob = openDataset(root, "tokens/bytes", where);
    const std::vector<hsize_t> shape = datasetShape(blob.get());
    const auto end = static_cast<std::int64_t>(shape.empty() ? 0 : shape[0]);
    if (tokens.offsets.front() != 0 || tokens.offsets.back() != end
        || !std::is_sorted(tokens.offsets.begin(), tokens.offsets.end()))
        throw Error(ErrorCode::badInput,
                    fmt::format("{}tokens/offset: expected ascending offsets from 0 to {}", where, end));
    const std::vector<std::uint8_t> bytes = readBytes(root, "tokens/bytes", {static_cast<hsize_t>(end)}, where);
    tokens.bytes.assign(bytes.begin(), bytes.end());
    return tokens;
}

std::vector<core::Segment> readSegments(hid_t root, const std::string& where)
{
    const std::vector<hsize_t> shape = datasetShape(openDataset(root, "segments/begin", where).get());
    if (shape.size() != 1 || shape[0] > 10'000'000)
        throw Error(ErrorCode::badInput, fmt::format("{}segments/begin: the shape is {}", where, shapeText(shape)));
    const std::vector<std::int64_t> begins = readInt64s(root, "segments/begin", shape, where);
    const std::vector<std::int64_t> ends = readInt64s(root, "segments/end", shape, where);
    const std::vector<std::int32_t> indices = readInt32s(root, "segments/index", shape, where);
    const std::vector<std::string> kinds = readTexts(root, "segments/kind", shape[0], where);
    const std::vector<std::string> labels = readTexts(root, "segments/label", shape[0], where);
    std::vector<core::Segment> segments;
    for (std::size_t i = 0; i < begins.size(); ++i) {
        const auto kind = core::segmentKindFromName(kinds[i]);
        if (!kind)
            throw Error(ErrorCode::badInput,
                        fmt::format("{}segments/kind: '{}' is no kind of segment", where, kinds[i]));
        segments.push_back({*kind, indices[i], {begins[i], ends[i]}, labels[i]});
    }
    return segments;
}

bool strictlyAscendingBelow(const std::vector<int>& values, int end)
{
    return !values.empty() && values.front() >= 0 && values.back() < end
           && std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end();
}

} // namespace

void requireConsistent(const CaptureInfo& info, ErrorCode code, const std::string& where)
{
    const auto require = [&](bool condition, const std::string& what) {
        if (!condition)
            throw Error(code, fmt::format("{}: {}", where, what));
    };
    const core::ModelInfo& model = info.model;
    require(model.nLayers > 0 && model.nHeads > 0 && model.nKvHeads > 0 && model.headDim > 0
                && model.nHeads % model.nKvHeads == 0,
            fmt::format("{} layers, {} heads, {} KV heads of {} channels are not possible", model.nLayers, model.nHeads,
                        model.nKvHeads, model.headDim));
    require(strictlyAscendingBelow(info.layers, model.nLayers), "'layers' must be ascending numbers of layers");
    require(strictlyAscendingBelow(info.heads, model.nHeads), "'heads' must be ascending numbers of heads");
    const auto groupSize = static_cast<std::size_t>(model.nHeads / model.nKvHeads);
    require(info.heads.size() == info.kvHeads().size() * groupSize, "'heads' must be whole groups of a KV head");
    require(info.nPrompt() >= 1 && info.nGenerated() >= 0, "the prompt has no tokens");
    require(info.window >= 0 && info.window <= info.nPrompt(),
            fmt::format("the window of {} queries is outside of the prompt", info.window));
    require(info.sinkTokens >= 0, "the number of sink tokens is negative");
}

void writeCaptureInfo(hid_t root, const CaptureInfo& info)
{
    writeAttribute(root, "format", kCaptureFormat);
    writeAttribute(root, "format_version", kFormatVersion);
    writeAttribute(root, "creator", info.creator);
    writeAttribute(root, "created", info.created);
    writeAttribute(root, "command_line", info.commandLine);
    writeAttribute(root, "tier", core::tierName(info.tier));
    writeAttribute(root, "seed", info.seed);
    writeAttribute(root, "dtype", info.dtype);
    writeModel(root, info.model);
    writeAttribute(root, "layers", std::span<const std::int32_t>(info.layers));
    writeAttribute(root, "heads", std::span<const std::int32_t>(info.heads));
    writeAttribute(root, "window", info.window);
    writeAttribute(root, "sink_tokens", std::int64_t{info.sinkTokens});
    writePrompt(root, info.prompt);
    writeTokens(root, info.tokens);
    writeSegments(root, info.segments);
    writeProvenance(root, info.extra);
    writeTextCopy(root, {"", "prompt", "provenance"});
}

CaptureInfo readCaptureInfo(hid_t root, const std::string& where)
{
    const TextCopy texts(root, where);
    CaptureInfo info;
    info.creator = texts.read("", "creator");
    info.created = texts.read("", "created");
    info.commandLine = texts.read("", "command_line");
    const std::string tier = texts.read("", "tier");
    const auto known = core::tierFromName(tier);
    if (!known)
        throw Error(ErrorCode::badInput, fmt::format("{}: '{}' is no tier", where, tier));
    info.tier = *known;
    info.seed = readUnsigned(root, "seed", where);
    info.dtype = texts.read("", "dtype");
    info.model = readModel(root, texts, where);
    info.layers = readIntegers(root, "layers", where);
    info.heads = readIntegers(root, "heads", where);
    info.window = readInteger(root, "window", where);
    const std::int64_t sinks = readInteger(root, "sink_tokens", where);
    if (sinks < 0 || sinks > std::numeric_limits<int>::max())
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute 'sink_tokens' is {}", where, sinks));
    info.sinkTokens = static_cast<int>(sinks);
    info.prompt = readPrompt(root, texts, where);
    requireConsistent(info, ErrorCode::badInput, where);
    info.tokens = readTokens(root, info.nTokens(), where);
    info.segments = readSegments(root, where);
    for (const core::Segment& segment : info.segments)
        if (segment.span.begin < 0 || segment.span.end < segment.span.begin || segment.span.end > info.nTokens())
            throw Error(ErrorCode::badInput, fmt::format("{}segments: [{}, {}) is outside of the {} tokens", where,
                                                         segment.span.begin, segment.span.end, info.nTokens()));
    info.extra = readProvenance(root, texts, where);
    return info;
}

void writeProvenance(hid_t root, const std::map<std::string, std::string>& extra)
{
    const Handle provenance = createGroup(root, "provenance");
    for (const auto& [name, value] : extra)
        writeAttribute(provenance.get(), name.c_str(), value);
}

std::map<std::string, std::string> readProvenance(hid_t root, const TextCopy& texts, const std::string& where)
{
    std::map<std::string, std::string> extra;
    if (!hasGroup(root, "provenance"))
        return extra;
    const Handle group = openGroup(root, "provenance", where);
    for (const std::string& name : attributeNames(group.get(), where + "provenance"))
        extra[name] = texts.read("provenance", name.c_str());
    return extra;
}

int requireFormat(hid_t root, const char* expected, const std::string& where)
{
    const TextCopy texts(root, where);
    if (!texts.has("", "format"))
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: this HDF5 file is no '{}' (the attribute 'format' is missing)", where, expected));
    if (const std::string format = texts.read("", "format"); format != expected)
        throw Error(ErrorCode::badInput, fmt::format("{}: the format is '{}', expected '{}'", where, format, expected));
    const std::string version = texts.read("", "format_version");
    const char* const last = version.data() + version.size();
    int major = -1, minor = -1;
    const auto [point, error] = std::from_chars(version.data(), last, major);
    const bool isVersion = error == std::errc() && major >= 1 && point != last && *point == '.'
                           && std::from_chars(point + 1, last, minor).ec == std::errc() && minor >= 0;
    if (!isVersion)
        throw Error(ErrorCode::badInput, fmt::format("{}: '{}' is no format version", where, version));
    if (major > kFormatMajor)
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: format version {} is newer than this program reads ({}.x); update kvviz", where,
                                version, kFormatMajor));
    if (!hasAttribute(root, "complete") || readInteger(root, "complete", where) != 1)
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: the file is incomplete (its writer was stopped); write it again", where));
    return minor;
}

} // namespace kvviz::io
