// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The token scorer on captures whose future attention follows from one key channel before RoPE and one value channel.
#include "capture/linear.hpp"
#include "capture/scorer_trainer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

constexpr int kHeadDim = 8;

/// How much the future wants a token, from its key before RoPE and its value at layer 1 (KV head 0).
using Wish = std::function<double(const std::complex<double>* key, const float* value)>;

/// Pair i of a key before RoPE: channels i and i + d/2 as one complex number, turned back by hand.
std::vector<std::complex<double>> unrotated(const float* key, std::int64_t position)
{
    std::vector<std::complex<double>> pairs;
    for (int i = 0; i < kHeadDim / 2; ++i)
        pairs.push_back(std::complex<double>(key[i], key[i + kHeadDim / 2])
                        * std::polar(1.0, -static_cast<double>(position) * std::pow(10000.0, -2.0 * i / kHeadDim)));
    return pairs;
}

/// A capture of two layers whose decode rows follow the wish, in every layer and head; each seed is another prompt.
test::SyntheticCapture wishedCapture(std::uint64_t seed, const Wish& wish, std::int64_t n = 100)
{
    test::SyntheticCapture capture({2, 4, 2, n, 3, 8, kHeadDim, seed});
    for (std::int32_t& id : capture.mutableInfo().tokens.ids)
        id = (id + 31 * static_cast<std::int32_t>(seed)) % 1000;
    std::vector<double> weights;
    const core::LayerData& early = capture.layer(1);
    for (std::int64_t token = 0; token < n; ++token) {
        const auto pairs = unrotated(early.key.data() + token * kHeadDim, token);
        weights.push_back(std::exp(wish(pairs.data(), early.value.data() + token * kHeadDim)));
    }
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        core::LayerData& layer = capture.mutableLayer(slot);
        for (int h = 0; h < 4; ++h)
            for (std::int64_t i = 0; i < layer.t; ++i) {
                float* const row = layer.decodeRows.data() + (h * layer.t + i) * layer.total();
                std::fill_n(row, layer.total(), 0.0f);
                row[n + i] = 0.2f; // the rest stays with the prompt
                for (std::int64_t k = 0; k < n; ++k)
                    row[k] = static_cast<float>(0.8 * weights[static_cast<std::size_t>(k)] / sum);
            }
    }
    return capture;
}

double keyAndValue(const std::complex<double>* key, const float* value)
{
    return 1.5 * key[0].real() + 1.0 * value[5];
}
double shortValue(const std::complex<double>*, const float* value) { return -4.0 * std::abs(value[3]); }

/// Captures in a folder, and what the trainer reads of them.
struct Folder {
    test::ScratchFolder folder;
    std::vector<io::CaptureRef> refs;

    void add(const test::SyntheticCapture& capture)
    {
        const std::filesystem::path path = folder / fmt::format("c{:03}.kvh5", refs.size());
        test::writeSynthetic(capture, path);
        refs.push_back({path, "/"});
    }
    void addWished(int count, const Wish& wish, std::uint64_t firstSeed = 1)
    {
        for (int i = 0; i < count; ++i) {
            test::SyntheticCapture capture = wishedCapture(firstSeed + static_cast<std::uint64_t>(i), wish);
            capture.mutableInfo().tier = core::Tier::cache;
            add(capture);
        }
    }
};

ScorerData wishedData(int count, const Wish& wish)
{
    ScorerData data;
    for (int i = 0; i < count; ++i) {
        const test::SyntheticCapture capture = wishedCapture(static_cast<std::uint64_t>(i + 1), wish);
        data.model = capture.info().model;
        data.layer = 1;
        data.inputs = 2 * 2 * kHeadDim;
        data.samples.push_back(readScorerSample(capture, 1));
    }
    return data;
}

