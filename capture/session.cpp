// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokens, prefill, continuation, file: the order of one capture.
#include "capture/session.hpp"

#include "capture/decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;

class Stopwatch {
public:
    [[nodiscard]] double seconds() const
    {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
    }

private:
    std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

CaptureSelection makeSelection(const core::ModelInfo& info, const CaptureSettings& settings)
{
    CaptureSelection selection;
    selection.slotOfLayer.assign(static_cast<std::size_t>(info.nLayers), -1);
    for (int layer = 0; layer < info.nLayers; ++layer)
        if (settings.layers.empty() || std::binary_search(settings.layers.begin(), settings.layers.end(), layer)) {
            selection.slotOfLayer[static_cast<std::size_t>(layer)] = static_cast<int>(selection.layers.size());
            selection.layers.push_back(layer);
        }
    // A KV head is kept with all its query heads: eviction acts on the group, so half a group cannot be judged.
    const core::HeadMap map(info.nHeads, info.nKvHeads);
    for (int g = 0; g < info.nKvHeads; ++g) {
        const auto inGroup = [&](int head) { return map.kvHeadOf(head) == g; };
        if (!settings.heads.empty() && std::none_of(settings.heads.begin(), settings.heads.end(), inGroup))
            continue;
        selection.kvHeads.push_back(g);
        for (int r = 0; r < map.groupSize(); ++r)
            selection.heads.push_back(map.firstQueryHead(g) + r);
    }
    return selection;
}

std::vector<std::int64_t> chosenQueries(const CaptureSettings& settings, std::int64_t n)
{
    std::vector<std::int64_t> queries;
    if (settings.lastQueries)
        for (std::int64_t q = std::max<std::int64_t>(0, n - *settings.lastQueries); q < n; ++q)
            queries.push_back(q);
    for (const auto& [begin, end] : settings.queryRanges)
        for (std::int64_t q = begin; q < std::min(end, n); ++q)
            queries.push_back(q);
    std::sort(queries.begin(), queries.end());
    queries.erase(std::unique(queries.begin(), queries.end()), queries.end());
    if (queries.empty() && (settings.lastQueries || !settings.queryRanges.empty()))
        throw Error(ErrorCode::usage, fmt::format("--queries chooses no query of a prompt of {} tokens", n));
    return queries;
}

} // namespace

/// A prompt in tokens, with all that follows from its length.
struct Session::Prepared {
    std::vector<std::int32_t> promptIds, goldIds;
    std::vector<core::Segment> segments;
    std::int64_t mostGenerated = 0;
    std::string note;
    std::vector<std::int64_t> fullQueries;
};

Session::Session(std::shared_ptr<const Model> model, std::shared_ptr<const Tokenizer> tokenizer,
                 CaptureSettings settings)
    : m_model(std::move(model)), m_tokenizer(std::move(tokenizer)), m_settings(std::move(settings)),
      m_selection(makeSelection(m_model->info, m_settings))
{
}

Session::Prepared Session::prepare(const CaptureJob& job) const
{
    Prepared prepared;
    const std::string name = job.id.empty() ? "the prompt" : fmt::format("prompt {}", job.id);
    const auto bos = m_tokenizer->bos();
    std::vector<std::int64_t> begins;
    if (!job.tokenIds.empty()) {
        prepared.promptIds = job.tokenIds;
        prepared.segments = {{core::SegmentKind::question, 0, {0, std::ssize(job.tokenIds)}, "tokens"}};
    } else {
        const std::int64_t first = m_tokenizer->addsBos() && bos ? 1 : 0;
        if (first == 1) {
            prepared.promptIds.push_back(*bos);
            begins.push_back(0);
        }
        for (const Token& token : m_tokenizer->encode(job.text)) {
            prepared.promptIds.push_back(token.id);
            begins.push_back(token.begin);
        }
        prepared.segments = core::toTokenSegments(job.segments, begins, first);
        if (first == 1)
            prepared.segments.insert(prepared.segments.begin(), {core::SegmentKind::bos, 0, {0, 1}, "BOS"});
    }
    if (prepared.promptIds.empty())
        throw Error(ErrorCode::badInput, name + " is empty: it has no tokens");
    const std::int64_t n = std::ssize(prepared.promptIds);
    const std::int64_t context = m_model->info.contextLength;
    if (n > context)
        throw Error(ErrorCode::badInput, fmt::format("{} has {} tokens, more than the context of {} tokens of {}",
                                                     name, n, context, m_model->info.name));
    prepared.mostGenerated = m_settings.continuation == Continuation::none ? 0 : m_settings.generate;
    if (m_settings.continuation == Continuation::gold) {
        if (job.target.empty())
            throw Error(ErrorCode::usage, name + " has no reference continuation; use --continuation greedy or none");
        for (const Token& token : m_tokenizer->encode(job.target))
            prepared.goldIds.push_back(token.id);
        prepared.mostGenerated = std::min(prepared.mostGenerated, std::ssize(prepared.goldIds));
    }
    if (n + prepared.mostGenerated > context) {
        prepared.note = fmt::format("the continuation is cut to {} tokens by the context of {}", context - n, context);
        prepared.mostGenerated = context - n;
    }
    prepared.fullQueries = chosenQueries(m_settings, n);
    return prepared;
}

