// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz models check` as a program: what it says of folders and files, and of those that do not run.
#include "tests/cli/engine_runs.hpp"

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;

namespace fs = std::filesystem;

namespace {

Outcome check(const std::string& path, const std::vector<std::string>& more = {})
{
    std::vector<std::string> all{"models", "check", path};
    all.insert(all.end(), more.begin(), more.end());
    return test::runProgram("kvviz", all);
}

std::string folderOf(const std::string& name) { return KVVIZ_TEST_DATA "/models/" + name; }

} // namespace

TEST_CASE("models check tells sizes, memory, tokenizer and captures of a model", "[cli][engine]")
{
    const EngineFolder folder;
    const Outcome outcome = check(folder.model(), {"--json", "--length", "64", "--generate", "0"});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    const json report = json::parse(outcome.out);
    CHECK(report["n_layers"] == 2);
    CHECK(report["n_kv_heads"] == 2);
    CHECK(report["tokenizer"]["supported"] == true);
    CHECK(report["gpu_bytes"]["half"] < report["gpu_bytes"]["float32"]);
    // What a capture of that length takes is no more than it said, but for what is the same in every file.
    REQUIRE(folder.capture({"--text-file", folder.write("text", std::string(63, 'a')), "--tier", "full", "--continuation",
                            "none", "-o", folder.path("x.kvh5")}).status == 0);
    CHECK(fs::file_size(folder.path("x.kvh5")) < report["capture_bytes"]["full"].get<std::uint64_t>() + 100000);
}

TEST_CASE("models check names what a folder lacks, and still tells the rest", "[cli][engine]")
{
    const Outcome plain = check(folderOf("made-gemma3-vision"));
    CHECK(plain.status == 0);
    CHECK_THAT(plain.out, Contains("supported") && Contains("token ids only") && Contains("on a GPU"));
    CHECK(json::parse(check(folderOf("qwen2"), {"--json"}).out)["tokenizer"].is_null());
    CHECK(json::parse(check(folderOf("qwen2/./config.json"), {"--json"}).out)["name"] == "qwen2");
    CHECK(json::parse(check(folderOf("qwen2/model.safetensors.index.json"), {"--json"}).out)["name"] == "qwen2");
    CHECK(check(folderOf("qwen2"), {"--length", "9223372036854775807"}).status == 2);
    const Outcome hub = check("some-org/some-model-7B");
    CHECK(hub.status == 3);
    CHECK_THAT(hub.err, Contains("not fetched by name"));

    // The cache of Hugging Face's programs: folders of links, named by commits.
    const test::ScratchFolder cache;
    const fs::path snapshot = cache / "models--org--tiny-7B" / "snapshots" / "0123abcd";
    fs::create_directories(snapshot);
    for (const auto& entry : fs::directory_iterator(folderOf("made-linear")))
        fs::create_symlink(fs::canonical(entry.path()), snapshot / entry.path().filename());
    CHECK(json::parse(check(snapshot.string(), {"--json"}).out)["name"] == "tiny-7B");
    const Outcome above = check((cache / "models--org--tiny-7B").string());
    CHECK(above.status == 3);
    CHECK_THAT(above.err, Contains("there is one in '" + snapshot.string() + "'"));

    const test::ScratchFolder scratch;
    fs::copy(folderOf("made-linear"), scratch / "model");
    scratch.write("model/tokenizer.json", "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}");
    const Outcome odd = check((scratch / "model").string(), {"--json"});
    CHECK(odd.status == 3);
    const json report = json::parse(odd.out);
    CHECK(report["supported"] == true);
    CHECK(report["tokenizer"]["supported"] == false);
    CHECK_THAT(report["tokenizer"]["reason"].get<std::string>(), Contains("WordPiece"));
}

TEST_CASE("models check refuses what is no model with the reason", "[cli][engine]")
{
    const test::ScratchFolder scratch;
    fs::copy(folderOf("made-linear"), scratch / "model");
    scratch.write("model/config.json", "{\"model_type\": \"mamba\"}");
    const Outcome other = check((scratch / "model").string());
    CHECK(other.status == 3);
    CHECK_THAT(other.err, Contains("mamba") && Contains("supported: llama, mistral"));
    CHECK(check((scratch / "nowhere").string()).status == 3);
    CHECK(check(scratch.write("x.gguf", "GGUF").string()).status == 3);
    CHECK(test::runProgram("kvviz", {"models", "frob", folderOf("qwen2")}).status == 2);
}
