// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay records to and from /replay/<i>. One table of fields serves both directions.
#include "core/io/results.hpp"

#include "core/io/capture_info_io.hpp"
#include "core/io/capture_layout.hpp"
#include "core/io/dimension_scales.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/open_capture.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <numeric>
#include <type_traits>
#include <utility>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

/// Every scalar of a record under its attribute name.
template <typename Record, typename Visit>
void visitScalars(Record& r, Visit&& visit)
{
    visit("capture", r.capture), visit("task", r.task), visit("prompt_id", r.promptId);
    visit("model_name", r.modelName);
    visit("method", r.method), visit("variant", r.variant), visit("params", r.params);
    visit("depth", r.depth), visit("assumption", r.assumption);
    visit("ratio", r.ratio), visit("budget_tokens", r.budgetTokens), visit("actual_ratio", r.actualRatio);
    visit("kept_tokens", r.keptTokens), visit("bytes", r.bytes), visit("ties_at_cut", r.tiesAtCut);
    visit("dead_queries", r.deadQueries), visit("seconds", r.seconds);
    visit("n_layers", r.layers), visit("n_heads", r.heads), visit("n_kv_heads", r.kvHeads);
    visit("n_prompt", r.n), visit("n_generated", r.t), visit("n_segments", r.segments);
    visit("mean_lost", r.meanLost), visit("p95_lost", r.p95Lost), visit("max_lost", r.maxLost);
    visit("mean_lost_non_sink", r.meanLostNonSink);
    visit("mean_output_error", r.meanOutputError), visit("p95_output_error", r.p95OutputError);
}

/// Scalars that came with format 1.1; a reader leaves those that a file does not hold as they are.
template <typename Record, typename Visit>
void visitLaterScalars(Record& r, Visit&& visit)
{
    visit("budget_use", r.budgetUse), visit("facts", r.facts), visit("draws", r.draws);
    visit("std_lost", r.stdLost), visit("mean_lost_generated", r.meanLostGenerated);
    visit("mean_concat_error", r.meanConcatError), visit("mean_block_error", r.meanBlockError);
    visit("adjacent_jaccard", r.adjacentJaccard), visit("mean_run", r.meanRun);
    visit("key_error", r.keyError), visit("value_error", r.valueError);
    visit("key_cosine", r.keyCosine), visit("value_cosine", r.valueCosine);
    visit("mean_logprob_delta", r.meanLogprobDelta), visit("mean_kl", r.meanKl);
    visit("top1_agreement", r.top1Agreement), visit("size_ratio", r.sizeRatio);
}

/// Every array with its shape and axis labels; empty arrays are not in the file.
template <typename Record, typename Visit>
void visitArrays(Record& r, Visit&& visit)
{
    const auto dims = [](auto... sizes) { return std::vector<hsize_t>{static_cast<hsize_t>(sizes)...}; };
    const std::vector<const char*> lossLabels{"layer", "head", "query"};
    visit("kept", r.kept, dims(r.layers, r.kvHeads, r.n), {"layer", "kv_head", "key"});
    visit("kept_decode", r.keptDecode, dims(r.layers, r.kvHeads, r.t, r.n + r.t), {"layer", "kv_head", "query", "key"});
    visit("lost_mass", r.lostMass, dims(r.layers, r.heads, r.t), lossLabels);
    visit("lost_non_sink", r.lostNonSink, dims(r.layers, r.heads, r.t), lossLabels);
    visit("output_error", r.outputError, dims(r.layers, r.heads, r.t), lossLabels);
    visit("survival", r.survival, dims(r.layers, r.segments), {"layer", "segment"});
    visit("lost_generated", r.lostGenerated, dims(r.layers, r.heads, r.t), lossLabels);
    visit("intact", r.intact, dims(r.layers, r.segments), {"layer", "segment"});
    visit("run_lengths", r.runLengths, dims(kRunLengthBins), {"power"});
    visit("logprob_delta", r.logprobDelta, dims(r.t), {"query"});
    visit("kl", r.kl, dims(r.t), {"query"});
    visit("top1", r.top1, dims(r.t), {"query"});
}

