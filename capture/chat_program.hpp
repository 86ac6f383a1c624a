// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A chat template as a program: followed as far as one user message leads.
#pragma once

#include <string>
#include <string_view>

namespace kvviz::capture {

/// Stand for the BOS and EOS token in what a template writes.
constexpr char kBosMark = '\x01';
constexpr char kEosMark = '\x02';

/// The prompt for one message of the user with a generation prompt, without tools, as Hugging Face's transformers
/// renders it; there is no clock (`strftime_now` is undefined). Throws JinjaUnreadable when it depends on anything that
/// is not known here.
[[nodiscard]] std::string chatPrompt(std::string_view jinja, const std::string& words);

} // namespace kvviz::capture
