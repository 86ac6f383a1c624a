// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Merging over a linked list of symbols. Candidates that a later merge made stale are recognised when they are taken
// from the heap: the two symbols are no longer the ones it was made for.
#include "capture/bpe.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace kvviz::capture {
namespace {

std::uint64_t keyOf(std::int32_t left, std::int32_t right)
{
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

/// True when b goes before a: the standard heap keeps the greatest on top.
bool later(const BytePairEncoder::Workspace::Candidate& a, const BytePairEncoder::Workspace::Candidate& b)
{
    return std::tie(a.rank, a.left) > std::tie(b.rank, b.left);
}

} // namespace

void BytePairEncoder::addToken(std::string_view bytes, std::int32_t id)
{
    if (m_tokens.try_emplace(bytes, id).second && bytes.size() == 1)
        m_byteTokens[static_cast<unsigned char>(bytes[0])] = id;
}

std::int32_t BytePairEncoder::find(std::string_view bytes) const
{
    const auto found = m_tokens.find(bytes);
    return found == m_tokens.end() ? -1 : found->second;
}

void BytePairEncoder::addMerge(std::int32_t left, std::int32_t right, std::int32_t merged)
{
    m_merges.try_emplace(keyOf(left, right), Merge{static_cast<std::int32_t>(m_merges.size()), merged});
}

const BytePairEncoder::Merge* BytePairEncoder::findMerge(std::int32_t left, std::int32_t right) const
{
    const auto found = m_merges.find(keyOf(left, right));
    return found == m_merges.end() ? nullptr : &found->second;
}

void BytePairEncoder::propose(Workspace& workspace, std::int32_t left) const
{
    if (left < 0 || workspace.symbols[left].next < 0)
        return;
    const std::int32_t leftId = workspace.symbols[left].id;
    const std::int32_t rightId = workspace.symbols[workspace.symbols[left].next].id;
    if (const Merge* merge = findMerge(leftId, rightId)) {
        workspace.heap.push_back({merge->rank, left, leftId, rightId});
        std::push_heap(workspace.heap.begin(), workspace.heap.end(), later);
    }
}

void BytePairEncoder::mergeAll(Workspace& workspace) const
{
    std::vector<Workspace::Symbol>& symbols = workspace.symbols;
    workspace.heap.clear();
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(symbols.size()); ++i)
        propose(workspace, i);
    while (!workspace.heap.empty()) {
        std::pop_heap(workspace.heap.begin(), workspace.heap.end(), later);
        const Workspace::Candidate best = workspace.heap.back();
        workspace.heap.pop_back();
        Workspace::Symbol& left = symbols[best.left];
        if (left.begin < 0 || left.next < 0 || left.id != best.leftId || symbols[left.next].id != best.rightId)
            continue;
        Workspace::Symbol& right = symbols[left.next];
        left.id = findMerge(best.leftId, best.rightId)->merged;
        left.next = right.next;
        right.begin = -1;
        if (left.next >= 0)
            symbols[left.next].previous = best.left;
        propose(workspace, left.previous);
        propose(workspace, best.left);
    }
}

void BytePairEncoder::encode(std::string_view word, std::int64_t offset, Workspace& workspace,
                             std::vector<Token>& tokens) const
{
    if (word.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("a word of {} bytes at byte {} of the text is too long", word.size(), offset));
    std::vector<Workspace::Symbol>& symbols = workspace.symbols;
    symbols.clear();
    for (std::size_t i = 0; i < word.size(); ++i) {
        const std::int32_t id = m_byteTokens[static_cast<unsigned char>(word[i])];
        const auto index = static_cast<std::int32_t>(symbols.size());
        if (id >= 0)
            symbols.push_back({id, index + 1, index - 1, static_cast<std::int32_t>(i)});
    }
    if (symbols.empty())
        return;
    symbols.back().next = -1;
    mergeAll(workspace);
    for (std::int32_t i = 0; i >= 0; i = symbols[i].next)
        tokens.push_back({symbols[i].id, offset + symbols[i].begin, 0});
}

} // namespace kvviz::capture
