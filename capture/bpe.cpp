// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Merging over a linked list of symbols. Candidates that a later merge made stale are recognised when they are taken
// from the heap: the two symbols no longer end where they did.
#include "capture/bpe.hpp"

#include "capture/byte_fallback.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace kvviz::capture {
namespace {

std::uint64_t keyOf(std::int32_t left, std::int32_t right)
{
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

/// True when b goes before a: the standard heap keeps the greatest on top.
bool later(const EncodeWorkspace::Candidate& a, const EncodeWorkspace::Candidate& b)
{
    return std::tie(a.rank, a.left) > std::tie(b.rank, b.left);
}

void append(std::vector<EncodeWorkspace::Symbol>& symbols, std::int32_t id, std::size_t begin, std::size_t end)
{
    const auto index = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({id, index + 1, index - 1, static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)});
}

} // namespace

BytePairEncoder::BytePairEncoder(const TokenizerDescription& description) : m_description(description)
{
    m_byteTokens.fill(-1);
    addTokens();
    if (description.kind == TokenModelKind::mergeScores)
        rankScores();
    m_merges.reserve(description.merges.size());
    for (const auto& [left, right, merged] : description.merges)
        m_merges.try_emplace(keyOf(left, right), Merge{static_cast<std::int32_t>(m_merges.size()), merged});
}

void BytePairEncoder::addTokens()
{
    m_tokens.reserve(m_description.pieces.size());
    for (std::size_t i = 0; i < m_description.pieces.size(); ++i) {
        const std::string& piece = m_description.pieces[i];
        const auto id = static_cast<std::int32_t>(i);
        if (piece.empty() || !m_tokens.try_emplace(piece, id).second)
            continue;
        m_longest = std::max(m_longest, piece.size());
        if (m_description.byteLevel && piece.size() == 1)
            m_byteTokens[static_cast<unsigned char>(piece[0])] = id;
    }
    if (!m_description.byteLevel && m_description.byteFallback)
        m_byteTokens = fallbackTokens(m_description);
}

void BytePairEncoder::rankScores()
{
    const std::vector<double>& scores = m_description.scores;
    std::vector<std::int32_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    const auto scoreOf = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return scoreOf(a) > scoreOf(b); });
    m_scoreRanks.resize(scores.size());
    std::int32_t rank = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        rank += i > 0 && scoreOf(order[i]) < scoreOf(order[i - 1]) ? 1 : 0;
        m_scoreRanks[static_cast<std::size_t>(order[i])] = rank;
    }
}

std::int32_t BytePairEncoder::find(std::string_view bytes) const
{
    const auto found = m_tokens.find(bytes);
    return found == m_tokens.end() ? -1 : found->second;
}

std::optional<BytePairEncoder::Merge> BytePairEncoder::findMerge(std::string_view text, const Symbol& left,
                                                                 const Symbol& right) const
{
    if (m_description.kind == TokenModelKind::mergeScores) {
        const auto length = static_cast<std::size_t>(right.end - left.begin);
        const std::int32_t id =
            length <= m_longest ? find(text.substr(static_cast<std::size_t>(left.begin), length)) : -1;
        if (id < 0)
            return std::nullopt;
        return Merge{m_scoreRanks[static_cast<std::size_t>(id)], id};
    }
    const auto found = m_merges.find(keyOf(left.id, right.id));
    if (found == m_merges.end())
        return std::nullopt;
    return found->second;
}

void BytePairEncoder::propose(std::string_view text, EncodeWorkspace& workspace, std::int32_t left) const
{
    if (left < 0)
        return;
    const Symbol& first = workspace.symbols[static_cast<std::size_t>(left)];
    if (first.next < 0)
        return;
    const Symbol& second = workspace.symbols[static_cast<std::size_t>(first.next)];
    if (const std::optional<Merge> merge = findMerge(text, first, second)) {
        workspace.heap.push_back({merge->rank, left, first.end, second.end, merge->merged});
        std::push_heap(workspace.heap.begin(), workspace.heap.end(), later);
    }
}