ScorerSettings quick(std::uint64_t seed = 3)
{
    ScorerSettings settings;
    settings.hidden = 16;
    settings.epochs = 120;
    settings.learningRate = 1e-2;
    settings.seed = seed;
    return settings;
}

bool same(const core::TokenScorer& a, const core::TokenScorer& b)
{
    return a.w1 == b.w1 && a.b1 == b.b1 && a.w2 == b.w2 && a.b2 == b.b2 && a.mean == b.mean && a.scale == b.scale;
}

} // namespace

TEST_CASE("a sample holds the share of decode attention on each token beyond the sinks", "[capture][tables][unit]")
{
    const test::SyntheticCapture capture({3, 4, 2, 24, 4, 8, kHeadDim, 5});
    const ScorerSample sample = readScorerSample(capture, 0);
    CHECK(sample.tokens == 20);
    CHECK(std::ssize(sample.features) == 20 * 4 * kHeadDim);
    CHECK(std::ssize(sample.promptIds) == 24);
    std::vector<double> sums(20, 0.0);
    for (std::int64_t slot = 0; slot < 3; ++slot)
        for (int h = 0; h < 4; ++h)
            for (std::int64_t i = 0; i < 4; ++i)
                for (std::int64_t k = 4; k < 24; ++k)
                    sums[static_cast<std::size_t>(k - 4)] += capture.layer(slot).decodeRow(h, i)[k];
    const double total = std::accumulate(sums.begin(), sums.end(), 0.0);
    CHECK(std::accumulate(sample.future.begin(), sample.future.end(), 0.0) == Approx(1.0));
    for (std::size_t k = 0; k < 20; ++k) {
        CHECK(sample.future[k] == Approx(sums[k] / total));
        double norms = 0;
        for (int g = 0; g < 2; ++g) {
            double square = 0;
            for (int c = 0; c < kHeadDim; ++c) {
                const auto at = static_cast<std::size_t>((g * 28 + static_cast<int>(k) + 4) * kHeadDim + c);
                square += static_cast<double>(capture.layer(0).key[at]) * capture.layer(0).key[at];
            }
            norms += std::sqrt(square) / 2;
        }
        CHECK(sample.keyNorms[k] == Approx(norms));
    }
}

TEST_CASE("a trained scorer finds on new prompts what decides their future", "[capture][tables][unit]")
{
    const bool linear = GENERATE(true, false);
    Folder captures;
    captures.addWished(20, linear ? keyAndValue : shortValue);
    const ScorerData data = readScorerData(captures.refs, 1);
    REQUIRE(data.samples.size() == 20);
    CHECK(data.skipped.empty());
    CHECK(data.inputs == 4 * kHeadDim);
    const TrainedScorer trained = trainScorer(data, quick());
    CHECK(trained.scorer.layer == 1);
    CHECK(trained.scorer.captures == 12);
    CHECK(trained.bestEpoch > 0);
    CHECK(trained.epochs >= trained.bestEpoch);
    CHECK(trained.heldOut.captures == 4);
    CHECK(trained.heldOutNames.size() == 4);
    const ScorerQuality& q = trained.heldOut;
    INFO("cross-entropy " << q.crossEntropy << " between " << q.entropy << " and " << q.uniform << "; retained "
                          << q.retained << ", random " << q.random << ", key norm " << q.keyNorm << ", oracle "
                          << q.oracle);
    CHECK(q.crossEntropy > q.entropy);
    CHECK(q.crossEntropy - q.entropy < 0.25 * (q.uniform - q.entropy));
    CHECK(q.retained > q.random + 0.2);
    CHECK(q.retained > q.keyNorm + 0.2);
    CHECK(q.retained <= q.oracle);
    CHECK(q.retained > (linear ? 0.97 : 0.93) * q.oracle);
}

