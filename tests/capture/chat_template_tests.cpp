// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Chat templates: followed for one message, put around a prompt with its segments.
#include "tests/support/catch.hpp"

#include "capture/chat_template.hpp"
#include "capture/gguf.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <set>
#include <utility>

using namespace kvviz;
using namespace kvviz::capture;
using Catch::Matchers::Contains;

namespace {

std::string recognised(std::string_view jinja)
{
    const auto chat = recognisedChatTemplate(jinja);
    return chat ? chat->name : "";
}

std::string usageMessage(const std::string& choice, const Tokenizer& tokenizer)
{
    try {
        (void)chosenChatTemplate(choice, tokenizer);
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::usage);
        return error.what();
    }
    return "nothing was thrown";
}

PromptSource promptOf(const std::string& text)
{
    PromptSource source;
    source.text = text;
    return source;
}

Tokenizer fixture(const std::string& name)
{
    return loadTokenizer(std::string(KVVIZ_TEST_DATA) + "/tokenizers/" + name);
}

} // namespace

TEST_CASE("chat templates of models are followed as transformers renders them, or refused", "[capture][unit]")
{
    std::ifstream file(std::string(KVVIZ_TEST_DATA) + "/chat/expected.json");
    const nlohmann::json fixture = nlohmann::json::parse(file);
    const Tokenizer tokenizer = loadTokenizer(std::string(KVVIZ_TEST_DATA) + "/tokenizers/gpt2.json"); // adds no BOS
    std::set<std::string> seen;
    for (const auto& entry : fixture["templates"]) {
        INFO(entry["name"].get<std::string>());
        const auto known = entry["known"].get<std::string>();
        const auto chat = recognisedChatTemplate(entry["jinja"].get<std::string>());
        if (!known.empty())
            CHECK((chat ? chat->name : "refused") == known);
        if (!chat)
            continue;
        seen.insert(chat->name);
        ChatTemplate bare = *chat;
        bare.begin.insert(0, std::exchange(bare.wantsBos, false) ? "<BOS>" : "");
        REQUIRE(entry["prompts"].size() == fixture["texts"].size());
        for (std::size_t i = 0; i < entry["prompts"].size(); ++i)
            CHECK(inChat(promptOf(fixture["texts"][i].get<std::string>()), bare, tokenizer).text
                  == entry["prompts"][i].get<std::string>());
    }
    for (const std::string& name : chatTemplateNames())
        CHECK(seen.count(name) == 1); // each name is that of a model's template
}

TEST_CASE("a chat template that is broken or without end is refused", "[capture][unit]")
{
    const std::string words = "{{ messages[0].content }}";
    REQUIRE(recognised(words) == "own");
    std::string deep;
    std::string wide;
    for (int i = 0; i < 30; ++i) {
        deep += "{% if true %}";
        wide += "{% for i in [1, 2, 3, 4] %}";
    }
    std::string brackets(100000, '(');
    for (const std::string& jinja : {std::string(),
                                     std::string("{{ messages }}"),
                                     "{{" + words,
                                     words + "{% if true %}",
                                     words + "{% endif %}",
                                     words + "{{ '",
                                     words + "{# ",
                                     words + "{% if %}{% endif %}",
                                     words + "{% raw %}{% endraw %}",
                                     words + "{{ raise_exception('x') }}",
                                     words + "{% for a, b in messages %}{% endfor %}",
                                     words + "{{ eos_token }}",
                                     words + "{{ bos_token }}",
                                     words + "{{ none }}",
                                     deep + deep + words,
                                     wide + words,
                                     words + "{{ " + brackets + " }}",
                                     words + "{{ messages.x.y }}",
                                     words + "{{ 'a' | tojson }}",
                                     "{% set x = 'aa' %}{% set x = x + y %}{{ x }}" + words,
                                     words + "{% else %}",
                                     words + "{%",
                                     words + "{{ [[[ }}",
                                     words + "{% set n = namespace() %}{% set n.n = n %}"})
        CHECK(recognised(jinja).empty());
    // What is not known does no harm where it is not reached.
    CHECK(
        recognised("{% if tools %}{{ tools | tojson(indent=4) }}{% for a, b in tools.items() %}{{ a % b }}{% endfor %}"
                   "{% endif %}{{ messages[0].content }}")
        == "own");
}

