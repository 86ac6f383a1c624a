// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A CSV reader that knows its line.
#include "datasets/csv.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::datasets {

bool CsvReader::atLineBreak() const
{
    return m_text[m_pos] == '\n' || m_text.substr(m_pos).starts_with("\r\n");
}

void CsvReader::skipLineBreak()
{
    m_pos += m_text[m_pos] == '\r' ? 2 : 1;
    ++m_line;
}

bool CsvReader::next(CsvRecord& record)
{
    while (!atEnd() && atLineBreak())
        skipLineBreak();
    record = {m_line, {}, {}};
    if (atEnd())
        return false;
    while (true) {
        const bool quoted = !atEnd() && m_text[m_pos] == '"';
        record.fields.push_back(quoted ? quotedField(record.fault) : plainField());
        if (!record.fault.empty()) {
            m_pos = std::min(m_text.find('\n', m_pos), m_text.size());
            break;
        }
        if (atEnd() || m_text[m_pos] != ',')
            break;
        ++m_pos;
    }
    if (!atEnd())
        skipLineBreak();
    return true;
}

std::string CsvReader::quotedField(std::string& fault)
{
    const std::size_t begin = m_pos;
    const std::int64_t beginLine = m_line;
    std::string field;
    for (++m_pos; !atEnd();) {
        if (atLineBreak()) {
            skipLineBreak();
            field += '\n';
        } else if (m_text[m_pos] != '"') {
            field += m_text[m_pos++];
        } else if (m_text.substr(m_pos).starts_with("\"\"")) {
            field += '"';
            m_pos += 2;
        } else {
            ++m_pos;
            if (!atEnd() && m_text[m_pos] != ',' && !atLineBreak())
                fault = fmt::format("text follows the closing quote of line {}", m_line);
            return field;
        }
    }
    fault = fmt::format("the quote opened in line {} is never closed", beginLine);
    // Only this line is lost: the next record may begin after it.
    m_pos = begin;
    m_line = beginLine;
    return {};
}

std::string CsvReader::plainField()
{
    const std::size_t begin = m_pos;
    while (!atEnd() && m_text[m_pos] != ',' && !atLineBreak())
        ++m_pos;
    return std::string(m_text.substr(begin, m_pos - begin));
}

} // namespace kvviz::datasets
