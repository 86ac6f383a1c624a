// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The capture writer: which array goes where, when it is created, and the careful end of a file.
#include "core/io/capture_writer.hpp"

#include "core/io/capture_info_io.hpp"
#include "core/io/capture_layout.hpp"
#include "core/io/chunked_array.hpp"
#include "core/io/dimension_scales.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/part_state.hpp"
#include "core/pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

constexpr std::size_t kQueueBytes = std::size_t{64} << 20;
constexpr float kMasked = std::numeric_limits<float>::quiet_NaN();

/// Whether a capture of this tier has the array in every layer. What belongs to no layer is written by finish.
bool promisedBy(core::Tier tier, const ArraySpec& array)
{
    return !array.optional && tier >= array.tier && array.axes.front().label == "layer";
}

/// Rows of the full tier's chosen queries, gathered until a chunk row is full.
struct PendingRows {
    std::vector<float> data; // [H, chunk rows, n]
    std::int64_t begin = 0;  ///< row of /map/full of its first row
    std::int64_t filled = 0;
    std::int64_t keys = 0; ///< valid columns so far
};

} // namespace

struct CaptureWriter::Impl {
    WriterOptions options;
    Sizes sizes;
    core::CaptureInfo info; ///< as given to the constructor
    std::string name;       ///< "'x.kvh5'", for messages
    PartFile part;
    std::optional<Heartbeat> heartbeat; ///< of the part
    IoThread thread{kQueueBytes};
    OutputFile file; ///< used on the thread only
    std::map<std::string, std::unique_ptr<ChunkedArray>> arrays;
    std::map<std::string, std::set<std::int64_t>> written; ///< slots by array
    std::map<std::int64_t, PendingRows> pending;           ///< by slot
    bool chosenQueries = false;
    bool generatedKnown = false; ///< sizes.t has been said by writeLayer

    Impl(const std::filesystem::path& path, const core::CaptureInfo& givenInfo, const WriterOptions& givenOptions);
    ~Impl();

    ChunkedArray& array(const std::string& path, const ChunkedArray::Options& arrayOptions);
    void writeArray(std::int64_t slot, const char* path, std::span<const float> values, core::StorageType type);
    void requireSlot(std::int64_t slot) const;
    ChunkedArray& fullArray();
    void gather(std::int64_t slot, std::int64_t queryBegin, std::int64_t rows, const float* data,
                std::int64_t headStride, std::int64_t rowStride);
    void flushPending(std::int64_t slot, PendingRows& rows);
    void requireAllWritten(const core::CaptureInfo& finalInfo) const;
    void writeEnd(const core::CaptureInfo& finalInfo);
};

CaptureWriter::Impl::Impl(const std::filesystem::path& path, const core::CaptureInfo& givenInfo,
                          const WriterOptions& givenOptions)
    : options(givenOptions), sizes(sizesOf(givenInfo)), info(givenInfo), name(fmt::format("'{}'", path.string())),
      part(path, givenOptions.force, givenOptions.partWriter)
{
    requireConsistent(info, ErrorCode::failure, name);
    sizes.fullQueries = options.fullQueries;
    chosenQueries = !sizes.fullQueries.empty();
    if (!chosenQueries) {
        sizes.fullQueries.resize(static_cast<std::size_t>(sizes.n));
        std::iota(sizes.fullQueries.begin(), sizes.fullQueries.end(), std::int64_t{0});
    }
    const auto& queries = sizes.fullQueries;
    if (queries.front() < 0 || queries.back() >= sizes.n
        || std::adjacent_find(queries.begin(), queries.end(), std::greater_equal<>()) != queries.end())
        throw Error(ErrorCode::failure, name + ": the queries of the full tier must be ascending prompt positions");
    for (int level = 0; level < options.mapLevels; ++level)
        sizes.levelCells.push_back(core::MapPyramid::levelCells(sizes.n, options.mapCells, level));
    part.claim();
    startLibrary();
    if (!options.partWriter.empty())
        heartbeat.emplace(part.partPath());
    thread.call([this] {
        file = OutputFile(part.partPath().string());
    });
}

CaptureWriter::Impl::~Impl()
{
    const bool failed = thread.failed();
    arrays.clear();
    thread.callAlways([this, failed] {
        if (failed)
            file.abandon();
        else if (file.get() >= 0)
            file.discard();
    });
}

