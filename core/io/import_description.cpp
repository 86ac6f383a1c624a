// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Arrays, shapes and names of an import, each held against the others before a number is read.
#include "core/io/import_description.hpp"

#include "core/error.hpp"
#include "core/io/import_metadata.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <limits>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

void requireShape(const ArraySource& source, const LayeredArray& array, std::int64_t layers,
                  const std::vector<std::int64_t>& shape, const char* meaning)
{
    if (array.layers() != layers || array.shape() != shape)
        source.fail(fmt::format("'{}' is {} layers of {}, expected {} of {} ({})", array.name(), array.layers(),
                                 array.shape(), layers, shape, meaning));
}

/// One text a token, from the metadata or else the array; empty: there are none.
std::vector<std::string> textsOf(ArraySource& source, const ImportMetadata& metadata, std::int64_t total)
{
    const NamedArray* const array = metadata.tokens.empty() ? source.find("tokens") : nullptr;
    const std::int64_t count = array != nullptr ? array->elements() : std::ssize(metadata.tokens);
    if (count != 0 && count != total)
        source.fail(fmt::format("there are {} texts in 'tokens', expected {}, one a token", count, total));
    return array != nullptr ? source.strings(*array) : metadata.tokens;
}

void addTokens(ArraySource& source, const ImportMetadata& metadata, std::int64_t total, ImportDescription& result)
{
    const NamedArray* const ids = source.find("input_ids");
    if (ids == nullptr)
        source.fail("the array 'input_ids' is missing");
    if (ids->elements() != total) // before memory is taken for them
        source.fail(fmt::format("'input_ids' has the shape {}, but 'attention' is over {} tokens", ids->shapeText(),
                                 total));
    const std::vector<std::int64_t> values = source.integers(*ids);
    const std::vector<std::string> texts = textsOf(source, metadata, total);
    if (texts.empty())
        result.missing.emplace_back("texts of tokens ('tokens')");
    const std::int64_t vocabulary = result.info.model.vocabSize; // 0: not known
    const std::int64_t most = vocabulary > 0 ? vocabulary : std::numeric_limits<std::int32_t>::max();
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] < 0 || values[i] >= most)
            source.fail(fmt::format("'input_ids': {} at {} is no token id; expected 0 to {}{}", values[i], i, most - 1,
                                     vocabulary > 0 ? fmt::format(" (vocab_size of the metadata is {})", vocabulary) : ""));
        const std::string text = texts.empty() ? fmt::format("{} ", values[i]) : texts[i];
        result.info.tokens.append(static_cast<std::int32_t>(values[i]), text);
        if (static_cast<std::int64_t>(i) < result.info.nPrompt())
            result.info.prompt.promptText += text;
    }
}

void addPrompt(const ArraySource& source, const ImportMetadata& metadata, std::int64_t total, core::CaptureInfo& info)
{
    core::PromptInfo& prompt = info.prompt;
    prompt.nPrompt = metadata.nPrompt.value_or(total);
    if (prompt.nPrompt > total)
        source.fail(fmt::format("n_prompt is {}, but there are {} tokens", prompt.nPrompt, total));
    prompt.nGenerated = total - prompt.nPrompt;
    if (prompt.continuation.empty())
        prompt.continuation = prompt.nGenerated > 0 ? "greedy" : "none";
    if ((prompt.continuation == "none") != (prompt.nGenerated == 0))
        source.fail(fmt::format("continuation of the metadata is '{}', but n_prompt leaves {} of {} tokens for it",
                                 prompt.continuation, prompt.nGenerated, total));
    if (prompt.id.empty())
        prompt.id = std::filesystem::path(source.path()).stem().string();
    for (const core::Segment& segment : info.segments)
        if (segment.span.end < segment.span.begin || segment.span.end > total)
            source.fail(fmt::format("the segment '{}' is tokens {} to {}, but there are {}", segment.label,
                                     segment.span.begin, segment.span.end, total));
    const bool saysGenerated = std::any_of(info.segments.begin(), info.segments.end(), [](const core::Segment& segment) {
        return segment.kind == core::SegmentKind::generated;
    });
    if (info.segments.empty())
        info.segments.push_back({core::SegmentKind::question, 0, {0, prompt.nPrompt}, "prompt"});
    if (!saysGenerated && prompt.nGenerated > 0)
        info.segments.push_back({core::SegmentKind::generated, 0, {prompt.nPrompt, total}, "generated"});
}