void BytePairEncoder::mergeAll(std::string_view text, EncodeWorkspace& workspace) const
{
    std::vector<Symbol>& symbols = workspace.symbols;
    workspace.heap.clear();
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(symbols.size()); ++i)
        propose(text, workspace, i);
    while (!workspace.heap.empty()) {
        std::pop_heap(workspace.heap.begin(), workspace.heap.end(), later);
        const EncodeWorkspace::Candidate best = workspace.heap.back();
        workspace.heap.pop_back();
        Symbol& left = symbols[static_cast<std::size_t>(best.left)];
        if (left.begin < 0 || left.next < 0 || left.end != best.middle
            || symbols[static_cast<std::size_t>(left.next)].end != best.end)
            continue;
        Symbol& right = symbols[static_cast<std::size_t>(left.next)];
        left.id = best.merged;
        left.next = right.next;
        left.end = right.end;
        right.begin = -1;
        if (left.next >= 0)
            symbols[static_cast<std::size_t>(left.next)].previous = best.left;
        propose(text, workspace, left.previous);
        propose(text, workspace, best.left);
    }
}

/// What stands for a character without a token: its bytes, or `unknown`, or nothing.
void BytePairEncoder::addUnknown(std::string_view text, std::size_t begin, std::size_t end,
                                 std::vector<Symbol>& symbols) const
{
    const auto tokenOf = [&](std::size_t i) { return m_byteTokens[static_cast<unsigned char>(text[i])]; };
    bool all = true;
    for (std::size_t i = begin; i < end; ++i)
        all = all && tokenOf(i) >= 0;
    if (all) {
        for (std::size_t i = begin; i < end; ++i)
            append(symbols, tokenOf(i), i, i + 1);
        return;
    }
    if (!m_description.unknown)
        return;
    const bool follows = !symbols.empty() && symbols.back().id == *m_description.unknown
                         && symbols.back().end == static_cast<std::int32_t>(begin);
    if (follows && m_description.fuseUnknown)
        symbols.back().end = static_cast<std::int32_t>(end);
    else
        append(symbols, *m_description.unknown, begin, end);
}

void BytePairEncoder::start(std::string_view text, std::vector<Symbol>& symbols) const
{
    symbols.clear();
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t end = i + (m_description.byteLevel ? 1 : stepLength(text.substr(i)));
        const std::int32_t id =
            m_description.byteLevel ? m_byteTokens[static_cast<unsigned char>(text[i])] : find(text.substr(i, end - i));
        // With scores, a character that is no piece may still be part of one.
        if (id >= 0 || m_description.kind == TokenModelKind::mergeScores)
            append(symbols, id, i, end);
        else
            addUnknown(text, i, end, symbols);
        i = end;
    }
    if (!symbols.empty())
        symbols.back().next = -1;
}

void BytePairEncoder::encode(const TextPiece& piece, EncodeWorkspace& workspace, std::vector<Token>& tokens) const
{
    const std::string_view text = piece.text;
    if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw core::Error(
            core::ErrorCode::badInput,
            fmt::format("a word of {} bytes at byte {} of the text is too long", text.size(), piece.at(0)));
    if (m_description.ignoreMerges)
        if (const std::int32_t whole = find(text); whole >= 0) {
            tokens.push_back({whole, piece.at(0), 0});
            return;
        }
    std::vector<Symbol>& symbols = workspace.symbols;
    start(text, symbols);
    if (symbols.empty())
        return;
    mergeAll(text, workspace);
    std::vector<Symbol> unknown; // what one symbol without a token becomes
    for (std::int32_t i = 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
        const Symbol& symbol = symbols[static_cast<std::size_t>(i)];
        if (symbol.id >= 0) {
            unknown.clear();
            tokens.push_back({symbol.id, piece.at(static_cast<std::size_t>(symbol.begin)), 0});
            continue;
        }
        const std::size_t before = unknown.size();
        addUnknown(text, static_cast<std::size_t>(symbol.begin), static_cast<std::size_t>(symbol.end), unknown);
        for (std::size_t k = before; k < unknown.size(); ++k)
            tokens.push_back({unknown[k].id, piece.at(static_cast<std::size_t>(unknown[k].begin)), 0});
    }
}

} // namespace kvviz::capture
