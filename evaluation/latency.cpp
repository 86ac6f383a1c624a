// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Each measurement does all its work anew, so that nothing is warm for one method and cold for another but the weights.
#include "evaluation/latency.hpp"

#include "capture/batch_decoder.hpp"
#include "capture/calibration_text.hpp"
#include "capture/decoder.hpp"
#include "capture/live_capture.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"
#include "core/stopwatch.hpp"
#include "evaluation/compressed_cache.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::evaluation {
namespace {

/// `count` tokens of running text; each paragraph is a shot, so that methods that keep whole units have some.
capture::TokenizedPrompt promptOf(const capture::Tokenizer& tokenizer, std::int64_t count)
{
    capture::TokenizedPrompt prompt;
    if (tokenizer.addsBos() && tokenizer.bos())
        prompt.ids.push_back(*tokenizer.bos());
    const auto& texts = capture::calibrationTexts();
    for (std::size_t i = 0; prompt.size() < count; ++i) {
        const std::int64_t begin = prompt.size();
        for (const capture::Token& token : tokenizer.encode(std::string(texts[i % texts.size()]) + "\n\n"))
            prompt.ids.push_back(token.id);
        prompt.segments.push_back({core::SegmentKind::shot, static_cast<int>(i), {begin, prompt.size()}, "paragraph"});
    }
    prompt.ids.resize(static_cast<std::size_t>(count));
    prompt.segments.back().kind = core::SegmentKind::question;
    prompt.segments.back().index = 0;
    prompt.segments.back().span.end = count;
    return prompt;
}

/// Seconds that the batch takes for all its tokens but the first, which the prefill gives.
double decodeSeconds(const std::shared_ptr<const capture::Model>& model, const CompressedCache& compressed,
                     std::int32_t first, const LatencyCase& length, std::int64_t batch, const core::Progress& progress)
{
    capture::BatchDecoder decoder(model);
    std::vector<std::int64_t> streams;
    for (std::int64_t i = 0; i < batch; ++i)
        streams.push_back(decoder.add(compressed.cache, length.input, compressed.rules.policy()));
    std::vector<std::int32_t> ids(static_cast<std::size_t>(batch), first);
    std::vector<float> logits(ids.size() * static_cast<std::size_t>(model->info.vocabSize));
    const core::Stopwatch watch;
    for (std::int64_t token = 1; token < length.output; ++token) {
        progress.throwIfStopped();
        decoder.step(streams, ids, logits.data());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i) * model->info.vocabSize;
            ids[i] = static_cast<std::int32_t>(std::max_element(row, row + model->info.vocabSize) - row);
        }
    }
    return watch.seconds();
}

/// Seconds of one run.
struct Parts {
    double prefill = 0, compress = 0, decode = 0;
};

class Measurement {
public:
    Measurement(std::shared_ptr<const capture::Model> model, const capture::Tokenizer& tokenizer,
                compress::LivePlanner& planner, const LatencyCase& length, const LatencySettings& settings)
        : m_model(std::move(model)), m_tokenizer(tokenizer), m_planner(planner), m_length(length), m_settings(settings)
    {
        m_prompt = promptOf(tokenizer, length.input);
        m_source.id = "latency";
        m_capture.window = settings.window;
    }

    [[nodiscard]] Parts runFull(Latency& latency, const core::Progress& progress) const
    {
        CompressedCache whole(capture::CompactCache(0, 0, 0));
        std::int32_t first = 0;
        Parts parts;
        parts.prefill = plainPrefill(first, &whole.cache, progress);
        return decode(parts, whole, first, latency, progress);
    }

    /// Sets the obstacle of a pair that cannot run.
    [[nodiscard]] Parts runPair(Latency& latency, const core::Progress& progress) const
    {
        const std::size_t pair = latency.pair.value();
        core::Stopwatch watch;
        auto capture = std::make_unique<const capture::LiveCapture>(m_model, m_tokenizer, m_source, m_prompt, m_capture,
                                                                    progress);
        Parts parts;
        parts.prefill = watch.lap();
        latency.obstacle = m_planner.obstacles(*capture)[pair];
        if (!latency.obstacle.empty())
            return parts;
        watch.lap();
        const CompressedCache compressed =
            std::move(compressCache(m_planner, *capture, std::span(&pair, 1), progress).front());
        parts.compress = watch.lap();
        std::int32_t first = best(capture->logits());
        capture.reset();
        const core::Need plain = core::Need::keys | core::Need::values;
        if (core::without(m_planner.pairs()[pair].method->promptNeeds(), plain) == core::Need::none)
            parts.prefill = plainPrefill(first, nullptr, progress); // it would not have watched the attention
        return decode(parts, compressed, first, latency, progress);
    }

private:
    [[nodiscard]] static std::int32_t best(std::span<const float> logits)
    {
        return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    }

