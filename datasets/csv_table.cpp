// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Columns by name.
#include "datasets/csv_table.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/csv.hpp"
#include "datasets/data_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kvviz::datasets {

std::int64_t readCsvTable(const std::filesystem::path& path, const std::vector<std::string>& columns, bool skipBad,
                          const std::function<std::string(const std::vector<std::string>& fields)>& use)
{
    const std::string bytes = readWholeFile(path);
    CsvReader reader(bytes);
    CsvRecord record;
    if (!reader.next(record) || !record.fault.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}', line 1: expected a header with the columns {}",
                                                                 path.string(), fmt::join(columns, ", ")));
    const std::vector<std::string> header = record.fields;
    std::vector<std::size_t> places;
    for (const std::string& column : columns) {
        const auto found = std::find(header.begin(), header.end(), column);
        if (found == header.end())
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}', line {}: the header has no column '{}'; expected {}", path.string(),
                                          record.line, column, fmt::join(columns, ", ")));
        places.push_back(static_cast<std::size_t>(found - header.begin()));
    }
    const auto faultOf = [&]() -> std::string {
        if (!record.fault.empty())
            return record.fault;
        if (record.fields.size() != header.size())
            return fmt::format("{} fields, expected {} as in the header", record.fields.size(), header.size());
        std::vector<std::string> fields;
        for (const std::size_t place : places)
            fields.push_back(record.fields[place]);
        return std::all_of(fields.begin(), fields.end(), core::isUtf8) ? use(fields) : "the text is not UTF-8";
    };
    std::int64_t good = 0;
    while (reader.next(record)) {
        const std::string fault = faultOf();
        if (fault.empty())
            ++good;
        else if (!skipBad)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}', line {}: {}; mend the record or pass over such records with "
                                          "--skip-bad",
                                          path.string(), record.line, fault));
    }
    return good;
}

} // namespace kvviz::datasets
