// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Joins replay and engine: a plan says what the prompt's cache becomes, the model runs the continuation over it. All
// plans go through a layer before the next layer is read, so one layer of the capture is in memory at a time.
#include "app/engine/decode_replay.hpp"

#include "app/commands.hpp"
#include "app/commands/decode_depth.hpp"
#include "app/engine/loaded_model.hpp"
#include "capture/continuation.hpp"
#include "capture/continuation_score.hpp"
#include "compress/kept_sets.hpp"
#include "compress/view_attention.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace kvviz::app {
namespace {

/// Attention of the continuation over the captured prompt as one plan leaves it.
class PlanAttention final : public capture::ContinuationAttention {
public:
    /// `plan` null: the whole cache.
    PlanAttention(const core::LayerData& data, const compress::LayerPlan* plan, const core::Rotary& rotary)
        : m_data(data), m_plan(plan), m_rotary(rotary), m_all(compress::positionRange(0, data.n))
    {
    }

    void attend(int, const float* query, const float* key, const float* value, float* out) const override
    {
        for (int kvHead = 0; kvHead < m_data.heads.kvHeads(); ++kvHead)
            attendGroup(kvHead, query, key, value, out);
    }

private:
    /// The KV head's captured prompt rows followed by this run's rows of the continuation, [T, d].
    [[nodiscard]] std::vector<float> joined(const std::vector<float>& captured, const float* run, int kvHead) const
    {
        const std::int64_t d = m_data.headDim, kvHeads = m_data.heads.kvHeads();
        const auto first = captured.begin() + kvHead * m_data.total() * d;
        std::vector<float> rows(first, first + m_data.n * d);
        for (std::int64_t token = 0; token < m_data.t; ++token) {
            const float* const row = run + (token * kvHeads + kvHead) * d;
            rows.insert(rows.end(), row, row + d);
        }
        return rows;
    }

    /// Compressed forms: those of the prompt, and for the continuation this run's rows with the error that compression
    /// makes on the captured ones.
    [[nodiscard]] std::vector<float> joinedForms(const std::vector<float>& changed, const std::vector<float>& captured,
                                                 std::span<const float> run, int kvHead) const
    {
        const std::int64_t d = m_data.headDim, offset = kvHead * m_data.total() * d;
        std::vector<float> rows(changed.begin() + offset, changed.begin() + offset + m_data.total() * d);
        for (std::int64_t i = m_data.n * d; i < m_data.total() * d; ++i) {
            const auto at = static_cast<std::size_t>(i);
            rows[at] = run[at] + (rows[at] - captured[static_cast<std::size_t>(offset + i)]);
        }
        return rows;
    }

    void attendGroup(int kvHead, const float* query, const float* key, const float* value, float* out) const
    {
        const std::int64_t d = m_data.headDim, heads = m_data.heads.queryHeads(), group = m_data.heads.groupSize();
        const std::int64_t firstHead = m_data.heads.firstQueryHead(kvHead);
        const std::vector<float> keys = joined(m_data.key, key, kvHead), values = joined(m_data.value, value, kvHead);
        std::vector<float> changedKeys, changedValues;
        compress::HeadView view = m_plan ? compress::headView(m_data, *m_plan, kvHead, &m_rotary)
                                         : compress::fullView(m_data, kvHead, m_all);
        view.key = keys.data();
        view.value = values.data();
        if (view.changedKey) {
            changedKeys = joinedForms(m_plan->changed->key, m_data.key, keys, kvHead);
            view.changedKey = changedKeys.data();
        }
        if (view.changedValue) {
            changedValues = joinedForms(m_plan->changed->value, m_data.value, values, kvHead);
            view.changedValue = changedValues.data();
        }
        std::vector<float> rows; // [R * t, d]
        for (std::int64_t r = 0; r < group; ++r)
            for (std::int64_t token = 0; token < m_data.t; ++token) {
                const float* const row = query + (token * heads + firstHead + r) * d;
                rows.insert(rows.end(), row, row + d);
            }
        const compress::ViewAttention attention = compress::attendView(view, rows);
        for (std::int64_t r = 0; r < group; ++r)
            for (std::int64_t token = 0; token < m_data.t; ++token)
                std::copy_n(attention.output.begin() + (r * m_data.t + token) * d, d,
                            out + (token * heads + firstHead + r) * d);
    }

    const core::LayerData& m_data;
    const compress::LayerPlan* m_plan;
    const core::Rotary& m_rotary;
    std::vector<std::int32_t> m_all;
};

/// Carries every plan of one capture through the model. Stream 0 is the whole cache, stream 1 + i plan i.
class DecodeObserver final : public compress::PlanObserver {
public:
    DecodeObserver(std::shared_ptr<const capture::Model> model, const io::CaptureReader& capture, double& deviation)
        : m_model(std::move(model)), m_info(capture.info()), m_logprob(capture.logprob()), m_deviation(deviation)
    {
    }

    void start(std::int64_t plans) override
    {
        const auto n = static_cast<std::size_t>(m_info.nPrompt());
        m_ids = std::span(m_info.tokens.ids).subspan(n);
        m_run = std::make_unique<capture::Continuation>(m_model, m_info.nPrompt(), m_ids, plans + 1);
    }

