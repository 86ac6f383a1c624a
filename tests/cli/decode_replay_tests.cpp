// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz replay --depth decode` as a program: the whole cache gives the captured log-probabilities again, and a cache
// without keys costs; captures that cannot be continued are refused.
#include "core/correlation.hpp"
#include "core/io/results.hpp"
#include "tests/cli/engine_runs.hpp"

#include <cmath>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::checkRefused;
using test::Outcome;
using test::runProgram;

namespace {

/// Captures of SmolLM2 on one few-shot prompt, in both storage types, made once.
const test::ScratchFolder& captures()
{
    static const test::ScratchFolder folder;
    static const bool made = [] {
        for (const std::string type : {"float32", "float16"}) {
            const Outcome capture =
                runProgram("kvviz", {"capture", "--model", KVVIZ_TEST_MODEL, "--task", "addition", "--shots", "5",
                                     "--generate", "12", "--continuation", "gold", "--cache-dtype", type,
                                     "--rows-dtype", type, "-o", (folder.path() / (type + ".kvh5")).string()});
            INFO(capture.err);
            REQUIRE(capture.status == 0);
        }
        return true;
    }();
    static_cast<void>(made);
    return folder;
}

std::string captureOf(const std::string& type) { return (captures().path() / (type + ".kvh5")).string(); }

json replayed(const std::string& type, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"replay", captureOf(type), "--no-output", "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::jsonObject(runProgram("kvviz", all));
}

json decoded(const std::string& type, const std::string& methods)
{
    return replayed(type, {"--depth", "decode", "--model", KVVIZ_TEST_MODEL, "--ratios", "0.5", "--methods", methods});
}

} // namespace

TEST_CASE("over the whole cache the continuation has the captured log-probabilities", "[engine]")
{
    const json exact = decoded("float32", "fullkv");
    CHECK(exact["full_cache_logprob_deviation"].get<double>() < 1e-4); // required: 1e-3
    const json result = exact["results"][0]["decode"];
    CHECK(std::abs(result["logprob_change"].get<double>()) < 1e-5);
    CHECK(result["kl"].get<double>() < 1e-7);
    CHECK(result["top1_agreement"] == 1.0);
    // Half-precision keys and values: 1.5e-3 was seen on one prompt of 528 tokens.
    CHECK(decoded("float16", "fullkv")["full_cache_logprob_deviation"].get<double>() < 1e-2);
}

TEST_CASE("what evictions, transforms and both together cost the continuation", "[engine]")
{
    const json report = decoded("float32", "oracle_mass;random:seeds=1;kivi:group=32,residual=32;kivi:bits4,group=32,"
                                           "residual=32;snapkv+kivi;streaming;minicache;kvsharer;lorc");
    CHECK(report["skipped_methods"].empty());
    std::map<std::string, double> divergence;
    for (const json& result : report["results"]) {
        const json decode = result["decode"];
        CAPTURE(result["method"].get<std::string>());
        REQUIRE(decode["kl"].is_number());
        CHECK(decode["kl"].get<double>() >= 0);
        CHECK(decode["top1_agreement"].get<double>() <= 1);
        divergence[result["method"].get<std::string>() + ":" + result["variant"].get<std::string>()] =
            decode["kl"].get<double>();
    }
    CHECK(divergence.at("oracle_mass:") < divergence.at("random:seeds=1"));
    CHECK(divergence.at("kivi:bits4,group=32,residual=32") < divergence.at("kivi:group=32,residual=32"));
}

TEST_CASE("results of depth decode are kept in the file", "[engine]")
{
    const std::string file = (captures().path() / "decode.kvres.h5").string();
    const Outcome outcome =
        runProgram("kvviz", {"replay", captureOf("float32"), "--depth", "decode", "--model", KVVIZ_TEST_MODEL,
                             "--methods", "snapkv", "--ratios", "0.3", "-o", file, "--force"});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK_THAT(outcome.out, Contains("KL"));
    const auto records = io::readReplayResults(file, true);
    REQUIRE(records.size() == 1);
    CHECK(records[0].depth == "decode");
    REQUIRE(std::ssize(records[0].kl) == records[0].t);
    CHECK(records[0].top1.size() == records[0].kl.size());
    CHECK(std::isnan(records[0].logprobDelta.back())); // the token after the last is not known
    CHECK(std::ssize(records[0].outputError) == records[0].layers * records[0].heads * records[0].t);
}

TEST_CASE("captures that cannot be continued are refused", "[engine]")
{
    const test::EngineFolder folder;
    REQUIRE(folder.capture({"--text", "some text to go on with", "--generate", "4", "--layers", "0", "-o",
                            folder.path("part.kvh5")})
                .status
            == 0);
    const auto replay = [&](const std::string& file, const std::string& model) {
        return runProgram("kvviz", {"replay", file, "--depth", "decode", "--model", model, "--no-output", "-q"});
    };
    checkRefused(replay(folder.path("part.kvh5"), folder.model()), 3, {"part.kvh5", "holds 1 of"});
    checkRefused(replay(captureOf("float32"), folder.model()), 3, {"float32.kvh5", "--model"});
    checkRefused(replay(captureOf("float32"), folder.path("absent.gguf")), 3, {"absent.gguf"});
}

TEST_CASE("half-precision captures rank methods as full precision does", "[engine]")
{
    const std::vector<std::string> request{"--depth", "output", "--ratios", "0.9,0.7,0.5,0.3,0.1"};
    const json full = replayed("float32", request), half = replayed("float16", request);
    REQUIRE(full["results"].size() == half["results"].size());
    std::vector<double> a, b;
    for (std::size_t i = 0; i < full["results"].size(); ++i) {
        REQUIRE(full["results"][i]["method"] == half["results"][i]["method"]);
        a.push_back(full["results"][i]["lost_mass"]["mean"].get<double>());
        b.push_back(half["results"][i]["lost_mass"]["mean"].get<double>());
    }
    REQUIRE(a.size() > 150);
    CHECK(core::spearman(a, b) >= 0.99);
}
