// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz bench` as a program: its numbers belong together, and what cannot be measured is refused or left out. No test
// of speed.
#include "tests/cli/engine_runs.hpp"

#include <cmath>

using namespace kvviz;
using Catch::Contains;
using test::Outcome;

namespace {

Outcome bench(const test::EngineFolder& folder, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"bench", "--model", folder.model()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::runProgram("kvviz", all);
}

} // namespace

TEST_CASE("latencies, throughput and memory of a bench belong together", "[engine]")
{
    const test::EngineFolder folder;
    const nlohmann::json report = test::jsonObject(
        bench(folder, {"--lengths", "200/9,400/5", "--batch", "3", "--repeat", "1", "--methods",
                       "snapkv;knorm;h2o_online;kivi", "--ratios", "0.5,0.1", "--json"}));
    const nlohmann::json& rows = report["results"];
    REQUIRE(rows.size() == 2 * (1 + 3 * 2 + 1)); // kivi has a size of its own
    std::map<std::tuple<std::string, double, int>, double> bytes;
    for (const nlohmann::json& row : rows) {
        CAPTURE(row.dump());
        const double total = row["total_s"];
        CHECK(total == Approx(row["prefill_s"].get<double>() + row["compress_s"].get<double>()
                              + row["decode_s"].get<double>()));
        CHECK(row["tokens_per_s"].get<double>() == Approx(3 * row["output_tokens"].get<double>() / total));
        CHECK(row["prefill_s"].get<double>() > 0);
        const double full = rows[row["input_tokens"] == 200 ? 0 : 8]["total_s"];
        CHECK(row["latency_gain_percent"].get<double>() == Approx(100 * (full - total) / full).margin(1e-9));
        CHECK(row["throughput_gain_percent"].get<double>() == Approx(100 * (full / total - 1)).margin(1e-9));
        CHECK(row["decode_s"].get<double>() > 0);
        const double ratio = row["ratio"].is_null() ? 1.0 : row["ratio"].get<double>();
        bytes[{row["method"], ratio, row["input_tokens"]}] = row["cache_bytes"];
    }
    for (const int input : {200, 400}) {
        const double full = bytes.at({"fullkv", 1.0, input});
        CHECK(bytes.at({"snapkv", 0.5, input}) < 0.7 * full);
        CHECK(bytes.at({"knorm", 0.1, input}) < 0.3 * full);
        CHECK(bytes.at({"snapkv", 0.1, input}) < bytes.at({"snapkv", 0.5, input}));
    }
    CHECK(bytes.at({"fullkv", 1.0, 400}) == Approx(2 * bytes.at({"fullkv", 1.0, 200})).epsilon(0.2)); // reserves
}

TEST_CASE("lengths that make no sense or do not fit are refused", "[engine]")
{
    const test::EngineFolder folder(300);
    for (const std::string bad : {"512", "a/b", "512/", "/5", "1/5", "5/1", "512/128;3", "-3/5"}) {
        const Outcome run = bench(folder, {"--lengths=" + bad});
        CAPTURE(bad, run.err);
        CHECK(run.status == 2);
        CHECK_THAT(run.err, Contains("512/128"));
    }
    const Outcome tooLong = bench(folder, {"--lengths", "290/20"});
    CHECK(tooLong.status == 2);
    CHECK_THAT(tooLong.err, Contains("context of 300"));
    const Outcome future = bench(folder, {"--lengths", "20/5", "--methods", "oracle_mass"});
    CHECK(future.status == 2);
    CHECK_THAT(future.err, Contains("still to come"));
}