TEST_CASE("a scorer learns nothing where the future follows from nothing", "[capture][tables][unit]")
{
    std::uint64_t state = 1;
    const auto noise = [&](const std::complex<double>*, const float*) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(state >> 40) / (1 << 24) * 4;
    };
    const TrainedScorer trained = trainScorer(wishedData(20, noise), quick());
    CHECK(std::abs(trained.heldOut.retained - trained.heldOut.random) < 0.1);
    CHECK(trained.heldOut.crossEntropy == Approx(trained.heldOut.uniform).margin(0.05));
    CHECK(trained.heldOut.oracle > trained.heldOut.random + 0.2);
}

TEST_CASE("the same seed gives the same scorer, on any number of threads", "[capture][tables][unit]")
{
    const ScorerData data = wishedData(8, keyAndValue);
    ScorerSettings settings = quick();
    settings.epochs = 12;
    setThreads(1);
    const TrainedScorer one = trainScorer(data, settings);
    setThreads(3);
    const TrainedScorer three = trainScorer(data, settings);
    setThreads(0);
    CHECK(one.bestEpoch > 0);
    CHECK(same(one.scorer, three.scorer));
    CHECK(one.heldOut.retained == three.heldOut.retained);
    CHECK(one.heldOutNames == three.heldOutNames);
    settings.seed = 4;
    CHECK_FALSE(same(one.scorer, trainScorer(data, settings).scorer));
}

TEST_CASE("held-out prompts that begin like a training prompt are told", "[capture][tables][unit]")
{
    ScorerData data = wishedData(4, keyAndValue); // two train, one stops, one is held out; all of 100 tokens
    ScorerSettings settings = quick();
    settings.epochs = 1;
    CHECK(trainScorer(data, settings).sharedPrefix == 0);
    for (ScorerSample& sample : data.samples)
        std::iota(sample.promptIds.begin(), sample.promptIds.begin() + 30, 5);
    CHECK(trainScorer(data, settings).sharedPrefix == Approx(0.3));
}

TEST_CASE("the order in which captures are named does not matter", "[capture][tables][unit]")
{
    ScorerData data = wishedData(6, keyAndValue);
    ScorerSettings settings = quick();
    settings.epochs = 5;
    const TrainedScorer forward = trainScorer(data, settings);
    std::reverse(data.samples.begin(), data.samples.end());
    CHECK(same(forward.scorer, trainScorer(data, settings).scorer));
}

TEST_CASE("weights that are taken are those of the best epoch of the stopping split", "[capture][tables][unit]")
{
    const ScorerData data = wishedData(8, keyAndValue);
    ScorerSettings settings = quick();
    settings.epochs = 60;
    const TrainedScorer longer = trainScorer(data, settings);
    REQUIRE(longer.bestEpoch > 1);
    settings.epochs = longer.bestEpoch;
    const TrainedScorer upTo = trainScorer(data, settings);
    CHECK(upTo.bestEpoch == longer.bestEpoch);
    CHECK(same(upTo.scorer, longer.scorer));
    settings.epochs = longer.bestEpoch - 1;
    CHECK(trainScorer(data, settings).stopping.crossEntropy > longer.stopping.crossEntropy);
}

TEST_CASE("features that never change are left out, and the mean score is 0", "[capture][tables][unit]")
{
    ScorerData data = wishedData(8, keyAndValue);
    for (ScorerSample& sample : data.samples)
        for (std::int64_t token = 0; token < sample.tokens; ++token)
            sample.features[static_cast<std::size_t>(token * data.inputs + 7)] = 3.5f;
    const TrainedScorer trained = trainScorer(data, quick());
    CHECK(trained.scorer.scale[7] == 0.0f);
    CHECK(trained.scorer.mean[7] == 3.5f);
    double sum = 0;
    std::int64_t count = 0;
    const ScorerSplit split = splitSamples(data.samples, quick().seed);
    for (const std::size_t i : split.training)
        for (const double score : scorerOutput(trained.scorer, data.samples[i].features)) {
            REQUIRE(std::isfinite(score));
            sum += score;
            ++count;
        }
    CHECK(sum / static_cast<double>(count) == Approx(0.0).margin(1e-5));
}

