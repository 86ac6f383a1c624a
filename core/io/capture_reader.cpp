// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layers, logits and sizes of an open capture.
#include "core/io/open_capture.hpp"

#include "core/io/h5_values.hpp"

namespace kvviz::io {

using core::Error;
using core::ErrorCode;
using core::Need;

CaptureReader::CaptureReader(const CaptureRef& ref)
{
    m_capture = guarded(fmt::format("'{}'", ref.file.string()), [&] { return std::make_unique<OpenCapture>(ref); });
}

CaptureReader::~CaptureReader() = default;

const core::CaptureInfo& CaptureReader::info() const { return m_capture->info; }

Need CaptureReader::available() const { return m_capture->available; }

std::string CaptureReader::name() const
{
    const CaptureRef& ref = m_capture->ref;
    const std::string file = ref.file.filename().string();
    return ref.group == "/" ? file : fmt::format("{}:{}", file, ref.group);
}

core::LayerData CaptureReader::loadLayer(std::int64_t slot, Need needs) const
{
    const OpenCapture& capture = *m_capture;
    capture.requireSlot(slot);
    if (!includes(capture.available, needs))
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: the capture (tier {}) holds {}; {} needed", capture.where,
                                tierName(capture.info.tier), needNames(capture.available), needNames(needs)));
    core::LayerData layer;
    // Array by array: who reads little meanwhile, as a map does, need not wait for a whole layer.
    const auto read = [&](Need need, const char* path, std::vector<float>& values, std::int64_t elements = 1) {
        if (includes(needs, need) && elements > 0)
            values = guarded(capture.where, [&] { return capture.readLayer(path, slot); });
    };
    layer.layer = capture.info.layers.at(static_cast<std::size_t>(slot));
    layer.heads = capture.info.headMap();
    layer.n = capture.sizes.n;
    layer.t = capture.sizes.t;
    layer.w = capture.sizes.window;
    layer.headDim = capture.info.model.headDim;
    layer.rule = capture.info.model.scoreRule(layer.layer);
    read(Need::stats, path::received, layer.received);
    read(Need::stats, path::receivedWindow, layer.receivedWindow);
    read(Need::stats, path::receivedSq, layer.receivedSq);
    read(Need::stats, path::entropy, layer.entropy);
    read(Need::stats, path::sinkMass, layer.sinkMass);
    read(Need::farSquares, path::receivedSqFar, layer.receivedSqFar);
    read(Need::queryStats, path::queryMean, layer.queryMean);
    read(Need::queryStats, path::queryCovariance, layer.queryCovariance);
    read(Need::windowRows, path::windowRows, layer.windowRows, layer.w);
    read(Need::decodeRows, path::decodeRows, layer.decodeRows, layer.t);
    read(Need::keys, path::key, layer.key);
    read(Need::values, path::value, layer.value);
    read(Need::queries, path::query, layer.query, layer.w + layer.t);
    read(Need::readout, path::readout, layer.readout);
    read(Need::readout, path::written, layer.written);
    return layer;
}

std::vector<float> CaptureReader::logprob() const
{
    const OpenCapture& capture = *m_capture;
    return guarded(capture.where, [&] {
        const auto total = static_cast<hsize_t>(capture.sizes.total());
        return readFloats(capture.root.get(), "logits/logprob", {total}, capture.where);
    });
}

std::optional<core::ReadoutTokens> CaptureReader::readoutTokens() const
{
    const OpenCapture& capture = *m_capture;
    if (!includes(capture.available, Need::readout))
        return std::nullopt;
    return guarded(capture.where, [&] {
        const ArraySpec spec = captureArray(capture.sizes, path::readoutIds);
        core::ReadoutTokens tokens;
        tokens.candidates = capture.sizes.candidates;
        tokens.ids = readInt32s(capture.root.get(), path::readoutIds, spec.shape(), capture.where);
        tokens.logprob = readFloats(capture.root.get(), path::readoutLogprob, spec.shape(), capture.where);
        return std::optional(std::move(tokens));
    });
}

int CaptureReader::topK() const { return static_cast<int>(m_capture->sizes.topK); }

std::vector<std::int32_t> CaptureReader::topIds() const
{
    const OpenCapture& capture = *m_capture;
    return guarded(capture.where, [&] {
        const ArraySpec spec = captureArray(capture.sizes, "logits/top_id");
        return readInt32s(capture.root.get(), spec.path, spec.shape(), capture.where);
    });
}

std::vector<float> CaptureReader::topLogprobs() const
{
    const OpenCapture& capture = *m_capture;
    return guarded(capture.where, [&] {
        const ArraySpec spec = captureArray(capture.sizes, "logits/top_logprob");
        return readFloats(capture.root.get(), spec.path, spec.shape(), capture.where);
    });
}

std::vector<std::pair<std::string, std::uint64_t>> CaptureReader::storedBytes() const
{
    const OpenCapture& capture = *m_capture;
    return guarded(capture.where, [&] {
        std::vector<std::pair<std::string, std::uint64_t>> result;
        for (const std::string& name : childNames(capture.root.get(), capture.where)) {
            std::uint64_t bytes = 0;
            const Handle group = openGroup(capture.root.get(), name, capture.where);
            for (const std::string& path : datasetPaths(group.get()))
                bytes += H5Dget_storage_size(openDataset(group.get(), path, capture.where + name + "/").get());
            result.emplace_back(name, bytes);
        }
        std::error_code ignored;
        result.emplace_back("file", std::filesystem::file_size(capture.ref.file, ignored));
        return result;
    });
}

} // namespace kvviz::io
