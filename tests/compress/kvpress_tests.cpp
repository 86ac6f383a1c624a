// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Masks against kvpress: kept positions that it computed on SmolLM2, from the attention that was stored beside them.
#include "compress/layer_prep.hpp"
#include "compress/method.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/h5_fixture.hpp"

#include <fmt/format.h>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

constexpr int kHeads = 9, kKvHeads = 3;
constexpr std::int64_t kTokens = 336, kWindow = 32;

core::LayerData layerOf(const tests::H5Fixture& file, int layer)
{
    const std::vector<float> map = file.floats(fmt::format("layer{}_attention", layer)); // [H, T, T], float16
    core::LayerData data;
    data.layer = layer;
    data.heads = core::HeadMap(kHeads, kKvHeads);
    data.n = kTokens;
    data.w = kWindow;
    data.headDim = 64;
    for (int head = 0; head < kHeads; ++head) {
        const auto first = map.begin() + (head * kTokens + kTokens - kWindow) * kTokens;
        data.windowRows.insert(data.windowRows.end(), first, first + kWindow * kTokens);
    }
    renormaliseRows(data);
    return data;
}

} // namespace

TEST_CASE("kvpress presets keep what kvpress keeps", "[unit]")
{
    struct Case {
        const char *specification, *reference;
    };
    const tests::H5Fixture file(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    const auto test = GENERATE(Case{"streaming_noshift:kvpress", "streaming_llm"},
                               Case{"snapkv:kvpress,window=32", "snapkv"},
                               Case{"chunkkv:kvpress,window=32,chunk=10", "chunkkv_snapkv"});
    for (const int layer : {0, 17}) {
        const core::LayerData data = layerOf(file, layer);
        for (const char* removed : {"0.5", "0.8"}) {
            CAPTURE(test.specification, layer, removed);
            const std::vector<std::int32_t> reference =
                file.ints(fmt::format("kept/{}/removed_{}", test.reference, removed)); // [L, G, T]
            const LayerPlan plan = makeMethod(test.specification)->plan({data, {}}, {1 - std::stod(removed), {}});
            for (int kvHead = 0; kvHead < kKvHeads; ++kvHead) {
                std::vector<std::int32_t> expected;
                for (std::int32_t position = 0; position < kTokens; ++position)
                    if (reference[static_cast<std::size_t>((layer * kKvHeads + kvHead) * kTokens + position)] != 0)
                        expected.push_back(position);
                CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == expected);
            }
        }
    }
}
