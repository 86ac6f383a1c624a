// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz capture` as an unfriendly user meets it: every refusal is one sentence with file and cause, the right exit
// status, and no file left behind.
#include "tests/cli/engine_runs.hpp"

#include <dlfcn.h>

using namespace kvviz;
using test::EngineFolder;
using test::Outcome;
using test::checkRefused;

namespace {

Outcome captureWithModel(const EngineFolder& folder, const std::string& model)
{
    return test::runProgram("kvviz", {"capture", "--model", model, "--text", "abc", "-o", folder.path("no.kvh5")});
}

/// The 32-bit number `distance` bytes after the name in the file, replaced.
std::string withNumberAfter(std::string bytes, const std::string& name, std::size_t distance, std::uint32_t value)
{
    const std::size_t at = bytes.find(name);
    REQUIRE(at != std::string::npos);
    for (std::size_t i = 0; i < 4; ++i)
        bytes[at + name.size() + distance + i] = static_cast<char>(value >> (8 * i));
    return bytes;
}

} // namespace

TEST_CASE("a model that cannot be used is refused with its name and the cause", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string whole = test::bytesOfFile(folder.model());
    const std::string foreign = folder.write("foreign.gguf", "this is no model");
    checkRefused(captureWithModel(folder, foreign), 3, {foreign, "not a GGUF file"});
    const std::string empty = folder.write("empty.gguf", "");
    checkRefused(captureWithModel(folder, empty), 3, {empty});
    for (const std::size_t length : {std::size_t{20}, std::size_t{3000}, whole.size() / 2, whole.size() - 4096}) {
        const std::string cut = folder.write("cut.gguf", whole.substr(0, length));
        checkRefused(captureWithModel(folder, cut), 3, {cut, "truncated"});
    }
    std::string other = whole;
    other.replace(other.find("llama", other.find("general.architecture")), 5, "mamba");
    const std::string unknown = folder.write("unknown.gguf", other);
    checkRefused(captureWithModel(folder, unknown), 3, {unknown, "architecture 'mamba'", "llama"});
    // After the name: the number of dimensions (4 bytes), one size (8 bytes), then the type; 16 is IQ2_XXS.
    const std::string exotic = folder.write("exotic.gguf", withNumberAfter(whole, "output_norm.weight", 12, 16));
    checkRefused(captureWithModel(folder, exotic), 3, {exotic, "output_norm.weight", "type 16"});
    checkRefused(captureWithModel(folder, folder.path("missing.gguf")), 3, {"missing.gguf", "No such file"});
    checkRefused(captureWithModel(folder, folder.path("")), 3, {folder.path(""), "folder"});
    CHECK_FALSE(folder.has("no.kvh5"));
    CHECK_FALSE(folder.has("no.kvh5.part"));
}

TEST_CASE("a prompt that is empty or too long for the context is refused", "[cli][engine]")
{
    const EngineFolder folder(64);
    const std::string out = folder.path("no.kvh5");
    checkRefused(folder.capture({"--text", "", "-o", out}), 2, {"prompt", "--text"});
    const std::string empty = folder.write("empty.txt", "");
    checkRefused(folder.capture({"--text-file", empty, "-o", out}), 3, {empty, "empty"});
    const std::string marks = folder.write("marks.txt", "@@ shto\nx\n");
    checkRefused(folder.capture({"--text-file", marks, "-o", out}), 3, {marks, "line 1", "did you mean 'shot'"});
    const std::string binary = folder.write("binary.txt", "a\xff\xfe");
    checkRefused(folder.capture({"--text-file", binary, "-o", out}), 3, {binary, "UTF-8"});
    checkRefused(folder.capture({"--text-file", folder.path("none.txt"), "-o", out}), 3, {"none.txt", "No such file"});
    checkRefused(folder.capture({"--text-file", folder.path(""), "-o", out}), 3, {folder.path(""), "folder"});
    checkRefused(folder.capture({"--text", std::string(65, 'x'), "-o", out}), 3, {"65 tokens", "context of 64"});
    CHECK_FALSE(folder.has("no.kvh5"));
    CHECK(folder.capture({"--text", std::string(64, 'x'), "-o", out}).status == 0);
}

