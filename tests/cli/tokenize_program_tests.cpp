// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz tokenize` as a program: JSON lines in and out, line numbers in its complaints, readers that leave.
#include "tests/cli/engine_runs.hpp"

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;
using test::checkRefused;

namespace {

Outcome tokenizeInput(const EngineFolder& folder, const std::string& input, const std::string& more = "")
{
    return test::runShell(fmt::format("'{}/kvviz' tokenize {} {} <{}", KVVIZ_BIN_DIR, folder.model(), more,
                                      folder.write("input.jsonl", input)));
}

std::vector<json> linesOf(const Outcome& outcome)
{
    std::vector<json> lines;
    std::istringstream text(outcome.out);
    for (std::string line; std::getline(text, line);)
        lines.push_back(json::parse(line));
    return lines;
}

} // namespace

TEST_CASE("each line of JSON with a text gives a line with ids, decoded text and byte ranges", "[cli][engine]")
{
    const EngineFolder folder;
    const Outcome outcome = tokenizeInput(folder, "{\"text\": \"in the\"}\n\n  \r\n{\"text\": \"\"}\r\n"
                                                  "{\"id\": 7, \"text\": \"a<|im_end|>\\u00e9\"}");
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    const std::vector<json> lines = linesOf(outcome);
    REQUIRE(lines.size() == 3);
    // By hand: of the tiny merges "t h" comes first, then "th e"; none joins a blank with "the".
    const std::vector<std::string> vocabulary = test::tinyVocabulary();
    const auto idOf = [&](const std::string& token) {
        return std::find(vocabulary.begin(), vocabulary.end(), token) - vocabulary.begin();
    };
    CHECK(lines[0].at("ids") == json({idOf("in"), ' ', idOf("the")}));
    CHECK(lines[0].at("offsets") == json({{0, 2}, {2, 3}, {3, 6}}));
    CHECK(lines[1].at("ids") == json::array());
    CHECK(lines[2].at("ids") == json({'a', idOf("<|im_end|>"), 0xc3, 0xa9}));
    for (const json& line : lines)
        CHECK(line.at("decoded") == line.at("text"));
}

TEST_CASE("a bad line ends the work with its number, after the lines before it", "[cli][engine]")
{
    const EngineFolder folder;
    const auto bad = [&](const std::string& line, const std::string& cause) {
        const Outcome outcome = tokenizeInput(folder, "{\"text\": \"a\"}\n\n" + line + "\n{\"text\": \"b\"}\n");
        INFO(line.substr(0, 60) << ": " << outcome.err);
        CHECK(outcome.status == 3);
        CHECK(linesOf(outcome).size() == 1);
        CHECK_THAT(outcome.err, Contains("line 3") && Contains(cause) && Contains("{\"text\": \"Hello\"}"));
    };
    bad("no json", "not valid JSON");
    bad("{\"text\": \"a\"", "not valid JSON");
    bad("{\"text\": \"\\ud800\"}", "not valid JSON");
    bad("{\"text\": \"\xff\"}", "not valid JSON");
    bad("{\"txet\": \"a\"}", "no string \"text\"");
    bad("{\"text\": 7}", "no string \"text\"");
    bad("\"text\"", "no string \"text\"");
    bad(std::string(200000, '[') + std::string(200000, ']'), "no string \"text\"");
}

TEST_CASE("texts on the command line may hold any bytes, and with --json give one object", "[cli][engine]")
{
    const EngineFolder folder;
    const Outcome plain = test::runProgram("kvviz", {"tokenize", folder.model(), "--text", "a\xff" "b", "--text", "c"});
    INFO(plain.err);
    REQUIRE(plain.status == 0);
    const std::vector<json> lines = linesOf(plain);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("ids") == json({'a', 0xff, 'b'}));
    CHECK(lines[0].at("text") == "a\xef\xbf\xbd" "b"); // U+FFFD: JSON cannot hold the byte itself
    CHECK(lines[0].at("offsets") == json({{0, 1}, {1, 2}, {2, 3}}));
    const json object =
        test::jsonObject(test::runProgram("kvviz", {"tokenize", folder.model(), "--json", "--text", "hi"}));
    CHECK(object.at("vocabulary") == 272);
    CHECK(object.at("texts").at(0).at("ids") == json({'h', 'i'}));
}

TEST_CASE("tokenize says what is wrong with its model, its input and its output", "[cli][engine]")
{
    const EngineFolder folder;
    checkRefused(test::runProgram("kvviz", {"tokenize"}), 2, {"MODEL"});
    checkRefused(test::runProgram("kvviz", {"tokenize", folder.path("none.gguf")}), 3, {"none.gguf", "No such file"});
    checkRefused(test::runProgram("kvviz", {"tokenize", folder.model(), "--txt", "a"}), 2, {"did you mean '--text'"});
    const std::string line = fmt::format("'{}/kvviz' tokenize {} ", KVVIZ_BIN_DIR, folder.model());
    checkRefused(test::runShell(line + "</"), 3, {"standard input", "could not be read"});
    checkRefused(test::runShell(line + "--text a >/dev/full"), 1, {"standard output", "No space left"});
    // A reader that leaves early ends the work, without a complaint; the endless input makes a hang visible.
    const Outcome left =
        test::runShell(fmt::format("yes '{{\"text\": \"hi\"}}' 2>/dev/null | (timeout 20 {}; echo $? >{}) | head -n 1",
                                   line, folder.path("status")));
    CHECK(linesOf(left).size() == 1);
    CHECK(left.err.empty());
    CHECK(test::bytesOfFile(folder.path("status")) == "0\n");
}

TEST_CASE("folders and files of a tokenizer are read as a GGUF file is", "[cli][engine]")
{
    const EngineFolder folder;
    const std::string fixture = std::string(KVVIZ_TEST_DATA) + "/tokenizers/llama2.json";
    const auto idsOf = [&](const std::string& model) {
        const Outcome outcome = test::runProgram("kvviz", {"tokenize", model, "--text", "Paris, France"});
        INFO(outcome.err);
        REQUIRE(outcome.status == 0);
        const json line = linesOf(outcome).at(0);
        CHECK(line.at("decoded") == "Paris, France");
        return line.at("ids");
    };
    const json ids = idsOf(fixture);
    (void)folder.write("model/tokenizer.json", test::bytesOfFile(fixture));
    CHECK(idsOf(folder.path("model")) == ids);
    CHECK(idsOf(std::string(KVVIZ_TEST_DATA) + "/tokenizers/sentencepiece.model") == ids);
    CHECK(idsOf(std::string(KVVIZ_TEST_DATA) + "/tokenizers/sentencepiece.gguf") == ids);
    std::filesystem::create_directory(folder.path("empty"));
    checkRefused(test::runProgram("kvviz", {"tokenize", folder.path("empty")}), 3, {"empty", "tokenizer.json"});
}
