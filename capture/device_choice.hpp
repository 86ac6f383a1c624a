// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What --device names, and which device runs which layer. Pure arithmetic: no device is asked here.
#pragma once

#include "capture/model.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

/// Indices of the GPUs of "cuda", "cuda:1", "cuda:0,cuda:1"; empty for "cpu". Throws Error(usage) for anything else and
/// for a device named twice.
[[nodiscard]] std::vector<int> parseDevices(std::string_view text);

/// Bytes that a run takes on devices.
struct DeviceNeeds {
    int layers = 0;
    std::uint64_t layerWeights = 0; ///< of each layer
    std::uint64_t layerCache = 0;   ///< keys and values of each layer, at the run's full length
    std::uint64_t embedding = 0;    ///< on the first device
    std::uint64_t head = 0;         ///< on the last one; where it is tied to the embedding and there is one device, 0
    std::uint64_t scratch = 0;      ///< on every device: residual stream, one layer's attention, blocks on their way out

    [[nodiscard]] std::uint64_t weights() const
    {
        return static_cast<std::uint64_t>(layers) * layerWeights + embedding + head;
    }
    [[nodiscard]] std::uint64_t run() const { return static_cast<std::uint64_t>(layers) * layerCache + scratch; }
};

/// For weights and caches of `elementBytes` a number and a run of `tokens` tokens (prompt and continuation) on so many
/// devices. `tied`: the output matrix is the embedding.
[[nodiscard]] DeviceNeeds deviceNeeds(const core::ModelInfo& info, std::int64_t ffnSize, bool tied,
                                      std::int64_t elementBytes, std::int64_t tokens, int devices);
[[nodiscard]] DeviceNeeds deviceNeeds(const Model& model, std::int64_t elementBytes, std::int64_t tokens, int devices);
/// The least memory of one device for such a run: with all weights there, or with layers read each time they are used.
[[nodiscard]] std::uint64_t leastDeviceBytes(const DeviceNeeds& needs, bool streaming);

struct DevicePlan {
    std::vector<int> deviceOfLayer; ///< [L] index into the devices given, ascending
    std::vector<bool> resident;     ///< [L] else the layer's weights are read from the file each time it is used

    [[nodiscard]] int streamedLayers() const;
    friend bool operator==(const DevicePlan&, const DevicePlan&) = default;
};

/// Layers in order over all devices, in proportion to what is free on each. Where the weights do not fit, the last
/// layers of each device are streamed; nothing when the caches alone do not fit.
[[nodiscard]] std::optional<DevicePlan> planDevices(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes);

/// Does a plan made earlier do for this run, too?
[[nodiscard]] bool planFits(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes, const DevicePlan& plan);

/// The longest run for which there is a plan; 0: none. `streaming` false: with all weights on the devices.
[[nodiscard]] std::int64_t longestRun(const Model& model, std::int64_t elementBytes,
                                      std::span<const std::uint64_t> freeBytes, bool streaming);

/// One sentence on a run that does not fit: what it needs, what each device has, what would fit.
[[nodiscard]] std::string doesNotFit(const Model& model, const std::string& dtype, std::int64_t elementBytes,
                                     std::int64_t tokens, std::span<const std::string> names,
                                     std::span<const std::uint64_t> freeBytes);

} // namespace kvviz::capture