TEST_CASE("token ids that are no list of ids of the vocabulary are refused with file and place", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string out = folder.path("no.kvh5");
    const auto refused = [&](const std::string& json, const std::vector<std::string>& parts) {
        const std::string file = folder.write("ids.json", json);
        INFO(json.substr(0, 80));
        checkRefused(folder.capture({"--token-ids", file, "-o", out}), 3, parts);
    };
    const std::string file = folder.path("ids.json");
    for (const char* json : {"", "no json", "[1, 2", "{\"ids\": [1]}", "[]", "7", "null"})
        refused(json, {file, "JSON list of token ids"});
    refused("[1, -2]", {file, "entry 2", "-2"});
    refused("[1.5]", {file, "entry 1", "1.5"});
    refused("[1, 2, \"3\"]", {file, "entry 3"});
    refused("[18446744073709551615]", {file, "entry 1"});
    refused("[1, 2, 272]", {"272", "vocabulary of 272"});
    // So deep that naming the entry must not walk it.
    refused(std::string(300000, '[') + std::string(300000, ']'), {file, "entry 1"});
    const Outcome missing = folder.capture({"--token-ids", folder.path("none.json"), "-o", out});
    checkRefused(missing, 3, {"none.json", "No such file"});
    CHECK_FALSE(folder.has("no.kvh5"));
}

TEST_CASE("tokens that the model has no row for are refused, in prompt and reference answer", "[cli][engine]")
{
    const EngineFolder folder;
    // After the name: the number of dimensions (4 bytes), the columns (8 bytes), then the rows.
    const std::string few = folder.write(
        "few.gguf", withNumberAfter(test::bytesOfFile(folder.model()), "token_embd.weight", 12, 200));
    const auto capture = [&](const std::string& text) {
        return test::runProgram("kvviz", {"capture", "--model", few, "--text-file", folder.write("text.txt", text),
                                          "--continuation", "gold", "-o", folder.path("few.kvh5")});
    };
    checkRefused(capture("@@ question\nin\n@@ answer\nabc\n"), 3, {"prompt text", "257", "vocabulary of 200"});
    checkRefused(capture("@@ question\nabc\n@@ answer\nin\n"), 3, {"prompt text", "257", "vocabulary of 200"});
    CHECK_FALSE(folder.has("few.kvh5"));
    CHECK(capture("@@ question\nabc\n@@ answer\nxyz\n").status == 0);
    CHECK(folder.verify("few.kvh5").status == 0);
}

TEST_CASE("a task that is not there, has no data or no such prompt is refused", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string out = folder.path("no");
    checkRefused(folder.capture({"--task", "adition", "-o", out}), 2, {"'adition'", "did you mean 'addition'"});
    checkRefused(folder.capture({"--task", "gsm8k", "-o", out}), 3, {"gsm8k", "--data-dir"});
    checkRefused(folder.capture({"--task", "gsm8k", "--data-dir", folder.path("none"), "-o", out}), 3, {"none"});
    checkRefused(folder.capture({"--task", "addition", "--begin", "5000", "-o", out}), 2, {"0 to 999", "5000"});
    checkRefused(folder.capture({"--task", "addition", "--task", "addition", "-o", out}), 2,
                 {"addition-0000", "twice"});
    checkRefused(folder.capture({"--task", "addition", "--text", "abc", "-o", out}), 2, {"--task", "exclude"});
    checkRefused(folder.capture({"-o", out}), 2, {"--text", "--task"});
    CHECK_FALSE(folder.has("no"));
}

