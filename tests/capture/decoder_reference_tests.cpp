// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The decoder against transformers in float32 on the same GGUF (tests/data/kvpress-smollm2.h5).
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/recorders.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/h5_fixture.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

std::shared_ptr<const Model> smolModel()
{
    static const std::shared_ptr<const Model> model = [] {
        setThreads(0);
        return loadModel(GgufFile(KVVIZ_TEST_MODEL), WeightType::float32);
    }();
    return model;
}

/// The larger of the two; NaN if either is (std::max would hide it).
double worse(double worst, double difference) { return difference <= worst ? worst : difference; }

double maxDifference(const std::vector<float>& a, std::span<const float> b)
{
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        worst = worse(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    return worst;
}

/// Keeps what the fixture holds: column sums, last rows, two whole layers.
struct ReferenceHook final : AttentionHook {
    explicit ReferenceHook(std::int64_t tokens)
        : n(tokens),
          lastRow(30 * 9 * static_cast<std::size_t>(tokens)),
          layer0(9 * static_cast<std::size_t>(tokens * tokens)),
          layer17(layer0)
    {
    }
    [[nodiscard]] bool wantsRows(int, Phase phase, std::int64_t, std::int64_t) const override
    {
        return phase == Phase::prefill;
    }
    void onRows(const AttentionRows& rows) override
    {
        for (int h = 0; h < 9; ++h)
            for (std::int64_t i = 0; i < rows.rows; ++i) {
                const float* const row = rows.probabilities + h * rows.headStride + i * rows.rowStride;
                const std::int64_t query = rows.queryBegin + i;
                if (query == n - 1)
                    std::copy_n(row, n, lastRow.begin() + (rows.layer * 9 + h) * n);
                if (rows.layer == 0)
                    std::copy_n(row, rows.keys, layer0.begin() + (h * n + query) * n);
                if (rows.layer == 17)
                    std::copy_n(row, rows.keys, layer17.begin() + (h * n + query) * n);
            }
    }
    void onLayer(const LayerState& state, const AttentionStatistics& statistics) override
    {
        if (state.phase == Phase::prefill)
            for (int h = 0; h < 9; ++h)
                received.insert(received.end(), statistics.received.begin() + h * statistics.stride,
                                statistics.received.begin() + h * statistics.stride + n);
    }
    std::int64_t n;
    std::vector<float> received, lastRow, layer0, layer17;
};

} // namespace

TEST_CASE("logits, attention, norms and greedy tokens agree with transformers", "[capture][model]")
{
    const test::H5Fixture fixture(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    const std::vector<std::int32_t> ids = fixture.ints("input_ids");
    const std::int64_t n = std::ssize(ids);
    REQUIRE(n == 336);
    ReferenceHook hook(n);
    LogitsRecorder logitsRecorder(ids, 5);
    Decoder decoder(smolModel(), {n + 40, 32, 4, true});
    decoder.addHook(&hook);
    decoder.addHook(&logitsRecorder);
    std::span<const float> logits = decoder.prefill(ids);

    const double logitError = maxDifference(fixture.floats("logits_last"), logits);
    const double lastRowError = maxDifference(fixture.floats("last_row"), hook.lastRow);
    const double layer0Error = maxDifference(fixture.floats("layer0_attention"), hook.layer0);
    const double layer17Error = maxDifference(fixture.floats("layer17_attention"), hook.layer17);
    // A column sum adds up to 336 attention values, so its error may be larger than that of one.
    const double columnError = maxDifference(fixture.floats("colsum"), hook.received);
    INFO("max abs error: logits " << logitError << ", last row " << lastRowError << ", layer 0 " << layer0Error
                                  << ", layer 17 " << layer17Error << ", column sums " << columnError);
    CHECK(logitError < 2e-3);
    CHECK(lastRowError < 2e-4);
    CHECK(layer0Error
          < 5e-4); // the fixture's maps are float16: half a unit in the last place of values near 1 is 2.4e-4
    CHECK(layer17Error < 5e-4);
    CHECK(columnError < 2e-3);

    const std::vector<float> nll = fixture.floats("nll");
    REQUIRE(nll.size() + 1 == logitsRecorder.logprob().size());
    double nllError = 0;
    for (std::size_t i = 0; i < nll.size(); ++i)
        nllError = worse(nllError, std::abs(static_cast<double>(nll[i]) + logitsRecorder.logprob()[i + 1]));
    CHECK(nllError < 2e-3);

    const std::vector<float> keyNorm = fixture.floats("key_norm");
    const std::vector<float> valueNorm = fixture.floats("value_norm");
    double keyError = 0, valueError = 0;
    for (std::int64_t i = 0; i < 30 * 3 * n; ++i) {
        const std::int64_t layer = i / (3 * n), g = i / n % 3, j = i % n;
        double key = 0, value = 0;
        for (int c = 0; c < 64; ++c) {
            key += std::pow(decoder.cache().key(static_cast<int>(layer))[g * decoder.cache().headStride() + j * 64 + c],
                            2);
            value += std::pow(
                decoder.cache().value(static_cast<int>(layer))[g * decoder.cache().headStride() + j * 64 + c], 2);
        }
        keyError = worse(keyError, std::abs(std::sqrt(key) - keyNorm[static_cast<std::size_t>(i)])
                                       / keyNorm[static_cast<std::size_t>(i)]);
        valueError = worse(valueError, std::abs(std::sqrt(value) - valueNorm[static_cast<std::size_t>(i)])
                                           / (valueNorm[static_cast<std::size_t>(i)] + 1e-3));
    }
    CHECK(keyError < 1e-3);
    CHECK(valueError < 1e-3);

    const std::vector<std::int32_t> greedy = fixture.ints("greedy_ids");
    std::vector<std::int32_t> ours;
    while (ours.size() < greedy.size()) {
        ours.push_back(mostLikely(logits, 1).front());
        if (ours.size() < greedy.size())
            logits = decoder.step(ours.back());
    }
    CHECK(ours == greedy);
}
