// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The recorder of capture files and the decoder's own cache, read back layer by layer.
#include "capture/live_capture.hpp"

#include "capture/decoder.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

namespace kvviz::capture {
namespace {

using core::Need;

core::CaptureInfo describe(const Model& model, const Tokenizer& tokenizer, const PromptSource& source,
                           const TokenizedPrompt& prompt, CaptureSettings settings)
{
    settings.tier = core::Tier::cache;
    settings.continuation = Continuation::none;
    core::CaptureInfo info = describeCapture(model, tokenizer, settings, source, prompt);
    addTokens(info, tokenizer, prompt.ids);
    return info;
}

} // namespace

LiveCapture::LiveCapture(std::shared_ptr<const Model> model, const Tokenizer& tokenizer, const PromptSource& source,
                         const TokenizedPrompt& prompt, CaptureSettings settings, const core::Progress& progress)
    : m_info(describe(*model, tokenizer, source, prompt, settings)),
      m_recorder(makeSelection(model->info, settings.layers, settings.heads), prompt.size(), m_info.window,
                 model->info.headDim, true, core::StorageType::float32, core::StorageType::float32),
      m_cache(0, 0, 0, 0)
{
    Decoder decoder(std::move(model), {prompt.size(), m_info.window, m_info.sinkTokens, false, true});
    decoder.addHook(&m_recorder);
    const std::span<const float> logits = decoder.prefill(prompt.ids, progress);
    m_logits.assign(logits.begin(), logits.end());
    m_cache = std::move(decoder).takeCache();
}

Need LiveCapture::available() const
{
    // Decode rows are there as in a file without a continuation: there are none, so none is missing.
    return Need::stats | Need::windowRows | Need::decodeRows | Need::keys | Need::values | Need::queries
           | Need::queryStats | Need::farSquares;
}

core::LayerData LiveCapture::loadLayer(std::int64_t slot, Need needs) const
{
    if (slot < 0 || slot >= std::ssize(m_info.layers))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the prompt '{}' was captured in {} layers; slot {} was asked for", name(),
                                      m_info.layers.size(), slot));
    core::LayerData data;
    data.layer = m_info.layers[static_cast<std::size_t>(slot)];
    data.heads = m_info.headMap();
    data.n = m_info.nPrompt();
    data.w = m_info.window;
    data.headDim = m_info.model.headDim;
    data.rule = m_info.model.scoreRule(data.layer);
    LayerRecorder::Arrays arrays = m_recorder.arrays(slot, 0);
    const auto give = [needs](Need need, std::vector<float>& to, std::vector<float>& from) {
        if (core::includes(needs, need))
            to = std::move(from);
    };
    give(Need::stats, data.received, arrays.received);
    give(Need::stats, data.receivedWindow, arrays.receivedWindow);
    give(Need::stats, data.receivedSq, arrays.receivedSq);
    give(Need::stats, data.entropy, arrays.entropy);
    give(Need::stats, data.sinkMass, arrays.sinkMass);
    give(Need::farSquares, data.receivedSqFar, arrays.receivedSqFar);
    give(Need::queryStats, data.queryMean, arrays.queryMean);
    give(Need::queryStats, data.queryCovariance, arrays.queryCovariance);
    give(Need::windowRows, data.windowRows, arrays.windowRows);
    give(Need::queries, data.query, arrays.query);
    const auto copy = [&](Need need, std::vector<float>& to, const float* layer) {
        if (!core::includes(needs, need))
            return;
        for (const int g : m_info.kvHeads()) {
            const float* const head = layer + g * m_cache.headStride();
            to.insert(to.end(), head, head + data.n * data.headDim);
        }
    };
    copy(Need::keys, data.key, m_cache.key(data.layer));
    copy(Need::values, data.value, m_cache.value(data.layer));
    return data;
}

} // namespace kvviz::capture
