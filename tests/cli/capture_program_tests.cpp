// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz capture` as a program: batches, shards, kills and interrupts, selections, and the same numbers whatever the
// number of threads.
#include "core/io/capture_reader.hpp"
#include "tests/cli/capture_difference.hpp"
#include "tests/cli/engine_runs.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;
using test::checkRefused;
using test::firstDifference;
namespace fs = std::filesystem;

namespace {

core::CaptureInfo infoOf(const EngineFolder& folder, const std::string& name)
{
    return io::CaptureReader(fs::path(folder.path(name))).info();
}

void requireGood(const Outcome& outcome)
{
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
}

/// Starts the capture in the background, waits until the third prompt is done and the .part of a later one is there,
/// sends the signal, and exits with the program's status.
Outcome signalled(const EngineFolder& folder, const std::string& arguments, const std::string& signal)
{
    return test::runShell(folder.captureLine(arguments) + fmt::format(R"( & program=$!
        for i in $(seq 2000); do
            set -- {0}/addition-*.part
            if [ -e {0}/addition-0002.kvh5 ] && [ -e "$1" ]; then break; fi
            sleep 0.005
        done
        kill -{1} $program
        wait $program)", folder.path("run"), signal));
}

std::set<std::string> wholeCaptures(const EngineFolder& folder)
{
    std::set<std::string> names;
    for (const std::string& name : folder.files("run"))
        if (name.ends_with(".kvh5"))
            names.insert(name);
    return names;
}

const std::string kLongBatch = "--task addition --limit 12 --generate 40 --tier full -q";

} // namespace

TEST_CASE("a dry run prints the bytes of each tier and writes nothing", "[cli][engine]")
{
    const EngineFolder folder;
    const std::set<std::string> before = folder.files("");
    const Outcome text = folder.capture({"--task", "opposites", "--limit", "2", "-o", folder.path("no"), "--dry-run"});
    requireGood(text);
    for (const char* part : {"2 prompts", "stats", "cache", "map", "full", "<- --tier"})
        CHECK_THAT(text.out, Contains(part));
    const Outcome outcome = folder.capture({"--task", "opposites", "--limit", "2", "--dry-run", "--json"});
    requireGood(outcome);
    const json report = test::jsonObject(outcome);
    CHECK(report.at("prompts") == 2);
    const json& bytes = report.at("uncompressed_bytes_at_most");
    CHECK(bytes.at("stats") < bytes.at("cache"));
    CHECK(bytes.at("cache") < bytes.at("map"));
    CHECK(bytes.at("map") < bytes.at("full"));
    CHECK(folder.files("") == before);
    // Numbers too large to add up choose what there is, in place of nothing.
    const json most = test::jsonObject(folder.capture({"--task", "opposites", "--begin", "998", "--limit",
                                                       "9223372036854775807", "--generate", "9223372036854775807",
                                                       "--dry-run", "--json"}));
    CHECK(most.at("prompts") == 2);
    CHECK(most.at("prompt_tokens").get<int>() + most.at("generated_tokens_at_most").get<int>() == 2 * 2048);
}

TEST_CASE("option --max-bytes refuses a larger run before anything is written and lets a smaller one pass", "[cli][engine]")
{
    const EngineFolder folder;
    const std::vector<std::string> run{"--task", "opposites", "--limit", "2", "-o", folder.path("run")};
    const auto limited = [&](const std::string& limit) {
        std::vector<std::string> arguments = run;
        arguments.insert(arguments.end(), {"--max-bytes", limit});
        return folder.capture(arguments);
    };
    checkRefused(limited("10kB"), 2, {"tier cache", "--max-bytes 10kB"});
    CHECK_FALSE(folder.has("run"));
    requireGood(limited("1GB"));
    CHECK(wholeCaptures(folder).size() == 2);
}

TEST_CASE("every tier can be captured and verifies, and so can gold continuations and bfloat16 weights too", "[cli][engine]")
{
    const EngineFolder folder;
    for (const std::string tier : {"stats", "cache", "map", "full"}) {
        requireGood(folder.capture({"--text", "in the end", "--tier", tier, "-o", folder.path(tier + ".kvh5")}));
        const Outcome verified = folder.verify(tier + ".kvh5");
        INFO(verified.out << verified.err);
        CHECK(verified.status == 0);
        CHECK(core::tierName(infoOf(folder, tier + ".kvh5").tier) == tier);
    }
    requireGood(folder.capture({"--task", "addition", "--continuation", "gold", "-o", folder.path("gold.kvh5")}));
    const core::CaptureInfo gold = infoOf(folder, "gold.kvh5");
    CHECK(gold.prompt.continuation == "gold");
    REQUIRE(gold.nGenerated() > 0);
    std::string continuation;
    for (std::int64_t i = gold.nPrompt(); i < gold.nTokens(); ++i)
        continuation += gold.tokens.bytesOf(i);
    CHECK(gold.prompt.target.rfind(continuation, 0) == 0); // the reference answer, up to 64 tokens of it
    requireGood(folder.capture({"--text", "in the end", "--dtype", "bfloat16", "-o", folder.path("brief.kvh5")}));
    CHECK(infoOf(folder, "brief.kvh5").dtype == "bfloat16");
    CHECK(folder.verify("brief.kvh5").status == 0);
    CHECK(firstDifference(folder.path("brief.kvh5"), folder.path("cache.kvh5")) != "");
}

TEST_CASE("layers, heads and queries are kept as chosen, heads in whole groups", "[cli][engine]")
{
    const EngineFolder folder;
    requireGood(folder.capture({"--text", std::string(50, 'a'), "--tier", "full", "--layers", "1", "--heads", "3",
                                "--queries", "last:4,0-2", "--window", "8", "-o", folder.path("some.kvh5")}));
    const core::CaptureInfo info = infoOf(folder, "some.kvh5");
    CHECK(info.layers == std::vector<int>{1});
    CHECK(info.heads == std::vector<int>{2, 3});
    CHECK(info.window == 8);
    CHECK(folder.verify("some.kvh5").status == 0);
}

TEST_CASE("token ids run as they are given", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string ids = folder.write("mine.json", "[104, 105, 0, 271]");
    requireGood(folder.capture({"--token-ids", ids, "-o", folder.path("run"), "--continuation", "none"}));
    CHECK(infoOf(folder, "run/mine.kvh5").tokens.ids == std::vector<std::int32_t>{104, 105, 0, 271});
    CHECK(folder.verify("run/mine.kvh5").status == 0);
}

TEST_CASE("a prompt can be put into the turns of a chat template, and resumed so", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string text = folder.write("mine.txt", "@@ shot\nab\n\n@@ question\ncd");
    const std::vector<std::string> arguments{"--text-file", text, "-o", folder.path("run"), "--chat", "chatml",
                                             "--continuation", "none"};
    requireGood(folder.capture(arguments));
    const core::CaptureInfo info = infoOf(folder, "run/mine.kvh5");
    const std::string whole = "<|im_start|>user\nab\n\ncd<|im_end|>\n<|im_start|>assistant\n";
    CHECK(info.prompt.promptText == whole);
    const auto tokenText = [&](const core::Segment& segment) {
        std::string bytes;
        for (std::int64_t token = segment.span.begin; token < segment.span.end; ++token)
            bytes += info.tokens.bytesOf(token);
        return bytes;
    };
    REQUIRE(info.segments.size() == 2);
    CHECK(tokenText(info.segments[0]) == "ab\n\n");
    CHECK(tokenText(info.segments[1]) == "cd");
    std::vector<std::string> again = arguments;
    again.emplace_back("--resume");
    requireGood(folder.capture(again));
    again[5] = "none";
    const Outcome other = folder.capture(again);
    CHECK(other.status != 0);
    CHECK_THAT(other.err, Contains("another prompt"));
    const std::string ids = folder.write("ids.json", "[1]");
    checkRefused(folder.capture({"--token-ids", ids, "--chat", "chatml", "-o", folder.path("x.kvh5")}), 2,
                 {"--chat", "--token-ids"});
}

TEST_CASE("the number of threads does not change a bit of the numbers", "[cli][engine]")
{
    const EngineFolder folder;
    for (const std::string threads : {"1", "2"})
        requireGood(folder.capture({"--task", "opposites", "--tier", "full", "--generate", "12", "--threads", threads,
                                    "-o", folder.path(threads + ".kvh5")}));
    CHECK(firstDifference(folder.path("1.kvh5"), folder.path("2.kvh5")) == "");
}

TEST_CASE("shards are disjoint and together make what one run makes", "[cli][engine]")
{
    const EngineFolder folder;
    const auto run = [&](const std::string& name, const std::string& shard) {
        std::vector<std::string> arguments{"--task", "opposites", "--limit", "5", "--generate", "3", "-q",
                                           "-o", folder.path(name)};
        if (!shard.empty())
            arguments.insert(arguments.end(), {"--shard", shard});
        requireGood(folder.capture(arguments));
        return folder.files(name);
    };
    const std::set<std::string> all = run("all", ""), even = run("even", "0/2"), odd = run("odd", "1/2");
    CHECK(all.size() == 6);
    std::set<std::string> common, joined;
    std::set_intersection(even.begin(), even.end(), odd.begin(), odd.end(), std::inserter(common, common.end()));
    std::set_union(even.begin(), even.end(), odd.begin(), odd.end(), std::inserter(joined, joined.end()));
    CHECK(common == std::set<std::string>{"capture.json"});
    CHECK(joined == all);
    CHECK(test::bytesOfFile(folder.path("even/capture.json")) == test::bytesOfFile(folder.path("odd/capture.json")));
    for (const std::string& name : all)
        if (name != "capture.json") {
            const std::string part = even.contains(name) ? "even/" : "odd/";
            CHECK(firstDifference(folder.path("all/" + name), folder.path(part + name)) == "");
        }
    // Both into one folder, as machines that share a disk do.
    run("both", "0/2");
    CHECK(run("both", "1/2") == all);
    const Outcome none = folder.capture({"--text", "abc", "--shard", "1/2", "-o", folder.path("none")});
    requireGood(none);
    CHECK_THAT(none.err, Contains("--shard 1/2 has no prompt"));
}

TEST_CASE("a killed batch goes on where it was: whole files stay untouched, no part is left", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string arguments = kLongBatch + " -o " + folder.path("run");
    CHECK(signalled(folder, arguments, "KILL").status == 128 + 9);
    std::map<std::string, std::pair<fs::file_time_type, std::string>> before;
    for (const std::string& name : wholeCaptures(folder)) {
        CHECK(folder.verify("run/" + name).status == 0); // what has its final name is whole, whenever the kill came
        const std::string path = folder.path("run/" + name);
        before[name] = {fs::last_write_time(path), test::bytesOfFile(path)};
    }
    REQUIRE(before.size() >= 3);
    REQUIRE(before.size() < 12);
    checkRefused(test::runShell(folder.captureLine(arguments)), 1, {"addition-0000.kvh5", "--resume", "--force"});

    const Outcome again = test::runShell(folder.captureLine(arguments + " --resume --json"));
    requireGood(again);
    const json report = test::jsonObject(again);
    CHECK(report.at("skipped") == before.size());
    CHECK(report.at("captures").size() == 12 - before.size());
    CHECK(wholeCaptures(folder).size() == 12);
    for (const std::string& name : folder.files("run"))
        CHECK_FALSE(name.ends_with(".part"));
    for (const auto& [name, was] : before) {
        CHECK(fs::last_write_time(folder.path("run/" + name)) == was.first);
        CHECK((test::bytesOfFile(folder.path("run/" + name)) == was.second));
    }
    CHECK(folder.verify("run").status == 0);
}

TEST_CASE("an interrupt ends with 130, says how to go on and leaves whole files only", "[cli][engine]")
{
    const EngineFolder folder;
    for (const std::string signal : {"INT", "TERM"}) {
        fs::remove_all(folder.path("run"));
        const Outcome outcome = signalled(folder, kLongBatch + " -o " + folder.path("run"), signal);
        checkRefused(outcome, 130, {"stopped after", "of 12 prompts", "--resume"});
        for (const std::string& name : folder.files("run"))
            CHECK_FALSE(name.ends_with(".part"));
        CHECK(wholeCaptures(folder).size() >= 3);
        CHECK(wholeCaptures(folder).size() < 12);
        CHECK(folder.verify("run").status == 0);
    }
}

TEST_CASE("option --resume does not take a file of another run for its own", "[cli][engine]")
{
    const EngineFolder folder;
    const auto run = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"--task", "opposites", "--limit", "2", "--generate", "2", "-q", "--resume",
                                           "-o", folder.path("run")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return folder.capture(arguments);
    };
    requireGood(run({}));
    requireGood(run({}));
    const auto refused = [&](const std::vector<std::string>& more, const std::string& cause) {
        const Outcome outcome = run(more);
        INFO(outcome.err);
        CHECK(outcome.status == 3); // nothing of this run is there
        CHECK_THAT(outcome.err, Contains("opposites-0000.kvh5") && Contains(cause) && Contains("--force"));
    };
    refused({"--seed", "9"}, "another prompt");
    refused({"--shots", "2"}, "another prompt");
    refused({"--tier", "stats"}, "--tier cache");
    refused({"--continuation", "none"}, "--continuation greedy");
    refused({"--dtype", "bfloat16"}, "--dtype");
    refused({"--layers", "0"}, "--layers");
    refused({"--window", "5"}, "--window");
    // A damaged file is named; the prompts beside it count.
    fs::resize_file(folder.path("run/opposites-0001.kvh5"), 5000);
    const Outcome damaged = run({"--limit", "3", "--json"});
    INFO(damaged.err);
    CHECK(damaged.status == 5);
    const json report = test::jsonObject(damaged);
    CHECK(report.at("skipped") == 1);
    CHECK(report.at("captures").size() == 1);
    REQUIRE(report.at("failures").size() == 1);
    CHECK(report.at("failures").at(0).at("id") == "opposites-0001");
}

