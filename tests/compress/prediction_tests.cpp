// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Predicted log-probabilities: output differences against their own norms on every route, whole predictions against
// plain double-precision sums, and what must hold of any prediction.
#include "compress/prediction.hpp"
#include "compress/replay.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

constexpr std::int64_t kCandidates = 3;

/// A made-up capture with random gradients.
class ReadoutCapture final : public core::CaptureSource {
public:
    explicit ReadoutCapture(double size = 0.3, const test::SyntheticOptions& options = {}) : m_capture(options)
    {
        std::mt19937_64 random(7);
        std::normal_distribution<float> normal(0.0f, static_cast<float>(size));
        const std::int64_t t = options.t;
        for (int slot = 0; slot < options.layers; ++slot) {
            core::LayerData& layer = m_capture.mutableLayer(slot);
            layer.readout.resize(static_cast<std::size_t>(options.heads * t * kCandidates * options.headDim));
            std::generate(layer.readout.begin(), layer.readout.end(), [&] { return normal(random); });
            layer.written.resize(static_cast<std::size_t>(options.heads * t));
            std::generate(layer.written.begin(), layer.written.end(), [&] { return std::abs(normal(random)); });
        }
        m_tokens.candidates = kCandidates;
        for (std::int64_t step = 0; step < t; ++step) {
            const bool last = step + 1 == t;
            m_tokens.ids.insert(m_tokens.ids.end(), {last ? -1 : 5, 6, 7});
            m_tokens.logprob.insert(m_tokens.logprob.end(),
                                    {last ? std::nanf("") : std::log(0.5f), std::log(0.2f), std::log(0.1f)});
        }
        m_capture.setAvailable(m_capture.available() | core::Need::readout);
    }
    [[nodiscard]] const core::CaptureInfo& info() const override { return m_capture.info(); }
    [[nodiscard]] core::Need available() const override { return m_capture.available(); }
    [[nodiscard]] core::LayerData loadLayer(std::int64_t slot, core::Need needs) const override
    {
        core::LayerData layer = m_capture.loadLayer(slot, needs);
        if (!includes(needs, core::Need::readout)) {
            layer.readout.clear();
            layer.written.clear();
        }
        return layer;
    }
    [[nodiscard]] std::optional<core::ReadoutTokens> readoutTokens() const override { return m_tokens; }
    [[nodiscard]] std::string name() const override { return m_capture.name(); }

    [[nodiscard]] test::SyntheticCapture& capture() { return m_capture; }
    [[nodiscard]] const test::SyntheticCapture& capture() const { return m_capture; }
    [[nodiscard]] core::ReadoutTokens& tokens() { return m_tokens; }

private:
    test::SyntheticCapture m_capture;
    core::ReadoutTokens m_tokens;
};

ReplayRequest requestOf(std::vector<std::string> methods, double ratio = 0.4)
{
    ReplayRequest request;
    request.methods = std::move(methods);
    request.budgets = {{ratio, {}}};
    return request;
}

/// Does this result's query see the key?
bool sees(const ReplayResult& result, const core::LayerData& layer, std::int64_t slot, int kvHead, std::int64_t step,
          std::int64_t key)
{
    const std::int64_t head = slot * layer.heads.kvHeads() + kvHead;
    if (!result.keptDecode.empty())
        return result.keptDecode[static_cast<std::size_t>((head * layer.t + step) * layer.total() + key)] != 0;
    return key >= layer.n || result.kept[static_cast<std::size_t>(head * layer.n + key)] != 0;
}

/// o' - o and |o| of one head and query from the definition, in double.
std::pair<std::vector<double>, double> difference(const ReplayResult& result, const core::LayerData& layer,
                                                  std::int64_t slot, int head, std::int64_t step)
{
    const auto d = static_cast<std::size_t>(layer.headDim);
    const int g = layer.heads.kvHeadOf(head);
    std::vector<double> all(d), kept(d);
    double allMass = 0, keptMass = 0;
    for (std::int64_t key = 0; key <= layer.n + step; ++key) {
        const double weight = layer.decodeRow(head, step)[key];
        const bool visible = sees(result, layer, slot, g, step, key);
        allMass += weight;
        keptMass += visible ? weight : 0;
        for (std::size_t c = 0; c < d; ++c) {
            const double part = weight * layer.value[static_cast<std::size_t>(g * layer.total() + key) * d + c];
            all[c] += part;
            kept[c] += visible ? part : 0;
        }
    }
    double norm = 0;
    for (std::size_t c = 0; c < d; ++c) {
        all[c] /= allMass;
        norm += all[c] * all[c];
        kept[c] = kept[c] / keptMass - all[c];
    }
    return {kept, std::sqrt(norm)};
}

