// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Opening a capture and reading pieces of its arrays. Nothing from the file is believed before it has been compared
// with the extents of the datasets.
#include "core/io/open_capture.hpp"

#include "core/half.hpp"
#include "core/io/capture_info_io.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/linked_member.hpp"
#include "core/io/text_copy.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;
using core::Need;

OpenCapture::OpenCapture(const CaptureRef& captureRef)
    : ref(captureRef), where(fmt::format("'{}': {}", ref.file.string(), ref.group))
{
    if (!where.ends_with('/'))
        where += '/';
    file = openFileForReading(ref.file.string());
    const Handle top = openGroup(file.get(), "/", where);
    const TextCopy texts(top.get(), where);
    if (ref.group == "/" && texts.has("", "format") && texts.read("", "format") == kPackFormat)
        throw Error(ErrorCode::badInput,
                    fmt::format("'{}' is a pack of captures; name one of them", ref.file.string()));
    if (ref.group != "/") {
        requireFormat(top.get(), kPackFormat, fmt::format("'{}'", ref.file.string()));
        requireLinkedFile(file.get(), ref);
    }
    root = openGroup(file.get(), ref.group, fmt::format("'{}': ", ref.file.string()));
    minorVersion = requireFormat(root.get(), kCaptureFormat, where);
    info = readCaptureInfo(root.get(), where);
    sizes = sizesOf(info);
    findArrays();
}

void OpenCapture::findArrays()
{
    if (hasDataset(root.get(), path::full)) {
        const std::vector<hsize_t> shape = datasetShape(openDataset(root.get(), path::full, where).get());
        const hsize_t rows = shape.size() == 4 ? shape[2] : 0;
        if (rows < 1 || rows > static_cast<hsize_t>(sizes.n))
            throw Error(ErrorCode::badInput, fmt::format("{}{}: the shape is {}", where, path::full, shapeText(shape)));
        sizes.fullQueries = readInt64s(root.get(), "scales/full_query", {rows}, where);
        const auto& queries = sizes.fullQueries;
        if (queries.front() < 0 || queries.back() >= sizes.n
            || std::adjacent_find(queries.begin(), queries.end(), std::greater_equal<>()) != queries.end())
            throw Error(ErrorCode::badInput, where + "scales/full_query: expected ascending prompt positions");
        hasFull = true;
    }
    for (int level = 0; hasDataset(root.get(), path::level(level, "max")); ++level) {
        const std::string name = path::level(level, "max");
        const std::vector<hsize_t> shape = datasetShape(openDataset(root.get(), name, where).get());
        const auto cells = static_cast<std::int64_t>(shape.size() == 4 ? shape[2] : 0);
        if (cells < 1 || cells > sizes.n
            || cells != core::MapPyramid::levelCells(sizes.n, level == 0 ? cells : sizes.levelCells[0], level))
            throw Error(ErrorCode::badInput, fmt::format("{}{}: the shape is {}", where, name, shapeText(shape)));
        sizes.levelCells.push_back(cells);
    }
    if (hasDataset(root.get(), "logits/top_id")) {
        const std::vector<hsize_t> shape = datasetShape(openDataset(root.get(), "logits/top_id", where).get());
        if (shape.size() != 2 || shape[1] > 1'000'000)
            throw Error(ErrorCode::badInput, fmt::format("{}logits/top_id: the shape is {}", where, shapeText(shape)));
        sizes.topK = static_cast<std::int64_t>(shape[1]);
    }
    hasLogits = hasDataset(root.get(), "logits/logprob");
    if (hasDataset(root.get(), path::readoutIds)) {
        const std::vector<hsize_t> shape = datasetShape(openDataset(root.get(), path::readoutIds, where).get());
        if (shape.size() != 2 || shape[1] < 1 || shape[1] > 1'000'000)
            throw Error(ErrorCode::badInput, fmt::format("{}{}: the shape is {}", where, path::readoutIds,
                                                         shapeText(shape)));
        sizes.candidates = static_cast<std::int64_t>(shape[1]);
    }
    const auto offer = [&](Need need, const char* path, std::int64_t elements) {
        if (elements == 0 || hasDataset(root.get(), path))
            available = available | need;
    };
    // Arrays without elements are not in the file, and cannot be missed unless the tier leaves them out; an import may
    // have the rows without the keys that the next tier asks for.
    const bool cache = info.tier != core::Tier::stats || hasDataset(root.get(), path::windowRows);
    offer(Need::stats, path::received, 1);
    offer(Need::windowRows, path::windowRows, cache ? sizes.window : 1);
    offer(Need::decodeRows, path::decodeRows, cache ? sizes.t : 1);
    offer(Need::keys, path::key, 1);
    offer(Need::values, path::value, 1);
    offer(Need::queries, path::query, cache ? sizes.window + sizes.t : 1);
    offer(Need::farSquares, path::receivedSqFar, 1);
    const auto has = [&](const char* path) { return hasDataset(root.get(), path); };
    if (sizes.candidates > 0 && has(path::written) && has(path::readoutLogprob))
        offer(Need::readout, path::readout, 1);
    if (hasDataset(root.get(), path::queryMean))
        offer(Need::queryStats, path::queryCovariance, 1);
}

