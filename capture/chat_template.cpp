// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The turns of each family, as its published template writes one user turn with a generation prompt.
#include "capture/chat_template.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

std::string chatmlSystem(std::string_view words) { return fmt::format("<|im_start|>system\n{}<|im_end|>\n", words); }

const std::vector<ChatTemplate>& templates()
{
    static const std::string chatmlUser = "<|im_start|>user\n";
    static const std::string chatmlEnd = "<|im_end|>\n<|im_start|>assistant\n";
    static const std::string llamaUser = "<|start_header_id|>user<|end_header_id|>\n\n";
    static const std::string llamaEnd = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
    static const std::vector<ChatTemplate> all{
        {.name = "chatml", .begin = chatmlUser, .end = chatmlEnd},
        {.name = "qwen",
         .begin = chatmlSystem("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.") + chatmlUser,
         .end = chatmlEnd},
        {.name = "llama2", .begin = "[INST] ", .end = " [/INST]", .trims = true, .wantsBos = true},
        {.name = "llama3", .begin = llamaUser, .end = llamaEnd, .trims = true, .wantsBos = true},
        {.name = "llama3.1",
         .begin = "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
                  "Today Date: 26 Jul 2024\n\n<|eot_id|>"
                  + llamaUser,
         .end = llamaEnd,
         .trims = true,
         .wantsBos = true},
        {.name = "mistral-v1", .begin = "[INST] ", .end = " [/INST]", .wantsBos = true},
        {.name = "mistral-v3", .begin = "[INST] ", .end = "[/INST]", .wantsBos = true},
        {.name = "mistral-tekken", .begin = "[INST]", .end = "[/INST]", .wantsBos = true},
        {.name = "deepseek", .begin = "<｜User｜>", .end = "<｜Assistant｜>", .wantsBos = true},
        {.name = "deepseek-r1", .begin = "<｜User｜>", .end = "<｜Assistant｜><think>\n", .wantsBos = true},
        {.name = "gemma",
         .begin = "<start_of_turn>user\n",
         .end = "<end_of_turn>\n<start_of_turn>model\n",
         .trims = true,
         .wantsBos = true},
        {.name = "phi3", .begin = "<|user|>\n", .end = "<|end|>\n<|assistant|>\n"},
    };
    return all;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string joinedNames()
{
    std::string names;
    for (const ChatTemplate& chat : templates())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", chat.name);
    return names;
}

/// A template may write line feeds as they are or, within its texts, as \n.
std::string withLineFeeds(std::string_view jinja)
{
    std::string text;
    for (std::size_t i = 0; i < jinja.size(); ++i) {
        const bool escaped = jinja.substr(i, 2) == "\\n";
        text += escaped ? '\n' : jinja[i];
        i += escaped ? 1 : 0;
    }
    return text;
}

/// ChatML with the system prompt that the template writes out where a conversation brings none.
ChatTemplate chatml(std::string_view jinja)
{
    ChatTemplate chat = namedChatTemplate("chatml");
    const std::string text = withLineFeeds(jinja);
    constexpr std::string_view kBegin = "<|im_start|>system\n";
    for (std::size_t at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at + 1)) {
        const std::size_t begin = at + kBegin.size();
        const std::size_t end = text.find("<|im_end|>", begin);
        if (end == std::string::npos)
            break;
        const std::string words = text.substr(begin, end - begin);
        if (words.empty() || words.find_first_of("'\"{}") != std::string::npos)
            continue; // put together from parts
        chat.begin = chatmlSystem(words) + chat.begin;
        chat.name = chat.begin == namedChatTemplate("qwen").begin ? "qwen" : chat.name;
        break;
    }
    return chat;
}

ChatTemplate mistral(std::string_view jinja)
{
    if (holds(jinja, "<<SYS>>"))
        return namedChatTemplate("llama2");
    if (holds(jinja, " [/INST]"))
        return namedChatTemplate("mistral-v1");
    return namedChatTemplate(holds(jinja, "[INST] ") ? "mistral-v3" : "mistral-tekken");
}

} // namespace

std::vector<std::string> chatTemplateNames()
{
    std::vector<std::string> names;
    for (const ChatTemplate& chat : templates())
        names.push_back(chat.name);
    return names;
}

ChatTemplate namedChatTemplate(const std::string& name)
{
    const auto found = std::find_if(templates().begin(), templates().end(),
                                    [&](const ChatTemplate& chat) { return chat.name == name; });
    if (found == templates().end())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("the chat template '{}' is not known, only auto, none, {}",
                                      core::displayBytes(name), joinedNames()));
    return *found;
}

std::optional<ChatTemplate> recognisedChatTemplate(std::string_view jinja)
{
    const std::string text = withLineFeeds(jinja);
    if (holds(text, "<|start_header_id|>") && holds(text, "<|eot_id|>"))
        return namedChatTemplate(holds(text, "Cutting Knowledge Date") ? "llama3.1" : "llama3");
    if (holds(text, "<｜User｜>") && holds(text, "<｜Assistant｜>"))
        return namedChatTemplate(holds(text, "<｜Assistant｜><think>\n") ? "deepseek-r1" : "deepseek");
    if (holds(text, "<start_of_turn>") && holds(text, "<end_of_turn>"))
        return namedChatTemplate("gemma");
    if (holds(text, "<|im_start|>") && holds(text, "<|im_end|>"))
        return chatml(jinja);
    if (holds(text, "[INST]") && holds(text, "[/INST]") && !holds(text, "[SYSTEM_PROMPT]"))
        return mistral(text);
    if (holds(text, "<|user|>") && holds(text, "<|assistant|>") && holds(text, "<|end|>"))
        return namedChatTemplate("phi3");
    return std::nullopt;
}

void checkChatChoice(const std::string& choice)
{
    if (choice != "none" && choice != "auto")
        (void)namedChatTemplate(choice);
}

std::optional<ChatTemplate> chosenChatTemplate(const std::string& choice, const Tokenizer& tokenizer)
{
    if (choice == "none")
        return std::nullopt;
    if (choice != "auto")
        return namedChatTemplate(choice);
    std::optional<ChatTemplate> found = recognisedChatTemplate(tokenizer.chatTemplate());
    if (!found)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("--chat auto: the model {}; choose one of {}, or --chat none",
                                      tokenizer.chatTemplate().empty() ? "has no chat template"
                                                                       : "has a chat template that is not known",
                                      joinedNames()));
    return found;
}

PromptSource inChat(PromptSource source, const ChatTemplate& chat, const Tokenizer& tokenizer)
{
    std::string begin = chat.begin;
    if (chat.wantsBos && tokenizer.bos() && !tokenizer.addsBos())
        begin.insert(0, tokenizer.bytesOf(*tokenizer.bos()));
    const std::string_view words = chat.trims ? core::trimmed(source.text, kBlanks) : std::string_view(source.text);
    const auto cut = static_cast<std::int64_t>(words.data() - source.text.data());
    const auto length = static_cast<std::int64_t>(words.size());
    const auto front = static_cast<std::int64_t>(begin.size());
    for (core::Segment& segment : source.segments)
        for (std::int64_t* const place : {&segment.span.begin, &segment.span.end})
            *place = std::clamp<std::int64_t>(*place - cut, 0, length) + front;
    source.text = begin + std::string(words) + chat.end;
    source.target.erase(0, std::min(source.target.find_first_not_of(kBlanks), source.target.size()));
    return source;
}

} // namespace kvviz::capture
