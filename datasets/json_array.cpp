// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds the elements of the array by their brackets and quotes, then parses each.
#include "datasets/json_array.hpp"

#include "core/error.hpp"
#include "datasets/data_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>

namespace kvviz::datasets {
namespace {

class ArrayScanner {
public:
    explicit ArrayScanner(std::string_view text) : m_text(text) {}

    [[nodiscard]] std::int64_t line() const { return m_line; }
    [[nodiscard]] bool atEnd() const { return m_pos >= m_text.size(); }
    [[nodiscard]] char peek() const { return m_text[m_pos]; }

    void skipSpace()
    {
        while (!atEnd() && (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n'))
            step();
    }

    bool take(char wanted)
    {
        skipSpace();
        if (atEnd() || peek() != wanted)
            return false;
        step();
        return true;
    }

    /// The text up to the comma or bracket that ends the element; the end of the file if there is none.
    std::string_view element()
    {
        skipSpace();
        const std::size_t begin = m_pos;
        m_elementLine = m_line;
        int depth = 0;
        bool quoted = false;
        for (; !atEnd(); step()) {
            const char c = peek();
            if (quoted) {
                if (c == '\\' && m_pos + 1 < m_text.size())
                    step();
                else if (c == '"')
                    quoted = false;
                continue;
            }
            if (depth == 0 && (c == ',' || c == ']'))
                break;
            quoted = c == '"';
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
        return m_text.substr(begin, m_pos - begin);
    }
    [[nodiscard]] std::int64_t elementLine() const { return m_elementLine; }

private:
    void step() { m_line += m_text[m_pos++] == '\n'; }

    std::string_view m_text;
    std::size_t m_pos = 0;
    std::int64_t m_line = 1;
    std::int64_t m_elementLine = 1;
};

bool isUsable(std::string_view element, const std::function<bool(const nlohmann::json&)>& use)
{
    try {
        return use(nlohmann::json::parse(element));
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

} // namespace

void readJsonArray(const std::filesystem::path& path, const std::string& expected, bool skipBad,
                   const std::function<bool(const nlohmann::json&)>& use)
{
    const std::string bytes = readWholeFile(path);
    const auto fail = [&](std::int64_t line, const std::string& what) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}', line {}: {}", path.string(), line, what));
    };
    ArrayScanner scanner(bytes);
    if (!scanner.take('['))
        fail(scanner.line(), "expected a JSON array of records");
    std::int64_t used = 0;
    bool more = !scanner.take(']');
    while (more) {
        const std::string_view element = scanner.element();
        if (scanner.atEnd())
            fail(scanner.elementLine(), "the array is cut off within this record; fetch the file again");
        if (isUsable(element, use))
            ++used;
        else if (!skipBad)
            fail(scanner.elementLine(), fmt::format("expected {}; mend the record or pass over such records with "
                                                    "--skip-bad",
                                                    expected));
        more = scanner.take(',');
        if (!more)
            (void)scanner.take(']');
    }
    if (used == 0)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' holds no usable record; expected records like {}", path.string(),
                                      expected));
}

} // namespace kvviz::datasets
