// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names of devices; sizes from shapes; layers in proportion to free memory.
#include "capture/device_choice.hpp"

#include "capture/size_estimate.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kChunkRows = 1024; ///< of projections, DeviceMath's
constexpr std::int64_t kBlockRows = 256;  ///< of attention rows
constexpr std::int64_t kLogitRows = 512;

[[noreturn]] void refuse(std::string_view text)
{
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--device {}: expected cpu, cuda, cuda:1 or cuda:0,cuda:1", core::shown(text)));
}

int indexOf(std::string_view part, std::string_view whole)
{
    if (!part.starts_with("cuda"))
        refuse(whole);
    if (part == "cuda")
        return 0;
    int index = 0;
    const char* const end = part.data() + part.size();
    const auto parsed = part.size() > 5 && part[4] == ':' ? std::from_chars(part.data() + 5, end, index)
                                                          : std::from_chars_result{end, std::errc::invalid_argument};
    if (parsed.ec != std::errc() || parsed.ptr != end || index < 0 || index > 127)
        refuse(whole);
    return index;
}

/// Room on each device for layers; nothing when a device cannot hold what it must.
std::optional<std::vector<std::uint64_t>> roomForLayers(const DeviceNeeds& needs, std::span<const std::uint64_t> free,
                                                        bool streaming)
{
    std::vector<std::uint64_t> room;
    for (std::size_t i = 0; i < free.size(); ++i) {
        // A streamed layer needs the room of two: the next is copied before the last is let go.
        const std::uint64_t fixed = needs.scratch + (i == 0 ? needs.embedding : 0)
                                    + (i + 1 == free.size() ? needs.head : 0) + (streaming ? 2 * needs.layerWeights : 0);
        if (fixed > free[i])
            return std::nullopt;
        room.push_back(free[i] - fixed);
    }
    return room;
}

/// The layer in the middle of whose share of all room lies.
std::vector<int> inProportion(int layers, const std::vector<std::uint64_t>& room)
{
    const double total = static_cast<double>(std::accumulate(room.begin(), room.end(), std::uint64_t{0}));
    std::vector<int> result;
    std::size_t device = 0;
    double end = static_cast<double>(room.front());
    for (int layer = 0; layer < layers; ++layer) {
        while (device + 1 < room.size() && (layer + 0.5) / layers * total > end)
            end += static_cast<double>(room[++device]);
        result.push_back(static_cast<int>(device));
    }
    return result;
}

/// As many layers as fit on the first device, then on the next.
std::vector<int> inOrder(int layers, std::uint64_t bytes, const std::vector<std::uint64_t>& room)
{
    std::vector<int> result;
    for (std::size_t device = 0; device < room.size(); ++device)
        for (std::uint64_t used = bytes; std::ssize(result) < layers && used <= room[device]; used += bytes)
            result.push_back(static_cast<int>(device));
    return result;
}

bool fits(const std::vector<int>& deviceOfLayer, std::uint64_t bytes, const std::vector<std::uint64_t>& room)
{
    for (std::size_t device = 0; device < room.size(); ++device) {
        const auto here = std::count(deviceOfLayer.begin(), deviceOfLayer.end(), static_cast<int>(device));
        if (static_cast<std::uint64_t>(here) * bytes > room[device])
            return false;
    }
    return true;
}

/// The shares, or where rounding to whole layers spoils them, one device after the other.
std::optional<std::vector<int>> spread(int layers, std::uint64_t bytes, const std::vector<std::uint64_t>& room)
{
    std::vector<int> result = inProportion(layers, room);
    if (!fits(result, bytes, room))
        result = inOrder(layers, bytes, room);
    if (std::ssize(result) < layers)
        return std::nullopt;
    return result;
}

std::optional<DevicePlan> planStreaming(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes)
{
    const auto room = roomForLayers(needs, freeBytes, true);
    if (!room)
        return std::nullopt;
    const auto placed = spread(needs.layers, needs.layerCache, *room);
    if (!placed)
        return std::nullopt;
    DevicePlan plan{*placed, std::vector<bool>(placed->size(), false)};
    for (std::size_t device = 0; device < room->size(); ++device) {
        const auto here = static_cast<std::uint64_t>(
            std::count(placed->begin(), placed->end(), static_cast<int>(device)));
        std::uint64_t left = (*room)[device] - here * needs.layerCache;
        for (std::size_t layer = 0; layer < placed->size(); ++layer)
            if ((*placed)[layer] == static_cast<int>(device) && left >= needs.layerWeights) {
                plan.resident[layer] = true;
                left -= needs.layerWeights;
            }
    }
    return plan;
}

std::optional<DevicePlan> planWhole(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes)
{
    const auto room = roomForLayers(needs, freeBytes, false);
    if (!room)
        return std::nullopt;
    const auto placed = spread(needs.layers, needs.layerWeights + needs.layerCache, *room);
    if (!placed)
        return std::nullopt;
    return DevicePlan{*placed, std::vector<bool>(placed->size(), true)};
}

} // namespace

std::vector<int> parseDevices(std::string_view text)
{
    if (text == "cpu")
        return {};
    std::vector<int> devices;
    for (std::string_view rest = text;;) {
        const std::size_t comma = rest.find(',');
        const int index = indexOf(rest.substr(0, comma), text);
        if (std::find(devices.begin(), devices.end(), index) != devices.end())
            throw core::Error(core::ErrorCode::usage, fmt::format("--device {}: cuda:{} is named twice", core::shown(text), index));
        devices.push_back(index);
        if (comma == std::string_view::npos)
            return devices;
        rest.remove_prefix(comma + 1);
    }
}

