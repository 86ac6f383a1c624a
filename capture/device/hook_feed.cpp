// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/device/hook_feed.hpp"

#include "core/error.hpp"
#include "core/io/capture_writer.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kBlock = io::kMapChunk; ///< query rows of a block, as the CPU's
constexpr std::int64_t kStep = 32;             ///< rows by which the beginning of a block is shortened
/// A row's probabilities sum to 1. Products in two orders differ by less; a log-sum-exp that means something else, more.
constexpr float kMassTolerance = 0.02f;

float* dataOf(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

/// [H, n] of `from` into rows of a statistic.
void keepRows(std::vector<float>& to, std::int64_t stride, const at::Tensor& from)
{
    const float* const data = from.const_data_ptr<float>();
    const std::int64_t heads = from.size(0), n = from.size(1);
    for (std::int64_t h = 0; h < heads; ++h)
        std::copy_n(data + h * n, n, to.begin() + h * stride);
}

std::vector<float> valuesOf(const at::Tensor& tensor)
{
    const float* const data = tensor.const_data_ptr<float>();
    return {data, data + tensor.numel()};
}

} // namespace

HookFeed::HookFeed(const core::ModelInfo& info, const DecoderOptions& options, const AttentionReducer& reducer,
                   const RunnerHooks& hooks)
    : m_info(info), m_options(options), m_reducer(reducer), m_hooks(hooks),
      m_lastLogits(static_cast<std::size_t>(info.vocabSize))
{
}

std::vector<HookFeed::RowWish> HookFeed::wishesFor(int layer, std::int64_t begin, std::int64_t end) const
{
    std::vector<RowWish> wishes;
    for (AttentionHook* hook : m_hooks.attention) {
        if (!hook->wantsRows(layer, Phase::prefill, begin, end))
            continue;
        std::int64_t first = begin;
        while (first + kStep < end && !hook->wantsRows(layer, Phase::prefill, first, first + kStep))
            first += kStep;
        wishes.push_back({hook, first});
    }
    return wishes;
}

void HookFeed::promptRows(int layer, const AttentionTensors& attention)
{
    const std::int64_t n = attention.query.size(0);
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
        const std::int64_t end = std::min(begin + kBlock, n);
        if (std::vector<RowWish> wishes = wishesFor(layer, begin, end); !wishes.empty())
            sendRows(layer, attention, std::move(wishes), end);
    }
    for (AttentionHook* hook : m_hooks.attention)
        if (const std::int64_t cell = hook->pooledCell(layer); cell > 0)
            sendPooled(layer, attention, hook, cell);
}

void HookFeed::sendRows(int layer, const AttentionTensors& attention, std::vector<RowWish> wishes, std::int64_t end)
{
    const auto earlier = [](const RowWish& a, const RowWish& b) { return a.begin < b.begin; };
    const std::int64_t begin = std::min_element(wishes.begin(), wishes.end(), earlier)->begin;
    const std::int64_t stride = (end + 15) / 16 * 16;
    const at::Tensor rows =
        at::empty({m_info.nHeads, end - begin, stride}, attention.query.options().dtype(at::kFloat));
    m_reducer.exactRows(attention, {dataOf(rows), begin, end, (end - begin) * stride, stride});
    m_feed.send({rows}, [layer, wishes = std::move(wishes), begin, end, stride](const std::vector<at::Tensor>& parts) {
        const float* const data = parts[0].const_data_ptr<float>();
        for (const RowWish& wish : wishes)
            wish.hook->onRows({layer, Phase::prefill, wish.begin, end - wish.begin, end,
                               data + (wish.begin - begin) * stride, (end - begin) * stride, stride});
    });
}

