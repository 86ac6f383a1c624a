// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Comma-separated values (RFC 4180): quoted fields may hold commas, doubled quotes and newlines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::datasets {

struct CsvRecord {
    std::int64_t line = 0; ///< where it starts, from 1
    std::vector<std::string> fields;
    std::string fault; ///< empty if well formed; else what is wrong, and the fields end there
};

class CsvReader {
public:
    /// `text` must outlive the reader.
    explicit CsvReader(std::string_view text) : m_text(text) {}

    /// False at the end. Blank lines between records are passed over; a line break within quotes comes out as "\n"
    /// however the file writes it. After a fault, reading goes on at the next line.
    bool next(CsvRecord& record);

private:
    [[nodiscard]] bool atEnd() const { return m_pos >= m_text.size(); }
    [[nodiscard]] bool atLineBreak() const;
    void skipLineBreak();
    /// The text after an opening quote up to its closing one; a fault if the quote is never closed or text follows it.
    std::string quotedField(std::string& fault);
    std::string plainField();

    std::string_view m_text;
    std::size_t m_pos = 0;
    std::int64_t m_line = 1;
};

} // namespace kvviz::datasets
