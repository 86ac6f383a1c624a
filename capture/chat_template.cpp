// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The turns of each family, as its published template writes one user turn with a generation prompt.
#include "capture/chat_template.hpp"

#include "capture/chat_program.hpp"
#include "capture/chat_value.hpp"
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

std::string joinedNames()
{
    std::string names;
    for (const ChatTemplate& chat : templates())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", chat.name);
    return names;
}

/// What the template writes around the words of the user.
std::optional<ChatTemplate> followed(std::string_view jinja)
{
    const std::string mark = "\x03";
    const std::string prompt = chatPrompt(jinja, mark);
    const std::size_t place = prompt.find(mark);
    if (place == std::string::npos)
        return std::nullopt;
    ChatTemplate chat{.name = kOwnChatTemplate, .begin = prompt.substr(0, place), .end = prompt.substr(place + 1)};
    chat.wantsBos = chat.begin.starts_with(kBosMark);
    const auto around = [&](const std::string& words) { return chat.begin + words + chat.end; };
    const std::string padded = "\u00a0\n" + mark + "\n\u3000";
    const std::string paddedPrompt = chatPrompt(jinja, padded);
    chat.trims = paddedPrompt == around(mark);
    // Other words must be put in as they are, too.
    const std::string other = "Why? {0} <a>\n'\"\\";
    if ((!chat.trims && paddedPrompt != around(padded)) || chatPrompt(jinja, other) != around(other))
        return std::nullopt;
    chat.begin.erase(0, chat.wantsBos ? 1 : 0);
    if (around("").find_first_of(mark + kBosMark + kEosMark) != std::string::npos)
        return std::nullopt; // words written twice, or tokens within the turns, whose text is not known here
    return chat;
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
    if (jinja.empty())
        return std::nullopt;
    try {
        std::optional<ChatTemplate> chat = followed(jinja);
        for (const ChatTemplate& one : templates())
            if (chat && one.begin == chat->begin && one.end == chat->end && one.trims == chat->trims
                && one.wantsBos == chat->wantsBos)
                chat->name = one.name;
        return chat;
    } catch (const JinjaUnreadable&) {
        return std::nullopt;
    }
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
    if (tokenizer.bos()) {
        const std::string bos(tokenizer.bytesOf(*tokenizer.bos()));
        if (chat.wantsBos && !tokenizer.addsBos())
            begin.insert(0, bos);
        else if (tokenizer.addsBos() && !bos.empty() && begin.starts_with(bos))
            begin.erase(0, bos.size()); // a template that spells it out
    }
    const std::string_view words = chat.trims ? strippedLikePython(source.text) : std::string_view(source.text);
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
