// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Where the two disagree: \s (PCRE2 adds U+180E), \w (PCRE2 takes all numbers and no marks), \h (a hexadecimal digit
// here), and names of scripts (PCRE2 takes script extensions).
#include "capture/foreign_pattern.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kvviz::capture {
namespace {

constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::array<std::string_view, 6> kNoScripts{"Any",       "Alphabetic",  "Lowercase",
                                                     "Uppercase", "White_Space", "Assigned"};

[[noreturn]] void refuse(std::string_view expression, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("the expression '{}' uses {}, which is not supported",
                                                             expression.substr(0, 80), what));
}

class Translation {
public:
    explicit Translation(std::string_view expression) : m_in(expression) {}

    std::string run()
    {
        while (m_at < m_in.size()) {
            const char c = m_in[m_at];
            if (c == '\\' && m_at + 1 < m_in.size())
                escape();
            else if (c == '[')
                open();
            else if (c == ']' && m_inClass)
                close();
            else if (m_inClass && m_in.substr(m_at, 2) == "&&")
                refuse(m_in, "an intersection of classes");
            else
                copy(1);
        }
        return m_out;
    }

private:
    void copy(std::size_t count)
    {
        m_out += m_in.substr(m_at, count);
        m_at += count;
    }
    void replace(std::size_t count, std::string_view with)
    {
        m_out += with;
        m_at += count;
    }

    void open()
    {
        if (m_inClass) {
            const std::size_t end = m_in.find(":]", m_at);
            if (m_in.substr(m_at, 2) != "[:" || end == std::string_view::npos)
                refuse(m_in, "a class within a class");
            return copy(end + 2 - m_at);
        }
        m_inClass = true;
        copy(1);
        if (m_in.substr(m_at, 1) == "^")
            copy(1);
        if (m_in.substr(m_at, 1) == "]") // the first one is meant as itself
            replace(1, "\\]");
    }
    void close()
    {
        m_inClass = false;
        copy(1);
    }

    void escape()
    {
        switch (m_in[m_at + 1]) {
        case 's':
            return replace(2, R"(\p{White_Space})");
        case 'S':
            return replace(2, R"(\P{White_Space})");
        case 'w':
            return replace(2, m_inClass ? std::string(kWord) : fmt::format("[{}]", kWord));
        case 'h':
            return replace(2, m_inClass ? "0-9a-fA-F" : "[0-9a-fA-F]");
        case 'W':
        case 'H':
            if (m_inClass)
                refuse(m_in, fmt::format("\\{} in a class", m_in[m_at + 1]));
            return replace(2, m_in[m_at + 1] == 'H' ? std::string("[^0-9a-fA-F]") : fmt::format("[^{}]", kWord));
        case 'p':
        case 'P':
            return property();
        default:
            return copy(2);
        }
    }

    /// \p{Han} means the script itself.
    void property()
    {
        const std::size_t end = m_in.find('}', m_at);
        if (m_in.substr(m_at + 2, 1) != "{" || end == std::string_view::npos)
            return copy(2);
        const std::string_view name = m_in.substr(m_at + 3, end - m_at - 3);
        const std::string_view bare = name.substr(name.starts_with('^') ? 1 : 0);
        const bool script =
            bare.size() > 2 && std::find(kNoScripts.begin(), kNoScripts.end(), bare) == kNoScripts.end();
        if (!script)
            return copy(end + 1 - m_at);
        m_out += fmt::format("\\{}{{{}sc:{}}}", m_in[m_at + 1], bare.size() < name.size() ? "^" : "", bare);
        m_at = end + 1;
    }

    std::string_view m_in;
    std::string m_out;
    std::size_t m_at = 0;
    bool m_inClass = false;
};

} // namespace

std::string fromOniguruma(std::string_view expression) { return Translation(expression).run(); }

std::string wordPattern() { return fmt::format("[{}\\x{{200c}}\\x{{200d}}]", kWord); }

std::string quotedPattern(std::string_view text)
{
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z')
                           || (byte >= 'A' && byte <= 'Z');
        if (byte < 0x20)
            result += fmt::format("\\x{:02x}", byte);
        else
            result += plain ? std::string(1, c) : std::string{'\\', c};
    }
    return result;
}

} // namespace kvviz::capture
