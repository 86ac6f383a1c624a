// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The table of arrays and scales.
#include "core/io/capture_layout.hpp"

#include "core/error.hpp"
#include "core/pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace kvviz::io {
namespace {

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t end)
{
    std::vector<std::int64_t> values(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)));
    std::iota(values.begin(), values.end(), begin);
    return values;
}

void addMapArrays(std::vector<ArraySpec>& arrays, const Sizes& s, const Axis& layer, const Axis& head)
{
    for (int k = 0; k < std::ssize(s.levelCells); ++k) {
        const std::int64_t cells = s.levelCells[static_cast<std::size_t>(k)];
        const std::string scale = fmt::format("cell_{}", k);
        for (const char* pooling : {"max", "mean"})
            arrays.push_back({path::level(k, pooling), {layer, head, {"row", scale, cells}, {"column", scale, cells}},
                              core::Tier::map});
    }
    const Axis query{"query", "full_query", std::ssize(s.fullQueries)};
    arrays.push_back({path::full, {layer, head, query, {"key", "position", s.total()}}, core::Tier::full});
}

/// Captures with decode steps may have them from tier cache on.
void addReadoutArrays(std::vector<ArraySpec>& arrays, const Sizes& s, const Axis& layer, const Axis& head)
{
    const Axis query{"query", "decode_query", s.t}, candidate{"candidate", "candidate", s.candidates};
    const Axis channel{"candidate_channel", "candidate_channel", s.candidates * s.headDim};
    constexpr auto kTier = core::Tier::cache;
    arrays.push_back({path::readout, {layer, head, query, channel}, kTier, 2, true});
    if (s.candidates > 0)
        arrays.push_back({path::written, {layer, head, query}, kTier, 2, true});
    arrays.push_back({path::readoutIds, {query, candidate}, kTier, 2, true});
    arrays.push_back({path::readoutLogprob, {query, candidate}, kTier, 2, true});
}

void addTokenArrays(std::vector<ArraySpec>& arrays, const Sizes& s)
{
    const Axis token{"token", "position", s.total()};
    const Axis segment{"segment", "segment", s.segments};
    arrays.push_back({"tokens/id", {token}});
    arrays.push_back({"tokens/text", {token}});
    for (const char* name : {"kind", "index", "begin", "end", "label"})
        arrays.push_back({fmt::format("segments/{}", name), {segment}});
    arrays.push_back({"logits/logprob", {token}});
    for (const char* name : {"top_id", "top_logprob"})
        arrays.push_back({fmt::format("logits/{}", name), {token, {"rank", "rank", s.topK}}});
}

} // namespace

std::string path::level(int index, const char* pooling) { return fmt::format("map/level_{}/{}", index, pooling); }

Sizes sizesOf(const core::CaptureInfo& info)
{
    Sizes s;
    s.layers = std::ssize(info.layers);
    s.heads = std::ssize(info.heads);
    s.kvHeads = std::ssize(info.kvHeads());
    s.n = info.nPrompt();
    s.t = info.nGenerated();
    s.window = info.window;
    s.headDim = info.model.headDim;
    s.segments = std::ssize(info.segments);
    return s;
}

std::vector<unsigned long long> ArraySpec::shape() const
{
    std::vector<unsigned long long> dims;
    for (const Axis& axis : axes)
        dims.push_back(static_cast<unsigned long long>(axis.size));
    return dims;
}

std::vector<ArraySpec> captureArrays(const Sizes& s)
{
    const Axis layer{"layer", "layer", s.layers}, head{"head", "head", s.heads};
    const Axis kvHead{"kv_head", "kv_head", s.kvHeads};
    const Axis key{"key", "position", s.total()}, query{"query", "position", s.total()};
    const Axis token{"token", "position", s.total()}, channel{"channel", "channel", s.headDim};
    using core::Tier;
    std::vector<ArraySpec> arrays{
        {path::received, {layer, head, key}},
        {path::receivedWindow, {layer, head, key}},
        {path::receivedSq, {layer, head, key}},
        {path::receivedSqFar, {layer, head, key}, Tier::stats, 1},
        {path::entropy, {layer, head, query}},
        {path::sinkMass, {layer, head, query}},
        {path::queryMean, {layer, head, channel}, Tier::cache, 1},
        {path::queryCovariance, {layer, head, channel, channel}, Tier::cache, 1},
        {path::windowRows,
         {layer, head, {"query", "window_query", s.window}, {"key", "prompt_position", s.n}},
         Tier::cache},
        {path::decodeRows, {layer, head, {"query", "decode_query", s.t}, key}, Tier::cache},
        {path::key, {layer, kvHead, token, channel}, Tier::cache},
        {path::value, {layer, kvHead, token, channel}, Tier::cache},
        {path::query, {layer, head, {"query", "cache_query", s.window + s.t}, channel}, Tier::cache},
    };
    addMapArrays(arrays, s, layer, head);
    addReadoutArrays(arrays, s, layer, head);
    addTokenArrays(arrays, s);
    std::erase_if(arrays, [](const ArraySpec& array) {
        return std::any_of(array.axes.begin(), array.axes.end(), [](const Axis& axis) { return axis.size <= 0; });
    });
    return arrays;
}

ArraySpec captureArray(const Sizes& sizes, const std::string& path)
{
    std::vector<ArraySpec> arrays = captureArrays(sizes);
    const auto found = std::find_if(arrays.begin(), arrays.end(), [&](const ArraySpec& a) { return a.path == path; });
    if (found == arrays.end())
        throw core::Error(core::ErrorCode::failure, fmt::format("/{} has no elements in this capture", path));
    return *found;
}

std::vector<Scale> captureScales(const core::CaptureInfo& info, const Sizes& s)
{
    const std::vector<int> kvHeads = info.kvHeads();
    std::vector<std::int64_t> cacheQueries = range(s.n - s.window, s.n);
    const std::vector<std::int64_t> decodeQueries = range(s.n, s.total());
    cacheQueries.insert(cacheQueries.end(), decodeQueries.begin(), decodeQueries.end());
    std::vector<Scale> scales{
        {"layer", {info.layers.begin(), info.layers.end()}},
        {"head", {info.heads.begin(), info.heads.end()}},
        {"kv_head", {kvHeads.begin(), kvHeads.end()}},
        {"position", range(0, s.total())},
        {"prompt_position", range(0, s.n)},
        {"window_query", range(s.n - s.window, s.n)},
        {"decode_query", decodeQueries},
        {"cache_query", cacheQueries},
        {"full_query", s.fullQueries},
        {"channel", range(0, s.headDim)},
        {"segment", range(0, s.segments)},
        {"rank", range(0, s.topK)},
        {"candidate", range(0, s.candidates)},
        {"candidate_channel", range(0, s.candidates * s.headDim)},
    };
    for (int k = 0; k < std::ssize(s.levelCells); ++k) {
        std::vector<std::int64_t> begins = range(0, s.levelCells[static_cast<std::size_t>(k)]);
        const std::int64_t cellSize = core::MapPyramid::levelCellSize(s.n, s.levelCells[0], k);
        std::transform(begins.begin(), begins.end(), begins.begin(), [&](std::int64_t i) { return i * cellSize; });
        scales.push_back({fmt::format("cell_{}", k), std::move(begins)});
    }
    std::erase_if(scales, [](const Scale& scale) { return scale.values.empty(); });
    return scales;
}

} // namespace kvviz::io
