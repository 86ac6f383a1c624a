// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Documents as one HTML page.
#include "core/text.hpp"
#include "study/document.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace kvviz::study {
namespace {

/// Colours of light and dark mode, and black on white on paper whatever the mode.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --page: #ffffff; --line: #d0d7de;
        --head: #f6f8fa; --good: #116329; --bad: #a40e26; --open: #7d4e00; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9da7b3; --page: #0d1117; --line: #3d444d; --head: #161b22; --good: #56d364;
          --bad: #ff8b82; --open: #e3b341; --link: #79b8ff; }
}
@media print {
  :root { --text: #000; --quiet: #444; --page: #fff; --line: #999; --head: #eee; --good: #000; --bad: #000;
          --open: #000; }
  body { max-width: none; font-size: 10pt; }
  figure, tr { break-inside: avoid; }
  h1, h2, h3, caption { break-after: avoid; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 64rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9em; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: left; vertical-align: top; }
thead th { background: var(--head); }
tr.published td, tr.published th { color: var(--quiet); font-style: italic; font-weight: 400; }
small, .quiet { color: var(--quiet); }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.open { color: var(--open); font-weight: 600; }
.notes { font-size: 0.85em; color: var(--quiet); }
figure { margin: 1rem 0; } figure img { width: 100%; box-sizing: border-box; background: #fff; padding: 0.5rem; }
code { overflow-wrap: anywhere; background: var(--head); padding: 0.1rem 0.3rem; }
)";

const char* className(Tone tone)
{
    switch (tone) {
    case Tone::good: return "good";
    case Tone::bad: return "bad";
    case Tone::open: return "open";
    case Tone::quiet: return "quiet";
    default: return "";
    }
}

std::string classed(const char* element, Tone tone, const std::string& text)
{
    const std::string name = className(tone);
    return name.empty() ? text : fmt::format("<{0} class=\"{1}\">{2}</{0}>", element, name, text);
}

std::string base64(const std::string& bytes)
{
    constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            result += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
    return result;
}

std::string html(const Heading& heading)
{
    return fmt::format("<h{0}>{1}</h{0}>\n", heading.level, escapedHtml(heading.text));
}

std::string html(const Paragraph& paragraph)
{
    const std::string lead = escapedHtml(paragraph.lead);
    if (lead.empty())
        return fmt::format("<p>{}</p>\n", classed("span", paragraph.tone, escapedHtml(paragraph.text)));
    return fmt::format("<p><strong>{}</strong> {}</p>\n", classed("span", paragraph.tone, lead),
                       escapedHtml(paragraph.text));
}

std::string items(const std::vector<std::string>& list, const char* attributes)
{
    std::string text = fmt::format("<ul{}>\n", attributes);
    for (const std::string& item : list)
        text += fmt::format("<li>{}</li>\n", escapedHtml(item));
    return text + "</ul>\n";
}

std::string html(const Bullets& bullets) { return items(bullets.items, ""); }

std::string html(const Code& code) { return fmt::format("<p><code>{}</code></p>\n", escapedHtml(code.text)); }

std::string cellHtml(const TableCell& cell, bool first)
{
    std::string text = classed("span", cell.tone, escapedHtml(cell.text));
    if (!cell.small.empty())
        text += fmt::format("<br><small>{}</small>", escapedHtml(cell.small));
    return first ? fmt::format("<th scope=\"row\">{}</th>", text) : fmt::format("<td>{}</td>", text);
}

std::string html(const Table& table)
{
    std::string text = "<div class=\"scroll\"><table>\n";
    if (!table.caption.empty())
        text += fmt::format("<caption>{}</caption>\n", escapedHtml(table.caption));
    text += "<thead><tr>";
    for (const std::string& column : table.columns)
        text += fmt::format("<th scope=\"col\">{}</th>", escapedHtml(column));
    text += "</tr></thead>\n<tbody>\n";
    for (const TableRow& row : table.rows) {
        text += row.published ? "<tr class=\"published\">" : "<tr>";
        for (std::size_t i = 0; i < row.cells.size(); ++i)
            text += cellHtml(row.cells[i], i == 0);
        text += "</tr>\n";
    }
    text += "</tbody>\n</table></div>\n";
    return table.notes.empty() ? text : text + items(table.notes, " class=\"notes\"");
}

std::string html(const Figure& figure)
{
    return fmt::format("<figure><img alt=\"{0}\" src=\"data:image/svg+xml;base64,{1}\">\n<figcaption "
                       "class=\"quiet\">{0}</figcaption></figure>\n",
                       escapedHtml(figure.caption), base64(figure.svg));
}

} // namespace

std::string toHtml(const Document& document)
{
    std::string text = fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                                   "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                                   "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
                                   escapedHtml(document.title), kStyle);
    for (const Part& part : document.parts)
        text += std::visit([](const auto& value) { return html(value); }, part);
    return text + "</body>\n</html>\n";
}

std::string escapedHtml(const std::string& text)
{
    std::string result;
    for (const char c : core::displayBytes(text))
        switch (c) {
        case '&': result += "&amp;"; break;
        case '<': result += "&lt;"; break;
        case '>': result += "&gt;"; break;
        case '"': result += "&quot;"; break;
        case '\'': result += "&#39;"; break;
        default: result += c;
        }
    return result;
}

} // namespace kvviz::study
