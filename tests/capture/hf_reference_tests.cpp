// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Every model folder of tests/data/models against what transformers computed from it in float32: logits, the attention of
// every layer and head, greedy tokens; and the second route in double precision.
#include "capture/decoder.hpp"
#include "capture/hf_model.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/model_folders.hpp"
#include "tests/support/naive_llama.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

using namespace kvviz;
using namespace kvviz::capture;
using test::modelFolders;
using test::worstDifference;

namespace {

/// All rows of a prompt, [L, H, n, n].
struct AllRows final : AttentionHook {
    AllRows(const core::ModelInfo& info, std::int64_t tokens) : heads(info.nHeads), n(tokens)
    {
        rows.resize(static_cast<std::size_t>(info.nLayers * heads * n * n));
    }
    [[nodiscard]] bool wantsRows(int, Phase phase, std::int64_t, std::int64_t) const override
    {
        return phase == Phase::prefill;
    }
    void onRows(const AttentionRows& block) override
    {
        for (std::int64_t h = 0; h < heads; ++h)
            for (std::int64_t i = 0; i < block.rows; ++i)
                std::copy_n(block.probabilities + h * block.headStride + i * block.rowStride, block.keys,
                            rows.begin() + ((block.layer * heads + h) * n + block.queryBegin + i) * n);
    }
    void onLayer(const LayerState&, const AttentionStatistics&) override {}
    std::int64_t heads, n;
    std::vector<float> rows;
};

struct AllLogits final : LogitsHook {
    void onLogits(std::int64_t, std::int64_t rows, const float* logits, std::int64_t vocab) override
    {
        values.insert(values.end(), logits, logits + rows * vocab);
    }
    std::vector<float> values;
};

} // namespace

TEST_CASE("Models of every architecture agree with transformers", "[capture][model]")
{
    const auto folders = modelFolders();
    REQUIRE(folders.size() >= 22);
    for (const std::filesystem::path& path : folders) {
        CAPTURE(path.filename().string());
        const HfFolder folder(path);
        const std::shared_ptr<const Model> model = folder.load(WeightType::float32);
        const test::H5Fixture expected((path / "expected.h5").string());
        const std::vector<std::int32_t> ids = expected.ints("input_ids"), greedy = expected.ints("greedy_ids");
        const std::int64_t n = std::ssize(ids);
        AllRows rows(model->info, n);
        AllLogits logits;
        Decoder decoder(model, {n + std::ssize(greedy), 8, 4, true});
        decoder.addHook(&rows);
        decoder.addHook(&logits);
        std::span<const float> last = decoder.prefill(ids);
        CHECK(worstDifference(logits.values, expected.floats("logits")) < 2e-3);
        CHECK(worstDifference(rows.rows, expected.floats("attention")) < 2e-4);
        std::vector<std::int32_t> chosen;
        while (chosen.size() < greedy.size()) {
            chosen.push_back(static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin()));
            last = decoder.step(chosen.back());
        }
        CHECK(chosen == greedy);
    }
}

TEST_CASE("Models of every architecture agree with the arithmetic written out in double", "[capture][model]")
{
    for (const std::filesystem::path& path : modelFolders()) {
        CAPTURE(path.filename().string());
        const std::shared_ptr<const Model> model = HfFolder(path).load(WeightType::float32);
        std::vector<std::int32_t> ids = test::H5Fixture((path / "expected.h5").string()).ints("input_ids");
        const test::NaiveRun naive = test::naiveRun(*model, ids);
        Decoder decoder(model, {std::ssize(ids), 8, 4, false});
        const std::span<const float> logits = decoder.prefill(ids);
        const std::size_t vocab = logits.size();
        double worst = 0;
        for (std::size_t i = 0; i < vocab; ++i)
            worst = std::max(worst, std::abs(logits[i] - naive.logits[(ids.size() - 1) * vocab + i]));
        CHECK(worst < 2e-3);
        // Streamed from the file layer by layer, the arithmetic is the same to the bit.
        Decoder streamed(HfFolder(path).load(WeightType::float32, true), {std::ssize(ids), 8, 4, false});
        CHECK(std::ranges::equal(streamed.prefill(ids), logits));
    }
}
