// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Normal forms step by step (decompose, order, compose; Unicode Standard, section 3.11), because the library's own call
// does not say where its characters came from.
#include "capture/unicode_text.hpp"

#include "capture/utf8.hpp"
#include "core/error.hpp"

#include <utf8proc.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kvviz::capture {
namespace {

using Kind = NormalizerStep::Kind;

struct Character {
    utf8proc_int32_t codePoint;
    std::size_t offset; ///< in the piece, of the character it comes from
    int combiningClass;
};

bool isAscii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int combiningClass(utf8proc_int32_t codePoint) { return utf8proc_get_property(codePoint)->combining_class; }

/// Calls use(character, offset) for each character.
template <class Use>
void forEachCharacter(std::string_view text, const Use& use)
{
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = stepLength(text.substr(i));
        use(text.substr(i, length), i);
        i += length;
    }
}

std::vector<Character> decomposed(const TextPiece& piece, bool compatibly)
{
    const auto options =
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibly ? UTF8PROC_COMPAT : 0));
    std::vector<Character> characters;
    forEachCharacter(piece.text, [&](std::string_view character, std::size_t offset) {
        std::array<utf8proc_int32_t, 32> parts{}; // the longest decomposition has 18
        int boundClass = 0;
        const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(codePointOf(character)),
                                                               parts.data(), std::ssize(parts), options, &boundClass);
        if (count < 0 || count > std::ssize(parts))
            throw core::Error(core::ErrorCode::failure,
                              fmt::format("the character at byte {} cannot be normalised", piece.at(offset)));
        for (utf8proc_ssize_t i = 0; i < count; ++i) {
            const utf8proc_int32_t part = parts[static_cast<std::size_t>(i)];
            characters.push_back({part, offset, combiningClass(part)});
        }
    });
    // Marks in the order of their classes, within each stretch of them.
    for (auto at = characters.begin(); at != characters.end();) {
        const auto isMark = [](const Character& c) { return c.combiningClass != 0; };
        const auto begin = std::find_if(at, characters.end(), isMark);
        at = std::find_if_not(begin, characters.end(), isMark);
        std::stable_sort(begin, at,
                         [](const Character& a, const Character& b) { return a.combiningClass < b.combiningClass; });
    }
    return characters;
}

/// The one character that two make, or -1.
utf8proc_int32_t composedPair(utf8proc_int32_t first, utf8proc_int32_t second)
{
    std::array<utf8proc_int32_t, 3> pair{first, second, 0};
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? pair[0] : -1;
}

void compose(std::vector<Character>& characters)
{
    constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    std::size_t size = 0, starter = kNone;
    int lastClass = -1; // of what stands between the starter and here
    for (const Character& character : characters) {
        if (starter != kNone && lastClass < character.combiningClass) {
            const utf8proc_int32_t whole = composedPair(characters[starter].codePoint, character.codePoint);
            if (whole >= 0) {
                characters[starter].codePoint = whole;
                continue;
            }
        }
        lastClass = character.combiningClass == 0 ? -1 : character.combiningClass;
        if (character.combiningClass == 0)
            starter = size;
        characters[size++] = character;
    }
    characters.resize(size);
}

} // namespace

std::size_t graphemeLength(std::string_view text)
{
    std::size_t end = stepLength(text);
    utf8proc_int32_t state = 0;
    auto before = static_cast<utf8proc_int32_t>(codePointOf(text.substr(0, end)));
    while (end < text.size()) {
        const std::size_t length = stepLength(text.substr(end));
        const auto next = static_cast<utf8proc_int32_t>(codePointOf(text.substr(end, length)));
        if (utf8proc_grapheme_break_stateful(before, next, &state))
            break;
        end += length;
        before = next;
    }
    return end;
}

TextPiece normalForm(const TextPiece& piece, Kind kind, TextArena& arena)
{
    if (isAscii(piece.text))
        return piece;
    std::vector<Character> characters = decomposed(piece, kind == Kind::nfkc || kind == Kind::nfkd);
    if (kind == Kind::nfc || kind == Kind::nfkc)
        compose(characters);
    TextBuilder built;
    std::size_t last = 0;
    for (const Character& character : characters) {
        const bool inOrder = character.offset >= last; // unlike a mark that changed places
        last = std::max(last, character.offset);
        std::string bytes;
        appendCodePoint(bytes, static_cast<char32_t>(character.codePoint));
        if (inOrder && piece.text.substr(last, bytes.size()) == bytes)
            built.keep(piece, last, bytes.size());
        else
            built.append(bytes, std::max(piece.at(last), built.origins.empty() ? 0 : built.origins.back()));
    }
    if (built.text == piece.text)
        return piece;
    return arena.add(std::move(built), piece.continues);
}

TextPiece lowercased(const TextPiece& piece, TextArena& arena)
{
    TextBuilder built;
    forEachCharacter(piece.text, [&](std::string_view character, std::size_t offset) {
        const char32_t codePoint = codePointOf(character);
        std::string lower;
        if (codePoint == 0x130) // the one letter that becomes two: i and a dot above
            lower = "i\u0307";
        else
            appendCodePoint(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(codePoint))));
        if (lower == character)
            built.keep(piece, offset, character.size());
        else
            built.append(lower, piece.at(offset));
    });
    return built.text == piece.text ? piece : arena.add(std::move(built), piece.continues);
}

TextPiece withoutMarks(const TextPiece& piece, TextArena& arena)
{
    if (isAscii(piece.text))
        return piece;
    TextBuilder built;
    forEachCharacter(piece.text, [&](std::string_view character, std::size_t offset) {
        switch (utf8proc_category(static_cast<utf8proc_int32_t>(codePointOf(character)))) {
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
            return;
        default:
            built.keep(piece, offset, character.size());
        }
    });
    return built.text == piece.text ? piece : arena.add(std::move(built), piece.continues);
}

} // namespace kvviz::capture