struct Expected {
    double delta = 0, kl = 0;
};

/// One query's prediction written out.
Expected byDefinition(const ReplayResult& result, const ReadoutCapture& source, const core::ReadoutTokens& tokens,
                      std::int64_t step)
{
    std::vector<double> change(kCandidates);
    double missing = 0;
    for (std::int64_t slot = 0; slot < std::ssize(source.info().layers); ++slot) {
        const core::LayerData& layer = source.capture().layer(slot);
        for (int head = 0; head < layer.heads.queryHeads(); ++head) {
            const auto [moved, norm] = difference(result, layer, slot, head, step);
            double squares = 0;
            for (std::size_t c = 0; c < moved.size(); ++c) {
                squares += moved[c] * moved[c];
                for (std::size_t i = 0; i < change.size(); ++i)
                    change[i] += moved[c]
                                 * layer.readout[(static_cast<std::size_t>(head * layer.t + step) * change.size() + i)
                                                     * moved.size()
                                                 + c];
            }
            missing += std::pow(std::sqrt(squares) / norm
                                    * layer.written[static_cast<std::size_t>(head * layer.t + step)], 2);
        }
    }
    // Tokens that are no candidate are one more outcome, which moves with the candidates' mean.
    std::vector<double> probability;
    double known = 0, mean = 0;
    for (std::size_t i = 0; i < change.size(); ++i) {
        const std::size_t at = static_cast<std::size_t>(step) * change.size() + i;
        probability.push_back(tokens.ids[at] < 0 ? 0 : std::exp(static_cast<double>(tokens.logprob[at])));
        known += probability.back();
        mean += probability.back() * change[i];
    }
    probability.push_back(1 - known);
    change.push_back(mean / known);
    double sum = 0, kl = 0;
    for (std::size_t i = 0; i < change.size(); ++i)
        sum += probability[i] * std::exp(change[i]);
    for (std::size_t i = 0; i < change.size(); ++i)
        kl += probability[i] * (std::log(sum) - change[i]);
    const double remainder = 3 * std::pow(std::sqrt(missing), 3) * std::sqrt(std::max(kl, 0.0));
    return {change[0] - std::log(sum) - remainder, kl + remainder};
}

} // namespace

TEST_CASE("predictions are those of the definition", "[unit][prediction]")
{
    ReadoutCapture capture;
    const ReplayReport report =
        replay(capture, requestOf({"streaming_noshift", "snapkv", "h2o_online", "shotkv", "random_shot"}));
    REQUIRE(report.results.size() == 5);
    const std::int64_t t = capture.info().nGenerated();
    for (const ReplayResult& result : report.results) {
        INFO(result.method);
        if (result.draws > 1)
            continue; // the masks are of the first draw only
        REQUIRE(std::ssize(result.predictedDelta) == t);
        REQUIRE(std::ssize(result.predictedKl) == t);
        double sum = 0;
        for (std::int64_t step = 0; step < t; ++step) {
            const Expected expected = byDefinition(result, capture, capture.tokens(), step);
            const auto at = static_cast<std::size_t>(step);
            CHECK(result.predictedKl[at] == Approx(expected.kl).epsilon(1e-4).margin(1e-6));
            if (step + 1 == t)
                CHECK(std::isnan(result.predictedDelta[at]));
            else
                CHECK(result.predictedDelta[at] == Approx(expected.delta).epsilon(1e-4).margin(1e-6));
            sum += step + 1 == t ? 0 : expected.delta;
        }
        CHECK(result.meanPredictedDelta == Approx(sum / static_cast<double>(t - 1)).epsilon(1e-4));
    }
}

