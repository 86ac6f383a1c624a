// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The search for added tokens, and the rules of the tokenizers library for what stands beside them.
#include "capture/special_tokens.hpp"

#include "capture/foreign_pattern.hpp"
#include "capture/pattern.hpp"
#include "capture/utf8.hpp"

#include <algorithm>

namespace kvviz::capture {
namespace {

bool isWordCharacter(std::string_view character)
{
    static const Pattern word(wordPattern());
    return !word.matches(character).empty();
}

bool isSpace(std::string_view character) { return !character.empty() && isWhiteSpace(codePointOf(character)); }

/// Length of the character at the start if it is well-formed, else an empty view.
std::string_view firstCharacter(std::string_view text) { return text.substr(0, characterLength(text)); }

} // namespace

void SpecialTokens::add(std::string_view text, const AddedToken& token)
{
    if (text.empty())
        return;
    m_starts[static_cast<unsigned char>(text[0])] = true;
    m_texts.add(text, static_cast<std::int32_t>(m_tokens.size()));
    m_tokens.push_back({token.id, token.singleWord, token.leftStrip, token.rightStrip});
}

std::optional<SpecialTokens::Match> SpecialTokens::findPlain(std::string_view text, std::size_t from) const
{
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!m_starts[static_cast<unsigned char>(text[begin])])
            continue;
        std::optional<Match> longest;
        m_texts.forEachPrefix(text.substr(begin), [&](std::size_t length, std::int32_t token) {
            longest = Match{begin, length, token};
        });
        if (longest)
            return longest;
    }
    return std::nullopt;
}

// The library finds the texts first and lets the matches grow afterwards; each grows from its own text, so that white
// space can belong to two of them.
std::vector<SpecialTokens::Match> SpecialTokens::findAll(std::string_view text) const
{
    std::vector<Match> result;
    std::size_t done = 0, from = 0;
    std::size_t spaceEnd = 0; // of the white space looked at last, so that a long one is not walked for each match in it
    while (const std::optional<Match> match = m_tokens.empty() ? std::nullopt : findPlain(text, from)) {
        const Rule& rule = m_tokens[static_cast<std::size_t>(match->id)];
        std::size_t begin = match->begin, end = match->begin + match->length;
        from = end;
        if (rule.singleWord
            && (isWordCharacter(lastCharacter(text.substr(0, begin)))
                || isWordCharacter(firstCharacter(text.substr(end)))))
            continue;
        if (rule.leftStrip) {
            while (begin > done && isSpace(lastCharacter(text.substr(done, begin - done))))
                begin -= lastCharacter(text.substr(done, begin - done)).size();
            begin = std::max(begin, done);
        }
        if (rule.rightStrip) {
            if (end >= spaceEnd)
                for (spaceEnd = end; isSpace(firstCharacter(text.substr(spaceEnd)));)
                    spaceEnd += firstCharacter(text.substr(spaceEnd)).size();
            end = spaceEnd;
        }
        done = std::max(begin, end);
        if (begin < end)
            result.push_back({begin, end - begin, rule.id});
    }
    return result;
}

} // namespace kvviz::capture
