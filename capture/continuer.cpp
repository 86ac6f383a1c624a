// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Greedy or gold continuation.
#include "capture/continuer.hpp"

#include "capture/recorders.hpp"

#include <algorithm>

namespace kvviz::capture {

std::optional<std::int32_t> Continuer::next(std::span<const float> logits)
{
    if (m_count >= m_prompt.mostGenerated)
        return std::nullopt;
    std::int32_t id = 0;
    if (m_kind == Continuation::gold) {
        id = m_prompt.goldIds[static_cast<std::size_t>(m_count)];
        m_text += m_tokenizer.bytesOf(id);
    } else {
        // Embeddings are often padded beyond the tokenizer's vocabulary; such ids stand for nothing.
        const auto known = static_cast<std::size_t>(m_tokenizer.vocabSize());
        id = mostLikely(logits.first(std::min(known, logits.size())), 1).front();
        const std::vector<std::int32_t>& ends = m_tokenizer.endTokens();
        if (std::find(ends.begin(), ends.end(), id) != ends.end())
            return std::nullopt;
        const std::string longer = m_text + std::string(m_tokenizer.bytesOf(id));
        for (const std::string& stop : m_stops)
            if (longer.find(stop) != std::string::npos)
                return std::nullopt;
        m_text = longer;
    }
    ++m_count;
    return id;
}

} // namespace kvviz::capture