constexpr std::int64_t kMost = 1 << 20;         ///< layers, heads: more than any model has
constexpr std::int64_t kMostChannels = 1 << 12; ///< of a head; covariances take the square of it

void addHeads(const ArraySource& source, const ImportDescription& described, core::ModelInfo& model)
{
    const std::int64_t layers = described.attention.layers(), heads = described.attention.shape().front();
    if (layers > kMost || heads > kMost)
        source.fail("'attention' has more layers or heads than a model can have");
    const std::int64_t kvHeads = described.key.isThere() ? described.key.shape()[0] : heads;
    if (heads % kvHeads != 0)
        source.fail(fmt::format("{} KV heads in 'key' do not share {} heads in 'attention'", kvHeads, heads));
    model.nLayers = static_cast<int>(layers);
    model.nHeads = static_cast<int>(heads);
    model.nKvHeads = static_cast<int>(kvHeads);
    if (!model.slidingWindows.empty() && std::ssize(model.slidingWindows) != layers)
        source.fail(fmt::format("sliding_windows has {} numbers, expected {}, one a layer", model.slidingWindows.size(),
                                 layers));
}

/// Size of a head, and how many of its channels turn.
void addChannels(const ArraySource& source, const ImportDescription& described, core::ModelInfo& model)
{
    if (!model.ropeFrequencies.empty() && model.ropeDim == 0)
        model.ropeDim = 2 * static_cast<int>(model.ropeFrequencies.size());
    const LayeredArray& vectors = described.key.isThere() ? described.key : described.query;
    if (vectors.isThere()) {
        const std::int64_t channels = vectors.shape()[2];
        if (channels > kMostChannels)
            source.fail(fmt::format("'{}' has {} channels, more than a head can have", vectors.name(), channels));
        if (model.headDim != 0 && model.headDim != channels)
            source.fail(fmt::format("head_dim of the metadata is {}, but '{}' has {} channels", model.headDim,
                                     vectors.name(), channels));
        model.headDim = static_cast<int>(channels);
        if (model.ropeDim == 0 && described.rotation == Rotation::known)
            model.ropeDim = model.headDim;
    }
    if (model.headDim == 0) // nothing in the capture has channels
        model.headDim = std::max(1, model.ropeDim);
    const auto pairs = static_cast<std::size_t>(model.ropeDim / 2);
    if (model.ropeDim > model.headDim || model.ropeDim % 2 != 0
        || (!model.ropeFrequencies.empty() && model.ropeFrequencies.size() != pairs)
        || (!model.localRopeFrequencies.empty() && model.localRopeFrequencies.size() != pairs))
        source.fail(fmt::format("the metadata turns {} channels by {} frequencies, but a head has {}", model.ropeDim,
                                 model.ropeFrequencies.size(), model.headDim));
}

/// Sizes of the model, as far as the arrays tell them.
void addModel(const ArraySource& source, ImportDescription& result)
{
    core::CaptureInfo& info = result.info;
    addHeads(source, result, info.model);
    addChannels(source, result, info.model);
    if (info.model.name.empty())
        info.model.name = "imported";
    info.layers.resize(static_cast<std::size_t>(info.model.nLayers));
    info.heads.resize(static_cast<std::size_t>(info.model.nHeads));
    std::iota(info.layers.begin(), info.layers.end(), 0);
    std::iota(info.heads.begin(), info.heads.end(), 0);
}