TEST_CASE("SmolLM2's own template brings its system prompt", "[capture][model]")
{
    const Tokenizer tokenizer{GgufFile(KVVIZ_TEST_MODEL)};
    const auto chat = chosenChatTemplate("auto", tokenizer);
    REQUIRE(chat);
    const PromptSource wrapped = inChat(promptOf("Hi"), *chat, tokenizer);
    // As transformers' apply_chat_template(..., add_generation_prompt=True) writes it.
    CHECK(wrapped.text
          == "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
             "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("segments move with the words of the user", "[capture][unit]")
{
    const Tokenizer llama3 = fixture("llama3.json"); // adds a BOS itself
    PromptSource source;
    source.text = "  shot one\nshot two \n";
    source.segments = {{core::SegmentKind::shot, 0, {0, 11}, "shot 1"},
                       {core::SegmentKind::shot, 1, {11, 21}, "shot 2"}};
    source.target = " gold";
    const PromptSource wrapped = inChat(source, namedChatTemplate("llama3"), llama3);
    CHECK(wrapped.text
          == "<|start_header_id|>user<|end_header_id|>\n\nshot one\nshot two<|eot_id|>"
             "<|start_header_id|>assistant<|end_header_id|>\n\n");
    const auto textOf = [&](const core::Segment& segment) {
        return wrapped.text.substr(static_cast<std::size_t>(segment.span.begin),
                                   static_cast<std::size_t>(segment.span.size()));
    };
    CHECK(textOf(wrapped.segments[0]) == "shot one\n");
    CHECK(textOf(wrapped.segments[1]) == "shot two");
    CHECK(wrapped.target == "gold");
    // The turns are single tokens, and no token of a shot belongs to them.
    const TokenizedPrompt prompt = [&] {
        core::ModelInfo model;
        model.vocabSize = llama3.vocabSize();
        model.contextLength = 1000;
        return tokenizePrompt(wrapped, llama3, model, Continuation::none, 0);
    }();
    REQUIRE(prompt.segments.size() == 3); // with the BOS
    CHECK(llama3.bytesOf(prompt.ids[1]) == "<|start_header_id|>");
    CHECK(llama3.bytesOf(prompt.ids[static_cast<std::size_t>(prompt.segments[2].span.end)]) == "<|eot_id|>");

    const PromptSource blank = inChat(promptOf(" \n"), namedChatTemplate("gemma"), llama3);
    CHECK(blank.text == "<start_of_turn>user\n<end_of_turn>\n<start_of_turn>model\n");
}

TEST_CASE("a BOS is written out where the tokenizer adds none", "[capture][unit]")
{
    const test::ScratchFolder folder;
    std::filesystem::copy_file(std::string(KVVIZ_TEST_DATA) + "/tokenizers/deepseek.json", folder / "tokenizer.json");
    folder.write("tokenizer_config.json", R"({"bos_token": "<｜begin▁of▁sentence｜>"})");
    const Tokenizer tokenizer = loadTokenizer(folder.path());
    CHECK(inChat(promptOf("Hi"), namedChatTemplate("deepseek-r1"), tokenizer).text
          == "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n");
    CHECK(inChat(promptOf("Hi"), namedChatTemplate("mistral-v3"), fixture("llama2.json")).text == "[INST] Hi[/INST]");
    // A template that spells the BOS out does not double that of the tokenizer.
    const ChatTemplate spelled{.name = "own", .begin = "<s>[INST] ", .end = "[/INST]"};
    CHECK(inChat(promptOf("Hi"), spelled, fixture("llama2.json")).text == "[INST] Hi[/INST]");
}

TEST_CASE("a choice that cannot be followed says what can", "[capture][unit]")
{
    const Tokenizer tokenizer = fixture("gpt2.json");
    CHECK_FALSE(chosenChatTemplate("none", tokenizer));
    CHECK_THAT(usageMessage("auto", tokenizer),
               Contains("has no chat template") && Contains("deepseek-r1") && Contains("--chat none"));
    CHECK_THAT(usageMessage("vicuna", tokenizer), Contains("'vicuna'") && Contains("gemma"));
    for (const std::string& name : chatTemplateNames())
        CHECK(chosenChatTemplate(name, tokenizer)->name == name);
    const test::ScratchFolder folder;
    std::filesystem::copy_file(std::string(KVVIZ_TEST_DATA) + "/tokenizers/gpt2.json", folder / "tokenizer.json");
    folder.write("chat_template.jinja", "### Human: {{ messages }}");
    CHECK_THAT(usageMessage("auto", loadTokenizer(folder.path())), Contains("not known"));
}