TEST_CASE("one unfit prompt in a batch exits with 5 and the others are captured", "[cli][engine]")
{
    const EngineFolder folder(1350); // opposites and sentiment fit, addition does not
    const std::vector<std::string> tasks{"--task", "opposites", "--task", "addition", "--task", "sentiment"};
    const auto run = [&](std::vector<std::string> more) {
        more.insert(more.end(), tasks.begin(), tasks.end());
        return folder.capture(more);
    };
    for (const std::vector<std::string>& limit : {std::vector<std::string>{}, {"--max-bytes", "1GB", "--force"}}) {
        std::vector<std::string> arguments{"-o", folder.path("run"), "--json"};
        arguments.insert(arguments.end(), limit.begin(), limit.end());
        const Outcome outcome = run(arguments);
        CHECK(outcome.status == 5);
        CHECK_THAT(outcome.err, Contains("addition-0000") && Contains("context of 1350"));
        const json report = test::jsonObject(outcome);
        CHECK(report.at("captures").size() == 2);
        CHECK(report.at("failed") == 1);
        CHECK(report.at("failures").at(0).at("id") == "addition-0000");
        CHECK(wholeCaptures(folder) == std::set<std::string>{"opposites-0000.kvh5", "sentiment-0000.kvh5"});
        const json state = test::jsonObject(test::runProgram("kvviz", {"status", "--json", folder.path("run")})).at("runs").at(0);
        CHECK(state.at("done") == 2);
        CHECK(state.at("waiting") == 0);
        REQUIRE(state.at("failed").size() == 1);
        CHECK(state.at("failed").at(0).at("id") == "addition-0000");
        CHECK_THAT(state.at("failed").at(0).at("error").get<std::string>(), Contains("context of 1350"));
    }
    // The record goes with the failure.
    CHECK(folder.has("run/addition-0000.failed.json"));
    CHECK(folder.capture({"--task", "addition", "--shots", "1", "-o", folder.path("run")}).status == 0);
    CHECK_FALSE(folder.has("run/addition-0000.failed.json"));
    const Outcome dry = run({"--dry-run", "--json"});
    CHECK(dry.status == 5);
    CHECK(test::jsonObject(dry).at("prompts") == 2);
    CHECK(test::jsonObject(dry).at("refused").size() == 1);
    CHECK(folder.capture({"--task", "addition", "--limit", "2", "-o", folder.path("none")}).status == 3);
}

