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
#include <functional>
#include <limits>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

[[noreturn]] void fail(const ArraySource& source, const std::string& what)
{
    throw Error(ErrorCode::badInput, fmt::format("'{}': {}", source.path(), what));
}

/// Drops axes of 1 from the front until `rank` are left.
std::vector<std::int64_t> withoutBatch(std::vector<std::int64_t> shape, std::size_t rank)
{
    while (shape.size() > rank && shape.front() == 1)
        shape.erase(shape.begin());
    return shape;
}

} // namespace

LayeredArray::LayeredArray(ArraySource& source, const std::string& name, std::size_t rank)
    : m_source(&source), m_name(name)
{
    if (const NamedArray* stack = source.find(name))
        takeStack(*stack, rank);
    else if (source.find(name + ".0") != nullptr)
        takeLayers(rank);
    if (m_layers > 0 && std::any_of(m_shape.begin(), m_shape.end(), [](std::int64_t size) { return size < 1; }))
        fail(source, fmt::format("the array '{}' is empty", name));
}

void LayeredArray::takeStack(const NamedArray& array, std::size_t rank)
{
    const std::vector<std::int64_t> shape =
        array.shape.empty() ? array.shape : withoutBatch({array.shape.begin() + 1, array.shape.end()}, rank);
    if (shape.size() != rank || array.shape.front() < 1)
        fail(*m_source, fmt::format("the array '{}' has the shape {}, expected {} axes: layers first", array.name,
                                    array.shapeText(), rank + 1));
    m_arrays = {&array};
    m_layers = array.shape.front();
    m_shape = shape;
}

void LayeredArray::takeLayers(std::size_t rank)
{
    while (const NamedArray* layer = m_source->find(fmt::format("{}.{}", m_name, m_arrays.size()))) {
        const std::vector<std::int64_t> shape = withoutBatch(layer->shape, rank);
        if (shape.size() != rank || (!m_arrays.empty() && shape != m_shape))
            fail(*m_source, fmt::format("the array '{}' has the shape {}, expected {}", layer->name, layer->shapeText(),
                                        m_arrays.empty() ? fmt::format("{} axes", rank) : fmt::format("{}", m_shape)));
        m_shape = shape;
        m_arrays.push_back(layer);
    }
    m_layers = std::ssize(m_arrays);
    const std::string begin = m_name + ".";
    const auto named = std::count_if(m_source->arrays().begin(), m_source->arrays().end(),
                                     [&](const auto& entry) { return entry.first.starts_with(begin); });
    if (named != m_layers)
        fail(*m_source, fmt::format("'{}.{}' is missing, but there are {} arrays '{}...'", m_name, m_layers, named, begin));
}

std::vector<float> LayeredArray::load(std::int64_t layer) const
{
    const std::int64_t count = std::accumulate(m_shape.begin(), m_shape.end(), std::int64_t{1}, std::multiplies<>());
    if (m_arrays.size() == 1)
        return m_source->floats(*m_arrays.front(), m_layers == 1 ? 0 : layer * count, count);
    return m_source->floats(*m_arrays[static_cast<std::size_t>(layer)], 0, count);
}

namespace {

void requireShape(const ArraySource& source, const LayeredArray& array, std::int64_t layers,
                  const std::vector<std::int64_t>& shape, const char* meaning)
{
    if (array.layers() != layers || array.shape() != shape)
        fail(source, fmt::format("'{}' is {} layers of {}, expected {} of {} ({})", array.name(), array.layers(),
                                 array.shape(), layers, shape, meaning));
}

void addTokens(ArraySource& source, const ImportMetadata& metadata, std::int64_t total, ImportDescription& result)
{
    const NamedArray* const ids = source.find("input_ids");
    if (ids == nullptr)
        fail(source, "the array 'input_ids' is missing");
    const std::vector<std::int64_t> values = source.integers(*ids);
    if (std::ssize(values) != total)
        fail(source, fmt::format("'input_ids' has the shape {}, but 'attention' is over {} tokens", ids->shapeText(),
                                 total));
    std::vector<std::string> texts = metadata.tokens;
    if (const NamedArray* array = source.find("tokens"); array != nullptr && texts.empty())
        texts = source.strings(*array);
    if (texts.empty())
        result.missing.emplace_back("texts of tokens ('tokens')");
    else if (std::ssize(texts) != total)
        fail(source, fmt::format("there are {} texts in 'tokens', expected {}, one a token", texts.size(), total));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] < 0 || values[i] > std::numeric_limits<std::int32_t>::max())
            fail(source, fmt::format("'input_ids': {} at {} is no token id", values[i], i));
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
        fail(source, fmt::format("n_prompt is {}, but there are {} tokens", prompt.nPrompt, total));
    prompt.nGenerated = total - prompt.nPrompt;
    if (prompt.continuation.empty())
        prompt.continuation = prompt.nGenerated > 0 ? "greedy" : "none";
    if (prompt.id.empty())
        prompt.id = std::filesystem::path(source.path()).stem().string();
    for (const core::Segment& segment : info.segments)
        if (segment.span.end < segment.span.begin || segment.span.end > total)
            fail(source, fmt::format("the segment '{}' is tokens {} to {}, but there are {}", segment.label,
                                     segment.span.begin, segment.span.end, total));
    const bool saysGenerated = std::any_of(info.segments.begin(), info.segments.end(), [](const core::Segment& segment) {
        return segment.kind == core::SegmentKind::generated;
    });
    if (info.segments.empty())
        info.segments.push_back({core::SegmentKind::question, 0, {0, prompt.nPrompt}, "prompt"});
    if (!saysGenerated && prompt.nGenerated > 0)
        info.segments.push_back({core::SegmentKind::generated, 0, {prompt.nPrompt, total}, "generated"});
}

