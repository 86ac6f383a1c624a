// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The trie of special tokens.
#include "capture/special_tokens.hpp"

namespace kvviz::capture {
namespace {

std::uint64_t edge(std::uint32_t node, char byte)
{
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
}

} // namespace

void SpecialTokens::add(std::string_view text, std::int32_t id)
{
    if (text.empty())
        return;
    m_starts[static_cast<unsigned char>(text[0])] = true;
    std::uint32_t node = 0;
    for (const char byte : text) {
        const auto [next, isNew] = m_edges.try_emplace(edge(node, byte), m_nodes);
        m_nodes += isNew ? 1 : 0;
        node = next->second;
    }
    m_ends.try_emplace(node, id);
}

std::optional<SpecialTokens::Match> SpecialTokens::find(std::string_view text, std::size_t from) const
{
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!m_starts[static_cast<unsigned char>(text[begin])])
            continue;
        std::optional<Match> longest;
        std::uint32_t node = 0;
        for (std::size_t i = begin; i < text.size(); ++i) {
            const auto next = m_edges.find(edge(node, text[i]));
            if (next == m_edges.end())
                break;
            node = next->second;
            if (const auto end = m_ends.find(node); end != m_ends.end())
                longest = Match{begin, i + 1 - begin, end->second};
        }
        if (longest)
            return longest;
    }
    return std::nullopt;
}

} // namespace kvviz::capture
