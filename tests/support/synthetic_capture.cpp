// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Random layers and the attention that follows from them, in double precision.
#include "tests/support/synthetic_capture.hpp"

#include "core/error.hpp"
#include "core/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace kvviz::test {
namespace {

using core::LayerData;
using core::Need;

std::vector<float> normals(std::mt19937_64& random, std::size_t count, float scale)
{
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

/// softmax(q k^T / sqrt d) over keys 0..position.
std::vector<double> attentionRow(const float* query, const float* keys, std::int64_t position, int headDim)
{
    std::vector<double> row(static_cast<std::size_t>(position + 1));
    for (std::int64_t k = 0; k <= position; ++k) {
        double dot = 0;
        for (int c = 0; c < headDim; ++c)
            dot += static_cast<double>(query[c]) * keys[k * headDim + c];
        row[static_cast<std::size_t>(k)] = dot / std::sqrt(static_cast<double>(headDim));
    }
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& value : row)
        sum += value = std::exp(value - largest);
    for (double& value : row)
        value /= sum;
    return row;
}

/// Puts one row of head h at `position` into everything that is made of rows.
void addRow(LayerData& layer, std::vector<float>& fullMap, int h, std::int64_t position, int sinkTokens,
            const std::vector<double>& row)
{
    const std::int64_t total = layer.total();
    double entropy = 0, sink = 0;
    for (std::int64_t k = 0; k <= position; ++k) {
        const double p = row[static_cast<std::size_t>(k)];
        const auto stored = static_cast<float>(p);
        entropy -= p > 0 ? p * std::log(p) : 0;
        sink += k < sinkTokens ? p : 0;
        if (position < layer.n) {
            const auto key = static_cast<std::size_t>(h * total + k);
            fullMap[static_cast<std::size_t>((h * layer.n + position) * layer.n + k)] = stored;
            layer.received[key] += stored;
            layer.receivedSq[key] += stored * stored;
            if (position >= k + core::kNearQueries)
                layer.receivedSqFar[key] += stored * stored;
            if (const std::int64_t i = position - (layer.n - layer.w); i >= 0) {
                layer.receivedWindow[key] += stored;
                layer.windowRows[static_cast<std::size_t>((h * layer.w + i) * layer.n + k)] = stored;
            }
        } else {
            layer.decodeRows[static_cast<std::size_t>((h * layer.t + position - layer.n) * total + k)] = stored;
        }
    }
    layer.entropy[static_cast<std::size_t>(h * total + position)] = static_cast<float>(entropy);
    layer.sinkMass[static_cast<std::size_t>(h * total + position)] = static_cast<float>(sink);
}

void sizeArrays(LayerData& layer)
{
    const auto heads = static_cast<std::size_t>(layer.heads.queryHeads());
    const auto total = static_cast<std::size_t>(layer.total());
    for (auto* array : {&layer.received, &layer.receivedWindow, &layer.receivedSq, &layer.receivedSqFar,
                        &layer.entropy, &layer.sinkMass})
        array->assign(heads * total, 0.0f);
    layer.windowRows.assign(heads * static_cast<std::size_t>(layer.w * layer.n), 0.0f);
    layer.decodeRows.assign(heads * static_cast<std::size_t>(layer.t) * total, 0.0f);
    layer.query.clear();
}

/// Mean and covariance of the head's prompt queries from position `first` on, with the rotation taken off.
void addQueryStats(LayerData& layer, std::vector<float> queries, std::int64_t first)
{
    const std::int64_t d = layer.headDim, count = layer.n - first;
    core::Rotary(10000.0, layer.headDim).rotateRows(queries.data(), layer.n, d, 0, -1);
    std::vector<double> mean(static_cast<std::size_t>(d)), covariance(static_cast<std::size_t>(d * d));
    const auto query = [&](std::int64_t position, std::int64_t i) -> double {
        return queries[static_cast<std::size_t>(position * d + i)];
    };
    for (std::int64_t position = std::min(first, layer.n); position < layer.n; ++position)
        for (std::int64_t i = 0; i < d; ++i)
            mean[static_cast<std::size_t>(i)] += query(position, i) / static_cast<double>(count);
    for (std::int64_t position = std::min(first, layer.n); position < layer.n; ++position)
        for (std::int64_t i = 0; i < d; ++i)
            for (std::int64_t j = 0; j < d; ++j)
                covariance[static_cast<std::size_t>(i * d + j)] +=
                    (query(position, i) - mean[static_cast<std::size_t>(i)])
                    * (query(position, j) - mean[static_cast<std::size_t>(j)]) / static_cast<double>(count);
    layer.queryMean.insert(layer.queryMean.end(), mean.begin(), mean.end());
    layer.queryCovariance.insert(layer.queryCovariance.end(), covariance.begin(), covariance.end());
}

/// Key 0 of every KV head and all queries share a direction, so that token 0 is a sink.
LayerData makeLayer(std::mt19937_64& random, const core::CaptureInfo& info, std::int64_t slot,
                    std::vector<float>& fullMap)
{
    LayerData layer;
    layer.layer = info.layers.at(static_cast<std::size_t>(slot));
    layer.heads = info.headMap();
    layer.n = info.nPrompt();
    layer.t = info.nGenerated();
    layer.w = info.window;
    layer.headDim = info.model.headDim;
    const int d = layer.headDim;
    const std::int64_t total = layer.total();
    const auto perHead = static_cast<std::size_t>(total * d);
    layer.key = normals(random, static_cast<std::size_t>(layer.heads.kvHeads()) * perHead, 1.0f);
    layer.value = normals(random, static_cast<std::size_t>(layer.heads.kvHeads()) * perHead, 1.0f);
    std::vector<float> queries = normals(random, static_cast<std::size_t>(layer.heads.queryHeads()) * perHead, 1.3f);
    for (std::size_t i = 0; i < queries.size(); i += static_cast<std::size_t>(d))
        queries[i] += 2.0f;
    for (int g = 0; g < layer.heads.kvHeads(); ++g)
        layer.key[static_cast<std::size_t>(g) * perHead] += 3.0f;

    sizeArrays(layer);
    fullMap.assign(static_cast<std::size_t>(layer.heads.queryHeads() * layer.n * layer.n), 0.0f);
    for (int h = 0; h < layer.heads.queryHeads(); ++h) {
        const float* q = queries.data() + static_cast<std::size_t>(h) * perHead;
        const float* k = layer.key.data() + static_cast<std::size_t>(layer.heads.kvHeadOf(h)) * perHead;
        for (std::int64_t position = 0; position < total; ++position)
            addRow(layer, fullMap, h, position, info.sinkTokens, attentionRow(q + position * d, k, position, d));
        addQueryStats(layer, {q, q + perHead}, info.sinkTokens);
        layer.query.insert(layer.query.end(), q + (layer.n - layer.w) * d, q + total * d);
    }
    return layer;
}

std::vector<core::Segment> makeSegments(std::int64_t n, std::int64_t t)
{
    using core::SegmentKind;
    const auto at = [n](int part) { return n * part / 14; };
    std::vector<core::Segment> segments{{SegmentKind::instruction, 0, {at(0), at(2)}, "instruction"},
                                        {SegmentKind::shot, 0, {at(2), at(5)}, "shot 1"},
                                        {SegmentKind::shot, 1, {at(5), at(8)}, "shot 2"},
                                        {SegmentKind::shot, 2, {at(8), at(11)}, "shot 3"},
                                        {SegmentKind::question, 0, {at(11), at(14)}, "question"}};
    if (t > 0)
        segments.push_back({SegmentKind::generated, 0, {n, n + t}, "generated"});
    return segments;
}

} // namespace

