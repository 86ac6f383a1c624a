// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The decoder of a device, or of several that share the layers. Written in ATen, so it also runs on the CPU, where tests
// hold it against the decoder of the CPU.
#pragma once

#include "capture/device/device_math.hpp"
#include "capture/device/device_runtime.hpp"
#include "capture/device/hook_feed.hpp"
#include "capture/device/weight_store.hpp"
#include "capture/runner.hpp"

#include <optional>

namespace kvviz::capture {

class DeviceRunner final : public Runner {
public:
    /// The store holds its weights by a plan for this run's length. One runner at a time uses a store.
    DeviceRunner(std::shared_ptr<const Model> model, std::shared_ptr<const DeviceRuntime> runtime,
                 std::shared_ptr<WeightStore> weights, const DecoderOptions& options);

    using Runner::addHook;
    /// Maps are pooled by the reducer: such hooks are told.
    void addHook(AttentionHook* hook) override;

    std::span<const float> prefill(std::span<const std::int32_t> ids, const core::Progress& progress = {}) override;
    std::span<const float> step(std::int32_t id) override;

    [[nodiscard]] std::int64_t size() const override { return m_size; }
    [[nodiscard]] LayerCache layerCache(int layer) const override;
    [[nodiscard]] const KvCache& cache() const override;

private:
    /// Keys and values of one layer, [G, capacity, d].
    struct Cache {
        at::Tensor key, value;
    };
    void runPrompt(std::span<const std::int32_t> ids, const core::Progress& progress);
    void runStep(std::int32_t id);
    void promptLayer(int layer, at::Tensor& stream);
    void stepLayer(int layer, at::Tensor& stream);
    [[nodiscard]] AttentionTensors attentionOf(int layer, const at::Tensor& query, const at::Tensor& key,
                                               const at::Tensor& logSumExp) const;
    [[nodiscard]] DeviceQueryWatch promptWatch();

    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const DeviceRuntime> m_runtime;
    std::shared_ptr<WeightStore> m_weights;
    DecoderOptions m_options;
    DeviceMath m_math;
    DeviceMoments m_moments;
    std::vector<Cache> m_cache; // [L]
    std::int64_t m_size = 0;
    mutable at::Tensor m_hostKey, m_hostValue; // of the layer asked for last
    mutable std::optional<KvCache> m_hostCache;
    HookFeed m_feed;
};

} // namespace kvviz::capture
