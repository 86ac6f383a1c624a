// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the two say alike is copied; what they say differently is rewritten; all else is refused, also where PCRE2 would
// take it, because it would take it for something else.
#include "capture/foreign_pattern.hpp"

#include "capture/foreign_classes.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace kvviz::capture {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translation {
public:
    explicit Translation(std::string_view expression) : m_in(expression) {}

    std::string run()
    {
        while (m_at < m_in.size())
            item();
        m_out.append(m_groups.back().options, ')');
        return std::move(m_out);
    }

private:
    /// What is open: the whole expression first.
    struct Group {
        std::optional<std::size_t> begin; ///< in m_out; none: it cannot be repeated
        std::size_t options = 0;          ///< groups opened for options that hold to its end
        bool caseless = false;
    };
    struct Repetition {
        std::string text;
        std::size_t length = 0; ///< in m_in
        bool interval = false, lazy = false;
    };

    [[noreturn]] void refuse(const std::string& what) const
    {
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("it uses {} at byte {}, which is not supported", what, m_at));
    }
    [[nodiscard]] char at(std::size_t ahead) const { return m_at + ahead < m_in.size() ? m_in[m_at + ahead] : '\0'; }
    [[nodiscard]] bool follows(std::string_view text) const { return m_in.substr(m_at).starts_with(text); }

    void replace(std::size_t count, std::string_view with)
    {
        m_out += with;
        m_at += count;
    }
    void copy(std::size_t count) { replace(count, m_in.substr(m_at, count)); }
    /// What a repetition may stand behind.
    void atom(std::size_t count, std::string_view with)
    {
        m_atom = m_out.size();
        replace(count, with);
    }
    /// A place between characters: nothing to repeat.
    void place(std::size_t count, std::string_view with)
    {
        m_atom.reset();
        replace(count, with);
    }

    void item()
    {
        switch (at(0)) {
        case '\\':
            return escape();
        case '[':
            return characterClass();
        case '(':
            return open();
        case ')':
            return close();
        case '|':
        case '^':
        case '$':
            return place(1, m_in.substr(m_at, 1));
        case '*':
        case '+':
        case '?':
        case '{':
            return repeat();
        default:
            const std::size_t length = stepLength(m_in.substr(m_at));
            return atom(length, m_in.substr(m_at, length));
        }
    }

    void open()
    {
        Group group{m_out.size(), 0, m_groups.back().caseless};
        if (at(1) == '*')
            refuse("a callout (*...)");
        if (at(1) != '?') {
            copy(1);
        } else if (follows("(?#")) {
            const std::size_t end = m_in.find(')', m_at);
            if (end == std::string_view::npos || m_in.substr(m_at, end - m_at).find('\\') != std::string_view::npos)
                refuse("a comment with an escape, or one without an end,");
            m_at = end + 1;
            return;
        } else if (follows("(?:") || follows("(?>")) {
            copy(3);
        } else if (follows("(?=") || follows("(?!") || follows("(?<=") || follows("(?<!")) {
            group.begin.reset();
            copy(at(2) == '<' ? 4 : 3);
        } else if (follows("(?<") && isLetter(at(3))) {
            copy(3);
            while (m_at < m_in.size() && at(0) != '>')
                copy(1);
        } else {
            return openWithOptions(group);
        }
        m_groups.push_back(group);
        m_atom.reset();
    }

    /// (?i) holds to the end of the group around it, also behind a |, and so becomes a group itself.
    void openWithOptions(Group group)
    {
        std::string options;
        bool on = true;
        std::size_t length = 2;
        for (; at(length) != ')' && at(length) != ':'; ++length) {
            const char c = at(length);
            if (c == '-' && on)
                on = false;
            else if (c != 'i' && c != 'm' && (c != 'x' || on))
                refuse(fmt::format("the group '{}'", core::displayBytes(m_in.substr(m_at, length + 1))));
            if (c == 'i')
                group.caseless = on;
            options += c == 'm' ? 's' : c; // there, m lets the dot take line feeds
        }
        const bool toTheEnd = at(length) == ')';
        place(length + 1, fmt::format("(?{}:", options));
        if (toTheEnd) {
            ++m_groups.back().options;
            m_groups.back().caseless = group.caseless;
        } else {
            m_groups.push_back(group);
        }
    }

    void close()
    {
        if (m_groups.size() == 1)
            refuse("a ')' that closes nothing");
        const Group group = m_groups.back();
        m_groups.pop_back();
        m_out.append(group.options, ')');
        copy(1);
        m_atom = group.begin;
    }

    /// At *, +, ? or {; nothing for a { that is meant as itself.
    [[nodiscard]] std::optional<Repetition> repetition() const
    {
        Repetition result{std::string(1, at(0)), 1, at(0) == '{', false};
        if (result.interval) {
            const std::size_t end = std::min(m_in.find('}', m_at), m_in.size());
            const std::string_view inner = m_in.substr(m_at + 1, end - m_at - 1);
            const std::size_t comma = std::min(inner.find(','), inner.size());
            const std::string_view least = inner.substr(0, comma);
            const std::string_view most = comma < inner.size() ? inner.substr(comma + 1) : std::string_view();
            const auto number = [](std::string_view text) { return std::all_of(text.begin(), text.end(), isDigit); };
            if (end == m_in.size() || !number(least) || !number(most) || (least.empty() && most.empty()))
                return std::nullopt;
            const bool fixed = comma == inner.size();
            result.text = fmt::format("{{{}{}{}}}", least.empty() ? "0" : least, fixed ? "" : ",", most);
            result.length = inner.size() + 2;
            result.lazy = !fixed && at(result.length) == '?'; // behind {n} it is a repetition of its own
        } else {
            result.lazy = at(1) == '?';
        }
        if (result.lazy || (!result.interval && at(1) == '+')) // behind an interval, + does not mean possessive
            result.text += at(result.length++);
        return result;
    }

    void repeat()
    {
        const std::optional<Repetition> first = repetition();
        if (!first)
            return atom(1, "\\{");
        if (!m_atom)
            refuse("a repetition of nothing");
        const std::size_t begin = *m_atom;
        replace(first->length, first->text);
        if (std::string_view("*+?{").find(at(0)) == std::string_view::npos || m_at >= m_in.size())
            return m_atom.reset(); // checked: nothing repeats it
        if (!first->interval && repetition())
            refuse("one repetition right behind another");
        m_out.insert(begin, "(?:");
        m_out += ')';
        m_atom = begin;
    }

    void escape()
    {
        const char c = at(1);
        const auto isOneOf = [&](std::string_view letters) { return letters.find(c) != std::string_view::npos; };
        if (m_at + 1 >= m_in.size())
            refuse("a backslash at the end");
        if (isOneOf("AZzK"))
            return place(2, m_in.substr(m_at, 2));
        if (c == 'b')
            return place(2, fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kForeignBareWord));
        if (c == 'B')
            return place(2, fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kForeignBareWord));
        if (c == 'w' || c == 'W')
            return atom(2, fmt::format("[{}{}]", c == 'W' ? "^" : "", kForeignBareWord));
        if (c == 'h' || c == 'H')
            return atom(2, c == 'H' ? "[^0-9a-fA-F]" : "[0-9a-fA-F]");
        if (c == 'N')
            return atom(2, R"([^\n])");
        if (c == 'O')
            return atom(2, "(?s:.)");
        if (c == 'R')
            return atom(2, R"((?>\r\n|[\n-\r\x{85}\x{2028}\x{2029}]))");
        if (c == 'X' || (c >= '1' && c <= '9' && !isDigit(at(2))))
            return atom(2, m_in.substr(m_at, 2));
        if (c == 'k' && at(2) == '<' && isLetter(at(3)) && m_in.find('>', m_at) != std::string_view::npos) {
            const std::size_t length = m_in.find('>', m_at) + 1 - m_at;
            return atom(length, m_in.substr(m_at, length));
        }
        const auto [length, text] = sharedEscape(false);
        atom(length, text);
    }

    struct Rewritten {
        std::size_t length; ///< of what was read
        std::string text;
    };

    /// What is the same within a class and outside of it.
    [[nodiscard]] Rewritten sharedEscape(bool inClass) const
    {
        const char c = at(1);
        const auto other = static_cast<std::size_t>(c == 'x' ? 2 : 4);
        switch (c) {
        case 's':
        case 'S':
            return {2, fmt::format("\\{}{{White_Space}}", c == 's' ? 'p' : 'P')};
        case 'd':
        case 'D':
            return {2, fmt::format("\\{}{{Nd}}", c == 'd' ? 'p' : 'P')};
        case 'p':
        case 'P':
            return property(inClass);
        case 'v':
            return {2, "\\x{0b}"};
        case 't':
        case 'n':
        case 'r':
        case 'f':
        case 'a':
        case 'e':
            return {2, std::string(m_in.substr(m_at, 2))};
        case '0':
            return number(m_at + 1, 3, 8, 0x7f);
        case 'x':
            return at(2) == '{' ? number(m_at + 3, 8, 16, 0x10ffff) : number(m_at + 2, other, 16, 0x7f);
        case 'u':
            return number(m_at + 2, other, 16, 0x10ffff);
        default:
            if (isLetter(c) || isDigit(c))
                refuse(fmt::format("the escape \\{}{}", c, inClass ? " in a class" : ""));
            const std::size_t length = 1 + stepLength(m_in.substr(m_at + 1));
            return {length, std::string(m_in.substr(m_at, length))};
        }
    }

    /// A character by its number. Above 7f, \xHH is a byte of one.
    [[nodiscard]] Rewritten number(std::size_t begin, std::size_t digits, int base, unsigned most) const
    {
        const std::string_view rest = m_in.substr(begin, digits);
        unsigned value = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
        const std::size_t read = static_cast<std::size_t>(end - rest.data());
        const bool braces = m_in[begin - 1] == '{', closed = m_in.substr(begin + read).starts_with('}');
        const bool whole = braces ? closed : m_in[begin - 1] != 'u' || read == digits;
        if (error != std::errc() || read == 0 || value > most || !whole || (value >= 0xd800 && value < 0xe000))
            refuse(fmt::format("the escape \\{} with a number that is no character", at(1)));
        return {begin + read - m_at + (braces ? 1 : 0), fmt::format("\\x{{{:02x}}}", value)};
    }

    [[nodiscard]] Rewritten property(bool inClass) const
    {
        const std::size_t end = m_in.find('}', m_at);
        if (at(2) != '{' || end == std::string_view::npos)
            refuse(fmt::format("\\{} without braces", at(1)));
        const std::string_view name = m_in.substr(m_at + 3, end - m_at - 3);
        std::string text = foreignProperty(name, at(1) == 'P');
        const std::string own = core::displayBytes(m_in.substr(m_at, std::min<std::size_t>(end + 1 - m_at, 60)));
        if (text.empty())
            refuse(own);
        if (inClass && m_groups.back().caseless && isOfOneCase(name))
            refuse(own + " in a class where case is ignored");
        return {end + 1 - m_at, std::move(text)};
    }

    void characterClass()
    {
        m_atom = m_out.size();
        copy(1);
        if (at(0) == '^')
            copy(1);
        if (at(0) == ']') // the first one is meant as itself
            replace(1, "\\]");
        while (at(0) != ']') {
            if (m_at >= m_in.size())
                refuse("a class without an end");
            if (at(0) == '[')
                posixSet();
            else if (follows("&&"))
                refuse("an intersection of classes");
            else if (at(0) == '\\')
                escapeInClass();
            else
                copy(1);
        }
        copy(1);
    }

    void posixSet()
    {
        const std::size_t end = m_in.find(":]", m_at);
        if (!follows("[:") || end == std::string_view::npos)
            refuse("a class within a class");
        const bool negated = at(2) == '^';
        const std::string_view name = m_in.substr(m_at, end - m_at).substr(negated ? 3 : 2);
        const std::string_view set = foreignPosixSet(name, negated);
        const std::string own = core::displayBytes(m_in.substr(m_at, std::min<std::size_t>(end + 2 - m_at, 60)));
        if (set.empty())
            refuse(own);
        if (m_groups.back().caseless && isOfOneCase(name))
            refuse(own + " where case is ignored");
        replace(end + 2 - m_at, set);
    }

    void escapeInClass()
    {
        if (m_at + 1 >= m_in.size())
            refuse("a backslash at the end");
        if (at(1) == 'w')
            return replace(2, kForeignWord);
        if (at(1) == 'h')
            return replace(2, "0-9a-fA-F");
        if (at(1) == 'b')
            return replace(2, "\\x{08}");
        const auto [length, text] = sharedEscape(true);
        replace(length, text);
    }

    std::string_view m_in;
    std::string m_out;
    std::size_t m_at = 0;
    std::optional<std::size_t> m_atom; ///< where in m_out that begins which a repetition would repeat
    std::vector<Group> m_groups{Group{}};
};

} // namespace

std::string fromOniguruma(std::string_view expression) { return Translation(expression).run(); }

std::string wordPattern() { return fmt::format("[{}\\x{{200c}}\\x{{200d}}]", kForeignWord); }

std::string quotedPattern(std::string_view text)
{
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte >= 0x80 || isDigit(c) || isLetter(c);
        if (byte < 0x20)
            result += fmt::format("\\x{:02x}", byte);
        else
            result += plain ? std::string(1, c) : std::string{'\\', c};
    }
    return result;
}

} // namespace kvviz::capture