ChunkedArray& CaptureWriter::Impl::array(const std::string& path, const ChunkedArray::Options& arrayOptions)
{
    auto& slot = arrays[path];
    if (!slot)
        slot = std::make_unique<ChunkedArray>(thread, file.get(), captureArray(sizes, path), arrayOptions);
    return *slot;
}

void CaptureWriter::Impl::requireSlot(std::int64_t slot) const
{
    if (slot < 0 || slot >= sizes.layers)
        throw Error(ErrorCode::failure, fmt::format("{}: there is no layer slot {}", name, slot));
}

void CaptureWriter::Impl::writeArray(std::int64_t slot, const char* path, std::span<const float> values,
                                     core::StorageType type)
{
    if (values.empty())
        return;
    const ArraySpec spec = captureArray(sizes, path);
    const std::vector<unsigned long long> shape = spec.shape();
    const auto expected = std::accumulate(shape.begin() + 1, shape.end(), 1ULL, std::multiplies<>());
    if (values.size() != expected)
        throw Error(ErrorCode::failure, fmt::format("{}: /{} got {} values for a layer, expected {}", name, path,
                                                    values.size(), expected));
    MatrixRows rows;
    rows.data = values.data();
    rows.planes = shape.size() > 3 ? static_cast<std::int64_t>(shape[1]) : 1;
    rows.columns = rows.rowStride = static_cast<std::int64_t>(shape.back());
    rows.rows = static_cast<std::int64_t>(shape[shape.size() - 2]);
    rows.planeStride = rows.rows * rows.columns;
    array(path, {.type = type}).write(slot, rows);
    written[path].insert(slot);
}

ChunkedArray& CaptureWriter::Impl::fullArray()
{
    const auto found = arrays.find(path::full);
    if (found != arrays.end())
        return *found->second;
    Sizes prompt = sizes; // the columns grow to n + t when t is known
    prompt.t = 0;
    auto& slot = arrays[path::full];
    slot = std::make_unique<ChunkedArray>(thread, file.get(), captureArray(prompt, path::full),
                                          ChunkedArray::Options{.type = options.mapType, .growingColumns = true,
                                                                .mostRows = kMapChunk, .mostColumns = kMapChunk});
    return *slot;
}

void CaptureWriter::Impl::gather(std::int64_t slot, std::int64_t queryBegin, std::int64_t rows, const float* data,
                                 std::int64_t headStride, std::int64_t rowStride)
{
    const auto& queries = sizes.fullQueries;
    const std::int64_t chunkRows = fullArray().chunkRows();
    for (auto query = std::lower_bound(queries.begin(), queries.end(), queryBegin);
         query != queries.end() && *query < queryBegin + rows; ++query) {
        PendingRows& gathered = pending[slot];
        const std::int64_t row = query - queries.begin();
        if (gathered.data.empty()) {
            gathered.begin = row;
            gathered.data.assign(static_cast<std::size_t>(sizes.heads * chunkRows * sizes.n), 0.0f);
        }
        if (row != gathered.begin + gathered.filled)
            throw Error(ErrorCode::failure, fmt::format("{}: rows of query {} came out of order", name, *query));
        for (std::int64_t h = 0; h < sizes.heads; ++h)
            std::copy_n(data + h * headStride + (*query - queryBegin) * rowStride, *query + 1,
                        gathered.data.data() + (h * chunkRows + gathered.filled) * sizes.n);
        gathered.keys = *query + 1;
        if (++gathered.filled == chunkRows || query + 1 == queries.end())
            flushPending(slot, gathered);
    }
}

void CaptureWriter::Impl::flushPending(std::int64_t slot, PendingRows& rows)
{
    const std::int64_t chunkRows = fullArray().chunkRows();
    fullArray().write(slot, {rows.data.data(), sizes.heads, chunkRows * sizes.n, sizes.n, rows.begin, rows.filled,
                             rows.keys, false});
    const bool last = rows.begin + rows.filled == std::ssize(sizes.fullQueries);
    rows.begin += rows.filled;
    rows.filled = rows.keys = 0;
    std::fill(rows.data.begin(), rows.data.end(), 0.0f);
    if (last) {
        written[path::full].insert(slot);
        pending.erase(slot);
    }
}

