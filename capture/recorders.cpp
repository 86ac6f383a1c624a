// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Recording hooks. They copy out of the decoder's views only what the file will hold.
#include "capture/recorders.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::capture {
namespace {
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
}

void PackedFloats::append(const float* values, std::int64_t count)
{
    if (m_type == core::StorageType::float32) {
        m_float.insert(m_float.end(), values, values + count);
        return;
    }
    const std::size_t begin = m_half.size();
    m_half.resize(begin + static_cast<std::size_t>(count));
    core::floatToHalf(values, m_half.data() + begin, static_cast<std::size_t>(count));
}

std::int64_t PackedFloats::size() const
{
    return m_type == core::StorageType::float32 ? std::ssize(m_float) : std::ssize(m_half);
}

void PackedFloats::copy(std::int64_t begin, std::int64_t count, float* out) const
{
    if (m_type == core::StorageType::float32)
        std::copy_n(m_float.data() + begin, count, out);
    else
        core::halfToFloat(m_half.data() + begin, out, static_cast<std::size_t>(count));
}

LayerRecorder::LayerRecorder(CaptureSelection selection, std::int64_t n, std::int64_t window, int headDim, bool exact,
                             core::StorageType rowsType, core::StorageType cacheType)
    : m_selection(std::move(selection)), m_n(n), m_window(window), m_headDim(headDim), m_exact(exact)
{
    for (std::size_t i = 0; i < m_selection.layers.size(); ++i) {
        Layer layer;
        layer.windowRows = PackedFloats(rowsType);
        layer.decodeRows = PackedFloats(rowsType);
        layer.queries = PackedFloats(cacheType);
        m_layers.push_back(std::move(layer));
    }
}

bool LayerRecorder::wantsRows(int layer, Phase phase, std::int64_t, std::int64_t end) const
{
    return m_exact && m_selection.slot(layer) >= 0 && (phase == Phase::decode || end > m_n - m_window);
}

void LayerRecorder::onRows(const AttentionRows& rows)
{
    Layer& layer = m_layers[static_cast<std::size_t>(m_selection.slot(rows.layer))];
    PackedFloats& store = rows.phase == Phase::decode ? layer.decodeRows : layer.windowRows;
    const std::int64_t length = rows.phase == Phase::decode ? rows.keys : m_n;
    const std::int64_t first =
        rows.phase == Phase::decode ? 0 : std::max<std::int64_t>(0, m_n - m_window - rows.queryBegin);
    std::vector<float> row(static_cast<std::size_t>(length));
    for (std::int64_t i = first; i < rows.rows; ++i)
        for (const int head : m_selection.heads) {
            const float* const from = rows.probabilities + head * rows.headStride + i * rows.rowStride;
            std::copy_n(from, std::min(length, rows.keys), row.begin());
            store.append(row.data(), length);
        }
}

void LayerRecorder::onLayer(const LayerState& state, const AttentionStatistics& statistics)
{
    const int slot = m_selection.slot(state.layer);
    if (slot < 0)
        return;
    Layer& layer = m_layers[static_cast<std::size_t>(slot)];
    const auto row = [&](const std::vector<float>& from, int head) { return from.data() + head * statistics.stride; };
    for (const int head : m_selection.heads) {
        if (state.phase == Phase::decode) {
            layer.stepEntropy.push_back(row(statistics.entropy, head)[state.queryBegin]);
            layer.stepSinkMass.push_back(row(statistics.sinkMass, head)[state.queryBegin]);
            continue;
        }
        const auto keep = [&](std::vector<float>& to, const std::vector<float>& from) {
            to.insert(to.end(), row(from, head), row(from, head) + m_n);
        };
        keep(layer.received, statistics.received);
        keep(layer.receivedWindow, statistics.receivedWindow);
        keep(layer.receivedSq, statistics.receivedSq);
        keep(layer.receivedSqFar, statistics.receivedSqFar);
        keep(layer.entropy, statistics.entropy);
        keep(layer.sinkMass, statistics.sinkMass);
    }
    if (!m_exact)
        return;
    if (state.phase == Phase::prefill)
        keepQueryStatistics(layer, statistics);
    const std::int64_t stride = static_cast<std::int64_t>(state.queryHeads) * m_headDim;
    const std::int64_t first = state.phase == Phase::decode ? 0 : state.queries - m_window;
    for (std::int64_t i = first; i < state.queries; ++i)
        for (const int head : m_selection.heads)
            layer.queries.append(state.query + (i - state.firstQuery) * stride + head * m_headDim, m_headDim);
}

