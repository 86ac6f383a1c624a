// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A plan is evaluated through whichever is smaller, the keys it keeps or the keys it drops: that is less work, and a
// plan that drops nothing loses exactly 0.
#include "compress/metrics.hpp"

#include "compress/changed_metrics.hpp"
#include "compress/column_sums.hpp"
#include "compress/kept_sets.hpp"
#include "compress/method_base.hpp"
#include "compress/output_difference.hpp"
#include "core/kernels.hpp"
#include "core/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::compress {
namespace {

/// The keys to sum for one KV head, and whether they are the dropped ones.
struct Route {
    std::vector<std::int32_t> keys;
    bool dropped = false;
    bool addGenerated = false; ///< kept route of E methods: generated keys are shared by all plans
    QueryMask mask;
};

Route promptRoute(const core::LayerData& data, std::span<const std::int32_t> kept)
{
    Route route;
    route.dropped = 2 * std::ssize(kept) >= data.n;
    route.addGenerated = !route.dropped;
    if (!route.dropped) {
        route.keys.assign(kept.begin(), kept.end());
        return route;
    }
    auto next = kept.begin();
    for (std::int32_t key = 0; key < data.n; ++key)
        if (next != kept.end() && *next == key)
            ++next;
        else
            route.keys.push_back(key);
    return route;
}

/// Online methods: keys that some query sees, or that some query that could see them does not.
Route onlineRoute(const core::LayerData& data, const std::uint8_t* mask)
{
    std::vector<std::uint8_t> seen(static_cast<std::size_t>(data.total()), 0), hidden = seen;
    for (std::int64_t step = 0; step < data.t; ++step)
        for (std::int64_t key = 0; key <= data.n + step; ++key)
            (mask[step * data.total() + key] ? seen : hidden)[static_cast<std::size_t>(key)] = 1;
    Route route;
    route.dropped = std::count(hidden.begin(), hidden.end(), 1) <= std::count(seen.begin(), seen.end(), 1);
    route.mask = {mask, static_cast<std::uint8_t>(route.dropped ? 0 : 1)};
    const auto& wanted = route.dropped ? hidden : seen;
    for (std::int32_t key = 0; key < data.total(); ++key)
        if (wanted[static_cast<std::size_t>(key)])
            route.keys.push_back(key);
    return route;
}

/// Mass that is really left of a row; used where 1 - lost would be rounding noise.
double visibleMass(const core::LayerData& data, const LayerPlan& plan, int kvHead, int head, std::int64_t step)
{
    const float* const row = data.decodeRow(head, step);
    double mass = 0;
    if (!plan.keptDecode.empty()) {
        const std::uint8_t* const mask = plan.keptDecode.data() + (kvHead * data.t + step) * data.total();
        for (std::int64_t key = 0; key <= data.n + step; ++key)
            mass += mask[key] ? row[key] : 0.0f;
        return mass;
    }
    for (const std::int32_t key : plan.kept[static_cast<std::size_t>(kvHead)])
        mass += row[key];
    for (std::int64_t key = data.n; key <= data.n + step; ++key)
        mass += row[key];
    return mass;
}

double fraction(double part, double whole) { return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0.0; }

/// Lost and retained part of a row.
struct Share {
    double eps = 1, rho = 0;
};

Share shareOf(bool dropped, double part, double whole)
{
    if (!(whole > 0))
        return {};
    const double share = fraction(part, whole);
    return dropped ? Share{share, 1 - share} : Share{1 - share, share};
}

/// Attention that a query loses on generated keys, as a share of its row.
void addLostGenerated(const core::LayerData& data, const LayerPlan& plan, const LayerReference& reference, int kvHead,
                      LayerMetrics& metrics)
{
    for (int r = 0; r < data.heads.groupSize(); ++r)
        for (std::int64_t step = 0; step < data.t; ++step) {
            const int head = data.heads.firstQueryHead(kvHead) + r;
            const std::uint8_t* const mask = plan.keptDecode.data() + (kvHead * data.t + step) * data.total();
            const float* const row = data.decodeRow(head, step);
            double lost = 0;
            for (std::int64_t key = data.n; key <= data.n + step; ++key)
                lost += mask[key] ? 0.0f : row[key];
            const auto at = static_cast<std::size_t>(head * data.t + step);
            metrics.lostGenerated[at] = static_cast<float>(fraction(lost, reference.mass[at]));
        }
}

} // namespace

std::string_view depthName(Depth depth)
{
    return depth == Depth::mass ? "mass" : depth == Depth::output ? "output" : "decode";
}

std::optional<Depth> depthFromName(std::string_view name)
{
    if (name == "mass")
        return Depth::mass;
    if (name == "output")
        return Depth::output;
    if (name == "decode")
        return Depth::decode;
    return std::nullopt;
}