void CaptureWriter::Impl::requireAllWritten(const core::CaptureInfo& finalInfo) const
{
    for (const auto& [path, slots] : written)
        if (std::ssize(slots) != sizes.layers)
            throw Error(ErrorCode::failure, fmt::format("{}: /{} was written for {} of {} layers", name, path,
                                                        slots.size(), sizes.layers));
    if (arrays.contains(path::full) && !written.contains(path::full))
        throw Error(ErrorCode::failure, name + ": rows of /map/full are missing");
    for (const ArraySpec& array : captureArrays(sizes))
        if (promisedBy(finalInfo.tier, array) && !written.contains(array.path))
            throw Error(ErrorCode::failure, fmt::format("{}: /{} is missing, which tier {} promises", name, array.path,
                                                        core::tierName(finalInfo.tier)));
}

void CaptureWriter::Impl::writeEnd(const core::CaptureInfo& finalInfo)
{
    const H5Lock lock;
    const hid_t root = file.get();
    writeCaptureInfo(root, finalInfo);
    if (H5Lexists(root, "stats", H5P_DEFAULT) > 0)
        writeAttribute(openGroup(root, "stats", name).get(), "n_queries", sizes.n);
    for (int level = 0; level < std::ssize(sizes.levelCells); ++level)
        if (const std::string group = fmt::format("map/level_{}", level); hasDataset(root, group + "/max"))
            writeAttribute(openGroup(root, group, name).get(), "cell_size",
                           core::MapPyramid::levelCellSize(sizes.n, sizes.levelCells[0], level));
    writeDimensionScales(root, finalInfo, sizes);
    writeAttribute(root, "complete", std::int64_t{1});
    file.finish();
}

CaptureWriter::CaptureWriter(const std::filesystem::path& path, const core::CaptureInfo& info,
                             const WriterOptions& options)
    : m_impl(std::make_unique<Impl>(path, info, options))
{
}

CaptureWriter::~CaptureWriter() = default;

void CaptureWriter::writeFullRows(std::int64_t slot, std::int64_t queryBegin, std::int64_t rows, const float* data,
                                  std::int64_t headStride, std::int64_t rowStride)
{
    Impl& impl = *m_impl;
    impl.requireSlot(slot);
    const std::int64_t end = queryBegin + rows;
    if (queryBegin < 0 || rows < 1 || end > impl.sizes.n)
        throw Error(ErrorCode::failure, fmt::format("{}: queries [{}, {}) are outside of the prompt", impl.name,
                                                    queryBegin, end));
    if (impl.chosenQueries)
        return impl.gather(slot, queryBegin, rows, data, headStride, rowStride);
    if (queryBegin % kMapChunk != 0 || (rows != kMapChunk && end != impl.sizes.n))
        throw Error(ErrorCode::failure, fmt::format("{}: rows must come in blocks of {}, got [{}, {})", impl.name,
                                                    kMapChunk, queryBegin, end));
    impl.fullArray().write(slot, {data, impl.sizes.heads, headStride, rowStride, queryBegin, rows, end, false});
    if (end == impl.sizes.n)
        impl.written[path::full].insert(slot);
}

void CaptureWriter::writeMapLevel(std::int64_t slot, int level, std::int64_t cells, std::span<const float> max,
                                  std::span<const float> mean)
{
    Impl& impl = *m_impl;
    impl.requireSlot(slot);
    const bool isAnnounced =
        level >= 0 && level < impl.options.mapLevels && cells == impl.sizes.levelCells[static_cast<std::size_t>(level)];
    if (!isAnnounced || std::ssize(max) != impl.sizes.heads * cells * cells || mean.size() != max.size())
        throw Error(ErrorCode::failure,
                    fmt::format("{}: level {} of {} cells is not as announced", impl.name, level, cells));
    const ChunkedArray::Options options{.type = impl.options.mapType, .padding = kMasked, .mostRows = kMapChunk,
                                        .mostColumns = kMapChunk};
    for (const auto& [pooling, values] : {std::pair{"max", max}, std::pair{"mean", mean}}) {
        const std::string path = path::level(level, pooling);
        impl.array(path, options)
            .write(slot, {values.data(), impl.sizes.heads, cells * cells, cells, 0, cells, cells, true});
        impl.written[path].insert(slot);
    }
}

