// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON lines with the file and line of every fault.
#include "datasets/jsonl.hpp"

#include "core/error.hpp"
#include "datasets/data_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace kvviz::datasets {
namespace {

bool isBlank(std::string_view line)
{
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

bool isUsable(std::string_view line, const std::function<bool(const nlohmann::json&)>& use)
{
    try {
        return use(nlohmann::json::parse(line));
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

} // namespace

void readJsonLines(const std::filesystem::path& path, const std::string& expected, bool skipBad,
                   const std::function<bool(const nlohmann::json&)>& use)
{
    const std::string bytes = readWholeFile(path);
    std::string_view rest = bytes;
    std::int64_t used = 0;
    for (std::int64_t number = 1; !rest.empty(); ++number) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (isBlank(line))
            continue;
        if (isUsable(line, use))
            ++used;
        else if (!skipBad)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}', line {}: expected {}; mend the line or pass over such lines with "
                                          "--skip-bad",
                                          path.string(), number, expected));
    }
    if (used == 0)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' holds no usable line; expected lines like {}", path.string(), expected));
}

} // namespace kvviz::datasets
