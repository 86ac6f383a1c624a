// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Decides the tokens of a continuation: the most likely one each time, or a reference text.
#pragma once

#include "capture/tokenized_prompt.hpp"

#include <optional>
#include <span>

namespace kvviz::capture {

class Continuer {
public:
    /// Keeps references to all three; `stops` end a greedy continuation before the token that completes one of them.
    Continuer(const Tokenizer& tokenizer, const TokenizedPrompt& prompt, const std::vector<std::string>& stops,
              Continuation kind)
        : m_tokenizer(tokenizer), m_prompt(prompt), m_stops(stops), m_kind(kind)
    {
    }

    /// The token that follows, given the logits [vocab] before it; nothing at the end (end of text is not a token of
    /// the continuation).
    [[nodiscard]] std::optional<std::int32_t> next(std::span<const float> logits);
    /// Decoded bytes of the tokens returned so far.
    [[nodiscard]] const std::string& text() const { return m_text; }

private:
    const Tokenizer& m_tokenizer;
    const TokenizedPrompt& m_prompt;
    const std::vector<std::string>& m_stops;
    Continuation m_kind;
    std::int64_t m_count = 0;
    std::string m_text;
};

} // namespace kvviz::capture