void CaptureWriter::writeLayer(std::int64_t slot, const LayerArrays& arrays)
{
    Impl& impl = *m_impl;
    impl.requireSlot(slot);
    if (arrays.nGenerated < 0 || (impl.generatedKnown && arrays.nGenerated != impl.sizes.t))
        throw Error(ErrorCode::failure, fmt::format("{}: layers disagree about the number of decode steps", impl.name));
    impl.sizes.t = arrays.nGenerated;
    impl.generatedKnown = true;
    constexpr auto kExact = core::StorageType::float32;
    impl.writeArray(slot, path::received, arrays.received, kExact);
    impl.writeArray(slot, path::receivedWindow, arrays.receivedWindow, kExact);
    impl.writeArray(slot, path::receivedSq, arrays.receivedSq, kExact);
    impl.writeArray(slot, path::receivedSqFar, arrays.receivedSqFar, kExact);
    impl.writeArray(slot, path::queryMean, arrays.queryMean, kExact);
    impl.writeArray(slot, path::queryCovariance, arrays.queryCovariance, kExact);
    impl.writeArray(slot, path::entropy, arrays.entropy, kExact);
    impl.writeArray(slot, path::sinkMass, arrays.sinkMass, kExact);
    impl.writeArray(slot, path::windowRows, arrays.windowRows, impl.options.rowsType);
    impl.writeArray(slot, path::decodeRows, arrays.decodeRows, impl.options.rowsType);
    impl.writeArray(slot, path::key, arrays.key, impl.options.cacheType);
    impl.writeArray(slot, path::value, arrays.value, impl.options.cacheType);
    impl.writeArray(slot, path::query, arrays.query, impl.options.cacheType);
    impl.writeArray(slot, path::readout, arrays.readout, impl.options.cacheType);
    impl.writeArray(slot, path::written, arrays.written, kExact);
}

void CaptureWriter::writeLogits(std::span<const float> logprob, std::span<const std::int32_t> topId,
                                std::span<const float> topLogprob, int k)
{
    Impl& impl = *m_impl;
    if (k < 0 || topId.size() != logprob.size() * static_cast<std::size_t>(k) || topLogprob.size() != topId.size())
        throw Error(ErrorCode::failure, fmt::format("{}: the shapes of the logits do not fit each other", impl.name));
    impl.sizes.topK = k;
    const auto total = static_cast<hsize_t>(logprob.size());
    impl.thread.call([&] {
        const H5Lock lock;
        writeDataset(impl.file.get(), "logits/logprob", logprob, {total});
        if (k > 0) {
            writeDataset(impl.file.get(), "logits/top_id", topId, {total, static_cast<hsize_t>(k)});
            writeDataset(impl.file.get(), "logits/top_logprob", topLogprob, {total, static_cast<hsize_t>(k)});
        }
    });
}

void CaptureWriter::writeReadout(std::span<const std::int32_t> ids, std::span<const float> logprob,
                                 std::int64_t candidates)
{
    Impl& impl = *m_impl;
    if (candidates < 1 || ids.empty() || std::ssize(ids) % candidates != 0 || logprob.size() != ids.size())
        throw Error(ErrorCode::failure,
                    fmt::format("{}: the candidates of the readout do not fit each other", impl.name));
    impl.sizes.candidates = candidates;
    const auto steps = static_cast<hsize_t>(std::ssize(ids) / candidates);
    impl.thread.call([&] {
        const H5Lock lock;
        writeDataset(impl.file.get(), path::readoutIds, ids, {steps, static_cast<hsize_t>(candidates)});
        writeDataset(impl.file.get(), path::readoutLogprob, logprob, {steps, static_cast<hsize_t>(candidates)});
    });
}

void CaptureWriter::finish(const core::CaptureInfo& info)
{
    Impl& impl = *m_impl;
    requireConsistent(info, ErrorCode::failure, impl.name);
    if (info.nPrompt() != impl.sizes.n || info.layers != impl.info.layers || info.heads != impl.info.heads
        || info.window != impl.info.window || info.tokens.size() != info.nTokens()
        || std::ssize(info.tokens.offsets) != info.nTokens() + 1
        || (impl.generatedKnown && info.nGenerated() != impl.sizes.t))
        throw Error(ErrorCode::failure, impl.name + ": the final description does not fit what was written");
    impl.sizes.t = info.nGenerated();
    impl.requireAllWritten(info);
    impl.sizes.segments = std::ssize(info.segments);
    try {
        if (const auto full = impl.arrays.find(path::full); full != impl.arrays.end())
            impl.thread.call([&] { full->second->setColumns(impl.sizes.total()); });
        impl.arrays.clear(); // closes the datasets, on the thread
        impl.thread.call([&] { impl.writeEnd(info); });
    } catch (const Error& error) {
        throw Error(error.code(), fmt::format("{} was not written: {}", impl.name, error.what()));
    }
    impl.part.publish();
}

} // namespace kvviz::io
