// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which printed numbers stand beside which measurement.
#include "datasets/published_line.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace kvviz;
using datasets::PublishedWish;

namespace {

PublishedWish wishOf(const std::string& category, const std::string& method, std::int64_t shots,
                     const std::string& model = "SmolLM2-135M-Instruct.Q4_1")
{
    return {category, method, model, shots, false};
}

PublishedWish same(PublishedWish wish)
{
    wish.sameShots = true;
    return wish;
}

std::string blockOf(const PublishedWish& wish)
{
    const auto line = datasets::publishedLine(wish);
    return line ? line->model + " | " + line->benchmark + " | " + line->setting : "none";
}

} // namespace

TEST_CASE("Printed numbers are those of the ability, the method and the number of examples", "[unit]")
{
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 8)) == "LLaMA-3.1-8B-Instruct | AR | shots=8; w/ instruct");
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 4)) == "LLaMA-3.1-8B-Instruct | AR | shots=4");
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 50)) == "LLaMA-3.1-8B-Instruct | many-shot AR | shots=50");
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 16)) == "LLaMA-3.1-8B-Instruct | many-shot AR | shots=50");
    CHECK(blockOf(wishOf("arithmetic", "shotkv", 50)) == "LLaMA-3.1-8B-Instruct | many-shot AR | shots=50");
    CHECK(blockOf(wishOf("arithmetic", "shotkv", 8)) == "none"); // printed for many shots only
    CHECK(blockOf(wishOf("world knowledge", "h2o_online", 8)) == "LLaMA-3.1-8B-Instruct | WK | shots=5");
    CHECK(blockOf(wishOf("long-context generation", "shotkv", 4)) == "LLaMA-3-8B-Instruct | LG-GSM8K | K=35; T=20");
    CHECK(blockOf(wishOf("document QA", "chunkkv", 0))
          == "LLaMA-3-8B-Instruct | HotpotQA | sentence-as-unit; no ICL");
    for (const char* method : {"knorm", "snapkv+kivi", "kivi:bits4", "fullkv"})
        CHECK(blockOf(wishOf("arithmetic", method, 8)) == "none");
    CHECK(blockOf(wishOf("sentiment", "snapkv", 8)) == "none");
    CHECK(blockOf(wishOf("", "snapkv", 8)) == "none");
}

TEST_CASE("Of several printed models the one with the likest name is taken", "[unit]")
{
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 8, "DeepSeek-R1-Distill-Llama-8B-Q8_0"))
          == "DeepSeek-R1-Distill-Llama-8B | R1-AR | shots=8; w/ R1 distill");
    CHECK(blockOf(wishOf("arithmetic", "snapkv", 50, "deepseek_r1_distill"))
          == "DeepSeek-R1-Distill-Llama-8B | many-shot AR | shots=50");
    CHECK(blockOf(wishOf("arithmetic", "h2o", 8, "Qwen3-4B-Base")) == "Qwen3-4B-Base | AR | ");
    for (const char* unlike : {"", "gpt2", "\xff"})
        CHECK(blockOf(wishOf("arithmetic", "snapkv", 8, unlike))
              == "LLaMA-3.1-8B-Instruct | AR | shots=8; w/ instruct");
}

TEST_CASE("On request only numbers of as many examples count", "[unit]")
{
    CHECK(blockOf(same(wishOf("arithmetic", "snapkv", 6))) == "LLaMA-3.1-8B-Instruct | AR | shots=6");
    CHECK(blockOf(same(wishOf("arithmetic", "snapkv", 3))) == "none");
    CHECK(blockOf(same(wishOf("arithmetic", "snapkv", -1))) == "none");
}

TEST_CASE("A printed line has each ratio once, ascending, and the score of its own full cache", "[unit]")
{
    const auto line = datasets::publishedLine(wishOf("arithmetic", "snapkv", 50)); // of two tables that share a block
    REQUIRE(line);
    REQUIRE(line->points.size() == 9);
    CHECK(line->base == Approx(0.8235));
    for (std::size_t i = 0; i < 9; ++i) {
        CHECK(line->points[i].ratio == Approx(0.1 * static_cast<double>(i + 1)));
        CHECK(line->points[i].table == (i < 4 ? 4 : 10));
        CHECK(line->points[i].change == Approx((line->points[i].score - line->base) / line->base));
        CHECK(!datasets::isMisprint(line->points[i]));
    }
    const auto odd = datasets::publishedLine(wishOf("arithmetic", "h2o", 50, "DeepSeek-R1-Distill-Llama-8B"));
    REQUIRE(odd);
    CHECK(std::all_of(odd->points.begin(), odd->points.end(), datasets::isMisprint));
}