core::CaptureInfo syntheticInfo(const SyntheticOptions& options)
{
    core::CaptureInfo info;
    info.creator = "kvviz test";
    info.created = "2026-01-02T03:04:05Z";
    info.commandLine = "kvviz capture --text \"a b\"";
    info.tier = core::Tier::full;
    info.seed = options.seed;
    info.model = {"synthetic", "llama", std::string(64, 'a'), options.layers, options.heads, options.kvHeads,
                  options.headDim, options.heads * options.headDim, 1000, 4096, 10000.0, options.headDim, "none", {}, {}, 1, {}, 0, 0};
    for (int layer = 0; layer < options.layers; ++layer)
        info.layers.push_back(layer);
    for (int head = 0; head < options.heads; ++head)
        info.heads.push_back(head);
    info.window = std::min(options.window, options.n);
    for (std::int64_t i = 0; i < options.n + options.t; ++i) {
        const std::string piece = i == 3 ? "\n" : i == 4 ? "\xE2\x82" : "w" + std::to_string(i) + " ";
        info.tokens.append(static_cast<std::int32_t>(10 + i % 900), piece);
    }
    const std::string_view promptText =
        std::string_view(info.tokens.bytes)
            .substr(0, static_cast<std::size_t>(info.tokens.offsets.at(static_cast<std::size_t>(options.n))));
    info.prompt = {"synthetic", "synthetic-" + std::to_string(options.seed), std::string(promptText), "the target",
                   "42", options.n, options.t, options.t > 0 ? "greedy" : "none"};
    info.segments = makeSegments(options.n, options.t);
    info.extra = {{"note", "made up"}};
    return info;
}

