// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Documents as Markdown.
#include "core/text.hpp"
#include "study/document.hpp"

#include <fmt/format.h>

namespace kvviz::study {
namespace {

/// Names of files in a link: what would end the link is written as a percent code.
std::string linkTarget(const std::string& file)
{
    std::string target;
    for (const char c : file) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                           || std::string_view("-_./").find(c) != std::string_view::npos;
        target += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return target;
}

std::string cellText(const TableCell& cell, bool published)
{
    std::string text = escapedMarkdown(cell.text);
    if (cell.tone == Tone::good || cell.tone == Tone::bad)
        text = "**" + text + "**";
    if (published && !text.empty())
        text = "*" + text + "*";
    return cell.small.empty() ? text : text + "<br>" + escapedMarkdown(cell.small);
}

std::string markdown(const Heading& heading)
{
    return std::string(static_cast<std::size_t>(heading.level), '#') + " " + escapedMarkdown(heading.text) + "\n";
}

std::string markdown(const Paragraph& paragraph)
{
    if (paragraph.lead.empty())
        return escapedMarkdown(paragraph.text) + "\n";
    return fmt::format("**{}** {}\n", escapedMarkdown(paragraph.lead), escapedMarkdown(paragraph.text));
}

std::string markdown(const Bullets& bullets)
{
    std::string text;
    for (const std::string& item : bullets.items)
        text += "- " + escapedMarkdown(item) + "\n";
    return text;
}

std::string markdown(const Code& code) { return "    " + core::displayBytes(code.text) + "\n"; }

std::string markdown(const Table& table)
{
    std::string text;
    if (!table.caption.empty())
        text += fmt::format("**{}**\n\n", escapedMarkdown(table.caption));
    text += "|";
    for (const std::string& column : table.columns)
        text += fmt::format(" {} |", escapedMarkdown(column));
    text += "\n|";
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        text += "---|";
    text += "\n";
    for (const TableRow& row : table.rows) {
        text += "|";
        for (const TableCell& cell : row.cells)
            text += fmt::format(" {} |", cellText(cell, row.published));
        text += "\n";
    }
    if (!table.notes.empty())
        text += "\n" + markdown(Bullets{table.notes});
    return text;
}

std::string markdown(const Figure& figure)
{
    return fmt::format("![{}]({})\n\n{}\n", escapedMarkdown(figure.caption), linkTarget(figure.file),
                       escapedMarkdown(figure.caption));
}

} // namespace

std::string toMarkdown(const Document& document)
{
    std::string text = markdown(Heading{1, document.title});
    for (const Part& part : document.parts)
        text += "\n" + std::visit([](const auto& value) { return markdown(value); }, part);
    return text;
}

std::string escapedMarkdown(const std::string& text)
{
    std::string result;
    for (const char c : core::displayBytes(text)) {
        if (c == '<')
            result += "&lt;"; // an escaped one would still open a tag in some readers
        else if (std::string_view("\\`*_[]|#~>").find(c) != std::string_view::npos)
            result += {'\\', c};
        else
            result += c;
    }
    return result;
}

} // namespace kvviz::study