TEST_CASE("an output that exists or cannot be written is refused and kept", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string mine = folder.write("mine.kvh5", "precious");
    checkRefused(folder.capture({"--text", "abc", "-o", mine}), 1, {mine, "--force"});
    checkRefused(folder.capture({"--text", "abc", "-o", mine, "--resume"}), 3, {mine, "no whole capture"});
    CHECK(test::bytesOfFile(mine) == "precious");
    checkRefused(folder.capture({"--text", "abc", "-o", mine, "--resume", "--force"}), 2, {"--resume", "--force"});
    // Below a regular file nothing can be made, not even by root.
    checkRefused(folder.capture({"--text", "abc", "-o", mine + "/a.kvh5"}), 1, {mine + "/a.kvh5"});
    checkRefused(folder.capture({"--text", "abc", "-o", mine + "/folder"}), 1, {mine + "/folder", "Not a directory"});
    checkRefused(folder.capture({"--text", "abc", "-o", folder.path("none/a.kvh5")}), 1, {"none", "does not exist"});
    checkRefused(folder.capture({"--text", "abc", "-o", "/proc/a.kvh5"}), 1, {"/proc/a.kvh5"});
    const std::string file = folder.write("plain", "a file");
    checkRefused(folder.capture({"--text", "abc", "-o", file}), 1, {file});
    CHECK(test::bytesOfFile(file) == "a file");
    checkRefused(folder.capture({"--text", "abc"}), 2, {"-o FILE.kvh5"});
    checkRefused(folder.capture({"--text", "abc", "-o", folder.path("a.h5")}), 2, {"a.h5", ".kvh5"});
    checkRefused(folder.capture({"--task", "addition", "--limit", "2", "-o", folder.path("a.kvh5")}), 2,
                 {"2 prompts", "folder"});
    CHECK_FALSE(folder.has("a.kvh5"));
    CHECK(folder.capture({"--text", "abc", "-o", mine, "--force"}).status == 0);
    CHECK(folder.verify("mine.kvh5").status == 0);
}

TEST_CASE("a full disk is one sentence with the file, and leaves neither the file nor its part", "[cli][engine]")
{
    const EngineFolder folder;
    // The limit on file sizes stands in for the disk: writes fail in the same place, with EFBIG in place of ENOSPC.
    const auto onFullDisk = [&](const std::string& arguments) {
        return test::runShell("trap '' XFSZ; ulimit -f 64; exec " + folder.captureLine(arguments));
    };
    for (const char* tier : {"cache", "map", "full"}) {
        const Outcome outcome =
            onFullDisk(fmt::format("--task opposites -q --tier {} -o {}", tier, folder.path("one.kvh5")));
        INFO(tier);
        checkRefused(outcome, 1, {folder.path("one.kvh5"), "too large"});
        CHECK_FALSE(folder.has("one.kvh5"));
        CHECK_FALSE(folder.has("one.kvh5.part"));
    }
    // It ends a batch at once: the other prompts would fail the same way.
    const Outcome batch = onFullDisk("--task opposites --limit 3 -q --tier full -o " + folder.path("many"));
    checkRefused(batch, 1, {"opposites-0000.kvh5", "too large"});
    CHECK(folder.files("many") == std::set<std::string>{"capture.json"});
}

