// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Chat templates: recognised by their marks, put around a prompt with its segments.
#include "tests/support/catch.hpp"

#include "capture/chat_template.hpp"
#include "capture/gguf.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"
#include "tests/support/scratch_folder.hpp"

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

TEST_CASE("a model's own template is recognised by its marks", "[capture][unit]")
{
    CHECK(recognised("{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'}}") == "chatml");
    CHECK(
        recognised(
            "'<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n'")
        == "qwen");
    CHECK(recognised("'<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' + content | trim + '<|eot_id|>'")
          == "llama3");
    CHECK(recognised("<|start_header_id|> \"Cutting Knowledge Date: December 2023\\n\" <|eot_id|>") == "llama3.1");
    CHECK(recognised("bos_token + '[INST] ' + message['content'] + ' [/INST]'") == "mistral-v1");
    CHECK(recognised("\"[INST] \" + message[\"content\"] + \"[/INST]\"") == "mistral-v3");
    CHECK(recognised("\"[INST]\" + message[\"content\"] + \"[/INST]\"") == "mistral-tekken");
    CHECK(recognised("'[INST] <<SYS>>' ' [/INST]'") == "llama2");
    CHECK(recognised("'<｜User｜>' + content + '<｜Assistant｜>'") == "deepseek");
    CHECK(recognised("'<｜User｜>' + content {{'<｜Assistant｜><think>\\n'}}") == "deepseek-r1");
    CHECK(recognised("'<start_of_turn>' + role + '\\n' + content | trim + '<end_of_turn>\\n'") == "gemma");
    CHECK(recognised("'<|user|>\\n' '<|end|>\\n<|assistant|>\\n'") == "phi3");
    CHECK(recognised("").empty());
    CHECK(recognised("{{ messages }} ### Instruction:").empty());
    CHECK(recognised("[SYSTEM_PROMPT] [INST] [/INST]").empty());
    const auto own = recognisedChatTemplate("{{'<|im_start|>system\nBe brief.<|im_end|>\n'}}");
    REQUIRE(own);
    CHECK(own->name == "chatml");
    CHECK(own->begin == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n");
    const auto parts = recognisedChatTemplate("'<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n'");
    CHECK(parts->begin == "<|im_start|>user\n");
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
