// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Gathers what a capture holds.
#include "app/commands/capture_summary.hpp"

#include "core/io/capture_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace kvviz::app {
namespace {

using core::Need;

/// Whether the capture really has an array of the format's table.
bool isThere(const io::CaptureReader& reader, const std::string& path)
{
    const Need available = reader.available();
    const auto under = [&](std::string_view prefix) { return path.starts_with(prefix); };
    if (path == io::path::receivedSqFar)
        return includes(available, Need::farSquares);
    if (path == io::path::queryMean || path == io::path::queryCovariance)
        return includes(available, Need::queryStats);
    if (under("stats/"))
        return includes(available, Need::stats);
    if (path == io::path::windowRows)
        return includes(available, Need::windowRows);
    if (path == io::path::decodeRows)
        return includes(available, Need::decodeRows);
    if (path == io::path::key)
        return includes(available, Need::keys);
    if (path == io::path::value)
        return includes(available, Need::values);
    if (path == io::path::query)
        return includes(available, Need::queries);
    if (path == io::path::full)
        return reader.hasFullMap();
    if (under("readout/"))
        return includes(available, Need::readout);
    return true; // pyramid levels and top-k come from the reader's own sizes; tokens are always there
}

std::vector<ArraySummary> arraysOf(const io::CaptureReader& reader)
{
    io::Sizes sizes = io::sizesOf(reader.info());
    sizes.topK = reader.topK();
    if (const auto readout = reader.readoutTokens())
        sizes.candidates = readout->candidates;
    for (int level = 0; level < reader.mapLevels(); ++level)
        sizes.levelCells.push_back(reader.mapCells(level));
    sizes.fullQueries.resize(reader.hasFullMap() ? static_cast<std::size_t>(sizes.n) : 0);
    std::vector<ArraySummary> result;
    for (const io::ArraySpec& spec : io::captureArrays(sizes)) {
        if (!isThere(reader, spec.path) || spec.path.starts_with("segments/"))
            continue;
        ArraySummary array{"/" + spec.path, {}, {}};
        for (const io::Axis& axis : spec.axes) {
            array.axes.push_back(axis.label);
            array.shape.push_back(axis.size);
        }
        result.push_back(std::move(array));
    }
    return result;
}

double meanOf(const std::vector<float>& values, std::int64_t heads, std::int64_t total, std::int64_t n)
{
    double sum = 0;
    for (std::int64_t head = 0; head < heads; ++head)
        sum = std::accumulate(values.begin() + head * total, values.begin() + head * total + n, sum);
    return sum / static_cast<double>(std::max<std::int64_t>(heads * n, 1));
}

LayerSummary summariseLayer(const core::LayerData& data, int sinkTokens)
{
    const std::int64_t heads = data.heads.queryHeads();
    LayerSummary result;
    result.layer = data.layer;
    result.entropy = meanOf(data.entropy, heads, data.total(), data.n);
    result.sinkMass = meanOf(data.sinkMass, heads, data.total(), data.n);
    result.heaviestKey = std::min<std::int64_t>(sinkTokens, data.n - 1);
    for (std::int64_t key = result.heaviestKey; key < data.n; ++key) {
        double received = 0;
        for (std::int64_t head = 0; head < heads; ++head)
            received += data.received[static_cast<std::size_t>(head * data.total() + key)];
        const double share = received / static_cast<double>(heads * data.n);
        if (share > result.heaviestShare) {
            result.heaviestKey = key;
            result.heaviestShare = share;
        }
    }
    return result;
}

} // namespace

std::string refName(const io::CaptureRef& ref)
{
    return ref.group == "/" ? ref.file.string() : fmt::format("{}:{}", ref.file.string(), ref.group);
}

std::vector<io::CaptureRef> capturesOf(const std::vector<std::string>& paths)
{
    return io::findCaptures({paths.begin(), paths.end()});
}

CaptureSummary summarise(const io::CaptureRef& ref, bool withLayers)
{
    const io::CaptureReader reader(ref);
    CaptureSummary result;
    result.name = refName(ref);
    result.info = reader.info();
    result.available = reader.available();
    result.arrays = arraysOf(reader);
    for (const auto& [group, bytes] : reader.storedBytes()) {
        if (group == "file")
            result.fileBytes = bytes;
        else
            result.groupBytes.emplace_back(group, bytes);
    }
    for (std::int64_t slot = 0; withLayers && slot < std::ssize(result.info.layers); ++slot)
        result.layers.push_back(summariseLayer(reader.loadLayer(slot, Need::stats), result.info.sinkTokens));
    return result;
}

} // namespace kvviz::app
