// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Each step gives back the piece itself where it changes nothing, so that plain text is never copied.
#include "capture/text_normalizer.hpp"

#include "capture/chars_map.hpp"
#include "capture/pattern.hpp"
#include "capture/unicode_text.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace kvviz::capture {

using Kind = NormalizerStep::Kind;

struct TextNormalizer::Step {
    NormalizerStep rule;
    std::optional<Pattern> pattern;
    std::optional<CharsMap> map;
};

namespace {

/// Steps that follow each other can let a text grow without end, each by a little: asked before it grows.
void checkSize(std::size_t size, std::size_t most)
{
    if (size > most)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the normalizer makes more than {} bytes of the text or of a part of it", most));
}

TextPiece prepended(const TextPiece& piece, std::string_view content, std::size_t most, TextArena& arena)
{
    if (piece.text.empty() || piece.continues)
        return piece;
    checkSize(piece.text.size() + content.size(), most);
    TextBuilder built;
    built.append(content, piece.at(0));
    built.keep(piece, 0, piece.text.size());
    return arena.add(std::move(built), false);
}

/// Matches in order. As an expression, an empty literal matches before each character and at the end.
std::vector<PatternMatch> literalMatches(std::string_view text, std::string_view literal)
{
    std::vector<PatternMatch> matches;
    for (std::size_t at = 0; literal.empty() && at < text.size(); at += stepLength(text.substr(at)))
        matches.push_back({at, 0});
    if (literal.empty() && !text.empty())
        matches.push_back({text.size(), 0});
    if (literal.empty())
        return matches;
    for (std::size_t at = text.find(literal); at != std::string_view::npos;
         at = text.find(literal, at + literal.size()))
        matches.push_back({at, literal.size()});
    return matches;
}

TextPiece replaced(const TextPiece& piece, const std::vector<PatternMatch>& matches, std::string_view content,
                   std::size_t most, TextArena& arena)
{
    if (matches.empty())
        return piece;
    TextBuilder built;
    std::size_t done = 0;
    for (const PatternMatch& match : matches) {
        built.keep(piece, done, match.begin - done);
        checkSize(built.text.size() + content.size(), most);
        built.append(content, piece.at(std::min(match.begin, piece.text.size() - 1)));
        done = match.begin + match.length;
    }
    built.keep(piece, done, piece.text.size() - done);
    return arena.add(std::move(built), piece.continues);
}

TextPiece stripped(const TextPiece& piece, bool left, bool right)
{
    std::size_t begin = 0, end = piece.text.size();
    const auto isSpaceAt = [&](std::string_view character) {
        return !character.empty() && isWhiteSpace(codePointOf(character));
    };
    while (left && begin < end) {
        const std::string_view first = piece.text.substr(begin, stepLength(piece.text.substr(begin)));
        if (!isSpaceAt(first))
            break;
        begin += first.size();
    }
    while (right && begin < end) {
        const std::string_view last = lastCharacter(piece.text.substr(begin, end - begin));
        if (!isSpaceAt(last))
            break;
        end -= last.size();
    }
    return piece.part(begin, end - begin);
}

/// As the tokenizers library does: whole user-perceived characters of fewer than six bytes, else character by
/// character.
TextPiece mapped(const TextPiece& piece, const CharsMap& map, std::size_t most, TextArena& arena)
{
    TextBuilder built;
    const auto use = [&](std::size_t begin, std::size_t length) {
        const auto found = map.find(piece.text.substr(begin, length));
        checkSize(built.text.size() + (found ? found->size() : 0), most);
        if (found)
            built.append(*found, piece.at(begin));
        return found.has_value();
    };
    for (std::size_t begin = 0; begin < piece.text.size();) {
        const std::size_t length = graphemeLength(piece.text.substr(begin));
        const std::size_t end = begin + length;
        if (length < 6 && use(begin, length)) {
            begin = end;
            continue;
        }
        while (begin < end) {
            const std::size_t step = stepLength(piece.text.substr(begin));
            if (!use(begin, step))
                built.keep(piece, begin, step);
            begin += step;
        }
    }
    return built.text == piece.text ? piece : arena.add(std::move(built), piece.continues);
}

} // namespace

TextNormalizer::TextNormalizer(const std::vector<NormalizerStep>& steps)
{
    for (const NormalizerStep& rule : steps) {
        Step step{rule, std::nullopt, std::nullopt};
        if (rule.kind == Kind::replace && rule.isExpression)
            step.pattern.emplace(rule.pattern, PatternOrigin::file);
        if (rule.kind == Kind::charsMap)
            step.map.emplace(rule.content);
        m_steps.push_back(std::move(step));
    }
}

TextNormalizer::~TextNormalizer() = default;
TextNormalizer::TextNormalizer(TextNormalizer&&) noexcept = default;
TextNormalizer& TextNormalizer::operator=(TextNormalizer&&) noexcept = default;

bool TextNormalizer::empty() const { return m_steps.empty(); }

TextPiece TextNormalizer::apply(TextPiece piece, TextArena& arena) const
{
    const std::size_t given = piece.text.size(), most = arena.most(given);
    for (const Step& step : m_steps) {
        const NormalizerStep& rule = step.rule;
        switch (rule.kind) {
        case Kind::nfc:
        case Kind::nfd:
        case Kind::nfkc:
        case Kind::nfkd:
            piece = normalForm(piece, rule.kind, arena);
            break;
        case Kind::lowercase:
            piece = lowercased(piece, arena);
            break;
        case Kind::stripAccents:
            piece = withoutMarks(piece, arena);
            break;
        case Kind::prepend:
            piece = prepended(piece, rule.content, most, arena);
            break;
        case Kind::replace:
            piece = replaced(
                piece, step.pattern ? step.pattern->matches(piece.text) : literalMatches(piece.text, rule.pattern),
                rule.content, most, arena);
            break;
        case Kind::strip:
            piece = stripped(piece, rule.left, rule.right);
            break;
        case Kind::charsMap:
            piece = mapped(piece, *step.map, most, arena);
            break;
        }
        checkSize(piece.text.size(), most);
    }
    arena.spend(given, piece.text.size());
    return piece;
}

} // namespace kvviz::capture