Session::Estimate Session::estimate(const CaptureJob& job) const
{
    const Prepared prepared = prepare(job);
    Estimate result;
    result.nPrompt = std::ssize(prepared.promptIds);
    result.nGenerated = prepared.mostGenerated;
    SizeQuestion question;
    question.layers = std::ssize(m_selection.layers);
    question.heads = std::ssize(m_selection.heads);
    question.kvHeads = std::ssize(m_selection.kvHeads);
    question.headDim = m_model->info.headDim;
    question.n = result.nPrompt;
    question.t = result.nGenerated;
    question.window = std::min(m_settings.window, question.n);
    question.mapCap = m_settings.mapCap;
    question.topK = m_settings.topK;
    question.fullRows = prepared.fullQueries.empty() ? question.n : std::ssize(prepared.fullQueries);
    question.rowsType = m_settings.rowsType;
    question.cacheType = m_settings.cacheType;
    question.mapType = m_settings.mapType;
    result.bytes = estimateBytes(question);
    return result;
}

namespace {

/// The next token of a continuation, or nothing at its end.
class Continuer {
public:
    Continuer(const Tokenizer& tokenizer, const CaptureJob& job, Continuation kind, const std::vector<std::int32_t>& gold)
        : m_tokenizer(tokenizer), m_stops(job.stops), m_kind(kind), m_gold(gold)
    {
    }

    std::optional<std::int32_t> next(std::span<const float> logits)
    {
        if (m_kind == Continuation::gold)
            return m_at < m_gold.size() ? std::optional(m_gold[m_at++]) : std::nullopt;
        const std::int32_t id = mostLikely(logits, 1).front();
        const auto& ends = m_tokenizer.endTokens();
        if (std::find(ends.begin(), ends.end(), id) != ends.end())
            return std::nullopt;
        m_text += m_tokenizer.bytesOf(id);
        for (const std::string& stop : m_stops)
            if (m_text.find(stop) != std::string::npos)
                return std::nullopt;
        return id;
    }

private:
    const Tokenizer& m_tokenizer;
    const std::vector<std::string>& m_stops;
    Continuation m_kind;
    const std::vector<std::int32_t>& m_gold;
    std::size_t m_at = 0;
    std::string m_text;
};

std::string_view continuationName(Continuation kind)
{
    return kind == Continuation::none ? "none" : kind == Continuation::gold ? "gold" : "greedy";
}

} // namespace

