// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Jinja with trim_blocks and lstrip_blocks, the way that transformers sets it up. Branches not taken are only skipped.
#include "capture/chat_program.hpp"

#include "capture/chat_expression.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace kvviz::capture {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";
constexpr int kDeepest = 50;              // blocks within blocks
constexpr int kMostSteps = 20000;         // loops within loops
constexpr std::size_t kLongest = 1 << 18; // bytes of a template, and of a prompt

struct Piece {
    enum class Kind { text, output, statement } kind = Kind::text;
    std::string words;
};

/// Where the closing sign stands, texts in quotes passed over.
std::size_t closingOf(std::string_view jinja, std::size_t at, std::string_view closing)
{
    char quote = 0;
    for (; at < jinja.size(); ++at) {
        const char c = jinja[at];
        if (quote != 0) {
            at += c == '\\' ? 1 : 0;
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (jinja.substr(at, closing.size()) == closing) {
            return at;
        }
    }
    throw JinjaUnreadable{};
}

/// Cuts a template into its texts, outputs and statements; white space and comments are taken away as Jinja does.
std::vector<Piece> piecesOf(std::string_view jinja)
{
    std::vector<Piece> pieces;
    bool lineBegins = true; // a block or comment that stands alone in its line leaves no blanks
    for (std::size_t at = 0; at < jinja.size();) {
        std::size_t open = at;
        while (open < jinja.size() && jinja.substr(open, 2) != "{{" && jinja.substr(open, 2) != "{%"
               && jinja.substr(open, 2) != "{#")
            ++open;
        std::string_view text = jinja.substr(at, open - at);
        const char kind = open < jinja.size() ? jinja[open + 1] : '\0';
        const char sign = open + 2 < jinja.size() ? jinja[open + 2] : '\0';
        if (kind != '\0' && sign == '-') {
            text = text.substr(0, text.find_last_not_of(kSpace) + 1);
        } else if ((kind == '%' || kind == '#') && sign != '+') {
            const std::size_t line = text.rfind('\n') + 1;
            if ((line > 0 || lineBegins) && text.find_first_not_of(kSpace, line) == std::string_view::npos)
                text = text.substr(0, line);
        }
        if (!text.empty())
            pieces.push_back({Piece::Kind::text, std::string(text)});
        if (kind == '\0')
            break;
        const std::size_t begin = open + 2 + (sign == '-' || sign == '+' ? 1 : 0);
        const std::size_t end =
            kind == '#' ? jinja.find("#}", begin) : closingOf(jinja, begin, kind == '%' ? "%}" : "}}");
        if (end == std::string_view::npos)
            throw JinjaUnreadable{};
        std::string_view inner = jinja.substr(begin, end - begin);
        at = end + 2;
        const std::size_t behind = at;
        if (inner.ends_with('-')) {
            at = std::min(jinja.find_first_not_of(kSpace, at), jinja.size());
            inner.remove_suffix(1);
        } else if (inner.ends_with('+')) {
            inner.remove_suffix(1);
        } else if (kind != '{' && at < jinja.size() && jinja[at] == '\n') {
            ++at;
        }
        lineBegins = at > behind && jinja[at - 1] == '\n';
        if (kind != '#')
            pieces.push_back({kind == '{' ? Piece::Kind::output : Piece::Kind::statement,
                              std::string(core::trimmed(inner, kSpace))});
    }
    return pieces;
}

/// The first word of a statement, which leaves it.
std::string_view firstWord(std::string_view& statement)
{
    std::size_t end = 0;
    while (end < statement.size()
           && ((statement[end] >= 'a' && statement[end] <= 'z') || (statement[end] >= 'A' && statement[end] <= 'Z')
               || (statement[end] >= '0' && statement[end] <= '9') || statement[end] == '_'))
        ++end;
    const std::string_view word = statement.substr(0, end);
    statement = core::trimmed(statement.substr(end), kSpace);
    return word;
}

class Program {
public:
    Program(std::string_view jinja, JinjaNames names) : m_pieces(piecesOf(jinja)), m_names(std::move(names)) {}

    std::string run()
    {
        block(true);
        if (m_at < m_pieces.size())
            throw JinjaUnreadable{}; // an end without a beginning
        return std::move(m_written);
    }

private:
    /// Up to the statement that ends or parts the block.
    void block(bool live)
    {
        if (++m_depth > kDeepest)
            throw JinjaUnreadable{};
        for (; m_at < m_pieces.size(); ++m_at) {
            if (++m_steps > kMostSteps || m_written.size() > kLongest)
                throw JinjaUnreadable{};
            const Piece& piece = m_pieces[m_at];
            if (piece.kind == Piece::Kind::statement) {
                std::string_view rest = piece.words;
                const std::string_view word = firstWord(rest);
                if (word == "elif" || word == "else" || word.starts_with("end"))
                    break;
                statement(word, rest, live);
            } else if (live) {
                m_written += piece.kind == Piece::Kind::text ? piece.words : shown(jinjaValue(piece.words, m_names));
            }
        }
        --m_depth;
    }

    static std::string shown(const JinjaValue& value)
    {
        if (const auto* text = std::get_if<std::string>(&value.is))
            return *text;
        if (!std::holds_alternative<JinjaUndefined>(value.is))
            throw JinjaUnreadable{};
        return {};
    }

    /// `m_at` stands on the statement, and afterwards on the last piece that belongs to it.
    void statement(std::string_view word, std::string_view rest, bool live)
    {
        if (word == "if")
            branches(rest, live);
        else if (word == "for")
            loop(rest, live);
        else if (word == "set")
            assignment(rest, live);
        else if (word == "generation")
            inner(live, "endgeneration");
        else if (word == "macro") {
            m_names[std::string(firstWord(rest))] = kJinjaUnknown;
            inner(false, "endmacro");
        } else if (word == "call" && !live)
            inner(false, "endcall");
        else if (word == "filter" && !live)
            inner(false, "endfilter");
        else if (live || (word != "break" && word != "continue"))
            throw JinjaUnreadable{};
    }

    std::pair<std::string_view, std::string_view> here() const
    {
        if (m_at >= m_pieces.size())
            throw JinjaUnreadable{};
        std::string_view rest = m_pieces[m_at].words;
        const std::string_view word = firstWord(rest);
        return {word, rest};
    }

    void inner(bool live, std::string_view end)
    {
        ++m_at;
        block(live);
        if (here().first != end)
            throw JinjaUnreadable{};
    }

    void branches(std::string_view condition, bool live)
    {
        bool done = false;
        for (std::string_view word = "if"; word != "endif";) {
            const bool now = live && !done && (word == "else" || jinjaTruth(jinjaValue(condition, m_names)));
            done = done || now;
            ++m_at;
            block(now);
            std::tie(word, condition) = here();
            if (word != "elif" && word != "else" && word != "endif")
                throw JinjaUnreadable{};
        }
    }

    void loop(std::string_view head, bool live)
    {
        const std::string name(firstWord(head));
        const bool one = !name.empty() && firstWord(head) == "in";
        std::vector<JinjaValue> items;
        if (live) {
            const JinjaValue all = one ? jinjaValue(head, m_names) : kJinjaUnknown;
            const auto* list = std::get_if<JinjaList>(&all.is);
            if (!list && !std::holds_alternative<JinjaUndefined>(all.is))
                throw JinjaUnreadable{};
            items = list ? **list : items;
        }
        const std::size_t begin = m_at + 1;
        const JinjaNames outside = m_names; // what a loop sets ends with the round
        for (std::size_t i = 0; i < items.size(); ++i) {
            m_names[name] = items[i];
            m_names["loop"] = {std::make_shared<JinjaNames>(roundOf(i, items))};
            m_at = begin;
            block(true);
            m_names = outside;
        }
        if (items.empty()) {
            m_at = begin;
            block(false);
        }
        if (here().first == "else")
            inner(live && items.empty(), "endfor");
        else if (here().first != "endfor")
            throw JinjaUnreadable{};
    }

    static JinjaNames roundOf(std::size_t i, const std::vector<JinjaValue>& items)
    {
        const auto index = static_cast<std::int64_t>(i);
        const auto size = static_cast<std::int64_t>(items.size());
        JinjaNames names{{"index0", {index}},
                         {"index", {index + 1}},
                         {"length", {size}},
                         {"first", {index == 0}},
                         {"last", {index + 1 == size}},
                         {"revindex", {size - index}},
                         {"revindex0", {size - index - 1}},
                         {"depth", kJinjaUnknown},
                         {"depth0", kJinjaUnknown}};
        if (i > 0)
            names["previtem"] = items[i - 1];
        if (i + 1 < items.size())
            names["nextitem"] = items[i + 1];
        return names;
    }

    void assignment(std::string_view rest, bool live)
    {
        const std::string name(firstWord(rest));
        if (rest.empty()) { // up to {% endset %}
            inner(false, "endset");
            m_names[name] = live ? kJinjaUnknown : m_names[name];
            return;
        }
        if (!live)
            return;
        std::string field;
        if (rest.starts_with('.')) {
            rest.remove_prefix(1);
            field = firstWord(rest);
        }
        if (name.empty() || !rest.starts_with('='))
            throw JinjaUnreadable{};
        const JinjaValue value = jinjaValue(rest.substr(1), m_names);
        if (field.empty()) {
            m_names[name] = value;
            return;
        }
        const auto* space = std::get_if<JinjaMap>(&m_names[name].is);
        if (!space || std::holds_alternative<JinjaMap>(value.is)) // namespaces in namespaces could be a ring
            throw JinjaUnreadable{};
        (**space)[field] = value;
    }

    std::vector<Piece> m_pieces;
    JinjaNames m_names;
    std::string m_written;
    std::size_t m_at = 0;
    int m_depth = 0;
    int m_steps = 0;
};

} // namespace

std::string chatPrompt(std::string_view jinja, const std::string& words)
{
    if (jinja.size() > kLongest)
        throw JinjaUnreadable{};
    std::string text;
    for (std::size_t at = 0; at < jinja.size(); ++at)
        if (jinja.substr(at, 2) != "\r\n")
            text += jinja[at] == '\r' ? '\n' : jinja[at];
    if (text.ends_with('\n'))
        text.pop_back(); // Jinja drops one
    const auto message =
        std::make_shared<JinjaNames>(JinjaNames{{"role", {std::string("user")}}, {"content", {words}}});
    const JinjaValue messages{std::make_shared<std::vector<JinjaValue>>(1, JinjaValue{message})};
    return Program(text, {{"messages", messages},
                          {"tools", {JinjaNone{}}},
                          {"documents", {JinjaNone{}}},
                          {"add_generation_prompt", {true}},
                          {"bos_token", {std::string(1, kBosMark)}},
                          {"eos_token", {std::string(1, kEosMark)}}})
        .run();
}

} // namespace kvviz::capture
