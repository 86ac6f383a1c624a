// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Adds tokens to a vocabulary that has been read, as a tokenizer.json and the files beside it name them.
#pragma once

#include "capture/tokenizer_description.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace kvviz::capture {

/// Ids may have holes, but a vocabulary of few tokens has no use for ids far beyond their number.
inline constexpr std::int64_t kMostUnusedIds = 65536;

class AddedTokens {
public:
    /// To `description`, which must outlive this, at most `count` tokens will be added: that bounds their ids once for all,
    /// or each token could push the bound further.
    AddedTokens(TokenizerDescription& description, std::size_t count);

    /// `object`: {"content": ..., "lstrip": ...}, but may be of any type. Throws Error(badInput) for a token that
    /// contradicts the vocabulary or one added before.
    void add(const nlohmann::json& object, std::int64_t id, const std::string& place);
    /// Has a token with this text been added?
    [[nodiscard]] bool has(const std::string& text) const;

private:
    TokenizerDescription& m_description;
    std::int64_t m_most;
    std::unordered_map<std::int32_t, std::string> m_textById;
    std::unordered_map<std::string, std::int32_t> m_idByText;
};

} // namespace kvviz::capture
