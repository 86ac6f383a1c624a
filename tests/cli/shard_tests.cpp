// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// --shard, by hand and from Slurm's variables.
#include "app/shard.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <map>

using namespace kvviz;
using app::Shard;
using Catch::Contains;

namespace {

app::Environment with(std::map<std::string, std::string> variables)
{
    return [variables = std::move(variables)](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    };
}

app::Environment slurm(const std::string& id, const std::string& least, const std::string& most, const std::string& step,
                       const std::string& count)
{
    return with({{"SLURM_ARRAY_TASK_ID", id}, {"SLURM_ARRAY_TASK_MIN", least}, {"SLURM_ARRAY_TASK_MAX", most},
                 {"SLURM_ARRAY_TASK_STEP", step}, {"SLURM_ARRAY_TASK_COUNT", count}});
}

} // namespace

TEST_CASE("a shard is said as I/N", "[cli][unit]")
{
    const app::Environment nothing = with({});
    CHECK(app::resolveShard("", nothing) == Shard{0, 1});
    CHECK(app::resolveShard("0/1", nothing) == Shard{0, 1});
    CHECK(app::resolveShard("3/8", nothing) == Shard{3, 8});
    CHECK(app::resolveShard("3/8", slurm("1", "0", "1", "1", "2")) == Shard{3, 8}); // what is said goes before Slurm
    for (const char* bad : {"8/8", "9/8", "0/0", "1", "/", "1/", "/2", "a/2", "1/b", "-1/2", "1/2/3", "1 /2", "automatic", " 1/2", "1/2 ", "3/2", "a/b",
                            "0x1/2", "+1/2", "1/-2", "1//2", " ", "99999999999999999999/2", "1/99999999999999999999"})
        CHECK_THROWS_WITH(app::resolveShard(bad, nothing), Contains(std::string("'") + bad + "'") && Contains("i/n"));
}

TEST_CASE("shards of a run are disjoint and are all of it", "[cli][unit]")
{
    for (std::size_t count = 1; count <= 7; ++count)
        for (std::size_t prompt = 0; prompt < 30; ++prompt) {
            int owners = 0;
            for (std::size_t index = 0; index < count; ++index)
                owners += Shard{index, count}.has(prompt) ? 1 : 0;
            CHECK(owners == 1);
        }
}

TEST_CASE("an array of Slurm numbers its tasks from wherever it begins, in whatever steps", "[cli][unit]")
{
    CHECK(app::resolveShard("auto", with({})) == Shard{0, 1}); // outside of an array
    CHECK(app::resolveShard("auto", slurm("0", "0", "15", "1", "16")) == Shard{0, 16});
    CHECK(app::resolveShard("auto", slurm("15", "0", "15", "1", "16")) == Shard{15, 16});
    CHECK(app::resolveShard("auto", slurm("3", "1", "4", "1", "4")) == Shard{2, 4});
    CHECK(app::resolveShard("auto", slurm("9", "1", "13", "4", "4")) == Shard{2, 4});
    CHECK(app::resolveShard("auto", slurm("5", "5", "5", "1", "1")) == Shard{0, 1});
    CHECK(app::resolveShard("auto", slurm("8", "0", "9", "4", "3")) == Shard{2, 3}); // --array=0-9:4
}

TEST_CASE("an array with gaps, or half of Slurm's variables, is refused and not guessed", "[cli][unit]")
{
    const auto refused = [](const app::Environment& environment, const std::string& part) {
        CHECK_THROWS_WITH(app::resolveShard("auto", environment), Contains("--shard auto") && Contains(part));
    };
    refused(slurm("5", "3", "9", "1", "3"), "--array=0-2"); // --array=3,5,9
    refused(slurm("2", "0", "9", "3", "4"), "steps of 3");
    refused(slurm("10", "0", "9", "1", "10"), "task 10");
    refused(slurm("0", "0", "0", "0", "1"), "steps of 0");
    refused(slurm("x", "0", "9", "1", "10"), "SLURM_ARRAY_TASK_ID is 'x'");
    refused(with({{"SLURM_ARRAY_TASK_ID", "0"}}), "SLURM_ARRAY_TASK_COUNT is not set");
}

TEST_CASE("an array without --shard is warned of, since every task does everything", "[cli][unit]")
{
    const app::Environment array = slurm("3", "0", "15", "1", "16");
    CHECK_THAT(app::shardWarning("", array), Contains("task 3") && Contains("--shard auto"));
    CHECK(app::shardWarning("auto", array).empty());
    CHECK(app::shardWarning("0/4", array).empty());
    CHECK(app::shardWarning("", with({})).empty());
}
