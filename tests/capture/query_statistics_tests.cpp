// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Squares of far queries against the full map, and query statistics against the queries that the attention used.
#include "capture/cpu_kernels.hpp"
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/session.hpp"
#include "core/io/capture_reader.hpp"
#include "core/rotary.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

/// Mean [d] and covariance [d, d] of rows first..n-1 of [n, d], the covariance from all pairs of rows:
/// cov = sum over i < j of (x_i - x_j)(x_i - x_j)^T / N^2.
std::pair<std::vector<double>, std::vector<double>> momentsByPairs(const std::vector<float>& rows, std::int64_t d,
                                                                    std::int64_t first)
{
    const std::int64_t n = std::ssize(rows) / d, count = n - first;
    std::vector<double> mean(static_cast<std::size_t>(d)), covariance(static_cast<std::size_t>(d * d));
    const auto at = [&](std::int64_t row, std::int64_t c) -> double {
        return rows[static_cast<std::size_t>(row * d + c)];
    };
    for (std::int64_t i = first; i < n; ++i)
        for (std::int64_t a = 0; a < d; ++a) {
            mean[static_cast<std::size_t>(a)] += at(i, a) / static_cast<double>(count);
            for (std::int64_t j = i + 1; j < n; ++j)
                for (std::int64_t b = 0; b < d; ++b)
                    covariance[static_cast<std::size_t>(a * d + b)] +=
                        (at(i, a) - at(j, a)) * (at(i, b) - at(j, b)) / static_cast<double>(count * count);
        }
    return {mean, covariance};
}

double largestDifference(std::span<const float> a, std::span<const double> b)
{
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        REQUIRE(std::isfinite(a[i]));
        worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    }
    return worst;
}

/// A capture of the tiny model with every prompt query in it (W = n), in float32.
struct WholeCapture {
    explicit WholeCapture(int letters, const std::vector<int>& heads = {}, int sinks = 4)
    {
        test::TinyLlama shape;
        shape.context = 700;
        test::writeTinyLlama(folder / "tiny.gguf", shape);
        const GgufFile file(folder / "tiny.gguf");
        const auto model = loadModel(file, WeightType::float32);
        CaptureSettings settings;
        settings.tier = core::Tier::full;
        settings.heads = heads;
        settings.window = 1000;
        settings.sinkTokens = sinks;
        settings.generate = 3;
        settings.rowsType = settings.cacheType = settings.mapType = core::StorageType::float32;
        PromptSource source;
        for (int i = 0; i < letters; ++i)
            source.text += static_cast<char>('a' + i * i % 23);
        source.segments = {{core::SegmentKind::question, 0, {0, letters}, "question"}};
        Session(model, std::make_shared<Tokenizer>(file), settings).run(source, folder / "x.kvh5", {});
        reader = std::make_unique<io::CaptureReader>(folder / "x.kvh5");
    }
    test::ScratchFolder folder;
    std::unique_ptr<io::CaptureReader> reader;
};

} // namespace

TEST_CASE("squares of far queries are those of the full map from the tenth query after the key on", "[capture][io]")
{
    const int letters = GENERATE(2, 9, 10, 12, 80, 400); // parts of 64 rows, blocks of 256
    const WholeCapture capture(letters);
    const std::int64_t n = capture.reader->info().nPrompt();
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const core::LayerData layer = capture.reader->loadLayer(slot, core::Need::stats | core::Need::farSquares);
        REQUIRE(layer.receivedSqFar.size() == static_cast<std::size_t>(4 * layer.total()));
        for (std::int64_t head = 0; head < 4; ++head) {
            const io::MapTile map = capture.reader->tile(slot, head, {0, n}, {0, n}, n, n, core::Pooling::max);
            for (std::int64_t key = 0; key < layer.total(); ++key) {
                double far = 0, all = 0;
                for (std::int64_t query = key; query < n; ++query) {
                    const double square = std::pow(map.values[static_cast<std::size_t>(query * n + key)], 2);
                    all += square;
                    far += query - key >= 10 ? square : 0;
                }
                const auto at = static_cast<std::size_t>(head * layer.total() + key);
                REQUIRE(layer.receivedSqFar[at] == Approx(far).epsilon(1e-5).margin(1e-7));
                REQUIRE(layer.receivedSq[at] == Approx(all).epsilon(1e-5).margin(1e-7));
                REQUIRE(layer.receivedSqFar[at] <= layer.receivedSq[at]);
                REQUIRE((key + 10 < n || layer.receivedSqFar[at] == 0));
            }
        }
    }
}

TEST_CASE("query statistics are those of the captured queries with the rotation taken off", "[capture][io]")
{
    const int sinks = GENERATE(0, 4, 30);
    const WholeCapture capture(600, {}, sinks); // more than one chunk of 512 rows
    const core::CaptureInfo& info = capture.reader->info();
    const std::int64_t n = info.nPrompt(), d = info.model.headDim;
    REQUIRE(n > 512);
    REQUIRE(info.model.ropeFrequencies.size() == static_cast<std::size_t>(info.model.ropeDim / 2));
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const core::LayerData layer = capture.reader->loadLayer(slot, core::Need::queries | core::Need::queryStats);
        REQUIRE(layer.w == n);
        for (std::int64_t head = 0; head < 4; ++head) {
            const float* const captured = layer.query.data() + head * (layer.w + layer.t) * d;
            std::vector<float> queries(captured, captured + n * d);
            core::Rotary(info.model, 0).rotateRows(queries.data(), n, d, 0, -1);
            const auto [mean, covariance] = momentsByPairs(queries, d, sinks);
            const double scale = *std::max_element(covariance.begin(), covariance.end());
            REQUIRE(scale > 0);
            const std::span meanOf(layer.queryMean.data() + head * d, static_cast<std::size_t>(d));
            const std::span covarianceOf(layer.queryCovariance.data() + head * d * d, static_cast<std::size_t>(d * d));
            CHECK(largestDifference(meanOf, mean) < 3e-5 * std::sqrt(scale)); // float32 angles at position 600
            CHECK(largestDifference(covarianceOf, covariance) < 1e-4 * scale);
            for (std::int64_t i = 0; i < d; ++i)
                for (std::int64_t j = 0; j < i; ++j)
                    REQUIRE(covarianceOf[static_cast<std::size_t>(i * d + j)]
                            == covarianceOf[static_cast<std::size_t>(j * d + i)]);
        }
    }
}