TEST_CASE("with unit gradients the logit changes are the output difference on every route", "[unit][prediction]")
{
    test::SyntheticCapture capture;
    core::LayerData& layer = capture.mutableLayer(0);
    const auto d = static_cast<std::size_t>(layer.headDim);
    const auto rows = static_cast<std::size_t>(layer.heads.queryHeads() * layer.t);
    layer.readout.assign(rows * d * d, 0.0f);
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t c = 0; c < d; ++c)
            layer.readout[(row * d + c) * d + c] = 1;
    layer.written.assign(rows, 1.0f);
    const std::string specification =
        GENERATE("fullkv", "snapkv", "h2o_online", "streaming", "kivi:group=4,residual=8,bits=2", "think", "snapkv+kivi");
    const double ratio = GENERATE(0.9, 0.2);
    const auto method = makeMethod(specification);
    const LayerInput input{.data = layer, .segments = capture.info().segments, .slot = 0, .layers = 2,
                           .info = &capture.info()};
    const LayerPlan plan = method->plan(input, {ratio, {}});
    const LayerMetrics metrics = evaluate(input, plan, Depth::output, 4);
    REQUIRE(metrics.logitChange.size() == rows * d);
    for (std::size_t row = 0; row < rows; ++row) {
        INFO(specification << " at " << ratio << ", row " << row);
        // |o| from the rows; changed plans compare with attention computed again, which differs by rounding.
        const auto head = static_cast<int>(row) / static_cast<int>(layer.t);
        const auto step = static_cast<std::int64_t>(row) % layer.t;
        std::vector<double> output(d);
        for (std::int64_t key = 0; key <= layer.n + step; ++key)
            for (std::size_t c = 0; c < d; ++c)
                output[c] += static_cast<double>(layer.decodeRow(head, step)[key])
                             * layer.value[static_cast<std::size_t>(layer.heads.kvHeadOf(head) * layer.total() + key) * d + c];
        double norm = 0, moved = 0;
        for (std::size_t c = 0; c < d; ++c) {
            norm += output[c] * output[c];
            moved += std::pow(static_cast<double>(metrics.logitChange[row * d + c]), 2);
        }
        CHECK(std::sqrt(moved / norm) == Approx(metrics.outputError[row]).epsilon(1e-3).margin(1e-6));
    }
}

TEST_CASE("a plan that loses nothing predicts exactly no change", "[unit][prediction]")
{
    const ReadoutCapture capture;
    const ReplayReport report = replay(capture, requestOf({"fullkv", "snapkv"}, 1.0));
    REQUIRE(report.results.size() == 2);
    for (const ReplayResult& result : report.results) {
        CHECK(result.meanPredictedDelta == 0);
        CHECK(result.meanPredictedKl == 0);
    }
}

TEST_CASE("only differences between candidates count", "[unit][prediction]")
{
    ReadoutCapture capture;
    const ReplayResult before = replay(capture, requestOf({"snapkv"})).results.at(0);
    for (int slot = 0; slot < 2; ++slot) {
        core::LayerData& layer = capture.capture().mutableLayer(slot);
        const auto d = static_cast<std::size_t>(layer.headDim);
        for (std::size_t i = 0; i < layer.readout.size(); ++i) // the same vector for all candidates of a query
            layer.readout[i] += 0.01f * static_cast<float>((i / (kCandidates * d) + i % d) % 7);
    }
    const ReplayResult after = replay(capture, requestOf({"snapkv"})).results.at(0);
    for (std::size_t step = 0; step < before.predictedKl.size(); ++step)
        CHECK(after.predictedKl[step] == Approx(before.predictedKl[step]).epsilon(1e-3).margin(1e-6));
    CHECK(after.meanPredictedDelta == Approx(before.meanPredictedDelta).epsilon(1e-3));
}

TEST_CASE("small errors predict a change in proportion, large ones stay finite", "[unit][prediction]")
{
    const ReadoutCapture small(1e-4), half(5e-5), huge(300.0);
    const double a = replay(small, requestOf({"h2o"})).results.at(0).meanPredictedDelta;
    const double b = replay(half, requestOf({"h2o"})).results.at(0).meanPredictedDelta;
    CHECK(a == Approx(2 * b).epsilon(1e-2));
    const ReplayResult large = replay(huge, requestOf({"h2o"}, 0.1)).results.at(0);
    CHECK(std::isfinite(large.meanPredictedDelta));
    CHECK(std::isfinite(large.meanPredictedKl));
    CHECK(large.meanPredictedKl > 0);
}

