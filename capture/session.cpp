// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokens, prefill, continuation, file: the order of one capture.
#include "capture/session.hpp"

#include "capture/continuer.hpp"
#include "core/stopwatch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

/// Prompt queries whose exact rows the full tier keeps, ascending; empty: all.
std::vector<std::int64_t> chosenQueries(const CaptureSettings& settings, std::int64_t n)
{
    std::vector<std::int64_t> queries;
    const auto add = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t q = std::max<std::int64_t>(0, begin); q < std::min(end, n); ++q)
            queries.push_back(q);
    };
    if (settings.lastQueries)
        add(n - *settings.lastQueries, n);
    for (const core::Span& range : settings.queryRanges)
        add(range.begin, range.end);
    std::sort(queries.begin(), queries.end());
    queries.erase(std::unique(queries.begin(), queries.end()), queries.end());
    if (queries.empty() && (settings.lastQueries || !settings.queryRanges.empty()))
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("--queries chooses no query of a prompt of {} tokens", n));
    return queries;
}

} // namespace

CaptureSelection makeSelection(const core::ModelInfo& info, const std::vector<int>& layers,
                               const std::vector<int>& heads)
{
    CaptureSelection selection;
    selection.slotOfLayer.assign(static_cast<std::size_t>(info.nLayers), -1);
    for (int layer = 0; layer < info.nLayers; ++layer)
        if (layers.empty() || std::find(layers.begin(), layers.end(), layer) != layers.end()) {
            selection.slotOfLayer[static_cast<std::size_t>(layer)] = static_cast<int>(selection.layers.size());
            selection.layers.push_back(layer);
        }
    // A KV head is kept with all its query heads: eviction acts on the group, so half a group cannot be judged.
    const core::HeadMap map(info.nHeads, info.nKvHeads);
    for (int g = 0; g < info.nKvHeads; ++g) {
        const auto inGroup = [&](int head) { return map.kvHeadOf(head) == g; };
        if (!heads.empty() && std::none_of(heads.begin(), heads.end(), inGroup))
            continue;
        selection.kvHeads.push_back(g);
        for (int r = 0; r < map.groupSize(); ++r)
            selection.heads.push_back(map.firstQueryHead(g) + r);
    }
    return selection;
}

core::CaptureInfo describeCapture(const Model& model, const Tokenizer& tokenizer, const CaptureSettings& settings,
                                  const PromptSource& source, const TokenizedPrompt& prompt)
{
    const CaptureSelection selection = makeSelection(model.info, settings.layers, settings.heads);
    core::CaptureInfo info;
    info.creator = settings.creator;
    info.created = settings.created;
    info.commandLine = settings.commandLine;
    info.tier = settings.tier;
    info.seed = settings.seed;
    info.dtype = model.embedding.type() == WeightType::float32 ? "float32" : "bfloat16";
    info.model = model.infoFor(prompt.size());
    info.prompt.task = source.task;
    info.prompt.id = source.id;
    info.prompt.promptText = source.tokenIds.empty() ? source.text : tokenizer.decode(prompt.ids);
    info.prompt.target = source.target;
    info.prompt.answer = source.answer;
    info.prompt.nPrompt = prompt.size();
    info.prompt.continuation = continuationName(settings.continuation);
    info.segments = prompt.segments;
    info.layers = selection.layers;
    info.heads = selection.heads;
    info.window = std::min(settings.window, prompt.size());
    info.sinkTokens = settings.sinkTokens;
    return info;
}

void addTokens(core::CaptureInfo& info, const Tokenizer& tokenizer, std::span<const std::int32_t> ids)
{
    info.prompt.nGenerated = std::ssize(ids) - info.prompt.nPrompt;
    for (const std::int32_t id : ids)
        info.tokens.append(id, tokenizer.bytesOf(id));
    if (info.nGenerated() > 0)
        info.segments.push_back({core::SegmentKind::generated, 0, {info.nPrompt(), info.nTokens()}, "generated"});
}

Session::Session(std::shared_ptr<const Model> model, std::shared_ptr<const Tokenizer> tokenizer,
                 CaptureSettings settings, std::shared_ptr<const Backend> backend)
    : m_model(std::move(model)), m_tokenizer(std::move(tokenizer)),
      m_backend(backend ? std::move(backend) : cpuBackend(m_model)), m_settings(std::move(settings)),
      m_selection(makeSelection(m_model->info, m_settings.layers, m_settings.heads))
{
}