std::string_view depthAssumption(Depth depth)
{
    switch (depth) {
    case Depth::mass:
        return "Attention mass on the captured queries of the uncompressed run; what values and later layers make of a "
               "loss is not included.";
    case Depth::output:
        return "Attention output of each layer alone, with the captured queries and values of the uncompressed run; "
               "errors that earlier layers and earlier decode steps would add are not included.";
    case Depth::decode:
        break;
    }
    return "The continuation run again through the model over the compressed cache of the captured prompt, so errors "
           "add up over layers and steps; what each method keeps was decided on the captured, uncompressed run, and "
           "the continuation's own keys and values are as that run computes them.";
}

LayerReference makeReference(const core::LayerData& data, Depth depth, int sinkTokens, int threads)
{
    requireArrays(data, depth == Depth::mass ? core::Need::decodeRows : core::Need::decodeRows | core::Need::values,
                  "the evaluation");
    const auto rows = static_cast<std::size_t>(data.heads.queryHeads() * data.t);
    const std::size_t channels = depth == Depth::mass ? 0 : static_cast<std::size_t>(data.headDim);
    LayerReference result;
    result.sinkTokens = sinkTokens;
    result.depth = depth;
    for (auto* list : {&result.mass, &result.nonSink, &result.generatedMass, &result.generatedNonSink})
        list->resize(rows);
    result.output.resize(rows * channels);
    result.generatedOutput.resize(rows * channels);
    const auto promptKeys = positionRange(0, data.n), generatedKeys = positionRange(data.n, data.total());
    core::parallelFor(data.heads.kvHeads(), threads, [&](std::int64_t group) {
        const int kvHead = static_cast<int>(group);
        const ColumnSums prompt = sumColumns(data, kvHead, promptKeys, {}, sinkTokens, channels > 0);
        const ColumnSums generated = sumColumns(data, kvHead, generatedKeys, {}, sinkTokens, channels > 0);
        const auto first = static_cast<std::size_t>(data.heads.firstQueryHead(kvHead) * data.t);
        for (std::size_t row = 0; row < prompt.mass.size(); ++row) {
            result.generatedMass[first + row] = generated.mass[row];
            result.generatedNonSink[first + row] = generated.nonSink[row];
            result.mass[first + row] = prompt.mass[row] + generated.mass[row];
            result.nonSink[first + row] = prompt.nonSink[row] + generated.nonSink[row];
        }
        for (std::size_t i = 0; i < prompt.output.size(); ++i) {
            result.generatedOutput[first * channels + i] = generated.output[i];
            result.output[first * channels + i] = prompt.output[i] + generated.output[i];
        }
    });
    return result;
}

LayerMetrics makeMetrics(const core::LayerData& data, const LayerPlan& plan, Depth depth)
{
    const auto rows = static_cast<std::size_t>(data.heads.queryHeads() * data.t);
    const std::size_t outputs = depth == Depth::mass ? 0 : rows;
    LayerMetrics metrics;
    metrics.lostMass.resize(rows);
    metrics.lostNonSink.resize(rows);
    metrics.lostGenerated.resize(plan.keptDecode.empty() ? 0 : rows);
    metrics.logitChange.resize(depth == Depth::mass ? 0 : data.readout.size() / static_cast<std::size_t>(data.headDim));
    for (auto* list : {&metrics.outputError, &metrics.errorSq, &metrics.normSq})
        list->resize(outputs);
    return metrics;
}

void storeOutputError(LayerMetrics& metrics, std::size_t at, double difference, double norm, bool dead)
{
    constexpr float kUndefined = std::numeric_limits<float>::quiet_NaN();
    metrics.normSq[at] = static_cast<float>(norm);
    metrics.errorSq[at] = dead ? kUndefined : static_cast<float>(difference);
    if (dead || !(norm > 0))
        metrics.outputError[at] = dead || difference > 0 ? kUndefined : 0.0f;
    else
        metrics.outputError[at] = static_cast<float>(std::sqrt(difference / norm));
}