    double plainPrefill(std::int32_t& first, capture::CompactCache* cache, const core::Progress& progress) const
    {
        const core::Stopwatch watch;
        capture::Decoder decoder(m_model, {m_length.input, 0, 0, false, false});
        first = best(decoder.prefill(m_prompt.ids, progress));
        const double seconds = watch.seconds();
        if (cache)
            *cache = capture::CompactCache::whole(m_model->info, decoder.cache());
        return seconds;
    }

    Parts decode(Parts parts, const CompressedCache& compressed, std::int32_t first, Latency& latency,
                 const core::Progress& progress) const
    {
        latency.heldBytes = static_cast<std::uint64_t>(m_settings.batch * compressed.cache.bytes());
        parts.decode = decodeSeconds(m_model, compressed, first, m_length, m_settings.batch, progress);
        return parts;
    }

    std::shared_ptr<const capture::Model> m_model;
    const capture::Tokenizer& m_tokenizer;
    compress::LivePlanner& m_planner;
    LatencyCase m_length;
    LatencySettings m_settings;
    capture::TokenizedPrompt m_prompt;
    capture::PromptSource m_source;
    capture::CaptureSettings m_capture;
};

/// Stops with the others, but says nothing of its own.
core::Progress progressOf(const core::Progress& progress)
{
    core::Progress quiet;
    quiet.stop = progress.stop;
    return quiet;
}

double medianOf(const std::vector<Parts>& runs, double Parts::*part)
{
    std::vector<double> values;
    for (const Parts& run : runs)
        values.push_back(run.*part);
    return core::quantile(values, 0.5);
}

} // namespace

std::vector<Latency> measureLatency(const std::shared_ptr<const capture::Model>& model,
                                    const capture::Tokenizer& tokenizer, compress::LivePlanner& planner,
                                    const LatencyCase& length, const LatencySettings& settings,
                                    const core::Progress& progress)
{
    if (length.input < 2 || length.output < 2 || length.input + length.output > model->info.contextLength)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{}/{} tokens do not fit: expected at least 2 of each, and together at most the "
                                      "context of {} tokens of {}",
                                      length.input, length.output, model->info.contextLength, model->info.name));
    const Measurement measurement(model, tokenizer, planner, length, settings);
    std::vector<Latency> result(1 + planner.pairs().size());
    for (std::size_t i = 1; i < result.size(); ++i)
        result[i].pair = i - 1;
    std::vector<std::vector<Parts>> runs(result.size());
    for (std::int64_t repeat = 0; repeat < settings.repeats; ++repeat)
        for (std::size_t i = 0; i < result.size(); ++i) {
            progress(fmt::format("{}/{}", length.input, length.output),
                     repeat * std::ssize(result) + static_cast<std::int64_t>(i), settings.repeats * std::ssize(result));
            if (result[i].obstacle.empty())
                runs[i].push_back(result[i].pair ? measurement.runPair(result[i], progressOf(progress))
                                                 : measurement.runFull(result[i], progressOf(progress)));
        }
    for (std::size_t i = 0; i < result.size(); ++i) {
        Latency& latency = result[i];
        latency.prefill = medianOf(runs[i], &Parts::prefill);
        latency.compress = medianOf(runs[i], &Parts::compress);
        latency.decode = medianOf(runs[i], &Parts::decode);
        latency.tokensPerSecond = static_cast<double>(settings.batch * length.output) / latency.total();
    }
    return result;
}

std::uint64_t latencyBytes(const core::ModelInfo& model, const LatencyCase& length, std::int64_t batch)
{
    const auto token = 2 * sizeof(float) * static_cast<std::uint64_t>(model.nLayers) * model.nKvHeads * model.headDim;
    const auto tokens = static_cast<std::uint64_t>(length.input + length.output);
    // The prompt's cache, a compressed copy, streams with a quarter of reserve; 6 statistics of each query head.
    const auto statistics = 6 * sizeof(float) * static_cast<std::uint64_t>(model.nLayers) * model.nHeads * tokens;
    return token * tokens * 2 + token * tokens * static_cast<std::uint64_t>(batch) * 5 / 4 + statistics;
}

} // namespace kvviz::evaluation
