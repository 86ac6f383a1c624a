// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Data on standard output: a reader that leaves early is no fault, a full disk is one. And plain tables for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::app {

/// Throws Error(failure) when standard output cannot be written, but ignores a broken pipe.
void printOut(std::string_view text);
/// Flushes, with the same rule.
void flushOut();

/// Width of help and explanations: fixed, so that the text is the same on every terminal.
inline constexpr std::size_t kTextWidth = 100;
/// Words of `text` in lines of at most kTextWidth; each line but the first starts with `indent` spaces, the first one
/// has `used` characters before it. Line breaks in the text stay.
[[nodiscard]] std::string wrapText(const std::string& text, std::size_t indent, std::size_t used);

/// Rows of cells in aligned columns. Widths count code points, which is right for all text kvviz prints but wide CJK.
class TextTable {
public:
    /// A heading that starts with '>' is right-aligned (the mark is left out).
    explicit TextTable(std::vector<std::string> headings);
    void add(std::vector<std::string> cells);
    /// An empty line.
    void gap() { m_rows.emplace_back(); }
    [[nodiscard]] std::string text(std::string_view indent = "") const;

private:
    std::vector<std::vector<std::string>> m_rows;
    std::vector<bool> m_right;
};

} // namespace kvviz::app