TEST_CASE("candidates that fill the vocabulary give the exact change of a softmax", "[unit][prediction]")
{
    // One head, one query, gradients that are the logit changes themselves.
    core::LayerData layer;
    layer.heads = core::HeadMap(1, 1);
    layer.t = 1;
    layer.headDim = 1;
    layer.written = {0.0f}; // no remainder
    LayerMetrics metrics;
    metrics.outputError = {0.5f};
    const std::vector<double> logits{1.0, -0.5, 2.0, 0.0}, change{0.7, 0.1, -1.2, 0.4};
    double before = 0, after = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        before += std::exp(logits[i]);
        after += std::exp(logits[i] + change[i]);
        metrics.logitChange.push_back(static_cast<float>(change[i]));
    }
    core::ReadoutTokens tokens{4, {2, 0, 1, 3}, {}};
    double kl = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        tokens.logprob.push_back(static_cast<float>(logits[i] - std::log(before)));
        kl += std::exp(logits[i]) / before * (std::log(after) - std::log(before) - change[i]);
    }
    LogprobPrediction prediction(1, 4);
    prediction.add(layer, metrics);
    const LogprobPrediction::Result result = prediction.finish(tokens);
    CHECK(result.delta.at(0) == Approx(change[0] - std::log(after / before)).epsilon(1e-5));
    CHECK(result.kl.at(0) == Approx(kl).epsilon(1e-5));
    // The remainder is 3 M^3 sqrt(KL).
    layer.written = {0.8f};
    LogprobPrediction heavier(1, 4);
    heavier.add(layer, metrics);
    const double remainder = 3 * std::pow(0.5 * 0.8, 3) * std::sqrt(kl);
    CHECK(heavier.finish(tokens).delta.at(0) == Approx(result.delta.at(0) - remainder).epsilon(1e-5));
    CHECK(heavier.finish(tokens).kl.at(0) == Approx(kl + remainder).epsilon(1e-5));
}

TEST_CASE("a head whose query sees no key counts as giving nothing", "[unit][prediction]")
{
    ReadoutCapture capture(0.3, {.layers = 1, .heads = 1, .kvHeads = 1, .n = 12, .t = 1, .window = 4, .headDim = 4});
    core::LayerData& layer = capture.capture().mutableLayer(0);
    // All attention on token 5, which a cache of the last tokens does not hold.
    std::fill(layer.decodeRows.begin(), layer.decodeRows.end(), 0.0f);
    layer.decodeRows[5] = 1;
    const ReplayResult result = replay(capture, requestOf({"streaming_noshift:sinks=0"}, 0.2)).results.at(0);
    REQUIRE(result.deadQueries == 1);
    std::vector<double> change(kCandidates);
    for (std::size_t i = 0; i < change.size(); ++i)
        for (std::size_t c = 0; c < 4; ++c)
            change[i] -= static_cast<double>(layer.readout[i * 4 + c]) * layer.value[5 * 4 + c];
    const double mean = (0.2 * change[1] + 0.1 * change[2]) / 0.3;
    const double sum = 0.7 * std::exp(mean) + 0.2 * std::exp(change[1]) + 0.1 * std::exp(change[2]);
    const double kl = std::log(sum) - mean;
    CHECK(result.predictedKl.at(0)
          == Approx(kl + 3 * std::pow(static_cast<double>(layer.written[0]), 3) * std::sqrt(kl)).epsilon(1e-4));
}

TEST_CASE("without all that a prediction is a sum of, there is none", "[unit][prediction]")
{
    ReadoutCapture capture;
    SECTION("depth mass has no outputs")
    {
        ReplayRequest request = requestOf({"snapkv"});
        request.depth = Depth::mass;
        const ReplayResult result = replay(capture, request).results.at(0);
        CHECK(result.predictedDelta.empty());
        CHECK(std::isnan(result.meanPredictedDelta));
    }
    SECTION("a capture of some layers leaves out what the others write")
    {
        capture.capture().mutableInfo().model.nLayers += 1;
        CHECK(replay(capture, requestOf({"snapkv"})).results.at(0).predictedDelta.empty());
    }
    SECTION("a capture without a readout")
    {
        capture.capture().setAvailable(core::without(capture.available(), core::Need::readout));
        const ReplayResult result = replay(capture, requestOf({"snapkv"})).results.at(0);
        CHECK(result.predictedKl.empty());
        CHECK(std::isnan(result.meanPredictedKl));
    }
    SECTION("arrays of another shape are refused")
    {
        capture.tokens().logprob.pop_back();
        CHECK_THROWS_AS(replay(capture, requestOf({"snapkv"})), core::Error);
    }
    SECTION("a gradient too few is refused")
    {
        capture.capture().mutableLayer(1).written.pop_back();
        CHECK_THROWS_AS(replay(capture, requestOf({"snapkv"})), core::Error);
    }
}