LayerNeeds LayerRecorder::layerNeeds(int layer, Phase phase, std::int64_t queries) const
{
    if (!m_exact || m_selection.slot(layer) < 0)
        return {queries, false};
    return {phase == Phase::decode ? 0 : queries - m_window, false};
}

void LayerRecorder::keepQueryStatistics(Layer& layer, const AttentionStatistics& statistics) const
{
    const auto keep = [this](std::vector<float>& to, const std::vector<float>& from, std::int64_t size) {
        for (const int head : m_selection.heads)
            to.insert(to.end(), from.begin() + head * size, from.begin() + (head + 1) * size);
    };
    const std::int64_t d = m_headDim;
    keep(layer.queryMean, statistics.queryMean, d);
    keep(layer.queryCovariance, statistics.queryCovariance, d * d);
}

LayerRecorder::Arrays LayerRecorder::arrays(std::int64_t slot, std::int64_t t) const
{
    const Layer& layer = m_layers[static_cast<std::size_t>(slot)];
    const std::int64_t heads = std::ssize(m_selection.heads);
    const std::int64_t total = m_n + t;
    Arrays out;
    // Prompt statistics, padded to the T tokens of the file: no prompt query attends to a generated key.
    const auto padded = [&](const std::vector<float>& from, const std::vector<float>* steps) {
        std::vector<float> to(static_cast<std::size_t>(heads * total), 0.0f);
        for (std::int64_t h = 0; h < heads; ++h) {
            std::copy_n(from.begin() + h * m_n, m_n, to.begin() + h * total);
            for (std::int64_t i = 0; steps != nullptr && i < t; ++i)
                to[static_cast<std::size_t>(h * total + m_n + i)] = (*steps)[static_cast<std::size_t>(i * heads + h)];
        }
        return to;
    };
    out.received = padded(layer.received, nullptr);
    out.receivedWindow = padded(layer.receivedWindow, nullptr);
    out.receivedSq = padded(layer.receivedSq, nullptr);
    out.receivedSqFar = padded(layer.receivedSqFar, nullptr);
    out.entropy = padded(layer.entropy, &layer.stepEntropy);
    out.sinkMass = padded(layer.sinkMass, &layer.stepSinkMass);
    if (!m_exact)
        return out;
    out.queryMean = layer.queryMean;
    out.queryCovariance = layer.queryCovariance;
    // Stored query by query, wanted head by head.
    out.windowRows.resize(static_cast<std::size_t>(heads * m_window * m_n));
    for (std::int64_t i = 0; i < m_window; ++i)
        for (std::int64_t h = 0; h < heads; ++h)
            layer.windowRows.copy((i * heads + h) * m_n, m_n, out.windowRows.data() + (h * m_window + i) * m_n);
    out.decodeRows.assign(static_cast<std::size_t>(heads * t * total), 0.0f);
    std::int64_t at = 0;
    for (std::int64_t i = 0; i < t; ++i)
        for (std::int64_t h = 0; h < heads; ++h) {
            layer.decodeRows.copy(at, m_n + i + 1, out.decodeRows.data() + (h * t + i) * total);
            at += m_n + i + 1;
        }
    const std::int64_t queries = m_window + t;
    out.query.resize(static_cast<std::size_t>(heads * queries * m_headDim));
    for (std::int64_t i = 0; i < queries; ++i)
        for (std::int64_t h = 0; h < heads; ++h)
            layer.queries.copy((i * heads + h) * m_headDim, m_headDim,
                               out.query.data() + (h * queries + i) * m_headDim);
    return out;
}

MapRecorder::MapRecorder(CaptureSelection selection, io::CaptureWriter& writer, std::int64_t n, std::int64_t mapCap,
                         bool full)
    : m_selection(std::move(selection)), m_writer(writer), m_full(full)
{
    if (mapCap > 0)
        m_pyramid.emplace(static_cast<int>(m_selection.heads.size()), n, mapCap);
}

bool MapRecorder::wantsRows(int layer, Phase phase, std::int64_t, std::int64_t) const
{
    return phase == Phase::prefill && m_selection.slot(layer) >= 0 && (m_full || poolsRows());
}

std::int64_t MapRecorder::pooledCell(int layer) const
{
    return m_pooledByRunner && m_pyramid && m_selection.slot(layer) >= 0 ? m_pyramid->cellSize() : 0;
}

