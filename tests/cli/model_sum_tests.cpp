// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums of model files are remembered only as long as the files are the same.
#include "tests/support/catch.hpp"

#include "app/engine/model_sum.hpp"
#include "tests/support/scratch_folder.hpp"

#include <chrono>
#include <fstream>
#include <thread>

namespace fs = std::filesystem;
using kvviz::app::rememberedSum;
using kvviz::test::ScratchFolder;

TEST_CASE("the sum of files that were just written is not remembered", "[cli][unit]")
{
    const ScratchFolder folder;
    const std::vector<fs::path> files{folder.write("a.safetensors", "aaaa"), folder.write("b.safetensors", "bbbb")};
    const fs::path sums = folder / "cache" / "sums";
    int computed = 0;
    const auto ask = [&](std::uint64_t least = 1) {
        return rememberedSum(files, [&] { return std::string(63, '0') + std::to_string(++computed % 10); }, sums, least);
    };
    // ctime cannot be set back: what was just written is not remembered.
    CHECK(ask() != ask());
    CHECK(computed == 2);
    CHECK_FALSE(fs::exists(sums));
}

TEST_CASE("a remembered sum ends with any change of a file", "[cli][unit][slow]")
{
    const ScratchFolder folder;
    const fs::path first = folder.write("a.safetensors", "aaaa"), second = folder.write("b.safetensors", "bbbb");
    const fs::path sums = folder / "cache" / "sums";
    int computed = 0;
    const auto ask = [&](std::vector<fs::path> files, std::uint64_t least = 1) {
        return rememberedSum(files, [&] { return std::string(63, '0') + std::to_string(++computed % 10); }, sums, least);
    };
    const auto settle = [] { std::this_thread::sleep_for(std::chrono::milliseconds(3100)); };
    settle();
    const std::string sum = ask({first, second});
    CHECK(ask({first, second}) == sum);
    CHECK(ask({folder / "." / "a.safetensors", second}) == sum); // the same file by another name
    CHECK(computed == 1);
    CHECK(ask({first}) != sum);
    CHECK(computed == 2);
    CHECK(ask({first, second}, 9) != sum); // small files are not worth it
    CHECK(ask({first, folder / "gone"}) != sum);
    computed = 0;
    (void)ask({first, second});
    fs::path note;
    for (const auto& entry : fs::directory_iterator(sums))
        note = entry.path();
    REQUIRE_FALSE(note.empty());
    { // other bytes of the same length and time
        const auto time = fs::last_write_time(second);
        std::ofstream(second) << "bbbc";
        fs::last_write_time(second, time);
    }
    const int before = computed;
    settle();
    (void)ask({first, second});
    CHECK(computed == before + 1);
    std::ofstream(note) << "damaged";
    (void)ask({first, second});
    CHECK(computed == before + 2);
    fs::permissions(sums, fs::perms::none); // or not writable at all: still a sum
    CHECK(ask({first, second}).size() == 64);
    fs::permissions(sums, fs::perms::owner_all);
}