void HookFeed::sendPooled(int layer, const AttentionTensors& attention, AttentionHook* hook, std::int64_t cell)
{
    const std::int64_t cells = (attention.query.size(0) + cell - 1) / cell;
    const at::Tensor pooled =
        at::zeros({2, m_info.nHeads, cells, cells}, attention.query.options().dtype(at::kFloat));
    m_reducer.pooledCells(attention, {dataOf(pooled), dataOf(pooled) + pooled.stride(0), cell, cells});
    m_feed.send({pooled}, [layer, hook, cells](const std::vector<at::Tensor>& parts) {
        const float* const data = parts[0].const_data_ptr<float>();
        hook->onPooled({layer, cells, data, data + parts[0].stride(0)});
    });
}

void HookFeed::stream(int layer, std::int64_t begin, const at::Tensor& stream)
{
    const std::int64_t rows = stream.size(0);
    const auto wants = [&](const StreamHook* hook) { return hook->wantsStream(layer, begin, begin + rows); };
    if (std::none_of(m_hooks.stream.begin(), m_hooks.stream.end(), wants))
        return;
    m_feed.send({stream.clone()}, [this, layer, begin, rows](const std::vector<at::Tensor>& parts) {
        for (StreamHook* hook : m_hooks.stream)
            if (hook->wantsStream(layer, begin, begin + rows))
                hook->onLayerInput(layer, begin, rows, parts[0].const_data_ptr<float>(), m_info.hiddenSize);
    });
}

LayerNeeds HookFeed::needsOf(int layer, Phase phase, std::int64_t queries) const
{
    LayerNeeds all{queries, false};
    for (const AttentionHook* hook : m_hooks.attention) {
        const LayerNeeds one = hook->layerNeeds(layer, phase, queries);
        all.firstQuery = std::clamp<std::int64_t>(one.firstQuery, 0, all.firstQuery);
        all.cache = all.cache || one.cache;
    }
    return all;
}

void HookFeed::promptLayer(int layer, const AttentionTensors& attention, const at::Tensor& value,
                           const DeviceMoments& moments)
{
    if (m_hooks.attention.empty())
        return;
    const std::int64_t n = attention.query.size(0), heads = m_info.nHeads, d = m_info.headDim;
    const auto options = attention.query.options().dtype(at::kFloat);
    const at::Tensor columns = at::empty({4, heads, n}, options), rows = at::empty({3, heads, n}, options);
    const std::int64_t size = heads * n;
    float *const column = dataOf(columns), *const row = dataOf(rows);
    m_reducer.columnSums(attention, {column, column + size, column + 2 * size, column + 3 * size});
    m_reducer.rowSums(attention, {row, row + size, row + 2 * size});
    const LayerNeeds needs = needsOf(layer, Phase::prefill, n);
    std::vector<at::Tensor> parts{columns, rows,
                                  attention.query.narrow(0, needs.firstQuery, n - needs.firstQuery).to(at::kFloat)};
    if (m_options.queryStatistics) {
        auto [mean, covariance] = moments.result(heads, d, attention.query.device());
        parts.insert(parts.end(), {mean, covariance});
    }
    if (needs.cache)
        parts.insert(parts.end(), {attention.key.to(at::kFloat, false, true), value.to(at::kFloat, false, true)});
    m_feed.send(std::move(parts), [this, layer, n, needs, d](const std::vector<at::Tensor>& host) {
        keepPromptSums(host[0], host[1], layer);
        std::size_t next = 3;
        if (m_options.queryStatistics) {
            m_statistics.queryMean = valuesOf(host[next++]);
            m_statistics.queryCovariance = valuesOf(host[next++]);
        }
        const float* const key = needs.cache ? host[next].const_data_ptr<float>() : nullptr;
        const float* const values = needs.cache ? host[next + 1].const_data_ptr<float>() : nullptr;
        showLayer({layer, Phase::prefill, 0, n, m_info.nHeads, host[2].const_data_ptr<float>(), needs.firstQuery, key,
                   values, n * d});
    });
}

void HookFeed::sizeStatistics()
{
    m_statistics.stride = m_options.capacity;
    const auto count = static_cast<std::size_t>(m_info.nHeads * m_options.capacity);
    for (std::vector<float>* array :
         {&m_statistics.received, &m_statistics.receivedWindow, &m_statistics.receivedSq, &m_statistics.receivedSqFar,
          &m_statistics.entropy, &m_statistics.sinkMass})
        array->assign(count, 0.0f);
}