void MapRecorder::onPooled(const PooledMap& map)
{
    const std::int64_t size = map.cells * map.cells;
    for (std::size_t h = 0; h < m_selection.heads.size(); ++h) {
        const std::int64_t at = m_selection.heads[h] * size;
        m_pyramid->setHead(static_cast<int>(h), map.max + at, map.sum + at);
    }
}

void MapRecorder::onRows(const AttentionRows& rows)
{
    const std::int64_t heads = std::ssize(m_selection.heads);
    const float* data = rows.probabilities + m_selection.heads.front() * rows.headStride;
    if (m_selection.heads.back() - m_selection.heads.front() + 1 != heads) {
        m_gathered.resize(static_cast<std::size_t>(heads * rows.headStride));
        for (std::int64_t h = 0; h < heads; ++h)
            std::copy_n(rows.probabilities + m_selection.heads[static_cast<std::size_t>(h)] * rows.headStride,
                        rows.headStride, m_gathered.data() + h * rows.headStride);
        data = m_gathered.data();
    }
    if (poolsRows()) {
        core::parallelFor(heads, [&](std::int64_t h) {
            m_pyramid->addHeadRows(static_cast<int>(h), rows.queryBegin, rows.rows, data + h * rows.headStride,
                                   rows.rowStride);
        });
    }
    if (m_full)
        m_writer.writeFullRows(m_selection.slot(rows.layer), rows.queryBegin, rows.rows, data, rows.headStride,
                               rows.rowStride);
}

void MapRecorder::onLayer(const LayerState& state, const AttentionStatistics&)
{
    const int slot = m_selection.slot(state.layer);
    if (state.phase != Phase::prefill || slot < 0 || !m_pyramid)
        return;
    const std::vector<core::PyramidLevel> levels = m_pyramid->result();
    for (std::size_t i = 0; i < levels.size(); ++i)
        m_writer.writeMapLevel(slot, static_cast<int>(i), levels[i].cells, levels[i].max, levels[i].mean);
    m_pyramid->reset();
}

LogitsRecorder::LogitsRecorder(std::vector<std::int32_t> promptIds, int topK)
    : m_promptIds(std::move(promptIds)), m_topK(topK), m_logprob(m_promptIds.size(), kUnknown)
{
}

void LogitsRecorder::onLogits(std::int64_t begin, std::int64_t rows, const float* logits, std::int64_t vocab)
{
    m_topIds.resize(static_cast<std::size_t>((begin + rows) * m_topK), -1);
    m_topLogprobs.resize(m_topIds.size(), kUnknown);
    std::vector<double> logSums(static_cast<std::size_t>(rows));
    core::parallelFor(rows, [&](std::int64_t i) {
        const float* const row = logits + i * vocab;
        const double logSum = logSumExp(row, vocab);
        logSums[static_cast<std::size_t>(i)] = logSum;
        std::int64_t at = (begin + i) * m_topK;
        for (const std::int32_t id : mostLikely({row, static_cast<std::size_t>(vocab)}, m_topK)) {
            m_topIds[static_cast<std::size_t>(at)] = id;
            m_topLogprobs[static_cast<std::size_t>(at++)] = static_cast<float>(row[id] - logSum);
        }
        if (const std::int64_t next = begin + i + 1; next < std::ssize(m_promptIds))
            m_logprob[static_cast<std::size_t>(next)] =
                static_cast<float>(row[m_promptIds[static_cast<std::size_t>(next)]] - logSum);
    });
    m_lastLogSum = logSums.back();
}

void LogitsRecorder::chose(float logit) { m_logprob.push_back(static_cast<float>(logit - m_lastLogSum)); }

std::vector<std::int32_t> mostLikely(std::span<const float> logits, int count)
{
    std::vector<std::int32_t> best;
    for (std::int32_t id = 0; id < std::ssize(logits); ++id) {
        const auto value = [&](std::int32_t i) { return logits[static_cast<std::size_t>(i)]; };
        if (std::ssize(best) == count && !(value(id) > value(best.back())))
            continue;
        if (std::ssize(best) == count)
            best.pop_back();
        // Insertion keeps the list sorted; equal logits stay in the order of their ids.
        const auto place =
            std::find_if(best.begin(), best.end(), [&](std::int32_t other) { return value(id) > value(other); });
        best.insert(place, id);
    }
    return best;
}

} // namespace kvviz::capture