std::int64_t evaluateHead(const core::LayerData& data, const LayerPlan& plan, const LayerReference& reference,
                          int kvHead, LayerMetrics& metrics)
{
    if (!plan.keptDecode.empty())
        addLostGenerated(data, plan, reference, kvHead, metrics);
    if (plan.changed)
        return evaluateChangedHead(data, plan, reference, kvHead, metrics);
    const bool output = reference.depth != Depth::mass;
    const Route route = plan.keptDecode.empty()
                            ? promptRoute(data, plan.kept[static_cast<std::size_t>(kvHead)])
                            : onlineRoute(data, plan.keptDecode.data() + kvHead * data.t * data.total());
    const ColumnSums sums = sumColumns(data, kvHead, route.keys, route.mask, reference.sinkTokens, output);
    const int firstHead = data.heads.firstQueryHead(kvHead);
    const auto first = static_cast<std::size_t>(firstHead * data.t);
    const auto channels = static_cast<std::size_t>(data.headDim);
    JoinedParts parts(data.headDim);
    std::int64_t dead = 0;
    for (std::size_t row = 0; row < sums.mass.size(); ++row) {
        const std::size_t at = first + row;
        Share share = shareOf(route.dropped, sums.mass[row] + (route.addGenerated ? reference.generatedMass[at] : 0),
                              reference.mass[at]);
        if (share.rho < 1e-6 && reference.mass[at] > 0) {
            const auto place = static_cast<std::int64_t>(row);
            const int head = firstHead + static_cast<int>(place / data.t);
            share.rho = fraction(visibleMass(data, plan, kvHead, head, place % data.t), reference.mass[at]);
        }
        const bool isDead = !(share.rho > 0);
        dead += isDead;
        metrics.lostMass[at] = isDead ? 1.0f : static_cast<float>(share.eps);
        const double nonSink = sums.nonSink[row] + (route.addGenerated ? reference.generatedNonSink[at] : 0);
        metrics.lostNonSink[at] = reference.nonSink[at] > 0
                                      ? static_cast<float>(shareOf(route.dropped, nonSink, reference.nonSink[at]).eps)
                                      : 0.0f;
        if (!output)
            continue;
        const float* const full = reference.output.data() + at * channels;
        const float* const part =
            parts.join(sums.output.data() + row * channels,
                       route.addGenerated ? reference.generatedOutput.data() + at * channels : nullptr);
        const OutputDifference difference(part, full, route.dropped, share.eps, isDead ? 1 : share.rho,
                                          reference.mass[at]);
        // Both up to the same factor, so their ratio is exact.
        const auto squares = [&](const float* a, double x, double y) {
            return isDead ? 0 : core::combinedSquares(a, x, full, y, data.headDim);
        };
        storeOutputError(metrics, at, squares(part, difference.x, difference.y), squares(full, 1, 0), isDead);
        storeLogitChange(data, metrics, at, [&](const float* gradient) {
            return isDead ? difference.ofNothing(gradient, data.headDim) : difference.along(gradient, data.headDim);
        });
    }
    return dead;
}

namespace {

/// For each segment, kept(positions, span) averaged over KV heads; NaN without prompt tokens.
template <class Kept>
std::vector<float> perSegment(const std::vector<core::Segment>& segments, const LayerPlan& plan, std::int64_t n,
                              const Kept& kept)
{
    std::vector<float> result;
    for (const core::Segment& segment : segments) {
        const core::Span span{std::max<std::int64_t>(0, segment.span.begin), std::min(n, segment.span.end)};
        double sum = 0;
        for (const auto& positions : plan.kept) {
            const auto inside = std::lower_bound(positions.begin(), positions.end(), span.end)
                                - std::lower_bound(positions.begin(), positions.end(), span.begin);
            sum += kept(static_cast<double>(inside), static_cast<double>(span.size()));
        }
        result.push_back(span.empty() ? std::numeric_limits<float>::quiet_NaN()
                                      : static_cast<float>(sum / static_cast<double>(plan.kept.size())));
    }
    return result;
}

} // namespace

std::vector<float> segmentSurvival(const std::vector<core::Segment>& segments, const LayerPlan& plan, std::int64_t n)
{
    return perSegment(segments, plan, n, [](double inside, double size) { return inside / size; });
}

std::vector<float> segmentIntact(const std::vector<core::Segment>& segments, const LayerPlan& plan, std::int64_t n)
{
    return perSegment(segments, plan, n, [](double inside, double size) { return inside == size ? 1.0 : 0.0; });
}

LayerMetrics evaluate(const LayerInput& input, const LayerPlan& plan, const LayerReference& reference)
{
    LayerMetrics metrics = makeMetrics(input.data, plan, reference.depth);
    for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead)
        metrics.deadQueries += evaluateHead(input.data, plan, reference, kvHead, metrics);
    metrics.survival = segmentSurvival(input.segments, plan, input.data.n);
    metrics.intact = segmentIntact(input.segments, plan, input.data.n);
    return metrics;
}

LayerMetrics evaluate(const LayerInput& input, const LayerPlan& plan, Depth depth, int sinkTokens)
{
    LayerReference reference = makeReference(input.data, depth, sinkTokens);
    if (plan.changed)
        addRecomputed(reference, input.data, input.info ? &input.info->model : nullptr);
    return evaluate(input, plan, reference);
}

} // namespace kvviz::compress
