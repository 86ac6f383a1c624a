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

constexpr int kLayers = 30, kHeads = 9, kKvHeads = 3;
constexpr std::int64_t kTokens = 336, kWindow = 32;

/// A layer's part of a dataset [L, H, T].
std::vector<float> layerFloats(const test::H5Fixture& file, const std::string& dataset, int layer)
{
    const std::vector<float> all = file.floats(dataset);
    const auto first = all.begin() + layer * kHeads * kTokens;
    return {first, first + kHeads * kTokens};
}

core::LayerData layerOf(const test::H5Fixture& file, int layer)
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
    data.received = layerFloats(file, "colsum", layer);
    return data;
}

/// A layer of which only sums over all queries and the last query are there; that is stored for every layer, in
/// float32.
core::LayerData thinLayerOf(const test::H5Fixture& file, int layer)
{
    core::LayerData data;
    data.layer = layer;
    data.heads = core::HeadMap(kHeads, kKvHeads);
    data.n = kTokens;
    data.w = 1;
    data.headDim = 64;
    data.received = layerFloats(file, "colsum", layer);
    data.windowRows = layerFloats(file, "last_row", layer);
    return data;
}

core::CaptureInfo modelOf()
{
    core::CaptureInfo info;
    info.model.nLayers = kLayers;
    info.model.nHeads = kHeads;
    info.model.nKvHeads = kKvHeads;
    return info;
}

/// Kept positions that kvpress and kvviz do not share, over the KV heads of a layer.
std::int64_t differing(const test::H5Fixture& file, const std::string& reference, const char* removed, int layer,
                       const LayerPlan& plan)
{
    const std::vector<std::int32_t> kept =
        file.ints(fmt::format("kept/{}/removed_{}", reference, removed)); // [L, G, T]
    std::int64_t differences = 0;
    for (int kvHead = 0; kvHead < kKvHeads; ++kvHead) {
        std::vector<std::int32_t> mask(kTokens, 0);
        for (const std::int32_t position : plan.kept[static_cast<std::size_t>(kvHead)])
            mask[static_cast<std::size_t>(position)] = 1;
        for (std::int64_t position = 0; position < kTokens; ++position)
            differences += kept[static_cast<std::size_t>((layer * kKvHeads + kvHead) * kTokens + position)]
                                   != mask[static_cast<std::size_t>(position)]
                               ? 1
                               : 0;
    }
    return differences;
}

} // namespace

TEST_CASE("kvpress presets keep what kvpress keeps", "[unit]")
{
    struct Case {
        const char *specification, *reference;
    };
    const test::H5Fixture file(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    const core::CaptureInfo info = modelOf();
    const auto test =
        GENERATE(Case{"streaming_noshift:kvpress", "streaming_llm"}, Case{"observed_attention:kvpress", "h2o_observed"},
                 Case{"tova:kvpress", "tova"}, Case{"snapkv:kvpress,window=32", "snapkv"},
                 Case{"pyramidkv:kvpress,window=32", "pyramidkv"}, Case{"adakv:kvpress,window=32", "adakv_snapkv"},
                 Case{"chunkkv:kvpress,window=32,chunk=10", "chunkkv_snapkv"});
    for (const int layer : {0, 17}) {
        const core::LayerData data = layerOf(file, layer);
        for (const char* removed : {"0.5", "0.8"}) {
            CAPTURE(test.specification, layer, removed);
            const LayerInput input{.data = data, .segments = info.segments, .info = &info};
            const LayerPlan plan = makeMethod(test.specification)->plan(input, {1 - std::stod(removed), {}});
            CHECK(differing(file, test.reference, removed, layer, plan) == 0);
        }
    }
}

TEST_CASE("kvpress presets that need no window keep what kvpress keeps in every layer", "[unit]")
{
    struct Case {
        const char *specification, *reference;
    };
    const test::H5Fixture file(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    const auto test = GENERATE(Case{"observed_attention:kvpress", "h2o_observed"}, Case{"tova:kvpress", "tova"});
    for (int layer = 0; layer < kLayers; ++layer) {
        const core::LayerData data = thinLayerOf(file, layer);
        for (const char* removed : {"0.5", "0.8"}) {
            CAPTURE(test.specification, layer, removed);
            const LayerPlan plan = makeMethod(test.specification)->plan({data, {}}, {1 - std::stod(removed), {}});
            CHECK(differing(file, test.reference, removed, layer, plan) == 0);
        }
    }
}

TEST_CASE("kvpress's PyramidKV falls back to one budget for all layers when little is kept", "[unit]")
{
    const test::H5Fixture file(KVVIZ_TEST_DATA "/kvpress-smollm2.h5");
    const core::CaptureInfo info = modelOf();
    const core::LayerData data = layerOf(file, 17);
    const LayerInput input{.data = data, .segments = info.segments, .info = &info};
    const auto method = makeMethod("pyramidkv:kvpress,window=32");
    CHECK(method->plan(input, {0.5, {}}).flags.empty());
    CHECK(method->plan(input, {0.2, {}}).flags == std::vector<std::string>{"pyramid_fell_back"});
}