TEST_CASE("wrong options are named, with the nearest or the allowed values", "[cli][engine]")
{
    const EngineFolder folder;
    const auto refused = [&](const std::vector<std::string>& more, int status, const std::vector<std::string>& parts) {
        std::vector<std::string> arguments{"--text", "abcdef", "-o", folder.path("no.kvh5")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        INFO(fmt::format("{}", fmt::join(more, " ")));
        checkRefused(folder.capture(arguments), status, parts);
        CHECK_FALSE(folder.has("no.kvh5"));
    };
    refused({"--layer", "1"}, 2, {"--layer", "did you mean '--layers'"});
    refused({"--tier", "caches"}, 2, {"--tier", "cache"});
    refused({"--layers", "0-2"}, 2, {"--layers", "2", "the last one is 1"});
    refused({"--layers", "1-0"}, 2, {"--layers", "1-0"});
    refused({"--layers", "a"}, 2, {"--layers", "'a'"});
    refused({"--heads", "4"}, 2, {"--heads", "the last one is 3"});
    for (const char* queries : {"a", "last:", "last:0", "-1", "3-1", "1,,2", "9223372036854775807", "last:2x"})
        refused({"--tier", "full", "--queries", queries}, 2, {"--queries", "last:N"});
    refused({"--tier", "full", "--queries", "50-60"}, 2, {"--queries", "6 tokens"});
    refused({"--queries", "last:2"}, 2, {"--queries", "--tier cache"});
    refused({"--top-k", "273"}, 2, {"--top-k 273", "272"});
    refused({"--window", "0"}, 2, {"--window"});
    refused({"--generate", "-1"}, 2, {"--generate"});
    refused({"--dtype", "float16"}, 2, {"--dtype", "bfloat16", "GPU"});
    refused({"--dtype", "float8"}, 2, {"--dtype", "bfloat16"});
    refused({"--device", "cuda:120"}, 4, {"--device cuda:120", "--device cpu"}); // whatever machine this is
    for (const char* device : {"gpu", "cuda:", "cuda:0,cuda:0", "cpu,cuda"})
        refused({"--device", device}, 2, {"--device", device});
    refused({"--chat", "vicuna"}, 2, {"'vicuna'", "auto, none, chatml"});
    refused({"--chat", "auto"}, 2, {"--chat auto", "no chat template", "--chat none"});
    refused({"--continuation", "gold"}, 2, {"no reference continuation", "greedy"});
    for (const char* shard : {"2/2", "1", "a/2", "0/0", "-1/2", "0/2/3"})
        refused({"--shard", shard}, 2, {"--shard", "0 <= i < n"});
    refused({"--shard", ""}, 2, {"--shard", "empty", "variable"});
    refused({"--model", ""}, 2, {"--model", "empty"});
    refused({"--max-bytes", "many"}, 2, {"--max-bytes: 'many'", "2GB"});
    refused({"--max-bytes", "-1"}, 2, {"--max-bytes: '-1'", "a number from 0 on"});
    refused({"--max-bytes", "1kB"}, 2, {"--max-bytes 1kB", "tier cache", "smaller tier"});
}

TEST_CASE("where there is no CUDA driver, no other library is blamed", "[cli][engine]")
{
    if (void* const driver = dlopen("libcuda.so.1", RTLD_LAZY); driver != nullptr) {
        dlclose(driver);
        WARN("skipped: this machine has a CUDA driver");
        return;
    }
    const EngineFolder folder;
    const Outcome outcome = folder.capture({"--text", "abc", "-o", folder.path("no.kvh5"), "--device", "cuda:7"});
    checkRefused(outcome, 4, {"--device cuda:7: ", "--device cpu"});
    if (outcome.err.find("built without its GPU part") == std::string::npos)
        CHECK_THAT(outcome.err, Catch::Contains("driver") && !Catch::Contains("libcufile"));
}

TEST_CASE("values of kilobytes and control characters do not flood the terminal", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string escape = "\x1B[2J\n", many = std::string(5000, 'x') + escape;
    const auto refused = [&](std::vector<std::string> arguments, int status) {
        CAPTURE(arguments.front());
        arguments.insert(arguments.begin(), {"--text", "abc", "-o", folder.path("no.kvh5")});
        const Outcome outcome = folder.capture(arguments);
        checkRefused(outcome, status, {" bytes)..."});
        CHECK(outcome.err.size() < 1500);
        CHECK(outcome.err.find('\x1B') == std::string::npos);
    };
    for (const char* option : {"--shard", "--tier", "--layers", "--window", "--seed", "--depth", "--max-bytes",
                               "--device", "--chat", "--rows-dtype"})
        refused({option, many}, 2);
    refused({"--" + many, "x"}, 2);
    refused({many}, 2);
    refused({"--model", "/" + many}, 3);
}

TEST_CASE("text for a model folder without a tokenizer is refused with what to do, in every command", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string model = KVVIZ_TEST_DATA "/models/llama";
    const std::vector<std::vector<std::string>> commands{
        {"capture", "--text", "abc", "-o", folder.path("a.kvh5")},
        {"capture", "--task", "addition", "--limit", "2", "-o", folder.path("run")},
        {"eval", "-q", "--task", "addition", "--limit", "1", "--methods", "snapkv", "--ratios", "0.5", "-o",
         folder.path("e.kvres.h5")},
        {"bench", "-q", "--lengths", "16/4", "--methods", "snapkv"},
        {"share-search", "-q", "-o", folder.path("s.kvtab.h5")}};
    for (std::vector<std::string> arguments : commands) {
        CAPTURE(arguments);
        arguments.insert(arguments.end(), {"--model", model});
        checkRefused(test::runProgram("kvviz", arguments), 3, {model, "tokenizer.json", "tokenizer.model", "--token-ids"});
    }
    CHECK_FALSE(folder.has("run"));
    const Outcome ids = test::runProgram("kvviz", {"capture", "--model", model, "--token-ids", folder.write("ids.json", "[1, 2, 3]"),
                                                   "-o", folder.path("ids.kvh5")});
    INFO(ids.err);
    CHECK(ids.status == 0);
    CHECK_THAT(ids.err, Catch::Contains("no tokenizer"));
}
