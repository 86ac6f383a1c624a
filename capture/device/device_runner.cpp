// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layer by layer, each on its device; the hooks are fed while the next layer is computed.
#include "capture/device/device_runner.hpp"

#include "capture/device/boundary.hpp"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kLogitChunk = 512; ///< rows of one product with the vocabulary

} // namespace

DeviceRunner::DeviceRunner(std::shared_ptr<const Model> model, std::shared_ptr<const DeviceRuntime> runtime,
                           std::shared_ptr<WeightStore> weights, const DecoderOptions& options)
    : m_model(std::move(model)), m_runtime(std::move(runtime)), m_weights(std::move(weights)), m_options(options),
      m_math(m_model, *m_weights), m_feed(m_model->info, options, m_runtime->reducer(), {m_hooks, m_logitsHooks, m_streamHooks})
{
    const core::ModelInfo& info = m_model->info;
    atDeviceBoundary([&] {
        for (int layer = 0; layer < info.nLayers; ++layer) {
            const auto where = at::TensorOptions(m_weights->deviceOf(layer)).dtype(m_weights->type());
            const auto empty = [&] { return at::empty({info.nKvHeads, options.capacity, info.headDim}, where); };
            m_cache.push_back({empty(), empty()});
        }
    });
}

void DeviceRunner::addHook(AttentionHook* hook)
{
    hook->acceptPooling();
    Runner::addHook(hook);
}

std::span<const float> DeviceRunner::prefill(std::span<const std::int32_t> ids, const core::Progress& progress)
{
    if (ids.empty())
        throw core::Error(core::ErrorCode::badInput, "the prompt has no tokens");
    if (m_size != 0)
        throw core::Error(core::ErrorCode::failure, "a decoder prefills one prompt only");
    requireFits(*m_model, ids, 0, m_options.capacity);
    atDeviceBoundary([&] { runPrompt(ids, progress); });
    return m_feed.lastLogits();
}

std::span<const float> DeviceRunner::step(std::int32_t id)
{
    requireFits(*m_model, {&id, 1}, m_size, m_options.capacity);
    atDeviceBoundary([&] { runStep(id); });
    return m_feed.lastLogits();
}

void DeviceRunner::runPrompt(std::span<const std::int32_t> ids, const core::Progress& progress)
{
    const std::int64_t n = std::ssize(ids);
    at::Tensor stream = m_math.embed(ids);
    m_math.setPositions(0, n);
    m_size = n;
    for (int layer = 0; layer < m_model->info.nLayers; ++layer) {
        progress.throwIfStopped();
        progress("prefill", layer, m_model->info.nLayers);
        promptLayer(layer, stream);
    }
    for (std::int64_t begin = m_options.promptLogits ? 0 : n - 1; begin < n; begin += kLogitChunk) {
        progress.throwIfStopped();
        m_feed.logits(begin, m_math.logits(stream.narrow(0, begin, std::min(kLogitChunk, n - begin))));
    }
    m_feed.flush();
}

void DeviceRunner::runStep(std::int32_t id)
{
    at::Tensor stream = m_math.embed({&id, 1});
    m_math.setPositions(m_size, 1);
    ++m_size;
    for (int layer = 0; layer < m_model->info.nLayers; ++layer)
        stepLayer(layer, stream);
    m_feed.logits(m_size - 1, m_math.logits(stream));
    m_feed.flush();
}

/// Lets the statistics of queries see them before they are rotated; empty when they are not wanted.
DeviceQueryWatch DeviceRunner::promptWatch()
{
    m_moments.reset();
    if (!m_options.queryStatistics)
        return {};
    return [this](std::int64_t first, const at::Tensor& queries) {
        const std::int64_t skip = std::max<std::int64_t>(0, m_options.sinks - first);
        if (skip < queries.size(0))
            m_moments.add(queries.narrow(0, skip, queries.size(0) - skip));
    };
}

AttentionTensors DeviceRunner::attentionOf(int layer, const at::Tensor& query, const at::Tensor& key,
                                           const at::Tensor& logSumExp) const
{
    const core::ScoreRule rule = m_model->info.scoreRule(layer);
    return {query, key, logSumExp, rule.scaleFor(m_model->info.headDim), rule.softcap, rule.window,
            query.size(0) - m_options.window, m_options.sinks};
}

