// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Standard output and text tables.
#include "app/output.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace kvviz::app {
namespace {

void check(bool good)
{
    if (good || errno == EPIPE)
        return;
    const std::string cause = std::strerror(errno);
    std::clearerr(stdout);
    throw core::Error(core::ErrorCode::failure, fmt::format("standard output cannot be written: {}", cause));
}

std::size_t widthOf(std::string_view text)
{
    const auto beginsCharacter = [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; };
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), beginsCharacter));
}

} // namespace

void printOut(std::string_view text) { check(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

void flushOut() { check(std::fflush(stdout) == 0); }

std::string wrapText(const std::string& text, std::size_t indent, std::size_t used)
{
    std::string result;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
        const std::string word = text.substr(begin, end - begin);
        if (used > indent && used + 1 + word.size() > kTextWidth) {
            result += "\n" + std::string(indent, ' ');
            used = indent;
        } else if (used > indent) {
            result += " ";
            ++used;
        }
        result += word;
        used += word.size();
        if (end < text.size() && text[end] == '\n') {
            result += "\n" + std::string(indent, ' ');
            used = indent;
        }
        begin = end + 1;
    }
    return result;
}

TextTable::TextTable(std::vector<std::string> headings)
{
    for (std::string& heading : headings) {
        m_right.push_back(heading.starts_with('>'));
        if (m_right.back())
            heading.erase(0, 1);
    }
    m_rows.push_back(std::move(headings));
}

void TextTable::add(std::vector<std::string> cells) { m_rows.push_back(std::move(cells)); }

std::string TextTable::text(std::string_view indent) const
{
    std::vector<std::size_t> widths(m_right.size(), 0);
    for (const auto& row : m_rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths.at(i) = std::max(widths.at(i), widthOf(row[i]));
    std::string result;
    for (const auto& row : m_rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string fill(widths[i] - widthOf(row[i]), ' ');
            line += std::string(i == 0 ? "" : "  ") + (m_right[i] ? fill + row[i] : row[i] + fill);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        result += (line.empty() ? "" : std::string(indent)) + line + "\n";
    }
    return result;
}

} // namespace kvviz::app