void HookFeed::keepPromptSums(const at::Tensor& columns, const at::Tensor& rows, int layer)
{
    const at::Tensor mass = rows[2];
    const float worst = mass.sub(1.0f).abs_().max().item<float>();
    if (!(worst <= kMassTolerance))
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("layer {}: the attention of a query sums to {} away from 1 on this device; the "
                                      "capture would be wrong, so it stops here. Please report it, and use --device cpu",
                                      layer, worst));
    sizeStatistics();
    const std::int64_t stride = m_statistics.stride;
    keepRows(m_statistics.received, stride, columns[0]);
    keepRows(m_statistics.receivedWindow, stride, columns[1]);
    keepRows(m_statistics.receivedSq, stride, columns[2]);
    keepRows(m_statistics.receivedSqFar, stride, columns[3]);
    keepRows(m_statistics.entropy, stride, rows[0]);
    keepRows(m_statistics.sinkMass, stride, rows[1]);
}

void HookFeed::showLayer(const LayerState& state)
{
    for (AttentionHook* hook : m_hooks.attention)
        hook->onLayer(state, m_statistics);
}

void HookFeed::stepRows(int layer, const StepAttention& attention)
{
    const std::int64_t keys = attention.probabilities.size(1), position = keys - 1;
    const auto wants = [=](const AttentionHook* hook) {
        return hook->wantsRows(layer, Phase::decode, position, position + 1);
    };
    if (std::none_of(m_hooks.attention.begin(), m_hooks.attention.end(), wants))
        return;
    m_feed.send({attention.probabilities}, [this, layer, keys, position, wants](const std::vector<at::Tensor>& parts) {
        const AttentionRows view{layer, Phase::decode, position, 1, keys, parts[0].const_data_ptr<float>(), keys, keys};
        for (AttentionHook* hook : m_hooks.attention)
            if (wants(hook))
                hook->onRows(view);
    });
}

void HookFeed::stepLayer(int layer, const StepAttention& attention, const at::Tensor& query, const at::Tensor& key,
                         const at::Tensor& value)
{
    if (m_hooks.attention.empty())
        return;
    const std::int64_t position = key.size(1) - 1, d = m_info.headDim;
    const LayerNeeds needs = needsOf(layer, Phase::decode, 1);
    std::vector<at::Tensor> parts{attention.entropy, attention.sinkMass, query.to(at::kFloat)};
    if (needs.cache)
        parts.insert(parts.end(), {key.to(at::kFloat, false, true), value.to(at::kFloat, false, true)});
    m_feed.send(std::move(parts), [this, layer, position, needs, d](const std::vector<at::Tensor>& host) {
        if (m_statistics.stride == 0)
            sizeStatistics();
        for (std::int64_t h = 0; h < m_info.nHeads; ++h) {
            const auto at = static_cast<std::size_t>(h * m_statistics.stride + position);
            m_statistics.entropy[at] = host[0].const_data_ptr<float>()[h];
            m_statistics.sinkMass[at] = host[1].const_data_ptr<float>()[h];
        }
        showLayer({layer, Phase::decode, position, 1, m_info.nHeads, host[2].const_data_ptr<float>(), 0,
                   needs.cache ? host[3].const_data_ptr<float>() : nullptr,
                   needs.cache ? host[4].const_data_ptr<float>() : nullptr, (position + 1) * d});
    });
}

void HookFeed::logits(std::int64_t begin, const at::Tensor& logits)
{
    m_feed.send({logits}, [this, begin](const std::vector<at::Tensor>& parts) {
        const float* const data = parts[0].const_data_ptr<float>();
        const std::int64_t rows = parts[0].size(0), vocab = parts[0].size(1);
        for (LogitsHook* hook : m_hooks.logits)
            hook->onLogits(begin, rows, data, vocab);
        std::copy_n(data + (rows - 1) * vocab, vocab, m_lastLogits.begin());
    });
}

} // namespace kvviz::capture