TEST_CASE("every sample has one part in a split, and captures of one prompt stay together", "[capture][tables][unit]")
{
    const int prompts = GENERATE(4, 5, 9, 10, 31);
    std::vector<ScorerSample> samples;
    for (int i = 0; i < 2 * prompts; ++i) {
        samples.emplace_back();
        samples.back().promptIds = {7, i % prompts};
    }
    for (const std::uint64_t seed : {0u, 1u, 2u}) {
        const ScorerSplit split = splitSamples(samples, seed);
        std::multiset<std::size_t> all;
        std::vector<std::set<std::int32_t>> sides;
        for (const auto* side : {&split.training, &split.stopping, &split.heldOut}) {
            all.insert(side->begin(), side->end());
            sides.emplace_back();
            for (const std::size_t i : *side)
                sides.back().insert(samples[i].promptIds.back());
        }
        CHECK(all.size() == samples.size());
        CHECK(std::set<std::size_t>(all.begin(), all.end()).size() == samples.size());
        CHECK(std::ssize(sides[0]) + std::ssize(sides[1]) + std::ssize(sides[2]) == prompts);
        CHECK(sides[1].size() == sides[2].size());
        CHECK(std::ssize(sides[2]) == std::max(1, prompts / 5));
    }
    samples.resize(3);
    CHECK_THROWS_AS(splitSamples(samples, 0), core::Error);
}

TEST_CASE("quality counts what the best tokens hold, ties to the earlier token", "[capture][tables][unit]")
{
    ScorerSample sample;
    sample.tokens = 5;
    sample.features = {1, 1, 2, 0, 0};
    sample.future = {0.1, 0.2, 0.3, 0.15, 0.25};
    sample.keyNorms = {5, 1, 4, 2, 3};
    core::TokenScorer scorer;
    scorer.inputs = scorer.hidden = 1;
    scorer.mean = {0.0f};
    scorer.scale = {1.0f};
    scorer.w1 = {1.0f};
    scorer.b1 = {0.0f};
    scorer.w2 = {2.0f};
    scorer.b2 = 0.5f;
    const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
    const std::vector<double> scores = scorerOutput(scorer, sample.features);
    REQUIRE(scores.size() == 5);
    CHECK(scores[2] == Approx(2 * silu(2) + 0.5));
    CHECK(scores[4] == Approx(0.5));
    const ScorerQuality q = judgeScorer(scorer, {&sample}, 0.4);
    CHECK(q.retained == Approx(0.3 + 0.1)); // token 2, then 0 before its equal 1
    CHECK(q.random == Approx(0.4));
    CHECK(q.keyNorm == Approx(0.2 + 0.15));
    CHECK(q.oracle == Approx(0.3 + 0.25));
    CHECK(q.uniform == Approx(std::log(5.0)));
    double normaliser = 0, expected = 0, entropy = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        normaliser += std::exp(scores[i]);
        expected -= sample.future[i] * scores[i];
        entropy -= sample.future[i] * std::log(sample.future[i]);
    }
    CHECK(q.crossEntropy == Approx(expected + std::log(normaliser)));
    CHECK(q.entropy == Approx(entropy));
    CHECK(judgeScorer(scorer, {&sample}, 1.0).retained == Approx(1.0));
    CHECK(judgeScorer(scorer, {&sample}, 0.01).oracle == Approx(0.3)); // one token at least
}