CaptureSummary Session::run(const CaptureJob& job, const core::Progress& progress) const
{
    Prepared prepared = prepare(job);
    const std::int64_t n = std::ssize(prepared.promptIds);
    const bool exact = m_settings.tier >= core::Tier::cache;

    core::CaptureInfo info;
    info.creator = m_settings.creator;
    info.created = m_settings.created;
    info.commandLine = m_settings.commandLine;
    info.tier = m_settings.tier;
    info.seed = m_settings.seed;
    info.dtype = m_model->embedding.type() == WeightType::float32 ? "float32" : "bfloat16";
    info.model = m_model->info;
    info.prompt = {job.task, job.id, job.text, job.target, job.answer, n, 0, std::string(continuationName(m_settings.continuation))};
    if (job.text.empty())
        info.prompt.promptText = m_tokenizer->decode(prepared.promptIds);
    info.layers = m_selection.layers;
    info.heads = m_selection.heads;
    info.window = std::min(m_settings.window, n);
    info.sinkTokens = m_settings.sinkTokens;

    io::WriterOptions options;
    options.rowsType = m_settings.rowsType;
    options.cacheType = m_settings.cacheType;
    options.mapType = m_settings.mapType;
    options.force = m_settings.force;
    if (m_settings.tier >= core::Tier::map) {
        options.mapLevels = core::MapPyramid::levelCount(n, m_settings.mapCap);
        options.mapCells = core::MapPyramid::levelCells(n, m_settings.mapCap, 0);
    }
    if (m_settings.tier == core::Tier::full)
        options.fullQueries = prepared.fullQueries;
    io::CaptureWriter writer(job.output, info, options);

    LayerRecorder layers(m_selection, n, info.window, m_model->info.headDim, exact, m_settings.rowsType, m_settings.cacheType);
    MapRecorder maps(m_selection, writer, n, m_settings.tier >= core::Tier::map ? m_settings.mapCap : 0,
                     m_settings.tier == core::Tier::full);
    LogitsRecorder logitsRecorder(prepared.promptIds, m_settings.topK);
    Decoder decoder(m_model, {n + prepared.mostGenerated, info.window, m_settings.sinkTokens, true});
    decoder.addHook(&layers);
    decoder.addHook(&maps);
    decoder.addHook(&logitsRecorder);

    CaptureSummary summary;
    summary.note = prepared.note;
    const Stopwatch prefillWatch;
    std::span<const float> logits = decoder.prefill(prepared.promptIds, progress);
    summary.prefillSeconds = prefillWatch.seconds();

    const Stopwatch decodeWatch;
    std::vector<std::int32_t> ids = prepared.promptIds;
    Continuer continuer(*m_tokenizer, job, m_settings.continuation, prepared.goldIds);
    std::int64_t t = 0;
    for (; t < prepared.mostGenerated; ++t) {
        progress.throwIfStopped();
        progress("decode", t, prepared.mostGenerated);
        const auto id = continuer.next(logits);
        if (!id)
            break;
        logitsRecorder.chose(logits[static_cast<std::size_t>(*id)]);
        ids.push_back(*id);
        summary.continuation += m_tokenizer->bytesOf(*id);
        logits = decoder.step(*id);
    }
    summary.decodeSeconds = decodeWatch.seconds();

    const Stopwatch writeWatch;
    info.prompt.nGenerated = t;
    for (const std::int32_t id : ids)
        info.tokens.append(id, m_tokenizer->bytesOf(id));
    info.segments = prepared.segments;
    if (t > 0)
        info.segments.push_back({core::SegmentKind::generated, 0, {n, n + t}, "generated"});
    writeLayers(writer, layers, decoder, t, exact, progress);
    writer.writeLogits(logitsRecorder.logprob(), logitsRecorder.topIds(), logitsRecorder.topLogprobs(), m_settings.topK);
    writer.finish(info);
    summary.writeSeconds = writeWatch.seconds();
    summary.nPrompt = n;
    summary.nGenerated = t;
    summary.fileBytes = std::filesystem::file_size(job.output);
    return summary;
}

void Session::writeLayers(io::CaptureWriter& writer, const LayerRecorder& recorder, const Decoder& decoder,
                          std::int64_t t, bool exact, const core::Progress& progress) const
{
    const std::int64_t total = decoder.size();
    const std::int64_t d = m_model->info.headDim;
    for (std::int64_t slot = 0; slot < std::ssize(m_selection.layers); ++slot) {
        progress.throwIfStopped();
        progress("write", slot, std::ssize(m_selection.layers));
        const LayerRecorder::Arrays arrays = recorder.arrays(slot, t);
        std::vector<float> keys, values;
        const int layer = m_selection.layers[static_cast<std::size_t>(slot)];
        for (const int g : m_selection.kvHeads) {
            if (!exact)
                break;
            const std::int64_t at = g * decoder.cache().headStride();
            keys.insert(keys.end(), decoder.cache().key(layer) + at, decoder.cache().key(layer) + at + total * d);
            values.insert(values.end(), decoder.cache().value(layer) + at, decoder.cache().value(layer) + at + total * d);
        }
        io::LayerArrays views;
        views.received = arrays.received;
        views.receivedWindow = arrays.receivedWindow;
        views.receivedSq = arrays.receivedSq;
        views.entropy = arrays.entropy;
        views.sinkMass = arrays.sinkMass;
        views.windowRows = arrays.windowRows;
        views.decodeRows = arrays.decodeRows;
        views.query = arrays.query;
        views.key = keys;
        views.value = values;
        views.nGenerated = t;
        writer.writeLayer(slot, views);
    }
}

} // namespace kvviz::capture
