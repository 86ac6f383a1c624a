// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The order of calls is the capture engine's: map rows and levels by layer, then the layer's arrays, then the end.
#include "tests/support/synthetic_file.hpp"

#include "core/pooling.hpp"

#include <algorithm>
#include <limits>

namespace kvviz::test {
namespace {

void writeFull(io::CaptureWriter& writer, const SyntheticCapture& capture, std::int64_t slot)
{
    const std::int64_t n = capture.info().nPrompt();
    for (std::int64_t begin = 0; begin < n; begin += io::kMapChunk)
        writer.writeFullRows(slot, begin, std::min(io::kMapChunk, n - begin), capture.fullMap(slot).data() + begin * n,
                             n * n, n);
}

void writeLevels(io::CaptureWriter& writer, const SyntheticCapture& capture, std::int64_t slot, std::int64_t mapCap)
{
    const std::int64_t n = capture.info().nPrompt();
    core::MapPyramid pyramid(static_cast<int>(capture.info().heads.size()), n, mapCap);
    pyramid.addRows(0, n, capture.fullMap(slot).data(), n * n, n);
    int index = 0;
    for (const core::PyramidLevel& level : pyramid.result())
        writer.writeMapLevel(slot, index++, level.cells, level.max, level.mean);
}

void writeLogits(io::CaptureWriter& writer, const SyntheticCapture& capture)
{
    constexpr int kTop = 3;
    std::vector<std::int32_t> ids;
    std::vector<float> logprobs;
    for (std::size_t i = 0; i < capture.logprob().size(); ++i)
        for (int rank = 0; rank < kTop; ++rank) {
            ids.push_back(static_cast<std::int32_t>(i) + rank);
            logprobs.push_back(-0.5f - static_cast<float>(rank));
        }
    writer.writeLogits(capture.logprob(), ids, logprobs, kTop);
}

} // namespace

io::LayerArrays arraysOf(const core::LayerData& layer)
{
    io::LayerArrays arrays;
    arrays.received = layer.received;
    arrays.receivedWindow = layer.receivedWindow;
    arrays.receivedSq = layer.receivedSq;
    arrays.receivedSqFar = layer.receivedSqFar;
    arrays.queryMean = layer.queryMean;
    arrays.queryCovariance = layer.queryCovariance;
    arrays.entropy = layer.entropy;
    arrays.sinkMass = layer.sinkMass;
    arrays.windowRows = layer.windowRows;
    arrays.decodeRows = layer.decodeRows;
    arrays.key = layer.key;
    arrays.value = layer.value;
    arrays.query = layer.query;
    arrays.nGenerated = layer.t;
    return arrays;
}

void writeSynthetic(const SyntheticCapture& capture, const std::filesystem::path& path, io::WriterOptions options,
                    std::int64_t mapCap)
{
    const core::CaptureInfo& info = capture.info();
    const std::int64_t n = info.nPrompt();
    const bool map = info.tier >= core::Tier::map;
    if (map) {
        options.mapLevels = core::MapPyramid::levelCount(n, mapCap);
        options.mapCells = core::MapPyramid::levelCells(n, mapCap, 0);
    }
    core::CaptureInfo atStart = info; // what an engine knows before it runs
    atStart.tokens = {};
    atStart.segments.clear();
    atStart.prompt.nGenerated = 0;
    io::CaptureWriter writer(path, atStart, options);
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot) {
        if (info.tier == core::Tier::full)
            writeFull(writer, capture, slot);
        if (map)
            writeLevels(writer, capture, slot, mapCap);
    }
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot) {
        io::LayerArrays arrays = arraysOf(capture.layer(slot));
        if (info.tier == core::Tier::stats) {
            arrays.windowRows = arrays.decodeRows = arrays.key = arrays.value = arrays.query = {};
            arrays.queryMean = arrays.queryCovariance = {};
        }
        writer.writeLayer(slot, arrays);
    }
    writeLogits(writer, capture);
    writer.finish(info);
}

} // namespace kvviz::test