TEST_CASE("captures that cannot teach are left out with the reason", "[capture][tables][unit]")
{
    Folder captures;
    captures.addWished(4, keyAndValue);
    test::SyntheticCapture plain = wishedCapture(50, keyAndValue);
    plain.mutableInfo().tier = core::Tier::stats;
    captures.add(plain);
    test::SyntheticCapture silent({2, 4, 2, 60, 0, 8, kHeadDim, 51});
    captures.add(silent);
    const ScorerData data = readScorerData(captures.refs, std::nullopt);
    CHECK(data.layer == 0); // a fifth of two layers
    CHECK(data.samples.size() == 4);
    REQUIRE(data.skipped.size() == 2);
    CHECK_THAT(data.skipped[0], Catch::Contains("c004.kvh5") && Catch::Contains("no decode rows"));
    CHECK_THAT(data.skipped[1], Catch::Contains("no decode steps"));
    const auto message = [&](std::size_t count) {
        const std::vector<io::CaptureRef> some(captures.refs.begin() + 6 - static_cast<std::ptrdiff_t>(count),
                                               captures.refs.end());
        try {
            static_cast<void>(readScorerData(some, 0));
        } catch (const core::Error& error) {
            CHECK(error.code() == core::ErrorCode::badInput);
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(message(5), Catch::Contains("at least 4 different prompts") && Catch::Contains("3 found"));
    CHECK(message(6).empty());
}

TEST_CASE("captures of two models, of part of the layers or without finite values are refused",
          "[capture][tables][unit]")
{
    Folder captures;
    captures.addWished(3, keyAndValue);
    test::SyntheticCapture other = wishedCapture(60, keyAndValue);
    std::string expected;
    SECTION("another model")
    {
        other.mutableInfo().model.sha256 = std::string(64, 'b');
        other.mutableInfo().model.name = "other";
        expected = "a scorer belongs to one model";
    }
    SECTION("not all layers")
    {
        other.mutableInfo().layers = {1};
        expected = "holds 1 of 2 layers";
    }
    SECTION("not finite")
    {
        other.mutableLayer(1).value[90] = std::numeric_limits<float>::quiet_NaN();
        expected = "not finite";
    }
    SECTION("no attention")
    {
        for (int layer = 0; layer < 2; ++layer)
            std::fill(other.mutableLayer(layer).decodeRows.begin(), other.mutableLayer(layer).decodeRows.end(), 0.0f);
        expected = "no attention to the prompt";
    }
    other.mutableInfo().tier = core::Tier::cache;
    captures.add(other);
    try {
        static_cast<void>(readScorerData(captures.refs, 1));
        FAIL_CHECK("no error was thrown");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        CHECK_THAT(error.what(), Catch::Contains(expected) && Catch::Contains("c003.kvh5"));
    }
}

TEST_CASE("a short prompt, a layer beyond the model and settings out of range are refused", "[capture][tables][unit]")
{
    const test::SyntheticCapture tiny({2, 4, 2, 4, 2, 2, kHeadDim, 1}); // nothing but sinks
    CHECK_THROWS_AS(readScorerSample(tiny, 0), core::Error);
    Folder captures;
    captures.addWished(4, keyAndValue);
    CHECK_THROWS_AS(readScorerData(captures.refs, 2), core::Error);
    CHECK_THROWS_AS(readScorerData({}, 0), core::Error);
    const ScorerData data = wishedData(4, keyAndValue);
    const auto with = [](auto change) {
        ScorerSettings settings = quick();
        change(settings);
        return settings;
    };
    CHECK_THROWS_AS(trainScorer(data, with([](auto& s) { s.hidden = 0; })), core::Error);
    CHECK_THROWS_AS(trainScorer(data, with([](auto& s) { s.epochs = 0; })), core::Error);
    CHECK_THROWS_AS(trainScorer(data, with([](auto& s) { s.learningRate = std::nan(""); })), core::Error);
    CHECK_THROWS_AS(trainScorer(data, with([](auto& s) { s.ratio = 0; })), core::Error);
    std::stop_source stop;
    stop.request_stop();
    try {
        static_cast<void>(trainScorer(data, quick(), {{}, stop.get_token()}));
        FAIL_CHECK("a stopped training went on");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::cancelled);
    }
}