void OpenCapture::requireSlot(std::int64_t slot, std::int64_t head) const
{
    if (slot < 0 || slot >= sizes.layers || head < 0 || head >= sizes.heads)
        throw Error(ErrorCode::usage, fmt::format("{}: there is no layer slot {}, head {}; the capture holds {} x {}",
                                                  where, slot, head, sizes.layers, sizes.heads));
}

Handle OpenCapture::open(const std::string& path) const
{
    Handle dataset = openDataset(root.get(), path, where);
    requireShape(dataset.get(), captureArray(sizes, path).shape(), where + path);
    const Handle type(H5Dget_type(dataset.get()));
    if (!type || (H5Tequal(type.get(), H5T_IEEE_F32LE) <= 0 && H5Tequal(type.get(), halfType().get()) <= 0))
        throw Error(ErrorCode::badInput, fmt::format("{}{}: expected float16 or float32 elements", where, path));
    return dataset;
}

std::vector<float> OpenCapture::readSlab(hid_t dataset, const Slab& slab, const std::string& path) const
{
    const std::string what = fmt::format("{}{} cannot be read, it may be damaged", where, path);
    const Handle fileSpace = checked(H5Dget_space(dataset), ErrorCode::badInput, what);
    check(H5Sselect_hyperslab(fileSpace.get(), H5S_SELECT_SET, slab.begin.data(), nullptr, slab.size.data(), nullptr),
          ErrorCode::badInput, what);
    const Handle memorySpace = checked(H5Screate_simple(static_cast<int>(slab.size.size()), slab.size.data(), nullptr),
                                       ErrorCode::badInput, what);
    const auto count = std::accumulate(slab.size.begin(), slab.size.end(), hsize_t{1}, std::multiplies<>());
    std::vector<float> values(count);
    const Handle type(H5Dget_type(dataset));
    if (H5Tget_size(type.get()) == sizeof(float)) {
        check(H5Dread(dataset, H5T_NATIVE_FLOAT, memorySpace.get(), fileSpace.get(), H5P_DEFAULT, values.data()),
              ErrorCode::badInput, what);
        return values;
    }
    // The library converts half floats bit by bit; read them as they are and convert here.
    std::vector<core::Half> halves(count);
    check(H5Dread(dataset, type.get(), memorySpace.get(), fileSpace.get(), H5P_DEFAULT, halves.data()),
          ErrorCode::badInput, what);
    core::halfToFloat(halves.data(), values.data(), halves.size());
    return values;
}

std::vector<float> OpenCapture::readLayer(const char* path, std::int64_t slot) const
{
    const Handle dataset = open(path);
    requireStored(dataset.get(), where + path);
    Slab slab;
    slab.size = captureArray(sizes, path).shape();
    slab.begin.assign(slab.size.size(), 0);
    slab.begin[0] = static_cast<hsize_t>(slot);
    slab.size[0] = 1;
    return readSlab(dataset.get(), slab, path);
}

std::vector<float> OpenCapture::readRows(hid_t dataset, const std::string& path, std::int64_t slot,
                                                 std::int64_t head, core::Span rows, core::Span columns) const
{
    const auto unsign = [](std::int64_t value) { return static_cast<hsize_t>(value); };
    return readSlab(dataset, {{unsign(slot), unsign(head), unsign(rows.begin), unsign(columns.begin)},
                              {1, 1, unsign(rows.size()), unsign(columns.size())}}, path);
}

} // namespace kvviz::io
