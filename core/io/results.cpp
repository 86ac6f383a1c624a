// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay records to and from /replay/<i>, one table of fields for both directions, and the file around all records.
#include "core/io/results.hpp"

#include "core/io/capture_info_io.hpp"
#include "core/io/capture_layout.hpp"
#include "core/io/eval_group.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/open_capture.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/record_fields.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <utility>

namespace kvviz::io {

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
    visit("dead_queries", r.deadQueries), visit("seconds", r.seconds), visit("flags", r.flags);
    visit("n_layers", r.layers), visit("n_heads", r.heads), visit("n_kv_heads", r.kvHeads);
    visit("n_prompt", r.n), visit("n_generated", r.t), visit("n_segments", r.segments);
    visit("mean_lost", r.meanLost), visit("p95_lost", r.p95Lost), visit("max_lost", r.maxLost);
    visit("mean_lost_non_sink", r.meanLostNonSink);
    visit("mean_output_error", r.meanOutputError), visit("p95_output_error", r.p95OutputError);
}

/// Scalars that came with format 1.1 or 1.2; a reader leaves those that a file does not hold as they are.
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
    visit("mean_predicted_delta", r.meanPredictedDelta), visit("mean_predicted_kl", r.meanPredictedKl);
}

/// Every array with its shape and axis labels; empty arrays are not in the file.
template <typename Record, typename Visit>
void visitArrays(Record& r, Visit&& visit)
{
    const auto dims = [](auto... sizes) { return std::vector<hsize_t>{static_cast<hsize_t>(sizes)...}; };
    const Labels lossLabels{"layer", "head", "query"};
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
    visit("predicted_delta", r.predictedDelta, dims(r.t), {"query"});
    visit("predicted_kl", r.predictedKl, dims(r.t), {"query"});
}

void writeRecord(hid_t replay, std::size_t index, const ReplayRecord& record)
{
    const Handle group = createGroup(replay, std::to_string(index).c_str());
    visitScalars(record, ScalarWriter{group.get()});
    visitLaterScalars(record, ScalarWriter{group.get()});
    visitArrays(record, ArrayWriter{group.get(), fmt::format("/replay/{}", index)});
}

enum class ReplayArrays { none, survival, all };

ReplayRecord readRecord(hid_t root, const TextCopy& texts, const std::string& path, const std::string& fileWhere,
                        ReplayArrays arrays)
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
    requireExtents({record.layers, record.heads, record.kvHeads, record.n, record.t, record.segments}, where);
    const ArrayReader arrayReader{group.get(), where};
    if (arrays != ReplayArrays::none)
        visitArrays(record, [&](const char* name, auto&& values, auto&& dims, const Labels& labels) {
            const std::string_view wanted(name);
            if (arrays == ReplayArrays::all || wanted == "survival" || wanted == "intact")
                arrayReader(name, values, dims, labels);
        });
    return record;
}

/// The records below one group of a results file, which every file has if `required`.
template <typename Read>
auto readGroups(const std::filesystem::path& path, const std::string& kind, bool required, Read read)
{
    const std::string where = fmt::format("'{}': /", path.string());
    return guarded(where, [&] {
        const Handle file = openFileForReading(path.string());
        const Handle root = openGroup(file.get(), "/", where);
        requireFormat(root.get(), kResultsFormat, where);
        const TextCopy texts(root.get(), where);
        std::vector<decltype(read(root.get(), texts, kind, where))> records;
        if (!required && !hasGroup(root.get(), kind))
            return records;
        const std::size_t count = childNames(openGroup(root.get(), kind, where).get(), where).size();
        for (std::size_t i = 0; i < count; ++i) // "10" comes after "9", so not in name order
            records.push_back(read(root.get(), texts, fmt::format("{}/{}", kind, i), where));
        return records;
    });
}

std::vector<ReplayRecord> readReplays(const std::filesystem::path& path, ReplayArrays arrays)
{
    return readGroups(path, "replay", true, [&](hid_t root, const TextCopy& texts, const std::string& group,
                                                const std::string& where) {
        return readRecord(root, texts, group, where, arrays);
    });
}

} // namespace

struct ResultsWriter::Impl {
    std::string where;
    PartFile part;
    OutputFile file = {};
    Handle replay = {}, eval = {};
    std::size_t replays = 0, evals = 0;  ///< written so far
    std::vector<std::string> groups{""}; ///< of which /texts holds a copy
};

ResultsWriter::ResultsWriter(const std::filesystem::path& path, const std::string& creator,
                             const std::string& commandLine, bool force)
    : m_impl(new Impl{fmt::format("'{}'", path.string()), PartFile(path, force)})
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

ResultsWriter::~ResultsWriter() = default;

void ResultsWriter::append(const ReplayRecord& record)
{
    Impl& impl = *m_impl;
    guarded(impl.where, [&] {
        writeRecord(impl.replay.get(), impl.replays, record);
        impl.groups.push_back(fmt::format("replay/{}", impl.replays++));
    });
}

void ResultsWriter::append(const EvalRecord& record)
{
    Impl& impl = *m_impl;
    guarded(impl.where, [&] {
        if (!impl.eval)
            impl.eval = createGroup(impl.file.get(), "eval");
        writeEval(impl.eval.get(), impl.evals, record);
        impl.groups.push_back(fmt::format("eval/{}", impl.evals++));
    });
}

void ResultsWriter::finish()
{
    Impl& impl = *m_impl;
    guarded(impl.where, [&] {
        impl.replay.reset();
        impl.eval.reset();
        writeTextCopy(impl.file.get(), impl.groups);
        writeAttribute(impl.file.get(), "complete", std::int64_t{1});
        impl.file.finish();
        impl.part.publish();
    });
}

void writeReplayResults(const std::filesystem::path& path, const std::vector<ReplayRecord>& records,
                        const std::string& creator, const std::string& commandLine, bool force)
{
    ResultsWriter writer(path, creator, commandLine, force);
    for (const ReplayRecord& record : records)
        writer.append(record);
    writer.finish();
}

std::vector<ReplayRecord> readReplayResults(const std::filesystem::path& path, bool arrays)
{
    return readReplays(path, arrays ? ReplayArrays::all : ReplayArrays::none);
}

std::vector<ReplayRecord> readReplaySurvival(const std::filesystem::path& path)
{
    return readReplays(path, ReplayArrays::survival);
}

std::vector<EvalRecord> readEvalResults(const std::filesystem::path& path, bool arrays)
{
    return readGroups(path, "eval", false, [&](hid_t root, const TextCopy& texts, const std::string& group,
                                               const std::string& where) {
        return readEval(root, texts, group, where, arrays);
    });
}

} // namespace kvviz::io
