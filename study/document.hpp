// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A page as plain values, and its two forms. Texts are plain: both forms escape what is special in them, so no name
// from a file can become markup.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace kvviz::study {

enum class Tone { plain, good, bad, open, quiet };

struct Heading {
    int level = 1; ///< 1 to 3
    std::string text;
};
struct Paragraph {
    std::string text;
    std::string lead = {}; ///< in bold before the text
    Tone tone = Tone::plain;
};
struct Bullets {
    std::vector<std::string> items;
};
/// A command line.
struct Code {
    std::string text;
};
struct TableCell {
    std::string text;
    std::string small = {}; ///< second line: an interval
    Tone tone = Tone::plain;
};
struct TableRow {
    std::vector<TableCell> cells;
    bool published = false; ///< the paper's numbers: set apart from what was measured
};
struct Table {
    std::string caption;
    std::vector<std::string> columns;
    std::vector<TableRow> rows; ///< each as long as `columns`; the first cell names the row
    std::vector<std::string> notes;
};
struct Figure {
    std::string file; ///< relative to the page; an SVG
    std::string svg;  ///< its bytes
    std::string caption;
};

using Part = std::variant<Heading, Paragraph, Bullets, Code, Table, Figure>;

struct Document {
    std::string title;
    std::vector<Part> parts;
};

/// CommonMark with tables. Figures are links to their files.
[[nodiscard]] std::string toMarkdown(const Document& document);
/// One self-contained HTML5 page that needs no network, reads well on paper and follows the reader's dark mode. Figures
/// are embedded.
[[nodiscard]] std::string toHtml(const Document& document);

/// Text of an HTML element or attribute; bytes that are no text are shown as <0A>.
[[nodiscard]] std::string escapedHtml(const std::string& text);
/// Text in a Markdown line or table cell.
[[nodiscard]] std::string escapedMarkdown(const std::string& text);

} // namespace kvviz::study
