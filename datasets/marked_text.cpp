// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain text with explicit segment marks (see task.hpp).
#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/prompt_builder.hpp"
#include "datasets/task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace kvviz::datasets {
namespace {

using core::SegmentKind;

struct Piece {
    SegmentKind kind = SegmentKind::instruction;
    std::string label;
    std::string text;
    std::int64_t line = 1; ///< of the mark
};

constexpr std::array kMarkKinds{SegmentKind::system, SegmentKind::instruction, SegmentKind::shot, SegmentKind::question,
                                SegmentKind::answer};

[[noreturn]] void fail(const std::string& id, std::int64_t line, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("marked text '{}', line {}: {}", id, line, what));
}

SegmentKind kindOf(const std::string& name, const std::string& id, std::int64_t line)
{
    std::vector<std::string> names;
    for (const SegmentKind kind : kMarkKinds) {
        names.emplace_back(core::segmentKindName(kind));
        if (names.back() == name)
            return kind;
    }
    const std::string nearest = core::nearestName(name, names);
    fail(id, line, fmt::format("unknown segment kind '{}'{}; expected system, instruction, shot, question or answer "
                               "(start the line with @@@ for a literal @@)",
                               name, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
}

Piece openPiece(std::string_view mark, const std::string& id, std::int64_t line)
{
    const std::string_view words = core::trimmed(mark);
    const std::size_t kindEnd = std::min(words.find_first_of(" \t"), words.size());
    std::string label(core::trimmed(words.substr(kindEnd)));
    return {kindOf(std::string(words.substr(0, kindEnd)), id, line), std::move(label), {}, line};
}

/// "@@" and then a space or the end of the line; "@@name" is text.
bool isMark(std::string_view line)
{
    return line.starts_with("@@") && (line.size() == 2 || line.find_first_of(" \t\r\n") == 2);
}

std::vector<Piece> split(std::string_view text, const std::string& id)
{
    std::vector<Piece> pieces(1);
    std::int64_t number = 0;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
        text.remove_prefix(line.size());
        ++number;
        if (line.starts_with("@@@"))
            pieces.back().text += line.substr(1);
        else if (isMark(line))
            pieces.push_back(openPiece(line.substr(2), id, number));
        else
            pieces.back().text += line;
    }
    if (pieces.size() == 1)
        pieces.front().kind = SegmentKind::question;
    else if (pieces.front().text.empty())
        pieces.erase(pieces.begin());
    return pieces;
}

/// The newline that ends the last line of a file, or the line before a mark, is no part of the prompt's end.
void dropFinalNewline(std::string& text)
{
    if (text.ends_with('\n'))
        text.pop_back();
    if (text.ends_with('\r'))
        text.pop_back();
}

} // namespace

Prompt promptFromMarkedText(const std::string& text, const std::string& id)
{
    if (!core::isUtf8(text))
        throw core::Error(core::ErrorCode::badInput, fmt::format("marked text '{}' is not UTF-8", id));
    std::vector<Piece> pieces = split(text, id);
    Piece target;
    dropFinalNewline(pieces.back().text);
    if (pieces.back().kind == SegmentKind::answer) {
        target = std::move(pieces.back());
        pieces.pop_back();
        if (target.text.empty())
            fail(id, target.line, "the answer at the end is empty; write it under the mark or leave the mark out");
        if (!pieces.empty())
            dropFinalNewline(pieces.back().text);
    }
    if (std::all_of(pieces.begin(), pieces.end(), [](const Piece& piece) { return piece.text.empty(); }))
        throw core::Error(core::ErrorCode::badInput, fmt::format("marked text '{}' holds no prompt: it is empty", id));
    PromptBuilder builder("text", id);
    for (const Piece& piece : pieces) {
        if (piece.text.empty())
            fail(id, piece.line, "there is no text under this mark; write some or leave the mark out");
        builder.add(piece.kind, piece.text, piece.label);
    }
    std::string answer(core::trimmed(target.text));
    return builder.finish(std::move(target.text), std::move(answer), {});
}

} // namespace kvviz::datasets