TokenizedPrompt Session::tokenize(const PromptSource& source) const
{
    return tokenizePrompt(source, *m_tokenizer, m_model->info, m_settings.continuation, m_settings.generate);
}

Session::Estimate Session::estimate(const PromptSource& source) const
{
    const TokenizedPrompt prompt = tokenize(source);
    return {prompt.size(), prompt.mostGenerated, estimateBytes(sizesOf(prompt))};
}

SizeQuestion Session::sizesOf(const TokenizedPrompt& prompt) const
{
    const std::int64_t n = prompt.size();
    const std::vector<std::int64_t> queries = chosenQueries(m_settings, n);
    SizeQuestion question;
    question.layers = std::ssize(m_selection.layers);
    question.heads = std::ssize(m_selection.heads);
    question.kvHeads = std::ssize(m_selection.kvHeads);
    question.headDim = m_model->info.headDim;
    question.n = n;
    question.t = prompt.mostGenerated;
    question.window = std::min(m_settings.window, n);
    question.mapCap = m_settings.mapCap;
    question.topK = m_settings.topK;
    question.candidates = m_settings.readout > 0 ? m_settings.readout + 1 : 0;
    question.fullRows = queries.empty() ? n : std::ssize(queries);
    question.rowsType = m_settings.rowsType;
    question.cacheType = m_settings.cacheType;
    question.mapType = m_settings.mapType;
    return question;
}

io::WriterOptions Session::writerOptions(std::int64_t n) const
{
    io::WriterOptions options;
    options.rowsType = m_settings.rowsType;
    options.cacheType = m_settings.cacheType;
    options.mapType = m_settings.mapType;
    options.force = m_settings.force;
    options.partWriter = m_settings.partWriter;
    if (m_settings.tier >= core::Tier::map) {
        options.mapLevels = core::MapPyramid::levelCount(n, m_settings.mapCap);
        options.mapCells = core::MapPyramid::levelCells(n, m_settings.mapCap, 0);
    }
    if (m_settings.tier == core::Tier::full)
        options.fullQueries = chosenQueries(m_settings, n);
    return options;
}

CaptureSummary Session::run(const PromptSource& source, const std::filesystem::path& output,
                            const core::Progress& progress) const
{
    const TokenizedPrompt prompt = tokenize(source);
    try {
        return runAndWrite(source, prompt, output, progress);
    } catch (const core::Error& error) {
        // A full disk shows itself deep inside HDF5, where only the dataset is known.
        if (error.code() != core::ErrorCode::failure
            || std::string_view(error.what()).find(output.string()) != std::string_view::npos)
            throw;
        throw core::Error(error.code(), fmt::format("'{}' was not written: {}", output.string(), error.what()));
    }
}