SyntheticCapture::SyntheticCapture(const SyntheticOptions& options)
    : m_info(syntheticInfo(options)), m_available(Need::stats | Need::windowRows | Need::decodeRows | Need::keys
                                                  | Need::values | Need::queries | Need::queryStats
                                                  | Need::farSquares)
{
    std::mt19937_64 random(options.seed);
    m_fullMaps.resize(m_info.layers.size());
    for (std::int64_t slot = 0; slot < std::ssize(m_info.layers); ++slot)
        m_layers.push_back(makeLayer(random, m_info, slot, m_fullMaps[static_cast<std::size_t>(slot)]));
    std::uniform_real_distribution<float> uniform(-8.0f, -0.01f);
    m_logprob.resize(static_cast<std::size_t>(m_info.nTokens()));
    std::generate(m_logprob.begin(), m_logprob.end(), [&] { return uniform(random); });
    m_logprob.at(0) = std::numeric_limits<float>::quiet_NaN();
}

core::LayerData SyntheticCapture::loadLayer(std::int64_t slot, Need needs) const
{
    if (slot < 0 || slot >= std::ssize(m_layers))
        throw core::Error(core::ErrorCode::badInput, name() + ": there is no layer slot " + std::to_string(slot));
    if (!includes(m_available, needs))
        throw core::Error(core::ErrorCode::badInput,
                          name() + ": holds " + needNames(m_available) + ", not all of " + needNames(needs));
    LayerData layer = m_layers[static_cast<std::size_t>(slot)];
    const auto drop = [&](Need need, auto&... arrays) {
        if (!includes(needs, need))
            (arrays.clear(), ...);
    };
    drop(Need::stats, layer.received, layer.receivedWindow, layer.receivedSq, layer.entropy, layer.sinkMass);
    drop(Need::windowRows, layer.windowRows);
    drop(Need::decodeRows, layer.decodeRows);
    drop(Need::keys, layer.key);
    drop(Need::values, layer.value);
    drop(Need::queries, layer.query);
    drop(Need::queryStats, layer.queryMean, layer.queryCovariance);
    drop(Need::farSquares, layer.receivedSqFar);
    return layer;
}

core::LayerData promptPart(const core::LayerData& layer)
{
    const auto cut = [](const std::vector<float>& rows, std::int64_t from, std::int64_t to) {
        std::vector<float> result;
        for (auto row = rows.begin(); row != rows.end(); row += from)
            result.insert(result.end(), row, row + to);
        return result;
    };
    LayerData prompt = layer;
    prompt.t = 0;
    prompt.decodeRows.clear();
    for (const auto array : {&LayerData::received, &LayerData::receivedWindow, &LayerData::receivedSq,
                             &LayerData::receivedSqFar, &LayerData::entropy, &LayerData::sinkMass})
        prompt.*array = cut(layer.*array, layer.total(), layer.n);
    for (const auto array : {&LayerData::key, &LayerData::value})
        prompt.*array = cut(layer.*array, layer.total() * layer.headDim, layer.n * layer.headDim);
    prompt.query = cut(layer.query, (layer.w + layer.t) * layer.headDim, layer.w * layer.headDim);
    return prompt;
}

SyntheticCapture promptPart(const SyntheticCapture& capture)
{
    SyntheticCapture prompt = capture;
    for (std::int64_t slot = 0; slot < std::ssize(capture.info().layers); ++slot)
        prompt.mutableLayer(slot) = promptPart(capture.layer(slot));
    return prompt;
}

} // namespace kvviz::test
