// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cutting, step by step; what becomes of the matches follows the tokenizers library.
#include "capture/pre_tokenizer.hpp"

#include "capture/pattern.hpp"

#include <algorithm>
#include <optional>

namespace kvviz::capture {

using Behavior = SplitStep::Behavior;

struct PreTokenizer::Step {
    SplitStep rule;
    std::optional<Pattern> pattern;
};

namespace {

struct Stretch {
    std::size_t begin, end;
    bool isMatch;
};

/// Matches and what lies between them: together the text. An empty match stays: it keeps its neighbours apart.
std::vector<Stretch> stretches(std::string_view text, const std::vector<PatternMatch>& matches, bool invert)
{
    std::vector<Stretch> result;
    std::size_t done = 0;
    for (const PatternMatch& match : matches) {
        if (match.begin > done)
            result.push_back({done, match.begin, invert});
        done = match.begin + match.length;
        result.push_back({match.begin, done, !invert});
    }
    if (done < text.size())
        result.push_back({done, text.size(), invert});
    return result;
}

/// Joins neighbours as the behaviour says.
void join(std::vector<Stretch>& parts, Behavior behavior)
{
    if (behavior == Behavior::isolated || parts.empty())
        return;
    if (behavior == Behavior::removed) {
        std::erase_if(parts, [](const Stretch& part) { return part.isMatch; });
        return;
    }
    const bool backwards = behavior == Behavior::mergedWithNext;
    if (backwards)
        std::reverse(parts.begin(), parts.end());
    std::vector<Stretch> joined;
    bool previousMatch = false;
    for (const Stretch& part : parts) {
        const bool sticks =
            behavior == Behavior::contiguous ? part.isMatch == previousMatch : part.isMatch && !previousMatch;
        if (sticks && !joined.empty()) {
            joined.back().begin = std::min(joined.back().begin, part.begin);
            joined.back().end = std::max(joined.back().end, part.end);
        } else {
            joined.push_back(part);
        }
        previousMatch = part.isMatch;
    }
    if (backwards)
        std::reverse(joined.begin(), joined.end());
    parts = std::move(joined);
}

TextPiece withPrefix(const TextPiece& piece, std::string_view prefix, TextArena& arena)
{
    TextBuilder built;
    built.append(prefix, piece.at(0));
    built.keep(piece, 0, piece.text.size());
    return arena.add(std::move(built), false);
}

TextPiece withMetaspace(const TextPiece& piece, const SplitStep& rule, TextArena& arena)
{
    TextPiece result = piece;
    if (piece.text.find(' ') != std::string_view::npos) {
        TextBuilder built;
        for (std::size_t i = 0; i < piece.text.size(); ++i) {
            if (piece.text[i] == ' ')
                built.append(rule.pattern, piece.at(i));
            else
                built.keep(piece, i, 1);
        }
        result = arena.add(std::move(built), piece.continues);
    }
    const bool wanted =
        rule.prefix == SplitStep::Prefix::always || (rule.prefix == SplitStep::Prefix::first && result.at(0) == 0);
    return wanted && !piece.continues && !result.text.starts_with(rule.pattern)
               ? withPrefix(result, rule.pattern, arena)
               : result;
}

} // namespace

PreTokenizer::PreTokenizer(const std::vector<SplitStep>& steps)
{
    for (const SplitStep& rule : steps) {
        Step step{rule, std::nullopt};
        if (rule.kind == SplitStep::Kind::split)
            step.pattern.emplace(rule.pattern, rule.foreign ? PatternOrigin::file : PatternOrigin::program);
        m_steps.push_back(std::move(step));
    }
}

PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;

void PreTokenizer::cut(const TextPiece& text, TextArena& arena, std::vector<TextPiece>& pieces) const
{
    if (text.text.empty())
        return;
    std::vector<TextPiece> now{text}, next;
    for (const Step& step : m_steps) {
        next.clear();
        for (const TextPiece& piece : now) {
            switch (step.rule.kind) {
            case SplitStep::Kind::prefixSpace:
                next.push_back(piece.continues || piece.text.starts_with(' ') ? piece : withPrefix(piece, " ", arena));
                break;
            case SplitStep::Kind::metaspace:
                next.push_back(withMetaspace(piece, step.rule, arena));
                break;
            case SplitStep::Kind::split:
                std::vector<Stretch> parts = stretches(piece.text, step.pattern->matches(piece.text), step.rule.invert);
                join(parts, step.rule.behavior);
                for (const Stretch& part : parts)
                    if (part.end > part.begin)
                        next.push_back(piece.part(part.begin, part.end - part.begin));
            }
        }
        std::swap(now, next);
    }
    pieces.insert(pieces.end(), now.begin(), now.end());
}

} // namespace kvviz::capture