CaptureSummary Session::runAndWrite(const PromptSource& source, const TokenizedPrompt& prompt,
                                    const std::filesystem::path& output, const core::Progress& progress) const
{
    const std::int64_t n = prompt.size();
    core::CaptureInfo info = describeCapture(*m_model, *m_tokenizer, m_settings, source, prompt);
    info.dtype = m_backend->dtype();
    if (const std::string device = m_backend->device(); device != "cpu")
        info.extra["device"] = device;
    io::CaptureWriter writer(output, info,
                             writerOptions(n)); // before the model runs: an unwritable folder costs nothing

    const bool exact = m_settings.tier >= core::Tier::cache;
    LayerRecorder layers(m_selection, n, info.window, m_model->info.headDim, exact, m_settings.rowsType,
                         m_settings.cacheType);
    MapRecorder maps(m_selection, writer, n, m_settings.tier >= core::Tier::map ? m_settings.mapCap : 0,
                     m_settings.tier == core::Tier::full);
    LogitsRecorder logitsRecorder(prompt.ids, m_settings.topK);
    const std::unique_ptr<Runner> runner =
        m_backend->newRunner({n + prompt.mostGenerated, info.window, m_settings.sinkTokens, true, exact,
                              keptBytes(sizesOf(prompt), m_settings.tier)});
    runner->addHook(&layers);
    runner->addHook(&maps);
    runner->addHook(&logitsRecorder);
    StreamRecorder streams(m_model->info, n);
    if (m_settings.readout > 0)
        runner->addHook(&streams);

    CaptureSummary summary;
    core::Stopwatch watch;
    std::span<const float> logits = runner->prefill(prompt.ids, progress);
    summary.prefillSeconds = watch.lap();

    std::vector<std::int32_t> ids = prompt.ids;
    Continuer continuer(*m_tokenizer, prompt, source.stops, m_settings.continuation);
    while (const auto id = continuer.next(logits)) {
        progress.throwIfStopped();
        progress("decode", std::ssize(ids) - n, prompt.mostGenerated);
        logitsRecorder.chose(logits[static_cast<std::size_t>(*id)]);
        ids.push_back(*id);
        logits = runner->step(*id);
    }
    summary.decodeSeconds = watch.lap();

    addTokens(info, *m_tokenizer, ids);
    if (source.isCorrect && m_settings.continuation == Continuation::greedy) {
        summary.correct = source.isCorrect(continuer.text());
        info.extra["correct"] = *summary.correct ? "true" : "false";
    }
    writeLayers(writer, layers, *runner, info.prompt.nGenerated, progress);
    if (m_settings.readout > 0 && info.prompt.nGenerated > 0)
        writeReadout(writer, *runner, streams, std::span(ids).subspan(static_cast<std::size_t>(n)), progress);
    writer.writeLogits(logitsRecorder.logprob(), logitsRecorder.topIds(), logitsRecorder.topLogprobs(),
                       m_settings.topK);
    writer.finish(info);
    summary.writeSeconds = watch.lap();
    summary.nPrompt = n;
    summary.nGenerated = info.prompt.nGenerated;
    summary.continuation = continuer.text();
    summary.note = prompt.note;
    summary.fileBytes = std::filesystem::file_size(output);
    return summary;
}

void Session::writeReadout(io::CaptureWriter& writer, const Runner& runner, const StreamRecorder& streams,
                           std::span<const std::int32_t> ids, const core::Progress& progress) const
{
    // Candidates are known first and layers come last to first; each is written as soon as it is there.
    std::vector<ReadoutLayer> layers;
    const core::ReadoutTokens tokens = computeReadout(
        m_model, runner.cache(), streams, ids, m_settings.readout,
        [&](const ReadoutLayer& layer) { layers.push_back(layer); }, progress);
    writer.writeReadout(tokens.ids, tokens.logprob, tokens.candidates);
    for (const ReadoutLayer& layer : layers) {
        io::LayerArrays views;
        views.readout = layer.gradient;
        views.written = layer.written;
        views.nGenerated = std::ssize(ids);
        writer.writeLayer(m_selection.slot(layer.layer), views);
    }
}

void Session::writeLayers(io::CaptureWriter& writer, const LayerRecorder& recorder, const Runner& runner,
                          std::int64_t t, const core::Progress& progress) const
{
    const std::int64_t count = runner.size() * m_model->info.headDim;
    for (std::int64_t slot = 0; slot < std::ssize(m_selection.layers); ++slot) {
        progress.throwIfStopped();
        progress("write", slot, std::ssize(m_selection.layers));
        const LayerRecorder::Arrays arrays = recorder.arrays(slot, t);
        std::vector<float> keys, values;
        if (m_settings.tier >= core::Tier::cache) {
            const LayerCache cache = runner.layerCache(m_selection.layers[static_cast<std::size_t>(slot)]);
            for (const int g : m_selection.kvHeads) {
                const std::int64_t at = g * cache.headStride;
                keys.insert(keys.end(), cache.key + at, cache.key + at + count);
                values.insert(values.end(), cache.value + at, cache.value + at + count);
            }
        }
        io::LayerArrays views;
        views.received = arrays.received;
        views.receivedWindow = arrays.receivedWindow;
        views.receivedSq = arrays.receivedSq;
        views.receivedSqFar = arrays.receivedSqFar;
        views.entropy = arrays.entropy;
        views.sinkMass = arrays.sinkMass;
        views.windowRows = arrays.windowRows;
        views.decodeRows = arrays.decodeRows;
        views.query = arrays.query;
        views.queryMean = arrays.queryMean;
        views.queryCovariance = arrays.queryCovariance;
        views.key = keys;
        views.value = values;
        views.nGenerated = t;
        writer.writeLayer(slot, views);
    }
}

} // namespace kvviz::capture