void DeviceRunner::promptLayer(int layer, at::Tensor& stream)
{
    const core::ModelInfo& info = m_model->info;
    const c10::Device device = m_weights->deviceOf(layer);
    const c10::DeviceGuard guard(device);
    stream = stream.to(device);
    const std::int64_t n = stream.size(0);
    const std::shared_ptr<const DeviceLayer> weights = m_weights->layer(layer);
    const Cache& cache = m_cache[static_cast<std::size_t>(layer)];
    const at::Tensor key = cache.key.narrow(1, 0, n), value = cache.value.narrow(1, 0, n);
    const at::Tensor query = at::empty({n, info.nHeads, info.headDim}, key.options());
    m_math.projectQkv(layer, *weights, stream, {query, key, value}, promptWatch());
    const PromptAttention attended =
        attendPrompt(info.scoreRule(layer), query, key, value, m_runtime->hasFusedAttention());
    const AttentionTensors attention = attentionOf(layer, query, key, attended.logSumExp);
    m_feed.promptRows(layer, attention);
    m_feed.stream(layer, 0, stream); // nothing has been added to it yet
    m_feed.promptLayer(layer, attention, value, m_moments);
    m_math.addAttentionOutput(*weights, attended.output.reshape({n, -1}), stream);
    m_math.addFeedForward(*weights, stream);
}

void DeviceRunner::stepLayer(int layer, at::Tensor& stream)
{
    const core::ModelInfo& info = m_model->info;
    const c10::Device device = m_weights->deviceOf(layer);
    const c10::DeviceGuard guard(device);
    stream = stream.to(device);
    const std::shared_ptr<const DeviceLayer> weights = m_weights->layer(layer);
    const Cache& cache = m_cache[static_cast<std::size_t>(layer)];
    const at::Tensor query = at::empty({1, info.nHeads, info.headDim}, cache.key.options());
    m_math.projectQkv(layer, *weights, stream,
                      {query, cache.key.narrow(1, m_size - 1, 1), cache.value.narrow(1, m_size - 1, 1)});
    const at::Tensor key = cache.key.narrow(1, 0, m_size), value = cache.value.narrow(1, 0, m_size);
    const StepAttention attended = attendStep(info.scoreRule(layer), query[0], key, value, m_options.sinks);
    m_feed.stepRows(layer, attended);
    m_feed.stream(layer, m_size - 1, stream);
    m_feed.stepLayer(layer, attended, query[0], key, value);
    m_math.addAttentionOutput(*weights, attended.output.view({1, -1}), stream);
    m_math.addFeedForward(*weights, stream);
}

LayerCache DeviceRunner::layerCache(int layer) const
{
    atDeviceBoundary([&] {
        const Cache& cache = m_cache.at(static_cast<std::size_t>(layer));
        const auto toHost = [&](const at::Tensor& tensor) {
            return tensor.narrow(1, 0, m_size).to(at::TensorOptions(at::kCPU).dtype(at::kFloat)).contiguous();
        };
        m_hostKey = toHost(cache.key);
        m_hostValue = toHost(cache.value);
    });
    return {m_hostKey.const_data_ptr<float>(), m_hostValue.const_data_ptr<float>(), m_size * m_model->info.headDim};
}

const KvCache& DeviceRunner::cache() const
{
    if (m_hostCache && m_hostCache->size() == m_size)
        return *m_hostCache;
    const core::ModelInfo& info = m_model->info;
    m_hostCache.emplace(info.nLayers, info.nKvHeads, m_size, info.headDim);
    m_hostCache->setSize(m_size);
    for (int layer = 0; layer < info.nLayers; ++layer) {
        const LayerCache host = layerCache(layer);
        const std::int64_t count = info.nKvHeads * host.headStride;
        std::copy_n(host.key, count, m_hostCache->key(layer, 0, 0));
        std::copy_n(host.value, count, m_hostCache->value(layer, 0, 0));
    }
    return *m_hostCache;
}

} // namespace kvviz::capture
