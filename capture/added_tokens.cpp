// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The flags of an added token, and what it stands for in decoded text.
#include "capture/added_tokens.hpp"

#include "capture/end_tokens.hpp"
#include "capture/json_fields.hpp"
#include "core/text.hpp"

namespace kvviz::capture {

AddedTokens::AddedTokens(TokenizerDescription& description, std::size_t count)
    : m_description(description),
      m_most(std::ssize(description.bytes) + static_cast<std::int64_t>(count) + kMostUnusedIds)
{
    for (const AddedToken& token : description.added) {
        m_textById.emplace(token.id, token.text);
        m_idByText.emplace(token.text, token.id);
    }
}

bool AddedTokens::has(const std::string& text) const { return m_idByText.contains(text); }

void AddedTokens::add(const nlohmann::json& object, std::int64_t id, const std::string& place)
{
    const JsonFields fields(object, place);
    if (!fields.has("content"))
        fields.refuse("'content' is missing");
    if (id < 0 || id >= m_most)
        fields.refuse(fmt::format("the id {} is not one from 0 to {}", id, m_most - 1));
    const bool special = fields.boolean("special", false);
    AddedToken token;
    token.text = fields.text("content", "");
    token.id = static_cast<std::int32_t>(id);
    token.singleWord = fields.boolean("single_word", false);
    token.leftStrip = fields.boolean("lstrip", false);
    token.rightStrip = fields.boolean("rstrip", false);
    token.normalized = fields.boolean("normalized", !special);
    const auto [other, isNew] = m_textById.emplace(token.id, token.text);
    if (!isNew && other->second != token.text)
        fields.refuse(fmt::format("'{}' and '{}' both have the id {}", core::displayBytes(other->second.substr(0, 60)),
                                  core::displayBytes(token.text.substr(0, 60)), id));
    m_idByText.emplace(token.text, token.id);

    const auto index = static_cast<std::size_t>(id);
    if (index >= m_description.bytes.size()) {
        m_description.bytes.resize(index + 1);
        m_description.pieces.resize(index + 1);
        if (!m_description.scores.empty())
            m_description.scores.resize(index + 1);
    }
    // The byte alphabet is the vocabulary's: added tokens stand for their own text.
    if (m_description.byteLevel)
        m_description.bytes[index] = token.text;
    else if (m_description.bytes[index].empty() || m_description.kind != TokenModelKind::sentencePiece)
        m_description.bytes[index] = m_description.decoder.bytesOf(token.text);
    if (special && isEndText(token.text))
        m_description.ends.push_back(token.id);
    m_description.added.push_back(std::move(token));
}

} // namespace kvviz::capture
