// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What runs a model over token ids: one prefill, then steps, with hooks on the way. The decoder of the CPU and the one
// of GPUs are runners; a session knows no other word for them.
#pragma once

#include "capture/attention_hook.hpp"
#include "capture/kv_cache.hpp"
#include "capture/model.hpp"
#include "core/progress.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kvviz::capture {

struct DecoderOptions {
    std::int64_t capacity = 0;  ///< most tokens (prompt and continuation)
    std::int64_t window = 0;    ///< W of AttentionStatistics::receivedWindow
    std::int64_t sinks = 4;     ///< k of AttentionStatistics::sinkMass; queryMean starts after them
    bool promptLogits = true;   ///< logits of every prompt position, or of the last only
    bool queryStatistics = false; ///< fill AttentionStatistics::queryMean and queryCovariance
    std::uint64_t kept = 0;       ///< bytes that hooks keep beside the run, for those who ask whether it fits
};

/// Keys and values of one layer in float32 on the host: (g, j, c) at g * headStride + j * d + c.
struct LayerCache {
    const float* key = nullptr;
    const float* value = nullptr;
    std::int64_t headStride = 0;
};

class Runner {
public:
    virtual ~Runner() = default;

    virtual void addHook(AttentionHook* hook) { m_hooks.push_back(hook); }
    void addHook(LogitsHook* hook) { m_logitsHooks.push_back(hook); }
    void addHook(StreamHook* hook) { m_streamHooks.push_back(hook); }

    /// The whole prompt. Returns the logits [vocab] after its last token, valid until the next call; every hook has been
    /// called by then.
    virtual std::span<const float> prefill(std::span<const std::int32_t> ids, const core::Progress& progress = {}) = 0;
    /// One more token; returns the logits after it.
    virtual std::span<const float> step(std::int32_t id) = 0;

    /// Tokens whose keys are in the cache.
    [[nodiscard]] virtual std::int64_t size() const = 0;
    /// One layer's keys and values, valid until the next call to this runner.
    [[nodiscard]] virtual LayerCache layerCache(int layer) const = 0;
    /// Those of all layers; a device copies them, which takes as much memory here as there (in float32).
    [[nodiscard]] virtual const KvCache& cache() const = 0;

protected:
    std::vector<AttentionHook*> m_hooks;
    std::vector<LogitsHook*> m_logitsHooks;
    std::vector<StreamHook*> m_streamHooks;
};

/// Where the prompts of one model run.
class Backend {
public:
    virtual ~Backend() = default;
    /// Throws Error(badInput) when the capacity exceeds the model's context, Error(device) when it does not fit.
    [[nodiscard]] virtual std::unique_ptr<Runner> newRunner(const DecoderOptions& options) const = 0;
    /// "cpu", "cuda:0 (NVIDIA H200)", as a capture keeps it.
    [[nodiscard]] virtual std::string device() const = 0;
    /// Of the weights: "float32", "bfloat16", "float16".
    [[nodiscard]] virtual std::string dtype() const = 0;
};

[[nodiscard]] std::shared_ptr<const Backend> cpuBackend(std::shared_ptr<const Model> model);

/// Throws Error(badInput) when the logits after token `position` are not finite: so are the weights, or they overflow.
void requireFinite(std::span<const float> logits, std::int64_t position);
/// Throws Error(badInput) when so many tokens exceed the model's context.
void requireContext(const Model& model, std::int64_t capacity);
/// Throws Error(badInput) for ids outside the vocabulary, and when they do not fit behind `held` tokens.
void requireFits(const Model& model, std::span<const std::int32_t> ids, std::int64_t held, std::int64_t capacity);

} // namespace kvviz::capture