void requireShapes(const ArraySource& source, const ImportDescription& result)
{
    const std::vector<std::int64_t>& shape = result.attention.shape();
    const std::int64_t layers = result.attention.layers(), heads = shape[0], total = shape[1];
    if (shape[2] != total)
        source.fail(fmt::format("'attention' is {} a layer, expected [heads, T, T]: rows of all tokens over all tokens; "
                                 "run the model once over prompt and continuation, without a cache of earlier tokens",
                                 shape));
    if (result.key.isThere() != result.value.isThere())
        source.fail(fmt::format("'{}' is there without '{}'", result.key.isThere() ? "key" : "value",
                                 result.key.isThere() ? "value" : "key"));
    if (result.key.isThere()) {
        const std::int64_t kvHeads = result.key.shape()[0], channels = result.key.shape()[2];
        requireShape(source, result.key, layers, {kvHeads, total, channels}, "KV heads, tokens, channels");
        requireShape(source, result.value, layers, {kvHeads, total, channels}, "as 'key'");
    }
    if (result.query.isThere()) {
        const std::int64_t channels = result.key.isThere() ? result.key.shape()[2] : result.query.shape()[2];
        requireShape(source, result.query, layers, {heads, total, channels}, "heads, tokens, channels");
    }
}

/// What stands in a file under names that mean nothing to an import: wrongly spelt ones among them.
std::vector<std::string> ignoredArrays(const ArraySource& source)
{
    static constexpr const char* kLayered[] = {"attention", "key", "value", "query", "query_raw"};
    static constexpr const char* kOther[] = {"input_ids", "logits", "logprob", "tokens", "metadata"};
    std::vector<std::string> ignored;
    for (const auto& [name, array] : source.arrays()) {
        const bool isLayered = std::any_of(std::begin(kLayered), std::end(kLayered), [&](const char* known) {
            return name == known || isLayerOf(name, known);
        });
        if (!isLayered && std::find(std::begin(kOther), std::end(kOther), name) == std::end(kOther))
            ignored.push_back(name);
    }
    return ignored;
}

} // namespace

ImportDescription describeImport(ArraySource& source, const std::string& metadata)
{
    const bool own = metadata.empty();
    ImportMetadata said = parseImportMetadata(own ? ownMetadata(source) : metadata,
                                              own ? fmt::format("'{}': the metadata", source.path()) : "the metadata");
    LayeredArray query(source, "query", 3), raw(source, "query_raw", 3);
    const bool rawQueries = raw.isThere();
    if (query.isThere() && rawQueries)
        source.fail("'query' and 'query_raw' are both there; give the queries after rotation or before it");
    if (rawQueries && said.rotation == Rotation::unknown)
        source.fail("'query_raw' holds queries before rotation, but the metadata does not say how they are turned; give "
                     "'rope_theta' or 'rope_frequencies' (or 'rope_dim': 0 for a model that turns none)");
    ImportDescription result{said.info, {source, "attention", 3}, {source, "key", 3}, {source, "value", 3},
                             rawQueries ? std::move(raw) : std::move(query), rawQueries, said.rotation, {},
                             ignoredArrays(source)};
    if (!result.attention.isThere())
        source.fail("the array 'attention' (or attention.0, attention.1, ...) is missing");
    requireShapes(source, result);
    addModel(source, result);
    const std::int64_t total = result.attention.shape()[1];
    addPrompt(source, said, total, result.info);
    addTokens(source, said, total, result);
    if (!result.key.isThere())
        result.missing.emplace_back("keys and values ('key', 'value')");
    if (!result.query.isThere())
        result.missing.emplace_back("queries ('query' or 'query_raw')");
    else if (result.rotation == Rotation::unknown)
        result.missing.emplace_back("statistics of queries before rotation (metadata 'rope_theta')");
    return result;
}

} // namespace kvviz::io