/// Sizes of the model, as far as the arrays tell them.
void addModel(const ArraySource& source, ImportDescription& result)
{
    core::CaptureInfo& info = result.info;
    core::ModelInfo& model = info.model;
    const std::int64_t layers = result.attention.layers(), heads = result.attention.shape().front();
    constexpr std::int64_t kMost = 1 << 20;
    if (layers > kMost || heads > kMost)
        fail(source, "'attention' has more layers or heads than a model can have");
    model.nLayers = static_cast<int>(layers);
    model.nHeads = static_cast<int>(heads);
    model.nKvHeads = model.nHeads;
    if (result.key.isThere() && heads % result.key.shape()[0] != 0)
        fail(source, fmt::format("{} KV heads in 'key' do not share {} heads in 'attention'", result.key.shape()[0], heads));
    model.nKvHeads = static_cast<int>(result.key.isThere() ? result.key.shape()[0] : heads);
    if (!model.ropeFrequencies.empty() && model.ropeDim == 0)
        model.ropeDim = 2 * static_cast<int>(model.ropeFrequencies.size());
    const LayeredArray& vectors = result.key.isThere() ? result.key : result.query;
    if (vectors.isThere() && vectors.shape()[2] > kMost)
        fail(source, fmt::format("'{}' has {} channels, more than a head can have", vectors.name(), vectors.shape()[2]));
    if (vectors.isThere())
        model.headDim = static_cast<int>(vectors.shape()[2]);
    const bool isKnown = model.headDim > 0;
    if (!isKnown) // nothing in the capture has channels
        model.headDim = std::max(1, model.ropeDim);
    else if (model.ropeDim == 0 && result.rotation == Rotation::known)
        model.ropeDim = model.headDim;
    if (model.name.empty())
        model.name = "imported";
    const auto pairs = static_cast<std::size_t>(model.ropeDim / 2);
    if (model.ropeDim > model.headDim || model.ropeDim % 2 != 0
        || (!model.ropeFrequencies.empty() && model.ropeFrequencies.size() != pairs)
        || (!model.localRopeFrequencies.empty() && model.localRopeFrequencies.size() != pairs))
        fail(source, fmt::format("the metadata turns {} channels by {} frequencies, but a head has {}", model.ropeDim,
                                 model.ropeFrequencies.size(), model.headDim));
    if (!model.slidingWindows.empty() && std::ssize(model.slidingWindows) != layers)
        fail(source, fmt::format("sliding_windows has {} numbers, expected {}, one a layer", model.slidingWindows.size(),
                                 layers));
    info.layers.resize(static_cast<std::size_t>(layers));
    info.heads.resize(static_cast<std::size_t>(heads));
    std::iota(info.layers.begin(), info.layers.end(), 0);
    std::iota(info.heads.begin(), info.heads.end(), 0);
}

void requireShapes(const ArraySource& source, const ImportDescription& result)
{
    const std::vector<std::int64_t>& shape = result.attention.shape();
    const std::int64_t layers = result.attention.layers(), heads = shape[0], total = shape[1];
    if (shape[2] != total)
        fail(source, fmt::format("'attention' is {} a layer, expected [heads, T, T]: rows of all tokens over all tokens; "
                                 "run the model once over prompt and continuation, without a cache of earlier tokens",
                                 shape));
    if (result.key.isThere() != result.value.isThere())
        fail(source, fmt::format("'{}' is there without '{}'", result.key.isThere() ? "key" : "value",
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

} // namespace

ImportDescription describeImport(ArraySource& source, const std::string& metadata)
{
    const bool own = metadata.empty();
    ImportMetadata said = parseImportMetadata(own ? ownMetadata(source) : metadata,
                                              own ? fmt::format("'{}': the metadata", source.path()) : "the metadata");
    LayeredArray query(source, "query", 3), raw(source, "query_raw", 3);
    const bool rawQueries = raw.isThere();
    if (query.isThere() && rawQueries)
        fail(source, "'query' and 'query_raw' are both there; give the queries after rotation or before it");
    if (rawQueries && said.rotation == Rotation::unknown)
        fail(source, "'query_raw' holds queries before rotation, but the metadata does not say how they are turned; give "
                     "'rope_theta' or 'rope_frequencies' (or 'rope_dim': 0 for a model that turns none)");
    ImportDescription result{said.info, {source, "attention", 3}, {source, "key", 3}, {source, "value", 3},
                             rawQueries ? std::move(raw) : std::move(query), rawQueries, said.rotation, {}};
    if (!result.attention.isThere())
        fail(source, "the array 'attention' (or attention.0, attention.1, ...) is missing");
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