DeviceNeeds deviceNeeds(const Model& model, std::int64_t elementBytes, std::int64_t tokens, int devices)
{
    return deviceNeeds(model.info, model.arch.ffnSize, model.output.outputs() == 0, elementBytes, tokens, devices);
}

std::uint64_t leastDeviceBytes(const DeviceNeeds& needs, bool streaming)
{
    return streaming ? needs.run() + needs.embedding + needs.head + 2 * needs.layerWeights : needs.run() + needs.weights();
}

DeviceNeeds deviceNeeds(const core::ModelInfo& info, std::int64_t ffnSize, bool tied, std::int64_t elementBytes,
                        std::int64_t tokens, int devices)
{
    const std::int64_t hidden = info.hiddenSize, d = info.headDim, heads = info.nHeads, ffn = ffnSize;
    const std::int64_t queries = heads * d, keys = std::int64_t{info.nKvHeads} * d, e = elementBytes;
    const std::int64_t vocabulary = std::int64_t{info.vocabSize} * hidden * e;
    const std::int64_t rows = std::min(tokens, kChunkRows);
    const auto u = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    DeviceNeeds needs;
    needs.layers = info.nLayers;
    needs.layerWeights = u(e * (hidden * (2 * queries + 2 * keys) + 3 * hidden * ffn));
    needs.layerCache = u(2 * keys * tokens * e);
    needs.embedding = u(vocabulary);
    needs.head = tied && devices == 1 ? 0 : u(vocabulary);
    const std::int64_t stream = tokens * hidden * 4 * 2;
    const std::int64_t attention = tokens * (2 * queries * e + 2 * queries * 4) + 12 * heads * tokens * 4;
    const std::int64_t projections = rows * (2 * hidden + 2 * (queries + 2 * keys) + 4 * ffn) * (e + 4);
    const std::int64_t blocks = 4 * heads * std::min(tokens, kBlockRows) * tokens * 4;
    const std::int64_t logits = 3 * std::min(tokens, kLogitRows) * info.vocabSize * 4;
    needs.scratch = u(stream + std::max(attention + projections + blocks, logits));
    return needs;
}

int DevicePlan::streamedLayers() const
{
    return static_cast<int>(std::count(resident.begin(), resident.end(), false));
}

std::optional<DevicePlan> planDevices(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes)
{
    if (auto whole = planWhole(needs, freeBytes))
        return whole;
    return planStreaming(needs, freeBytes);
}

bool planFits(const DeviceNeeds& needs, std::span<const std::uint64_t> freeBytes, const DevicePlan& plan)
{
    const auto room = roomForLayers(needs, freeBytes, plan.streamedLayers() > 0);
    if (!room)
        return false;
    std::vector<std::uint64_t> used(room->size(), 0);
    for (std::size_t layer = 0; layer < plan.resident.size(); ++layer)
        used.at(static_cast<std::size_t>(plan.deviceOfLayer[layer])) +=
            needs.layerCache + (plan.resident[layer] ? needs.layerWeights : 0);
    for (std::size_t device = 0; device < used.size(); ++device)
        if (used[device] > (*room)[device])
            return false;
    return true;
}

std::int64_t longestRun(const Model& model, std::int64_t elementBytes, std::span<const std::uint64_t> freeBytes,
                        bool streaming)
{
    return longestRun(model.info.contextLength, [&](std::int64_t tokens) {
        const DeviceNeeds needs = deviceNeeds(model, elementBytes, tokens, static_cast<int>(freeBytes.size()));
        return streaming ? planDevices(needs, freeBytes).has_value() : planWhole(needs, freeBytes).has_value();
    });
}

std::string doesNotFit(const Model& model, const std::string& dtype, std::int64_t elementBytes, std::int64_t tokens,
                       std::span<const std::string> names, std::span<const std::uint64_t> freeBytes)
{
    const DeviceNeeds needs = deviceNeeds(model, elementBytes, tokens, static_cast<int>(freeBytes.size()));
    std::string text = fmt::format("{} does not fit: {} of weights in {} and {} for a run of {} tokens, but", model.info.name,
                                   core::humanBytes(needs.weights()), dtype, core::humanBytes(needs.run()), tokens);
    for (std::size_t i = 0; i < names.size(); ++i)
        text += fmt::format("{} {} has {} free", i == 0 ? "" : ",", names[i], core::humanBytes(freeBytes[i]));
    const std::int64_t whole = longestRun(model, elementBytes, freeBytes, false);
    const std::int64_t streamed = longestRun(model, elementBytes, freeBytes, true);
    if (whole > 0)
        text += fmt::format("; a run of up to {} tokens would fit", whole);
    if (streamed > whole)
        text += fmt::format("{} up to {} with layers read from the file each time", whole > 0 ? "," : "; runs of",
                            streamed);
    if (streamed == 0)
        text += "; not even a run of one token would fit";
    return text + ". More devices (--device cuda:0,cuda:1), --dtype bfloat16 or the CPU (--device cpu) have more room";
}

} // namespace kvviz::capture
