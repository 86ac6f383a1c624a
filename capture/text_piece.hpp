// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A stretch of text on its way through the tokenizer that knows which byte of the input each of its bytes comes from,
// so that a token found in a normalised text still has its place in the text that the user gave.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

/// Cheap to copy; the bytes belong to the input or to a TextArena.
struct TextPiece {
    std::string_view text;
    const std::int64_t* origins = nullptr; ///< [text.size()] bytes of the input, ascending; null: in a row from `begin`
    std::int64_t begin = 0;
    bool continues = false; ///< goes on after a stray byte, so that no word begins here: nothing is put in front

    /// The byte of the input that byte `i` comes from.
    [[nodiscard]] std::int64_t at(std::size_t i) const
    {
        return origins != nullptr ? origins[i] : begin + static_cast<std::int64_t>(i);
    }
    [[nodiscard]] TextPiece part(std::size_t from, std::size_t length) const
    {
        const std::int64_t* const partOrigins = origins != nullptr ? origins + from : nullptr;
        return {text.substr(from, length), partOrigins, begin + static_cast<std::int64_t>(from),
                continues && from == 0};
    }
};

/// A text under construction.
struct TextBuilder {
    std::string text;
    std::vector<std::int64_t> origins;

    /// `bytes` stand for what is at byte `origin` of the input.
    void append(std::string_view bytes, std::int64_t origin)
    {
        text += bytes;
        origins.resize(text.size(), origin);
    }
    void keep(const TextPiece& piece, std::size_t from, std::size_t length)
    {
        text += piece.text.substr(from, length);
        for (std::size_t i = from; i < from + length; ++i)
            origins.push_back(piece.at(i));
    }
};

/// Owns the texts that normalizers made; pieces stay valid as long as it lives.
class TextArena {
public:
    [[nodiscard]] TextPiece add(TextBuilder&& built, bool continues)
    {
        m_texts.push_back(std::move(built));
        const TextBuilder& kept = m_texts.back();
        return {kept.text, kept.origins.data(), kept.origins.empty() ? 0 : kept.origins.front(), continues};
    }
    void clear()
    {
        m_texts.clear();
        m_spare = kSpare;
    }

    /// Up to 64 times its length a text may grow; what goes beyond that, all texts since clear() share.
    [[nodiscard]] std::size_t most(std::size_t length) const { return 64 * length + m_spare; }
    /// A text of `length` bytes has become one of `grown`, which is not above most(length).
    void spend(std::size_t length, std::size_t grown) { m_spare -= grown > 64 * length ? grown - 64 * length : 0; }

private:
    static constexpr std::size_t kSpare = 1 << 20;
    std::deque<TextBuilder> m_texts;
    std::size_t m_spare = kSpare;
};

} // namespace kvviz::capture
