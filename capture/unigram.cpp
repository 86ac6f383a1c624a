// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Viterbi from left to right over the ends of pieces. The first of equally good ways wins.
#include "capture/unigram.hpp"

#include "capture/byte_fallback.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kvviz::capture {

UnigramEncoder::UnigramEncoder(const TokenizerDescription& description) : m_description(description)
{
    m_byteTokens.fill(-1);
    double least = std::numeric_limits<double>::infinity();
    // Of equal pieces the last counts; the trie keeps the first.
    for (std::size_t i = description.pieces.size(); i-- > 0;) {
        if (description.pieces[i].empty())
            continue;
        m_pieces.add(description.pieces[i], static_cast<std::int32_t>(i));
        least = std::min(least, description.scores[i]);
    }
    constexpr double kUnknownPenalty = 10; // SentencePiece's
    m_unknownScore = least - kUnknownPenalty;
    if (description.byteFallback)
        m_byteTokens = fallbackTokens(description);
}

void UnigramEncoder::findPath(std::string_view text, std::vector<EncodeWorkspace::PathEnd>& paths) const
{
    paths.assign(text.size() + 1, {});
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t step = stepLength(text.substr(begin));
        const double before = paths[begin].score;
        const auto offer = [&](std::size_t length, std::int32_t id, double score) {
            EncodeWorkspace::PathEnd& end = paths[begin + length];
            if (end.begin < 0 || before + score > end.score)
                end = {before + score, id, static_cast<std::int32_t>(begin)};
        };
        bool known = false;
        m_pieces.forEachPrefix(text.substr(begin), [&](std::size_t length, std::int32_t id) {
            offer(length, id, m_description.scores[static_cast<std::size_t>(id)]);
            known = known || length == step;
        });
        if (!known)
            offer(step, m_description.unknown.value_or(-1), m_unknownScore);
        begin += step;
    }
}

void UnigramEncoder::addUnknown(const TextPiece& piece, std::vector<Token>& tokens) const
{
    // Neighbours together may be a piece after all: the unknown one itself, written out.
    std::int32_t whole = -1;
    m_pieces.forEachPrefix(piece.text, [&](std::size_t length, std::int32_t id) {
        whole = length == piece.text.size() ? id : whole;
    });
    if (whole >= 0) {
        tokens.push_back({whole, piece.at(0), 0});
        return;
    }
    const auto tokenOf = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
    const bool all = std::all_of(piece.text.begin(), piece.text.end(), [&](char byte) { return tokenOf(byte) >= 0; });
    for (std::size_t i = 0; all && i < piece.text.size(); ++i)
        tokens.push_back({tokenOf(piece.text[i]), piece.at(i), 0});
    if (!all && m_description.unknown)
        tokens.push_back({*m_description.unknown, piece.at(0), 0});
}

void UnigramEncoder::encode(const TextPiece& piece, EncodeWorkspace& workspace, std::vector<Token>& tokens) const
{
    const std::string_view text = piece.text;
    if (text.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw core::Error(
            core::ErrorCode::badInput,
            fmt::format("a word of {} bytes at byte {} of the text is too long", text.size(), piece.at(0)));
    findPath(text, workspace.paths);
    const std::int32_t unknown = m_description.unknown.value_or(-1);
    std::vector<EncodeWorkspace::PathEnd>& paths = workspace.paths;
    // From the end to the start: each node learns where the next token ends, in its own `begin`.
    std::size_t next = 0;
    for (std::size_t end = text.size(); end > 0;) {
        const auto begin = static_cast<std::size_t>(paths[end].begin);
        paths[end].begin = static_cast<std::int32_t>(next);
        next = end;
        end = begin;
    }
    for (std::size_t begin = 0, end = next; begin < text.size();) {
        const std::int32_t id = paths[end].id;
        auto after = static_cast<std::size_t>(paths[end].begin);
        while (id == unknown && after > 0 && paths[after].id == unknown) { // neighbours are one
            end = after;
            after = static_cast<std::size_t>(paths[end].begin);
        }
        if (id == unknown)
            addUnknown(piece.part(begin, end - begin), tokens);
        else
            tokens.push_back({id, piece.at(begin), 0});
        begin = end;
        end = after;
    }
}

} // namespace kvviz::capture
