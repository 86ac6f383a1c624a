// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The expressions of a tokenizer.json are Oniguruma's; this says the same to PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace kvviz::capture {

/// The PCRE2 expression of the same meaning. Throws Error(badInput), with the rest of a sentence about the expression as its
/// message, for what has none or what Oniguruma itself refuses (docs/tokenizers.md has the list).
[[nodiscard]] std::string fromOniguruma(std::string_view expression);
/// A letter, mark, decimal digit, connector or joiner, as a class: \w where the tokenizers library does not use Oniguruma.
[[nodiscard]] std::string wordPattern();
/// An expression that matches exactly this text.
[[nodiscard]] std::string quotedPattern(std::string_view text);

} // namespace kvviz::capture