TEST_CASE("option --json is one object on standard output, whatever the continuation holds", "[cli][engine]")
{
    const EngineFolder folder;
    const Outcome outcome = folder.capture({"--text", "in the", "-o", folder.path("a.kvh5"), "--json"});
    requireGood(outcome);
    const json report = test::jsonObject(outcome);
    CHECK(report.at("command") == "capture");
    REQUIRE(report.at("captures").size() == 1);
    const json& capture = report.at("captures").at(0);
    CHECK(capture.at("file") == folder.path("a.kvh5"));
    CHECK(capture.at("prompt_tokens") == infoOf(folder, "a.kvh5").nPrompt());
    CHECK(capture.at("generated_tokens") == infoOf(folder, "a.kvh5").nGenerated());
    CHECK(capture.at("bytes") == fs::file_size(folder.path("a.kvh5")));
}

TEST_CASE("the default model captures a built-in task that verifies and replays", "[cli][engine][slow]")
{
    const test::ScratchFolder folder;
    const std::string file = (folder.path() / "real.kvh5").string();
    requireGood(test::runProgram("kvviz", {"capture", "--model", KVVIZ_TEST_MODEL, "--task", "opposites", "--shots",
                                           "4", "--generate", "8", "-o", file}));
    requireGood(test::runProgram("kvviz", {"verify", file}));
    const Outcome replay = test::runProgram(
        "kvviz", {"replay", file, "--methods", "fullkv;snapkv", "--ratios", "0.5", "--no-output", "--json"});
    requireGood(replay);
    CHECK(test::jsonObject(replay).at("command") == "replay");
}