TEST_CASE("a prompt with no query after the sinks has zero query statistics", "[capture][io]")
{
    const WholeCapture capture(4);
    REQUIRE(capture.reader->info().nPrompt() <= 4);
    const core::LayerData layer = capture.reader->loadLayer(1, core::Need::queryStats);
    CHECK(layer.queryMean == std::vector<float>(4 * 8, 0.0f));
    CHECK(layer.queryCovariance == std::vector<float>(4 * 8 * 8, 0.0f));
    CHECK(io::verifyCapture({capture.folder / "x.kvh5", "/"}).empty());
}

TEST_CASE("chosen heads keep their own squares and query statistics", "[capture][io]")
{
    const WholeCapture whole(100), part(100, {3}); // its KV group is heads 2 and 3
    const core::Need needs = core::Need::farSquares | core::Need::queryStats;
    const core::LayerData all = whole.reader->loadLayer(1, needs), some = part.reader->loadLayer(1, needs);
    const auto isSecondHalf = [](const std::vector<float>& half, const std::vector<float>& of) {
        return 2 * half.size() == of.size() && std::equal(half.begin(), half.end(), of.begin() + std::ssize(half));
    };
    CHECK(isSecondHalf(some.receivedSqFar, all.receivedSqFar));
    CHECK(isSecondHalf(some.queryMean, all.queryMean));
    CHECK(isSecondHalf(some.queryCovariance, all.queryCovariance));
}

TEST_CASE("moments keep their digits far from zero, whatever the chunks", "[capture][unit]")
{
    const std::int64_t heads = 3, d = GENERATE(1, 6, 20, 64), n = 300, stride = heads * d + 7;
    std::mt19937 random(static_cast<unsigned>(d));
    std::normal_distribution<float> normal;
    std::vector<float> queries(static_cast<std::size_t>(n * stride));
    for (std::size_t i = 0; i < queries.size(); ++i) // deviations of 1 at a mean of up to 1000
        queries[i] = normal(random) + static_cast<float>(i % static_cast<std::size_t>(stride)) * 1000.0f
                                          / static_cast<float>(stride);
    std::vector<std::vector<float>> means, covariances;
    for (const std::int64_t chunk : {std::int64_t{1}, std::int64_t{7}, std::int64_t{128}, n}) {
        QueryMoments moments(heads, d);
        moments.add(queries.data(), 5, stride); // forgotten
        moments.reset();
        for (std::int64_t first = 0; first < n; first += chunk)
            moments.add(queries.data() + first * stride, std::min(chunk, n - first), stride);
        std::vector<float> mean, covariance;
        moments.write(mean, covariance);
        for (std::int64_t head = 0; head < heads; ++head) {
            std::vector<float> own;
            for (std::int64_t i = 0; i < n; ++i)
                own.insert(own.end(), queries.begin() + i * stride + head * d,
                           queries.begin() + i * stride + (head + 1) * d);
            const auto [expectedMean, expectedCovariance] = momentsByPairs(own, d, 0);
            const std::span meanOf(mean.data() + head * d, static_cast<std::size_t>(d));
            const std::span covarianceOf(covariance.data() + head * d * d, static_cast<std::size_t>(d * d));
            CHECK(largestDifference(meanOf, expectedMean) < 1e-4); // half a unit in the last place of 1000 is 3e-5
            CHECK(largestDifference(covarianceOf, expectedCovariance) < 1e-5);
        }
    }
}

TEST_CASE("the number of threads does not change query statistics or far squares", "[capture][unit]")
{
    struct Keeper final : AttentionHook {
        [[nodiscard]] bool wantsRows(int, Phase, std::int64_t, std::int64_t) const override { return false; }
        void onRows(const AttentionRows&) override {}
        void onLayer(const LayerState&, const AttentionStatistics& statistics) override
        {
            for (const auto* array : {&statistics.queryMean, &statistics.queryCovariance, &statistics.receivedSqFar})
                kept.insert(kept.end(), array->begin(), array->end());
        }
        std::vector<float> kept;
    };
    const test::ScratchFolder folder;
    test::writeTinyLlama(folder / "tiny.gguf");
    const auto model = loadModel(GgufFile(folder / "tiny.gguf"), WeightType::float32);
    std::vector<std::int32_t> ids;
    for (std::int32_t i = 0; i < 200; ++i)
        ids.push_back(i * 7 % 256);
    const auto run = [&](int threads, bool queryStatistics) {
        setThreads(threads);
        Keeper keeper;
        Decoder decoder(model, {200, 8, 4, true, queryStatistics});
        decoder.addHook(&keeper);
        decoder.prefill(ids);
        setThreads(0);
        return keeper.kept;
    };
    const std::vector<float> one = run(1, true);
    CHECK(one == run(3, true));
    CHECK(one.size() == 2 * 4 * (8 + 64 + 200));
    CHECK(run(1, false).size() == 2 * 4 * 200);
}
