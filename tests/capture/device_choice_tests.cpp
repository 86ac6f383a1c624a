// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What --device means, and which layers go where for how much memory.
#include "capture/device_choice.hpp"
#include "capture/cuda_module.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/tiny_model.hpp"

#include <algorithm>
#include <cstdlib>

using namespace kvviz;
using namespace kvviz::capture;
using Catch::Contains;

namespace {

DeviceNeeds someNeeds()
{
    DeviceNeeds needs;
    needs.layers = 10;
    needs.layerWeights = 100;
    needs.layerCache = 10;
    needs.embedding = 50;
    needs.head = 60;
    needs.scratch = 40;
    return needs;
}

std::optional<DevicePlan> plan(std::vector<std::uint64_t> free) { return planDevices(someNeeds(), free); }

std::int64_t layersOn(const DevicePlan& made, int device)
{
    return std::count(made.deviceOfLayer.begin(), made.deviceOfLayer.end(), device);
}

} // namespace

TEST_CASE("names of devices", "[capture][unit]")
{
    CHECK(parseDevices("cpu").empty());
    CHECK(parseDevices("cuda") == std::vector<int>{0});
    CHECK(parseDevices("cuda:3") == std::vector<int>{3});
    CHECK(parseDevices("cuda:1,cuda:0") == std::vector<int>{1, 0});
    for (const char* bad : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda,", ",cuda", "cpu,cuda", "cuda:0,cuda",
                            "cuda 1", "cuda:99999999999", "CUDA"})
        CHECK_THROWS_AS(parseDevices(bad), core::Error);
}

TEST_CASE("the least memory of one device is just enough", "[capture][unit]")
{
    for (const bool streaming : {false, true}) {
        const std::uint64_t least = leastDeviceBytes(someNeeds(), streaming);
        const auto enough = plan({least});
        REQUIRE(enough);
        CHECK((enough->streamedLayers() > 0) == streaming);
        const auto less = plan({least - 1});
        CHECK((streaming ? !less : less && less->streamedLayers() > 0));
    }
}

TEST_CASE("layers go to the devices in proportion to their room", "[capture][unit]")
{
    const auto one = plan({1250});
    REQUIRE(one);
    CHECK(one->streamedLayers() == 0);
    const auto two = plan({40 + 50 + 550, 40 + 60 + 550});
    REQUIRE(two);
    CHECK(two->deviceOfLayer == std::vector<int>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
    CHECK(two->streamedLayers() == 0);
    const auto uneven = plan({40 + 50 + 3 * 800, 40 + 60 + 800});
    REQUIRE(uneven);
    CHECK(layersOn(*uneven, 0) == 8);
    CHECK(layersOn(*uneven, 1) == 2);
    const auto three = plan({2000, 2000, 2000});
    REQUIRE(three);
    for (int device = 0; device < 3; ++device)
        CHECK(layersOn(*three, device) >= 3);
    CHECK(std::is_sorted(three->deviceOfLayer.begin(), three->deviceOfLayer.end()));
}

TEST_CASE("weights that do not fit are streamed, and no plan takes more than there is", "[capture][unit]")
{
    const DeviceNeeds needs = someNeeds();
    for (std::uint64_t a = 0; a < 1500; a += 7)
        for (const std::uint64_t b : {std::uint64_t{0}, std::uint64_t{321}, std::uint64_t{640}}) {
            const std::vector<std::uint64_t> free = b == 0 ? std::vector{a} : std::vector{a, b};
            const auto made = planDevices(needs, free);
            if (!made)
                continue;
            CHECK(planFits(needs, free, *made));
            REQUIRE(made->deviceOfLayer.size() == 10);
            // The next byte of need is refused: what the plan uses was counted.
            DeviceNeeds more = needs;
            more.scratch += 1500;
            CHECK_FALSE(planFits(more, free, *made));
        }
    CHECK(plan({40 + 110 + 200 + 100})->streamedLayers() == 10); // caches, scratch, two layers on their way
    CHECK_FALSE(plan({40 + 110 + 200 + 99}));
    CHECK(plan({40 + 110 + 200 + 100 + 350})->streamedLayers() == 7);
}

TEST_CASE("the longest run is the longest that has a plan", "[capture][unit]")
{
    test::TinyLlama shape;
    shape.context = 3000;
    const auto model = test::tinyModel(shape);
    for (const bool streaming : {false, true}) {
        const std::vector<std::uint64_t> free{6'000'000};
        const std::int64_t longest = longestRun(*model, 4, free, streaming);
        REQUIRE(longest > 0);
        REQUIRE(longest < 3000);
        CHECK(planDevices(deviceNeeds(*model, 4, longest, 1), free).has_value());
    }
    CHECK(longestRun(*model, 4, std::vector<std::uint64_t>{1000}, true) == 0);
    CHECK(longestRun(*model, 4, std::vector<std::uint64_t>{std::uint64_t{1} << 40}, false) == 3000);
    const std::string text = doesNotFit(*model, "float32", 4, 2999, std::vector<std::string>{"cuda:0 (some GPU)"},
                                        std::vector<std::uint64_t>{6'000'000});
    CHECK_THAT(text, Contains("2999 tokens") && Contains("cuda:0 (some GPU) has 6.0 MB free") && Contains("would fit")
                         && Contains("--device cpu"));
}

TEST_CASE("a GPU part that is not one is refused in one sentence", "[capture][io]")
{
    const test::ScratchFolder folder;
    CHECK(findCudaModule(folder.path() / "bin").empty());
    std::filesystem::create_directories(folder.path() / "bin");
    std::filesystem::create_directories(folder.path() / "lib/kvviz");
    static_cast<void>(folder.write("lib/kvviz/libkvviz_cuda.so", "no library"));
    CHECK(findCudaModule(folder.path() / "bin") == folder.path() / "lib/kvviz/libkvviz_cuda.so");
    try {
        static_cast<void>(openCudaModule(folder.path() / "bin"));
        FAIL("it was opened");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::device);
        CHECK_THAT(error.what(), Contains("does not load") && Contains("docs/gpu.md") && Contains("--device cpu"));
    }
}
