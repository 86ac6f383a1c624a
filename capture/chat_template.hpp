// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Chat templates: what an instruction-tuned model expects around the words of a user, by name or as the model's own
// template, a program in Jinja, writes it.
#pragma once

#include "capture/tokenized_prompt.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

struct ChatTemplate {
    std::string name;
    std::string begin;     ///< system turn and opening of the user's turn
    std::string end;       ///< end of the user's turn and opening of the model's
    bool trims = false;    ///< Unicode's white space around the user's words is taken away
    bool wantsBos = false; ///< a BOS stands in front
};

/// The name of a model's own template that is none of those.
inline constexpr const char* kOwnChatTemplate = "own";

/// Those that --chat knows, in the order of the help.
[[nodiscard]] std::vector<std::string> chatTemplateNames();
/// Throws Error(usage) for an unknown name (lists those known).
[[nodiscard]] ChatTemplate namedChatTemplate(const std::string& name);
/// What a model's own template writes for one message, under the name that --chat has for it, else kOwnChatTemplate;
/// nothing when the template does what is not known here.
[[nodiscard]] std::optional<ChatTemplate> recognisedChatTemplate(std::string_view jinja);

/// Throws Error(usage) unless `choice` is "none", "auto" or a name, so that it can be refused before a model is loaded.
void checkChatChoice(const std::string& choice);
/// None for "none"; for "auto" that of the model. Throws Error(usage) when the model has none or an unknown one.
[[nodiscard]] std::optional<ChatTemplate> chosenChatTemplate(const std::string& choice, const Tokenizer& tokenizer);

/// The prompt as the user's turn, its segments moved along; what the template puts in front and behind belongs to none.
/// The reference continuation loses the white space it begins with: a new turn has no word before it.
[[nodiscard]] PromptSource inChat(PromptSource source, const ChatTemplate& chat, const Tokenizer& tokenizer);

} // namespace kvviz::capture