    void onLayer(const core::LayerData& data, std::span<const compress::LayerPlan* const> plans) override
    {
        const core::Rotary rotary(m_info.model, data.layer);
        std::vector<PlanAttention> attentions;
        attentions.reserve(plans.size() + 1);
        attentions.emplace_back(data, nullptr, rotary);
        for (const compress::LayerPlan* plan : plans)
            attentions.emplace_back(data, plan, rotary);
        for (std::size_t first = 0; first < attentions.size(); first += kBatch) {
            std::vector<const capture::ContinuationAttention*> batch;
            for (std::size_t i = first; i < std::min(first + kBatch, attentions.size()); ++i)
                batch.push_back(&attentions[i]);
            m_run->runLayer(data.layer, static_cast<std::int64_t>(first), batch);
        }
    }

    void finish(std::int64_t plan, compress::ReplayResult& result) override
    {
        const std::int64_t vocab = m_model->info.vocabSize;
        if (!m_reference) {
            m_fullLogits.resize(m_ids.size() * static_cast<std::size_t>(vocab));
            m_run->logits(0, m_fullLogits.data());
            m_reference.emplace(m_fullLogits, m_ids, vocab);
            m_logits.resize(m_fullLogits.size());
            compareWithCapture();
        }
        m_run->logits(plan + 1, m_logits.data());
        const capture::ContinuationScore score = m_reference->score(m_logits);
        result.logprobDelta.assign(score.change.begin(), score.change.end());
        result.kl.assign(score.divergence.begin(), score.divergence.end());
        result.top1 = score.sameTop;
        result.meanLogprobDelta = core::mean(score.change);
        result.meanKl = core::mean(score.divergence);
        result.top1Agreement =
            static_cast<double>(std::count(score.sameTop.begin(), score.sameTop.end(), std::uint8_t{1}))
            / static_cast<double>(score.sameTop.size());
    }

private:
    static constexpr std::size_t kBatch = 32;

    /// The capture's own log-probabilities came from an unbroken run: this run must give them again.
    void compareWithCapture()
    {
        for (std::size_t i = 0; i + 1 < m_ids.size(); ++i) {
            const double captured = m_logprob.at(static_cast<std::size_t>(m_info.nPrompt()) + i + 1);
            const double difference = std::abs(m_reference->logprob()[i] - captured);
            if (!std::isnan(difference))
                m_deviation = std::isnan(m_deviation) ? difference : std::max(m_deviation, difference);
        }
    }

    std::shared_ptr<const capture::Model> m_model;
    const core::CaptureInfo& m_info;
    std::vector<float> m_logprob;
    double& m_deviation;
    std::span<const std::int32_t> m_ids;
    std::unique_ptr<capture::Continuation> m_run;
    std::vector<float> m_fullLogits, m_logits; // [t, vocab]
    std::optional<capture::ContinuationReference> m_reference;
};

class ModelDecodeDepth final : public DecodeDepth {
public:
    ModelDecodeDepth(std::string model, const CommonOptions& common) : m_path(std::move(model)), m_common(common) {}

    std::unique_ptr<compress::PlanObserver> observe(const io::CaptureReader& capture) override
    {
        const core::CaptureInfo& info = capture.info();
        if (!m_loaded || m_dtype != info.dtype) {
            const bool half = info.dtype == "bfloat16";
            m_loaded = loadModelFile(m_path, half ? capture::WeightType::bfloat16 : capture::WeightType::float32,
                                     m_common);
            m_dtype = info.dtype;
        }
        check(capture);
        return std::make_unique<DecodeObserver>(m_loaded->model, capture, m_deviation);
    }
    [[nodiscard]] double largestDeviation() const override { return m_deviation; }

private:
    void check(const io::CaptureReader& capture) const
    {
        const core::CaptureInfo& info = capture.info();
        const core::ModelInfo& model = m_loaded->model->info;
        const auto refuse = [&](const std::string& why) {
            throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", capture.name(), why));
        };
        if (info.model.sha256 != model.sha256)
            refuse(fmt::format("captured from model '{}' ({:.12}...), but the model here is '{}' ({:.12}...); give the "
                               "captured one with --model",
                               info.model.name, info.model.sha256, model.name, model.sha256));
        if (std::ssize(info.layers) != model.nLayers || std::ssize(info.heads) != model.nHeads)
            refuse(fmt::format("holds {} of {} layers and {} of {} query heads; depth decode needs all of them",
                               info.layers.size(), model.nLayers, info.heads.size(), model.nHeads));
        if (info.nGenerated() == 0)
            refuse("has no continuation to run again; capture with decode steps (--generate)");
    }

    std::string m_path;
    CommonOptions m_common;
    std::string m_dtype;
    std::optional<LoadedModel> m_loaded;
    double m_deviation = std::numeric_limits<double>::quiet_NaN();
};

} // namespace

int runDecodeReplay(const ReplayOptions& options, const CommonOptions& common)
{
    if (options.depth != "decode")
        return runReplay(options, common);
    ModelDecodeDepth depth(options.model, common);
    return runReplay(options, common, &depth);
}

} // namespace kvviz::app
