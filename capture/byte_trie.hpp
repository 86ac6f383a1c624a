// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which texts of a set does a text begin with? One look-up a byte, however many of them share a beginning.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace kvviz::capture {

class ByteTrie {
public:
    /// The first of equal texts wins.
    void add(std::string_view text, std::int32_t id)
    {
        std::uint32_t node = 0;
        for (const char byte : text) {
            const auto [next, isNew] = m_edges.try_emplace(edge(node, byte), m_nodes);
            m_nodes += isNew ? 1 : 0;
            node = next->second;
        }
        m_ends.try_emplace(node, id);
    }

    /// Calls use(length, id) for each text of the set that `text` begins with, the shortest first.
    template <class Use>
    void forEachPrefix(std::string_view text, const Use& use) const
    {
        std::uint32_t node = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto next = m_edges.find(edge(node, text[i]));
            if (next == m_edges.end())
                return;
            node = next->second;
            if (const auto end = m_ends.find(node); end != m_ends.end())
                use(i + 1, end->second);
        }
    }

private:
    static std::uint64_t edge(std::uint32_t node, char byte)
    {
        return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
    }

    std::unordered_map<std::uint64_t, std::uint32_t> m_edges; ///< (node, byte) to node; node 0 is the root
    std::unordered_map<std::uint32_t, std::int32_t> m_ends;
    std::uint32_t m_nodes = 1;
};

} // namespace kvviz::capture
