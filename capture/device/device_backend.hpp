// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A model on devices: places its weights for each run so that weights, caches and scratch fit.
#pragma once

#include "capture/device/device_runtime.hpp"
#include "capture/device/weight_store.hpp"
#include "capture/runner.hpp"

namespace kvviz::capture {

class DeviceBackend final : public Backend {
public:
    /// `dtype`: float32, bfloat16 or float16; throws Error(usage) for others.
    DeviceBackend(std::shared_ptr<const Model> model, std::shared_ptr<const DeviceRuntime> runtime,
                  const std::string& dtype);

    [[nodiscard]] std::unique_ptr<Runner> newRunner(const DecoderOptions& options) const override;
    [[nodiscard]] std::string device() const override;
    [[nodiscard]] std::string dtype() const override { return m_dtype; }
    /// Where the layers were at the last run.
    [[nodiscard]] const DevicePlan& plan() const { return m_weights->plan(); }

private:
    void place(std::int64_t capacity) const;

    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const DeviceRuntime> m_runtime;
    std::string m_dtype;
    std::shared_ptr<WeightStore> m_weights;
};

} // namespace kvviz::capture
