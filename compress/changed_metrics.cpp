// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Total variation is summed where attention grew: both rows sum to 1, so what grew equals what shrank, and unchanged
// attention gives exactly 0.
#include "compress/changed_metrics.hpp"

#include "compress/kept_sets.hpp"
#include "compress/method_base.hpp"
#include "compress/output_difference.hpp"
#include "compress/view_attention.hpp"
#include "core/kernels.hpp"
#include "core/parallel.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {
namespace {

/// Total variation between two rows over the same keys, each divided by its own sum; 0 when the full row has no mass.
/// `mass` is the sum of `row`; `fullMass` also counts keys that are not among these.
double shiftOf(const float* row, const float* full, std::int64_t count, double mass, double fullMass)
{
    if (!(fullMass > 0))
        return 0;
    if (!(mass > 0))
        return 1;
    return std::min(1.0, core::grown(row, full, static_cast<float>(mass / fullMass), count) / mass);
}

/// Error and cosine of one tensor over kept prompt tokens.
struct Deviation {
    double difference = 0, norm = 0, cosine = 0;
    std::int64_t tokens = 0;

    void add(const float* exact, const float* form, int d)
    {
        double dot = 0, exactSq = 0, formSq = 0;
        for (int i = 0; i < d; ++i) {
            const double a = exact[i], b = form[i];
            difference += (a - b) * (a - b);
            dot += a * b;
            exactSq += a * a;
            formSq += b * b;
        }
        norm += exactSq;
        const double scale = std::sqrt(exactSq * formSq);
        cosine += scale > 0 ? dot / scale : exactSq == formSq ? 1.0 : 0.0;
        ++tokens;
    }
    [[nodiscard]] double error() const { return norm > 0 ? std::sqrt(difference / norm) : 0.0; }
    [[nodiscard]] double meanCosine() const { return tokens > 0 ? cosine / static_cast<double>(tokens) : 1.0; }
};

} // namespace

void addRecomputed(LayerReference& reference, const core::LayerData& data, const core::ModelInfo* model, int threads)
{
    if (reference.recomputed)
        return;
    requireArrays(data, core::Need::keys | core::Need::values | core::Need::queries, "the evaluation");
    if (model)
        reference.rotary.emplace(*model, data.layer);
    Recomputed made;
    const std::int64_t rowCount = data.heads.queryHeads() * data.t;
    made.probabilities.assign(static_cast<std::size_t>(rowCount * data.total()), 0.0f);
    made.output.resize(static_cast<std::size_t>(rowCount * data.headDim));
    made.mass.resize(static_cast<std::size_t>(rowCount));
    made.nonSink.resize(made.mass.size());
    const std::int64_t sinks = std::min<std::int64_t>(reference.sinkTokens, data.n);
    const auto all = positionRange(0, data.n);
    core::parallelFor(data.heads.kvHeads(), threads, [&](std::int64_t group) {
        const int kvHead = static_cast<int>(group);
        const ViewAttention attention = attendView(fullView(data, kvHead, all), groupQueries(data, kvHead));
        const std::int64_t first = data.heads.firstQueryHead(kvHead) * data.t; // all keys are columns here
        std::copy(attention.probabilities.begin(), attention.probabilities.end(),
                  made.probabilities.begin() + first * data.total());
        std::copy(attention.output.begin(), attention.output.end(), made.output.begin() + first * data.headDim);
        for (std::int64_t at = first; at < first + data.heads.groupSize() * data.t; ++at) {
            const float* const row = made.probabilities.data() + at * data.total();
            made.mass[static_cast<std::size_t>(at)] = core::total(row, data.total());
            made.nonSink[static_cast<std::size_t>(at)] = core::total(row + sinks, data.total() - sinks);
        }
    });
    reference.recomputed = std::move(made);
}

std::int64_t evaluateChangedHead(const core::LayerData& data, const LayerPlan& plan, const LayerReference& reference,
                                 int kvHead, LayerMetrics& metrics)
{
    const Recomputed& full = reference.recomputed.value();
    const ViewAttention seen =
        attendView(headView(data, plan, kvHead, reference.rotary ? &*reference.rotary : nullptr),
                   groupQueries(data, kvHead), reference.depth != Depth::mass);
    const auto rows = static_cast<std::int64_t>(data.heads.groupSize() * data.t);
    const auto columns = std::ssize(seen.columns);
    const std::int32_t sinks = static_cast<std::int32_t>(std::min<std::int64_t>(reference.sinkTokens, data.n));
    const std::int64_t sinkColumns =
        std::lower_bound(seen.columns.begin(), seen.columns.end(), sinks) - seen.columns.begin();
    const bool allColumns = columns == data.total();
    std::vector<float> gathered(allColumns ? 0 : seen.columns.size());
    std::int64_t dead = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t at = data.heads.firstQueryHead(kvHead) * data.t + row;
        const float* const probabilities = seen.probabilities.data() + row * columns;
        const float* const fullRow = full.probabilities.data() + at * data.total();
        if (!allColumns)
            core::gather(fullRow, seen.columns.data(), columns, gathered.data());
        const float* const onColumns = allColumns ? fullRow : gathered.data();
        const double mass = core::total(probabilities, columns);
        const bool isDead = !(mass > 0);
        dead += isDead;
        const auto place = static_cast<std::size_t>(at);
        metrics.lostMass[place] =
            static_cast<float>(isDead ? 1.0 : shiftOf(probabilities, onColumns, columns, mass, full.mass[place]));
        const float* const tail = probabilities + sinkColumns;
        metrics.lostNonSink[place] = static_cast<float>(
            shiftOf(tail, onColumns + sinkColumns, columns - sinkColumns,
                    core::total(tail, columns - sinkColumns), full.nonSink[place]));
        if (reference.depth == Depth::mass)
            continue;
        const float* const exact = full.output.data() + at * data.headDim;
        const float* const changed = seen.output.data() + row * data.headDim;
        double difference = 0, norm = 0;
        for (int i = 0; i < data.headDim; ++i) {
            const double delta = static_cast<double>(exact[i]) - changed[i];
            difference += delta * delta;
            norm += static_cast<double>(exact[i]) * exact[i];
        }
        storeOutputError(metrics, place, difference, norm, isDead);
        storeLogitChange(data, metrics, place, [&](const float* gradient) {
            double along = 0;
            for (int i = 0; i < data.headDim; ++i)
                along += static_cast<double>(gradient[i]) * (static_cast<double>(changed[i]) - exact[i]);
            return along;
        });
    }
    return dead;
}

Reconstruction reconstruction(const core::LayerData& data, const LayerPlan& plan)
{
    Deviation keys, values;
    for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
        const HeadView view = headView(data, plan, kvHead, nullptr);
        const auto form = [&](const float* plain, const float* changed, const std::int32_t* from, std::int32_t key) {
            return (changed && from[key] < data.t ? changed : plain) + std::int64_t{key} * data.headDim;
        };
        for (const std::int32_t key : view.kept) {
            const std::int64_t offset = std::int64_t{key} * data.headDim;
            keys.add(view.key + offset, form(view.key, view.changedKey, view.keyFrom, key), data.headDim);
            values.add(view.value + offset, form(view.value, view.changedValue, view.valueFrom, key), data.headDim);
        }
    }
    return {keys.error(), values.error(), keys.meanCosine(), values.meanCosine()};
}

} // namespace kvviz::compress