hsize_t product(const std::vector<hsize_t>& dims)
{
    return std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>());
}

/// Type of an element in the file and in memory.
std::pair<hid_t, hid_t> typesOf(float) { return {H5T_IEEE_F32LE, H5T_NATIVE_FLOAT}; }
std::pair<hid_t, hid_t> typesOf(std::uint8_t) { return {H5T_STD_U8LE, H5T_NATIVE_UINT8}; }
std::pair<hid_t, hid_t> typesOf(std::int64_t) { return {H5T_STD_I64LE, H5T_NATIVE_INT64}; }

/// One compressed chunk for each layer; lists are one.
void writeArray(hid_t group, const char* name, std::pair<hid_t, hid_t> types, const std::vector<hsize_t>& dims,
                const void* data, const std::vector<const char*>& labels)
{
    const std::string what = fmt::format("cannot write '{}'", name);
    const Handle space = checked(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                                 ErrorCode::failure, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    std::vector<hsize_t> chunk = dims;
    if (chunk.size() > 1)
        chunk[0] = 1;
    check(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()), ErrorCode::failure, what);
    check(H5Pset_shuffle(creation.get()), ErrorCode::failure, what);
    check(H5Pset_deflate(creation.get(), 1), ErrorCode::failure, what);
    const Handle dataset =
        checked(H5Dcreate2(group, name, types.first, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                ErrorCode::failure, what);
    check(H5Dwrite(dataset.get(), types.second, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), ErrorCode::failure, what);
    labelAxes(dataset.get(), labels);
}

struct ScalarWriter {
    hid_t group;
    void operator()(const char* name, const std::string& value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, std::int64_t value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, std::uint64_t value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, double value) const { writeAttribute(group, name, value); }
};

struct ScalarReader {
    hid_t group;
    const TextCopy& texts;
    const std::string& path;
    const std::string& where;
    void operator()(const char* name, std::string& value) const { value = texts.read(path, name); }
    void operator()(const char* name, std::int64_t& value) const { value = readInteger(group, name, where); }
    void operator()(const char* name, std::uint64_t& value) const { value = readUnsigned(group, name, where); }
    void operator()(const char* name, double& value) const { value = readReal(group, name, where); }

    [[nodiscard]] bool has(const char* name, const std::string&) const { return texts.has(path, name); }
    template <typename T>
    [[nodiscard]] bool has(const char* name, const T&) const
    {
        return hasAttribute(group, name);
    }
};

void writeRecord(hid_t replay, std::size_t index, const ReplayRecord& record)
{
    const Handle group = createGroup(replay, std::to_string(index).c_str());
    visitScalars(record, ScalarWriter{group.get()});
    visitLaterScalars(record, ScalarWriter{group.get()});
    std::string flags;
    for (const std::string& flag : record.flags)
        flags += (flags.empty() ? "" : "\n") + flag;
    writeAttribute(group.get(), "flags", flags);
    visitArrays(record, [&](const char* name, const auto& values, const std::vector<hsize_t>& dims,
                            const std::vector<const char*>& labels) {
        if (values.empty())
            return;
        if (values.size() != product(dims))
            throw Error(ErrorCode::failure, fmt::format("/replay/{}/{}: {} values do not fill the shape {}", index,
                                                        name, values.size(), shapeText(dims)));
        writeArray(group.get(), name, typesOf(values[0]), dims, values.data(), labels);
    });
}

ReplayRecord readRecord(hid_t root, const TextCopy& texts, const std::string& path, const std::string& fileWhere,
                        bool arrays)
{
    const std::string where = fileWhere + path;
    const Handle group = openGroup(root, path, fileWhere);
    ReplayRecord record;
    const ScalarReader reader{group.get(), texts, path, where};
    visitScalars(record, reader);
    visitLaterScalars(record, [&](const char* name, auto& value) {
        if (reader.has(name, value))
            reader(name, value);
    });
    const std::string flags = texts.read(path, "flags");
    for (std::size_t begin = 0; begin < flags.size();) {
        const std::size_t end = std::min(flags.find('\n', begin), flags.size());
        record.flags.push_back(flags.substr(begin, end - begin));
        begin = end + 1;
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    for (const std::int64_t size : {record.layers, record.heads, record.kvHeads, record.n, record.t, record.segments})
        if (size < 0 || size > kMost)
            throw Error(ErrorCode::badInput, fmt::format("{}: {} is no size of an array", where, size));
    if (!arrays)
        return record;
    visitArrays(record, [&]<typename T>(const char* array, std::vector<T>& values, const std::vector<hsize_t>& dims,
                                        const std::vector<const char*>&) {
        if (!hasDataset(group.get(), array))
            return;
        if constexpr (std::is_same_v<T, std::uint8_t>)
            values = readBytes(group.get(), array, dims, where + "/");
        else if constexpr (std::is_same_v<T, std::int64_t>)
            values = readInt64s(group.get(), array, dims, where + "/");
        else
            values = readFloats(group.get(), array, dims, where + "/");
    });
    return record;
}

} // namespace

struct ReplayResultsWriter::Impl {
    std::string where;
    PartFile part;
    OutputFile file;
    Handle replay;
    std::vector<std::string> groups; ///< of which /texts holds a copy
};

ReplayResultsWriter::ReplayResultsWriter(const std::filesystem::path& path, const std::string& creator,
                                         const std::string& commandLine, bool force)
    : m_impl(new Impl{fmt::format("'{}'", path.string()), PartFile(path, force), {}, {}, {""}})
{
    Impl& impl = *m_impl;
    impl.part.claim();
    guarded(impl.where, [&] {
        impl.file = OutputFile(impl.part.partPath().string());
        writeAttribute(impl.file.get(), "format", kResultsFormat);
        writeAttribute(impl.file.get(), "format_version", kFormatVersion);
        writeAttribute(impl.file.get(), "creator", creator);
        writeAttribute(impl.file.get(), "command_line", commandLine);
        impl.replay = createGroup(impl.file.get(), "replay");
    });
}

ReplayResultsWriter::~ReplayResultsWriter() = default;

void ReplayResultsWriter::append(const ReplayRecord& record)
{
    guarded(m_impl->where, [&] {
        const std::size_t index = m_impl->groups.size() - 1;
        writeRecord(m_impl->replay.get(), index, record);
        m_impl->groups.push_back(fmt::format("replay/{}", index));
    });
}

void ReplayResultsWriter::finish()
{
    Impl& impl = *m_impl;
    guarded(impl.where, [&] {
        impl.replay.reset();
        writeTextCopy(impl.file.get(), impl.groups);
        writeAttribute(impl.file.get(), "complete", std::int64_t{1});
        impl.file.finish();
        impl.part.publish();
    });
}

void writeReplayResults(const std::filesystem::path& path, const std::vector<ReplayRecord>& records,
                        const std::string& creator, const std::string& commandLine, bool force)
{
    ReplayResultsWriter writer(path, creator, commandLine, force);
    for (const ReplayRecord& record : records)
        writer.append(record);
    writer.finish();
}

std::vector<ReplayRecord> readReplayResults(const std::filesystem::path& path, bool arrays)
{
    const std::string where = fmt::format("'{}': /", path.string());
    return guarded(where, [&] {
        const Handle file = openFileForReading(path.string());
        const Handle root = openGroup(file.get(), "/", where);
        requireFormat(root.get(), kResultsFormat, where);
        const Handle replay = openGroup(root.get(), "replay", where);
        const TextCopy texts(root.get(), where);
        std::vector<ReplayRecord> records;
        const std::size_t count = childNames(replay.get(), where).size();
        for (std::size_t i = 0; i < count; ++i) // "10" comes after "9", so not in name order
            records.push_back(readRecord(root.get(), texts, fmt::format("replay/{}", i), where, arrays));
        return records;
    });
}

} // namespace kvviz::io
