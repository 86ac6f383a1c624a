// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lists of methods and budgets.
#include "app/commands/method_choice.hpp"

#include "app/console.hpp"
#include "core/error.hpp"
#include "core/io/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::app {
namespace {

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

void addFresh(std::vector<std::string>& list, const std::string& item)
{
    if (std::find(list.begin(), list.end(), item) == list.end())
        list.push_back(item);
}

std::vector<std::string> parse(std::string_view text, const std::vector<std::string>& every)
{
    std::vector<std::string> result;
    for (const std::string& name : splitMethods(text))
        if (name != "all")
            addFresh(result, name);
        else
            for (const std::string& one : every)
                addFresh(result, one);
    return result;
}

} // namespace

std::vector<std::string> parseMethods(std::string_view text) { return parse(text, compress::defaultReplaySet()); }

std::vector<std::string> parseLiveMethods(std::string_view text)
{
    std::vector<std::string> live;
    for (const std::string& specification : compress::defaultReplaySet())
        if (compress::makeMethod(specification)->liveObstacle().empty())
            live.push_back(specification);
    return parse(text, live);
}

std::vector<compress::Budget> parseBudgets(const MethodChoice& choice)
{
    std::vector<compress::Budget> result;
    if (choice.budgetTokens.empty()) {
        for (const double ratio : parseNumberList(choice.ratios, "--ratios")) {
            if (!(ratio > 0 && ratio <= 1))
                usage(fmt::format("--ratios: {} is not a fraction of tokens kept; expected more than 0, at most 1",
                                  ratio));
            result.push_back({ratio, std::nullopt});
        }
        return result;
    }
    for (const double tokens : parseNumberList(choice.budgetTokens, "--budget-tokens")) {
        if (tokens < 1 || tokens > 1e9 || tokens != std::floor(tokens))
            usage(fmt::format("--budget-tokens: {} is not a number of tokens; expected a whole number from 1 on",
                              tokens));
        result.push_back({1.0, static_cast<std::int64_t>(tokens)});
    }
    return result;
}

std::shared_ptr<const core::ModelTables> readTables(const MethodChoice& choice)
{
    if (choice.tables.empty())
        return nullptr;
    const std::vector<std::filesystem::path> paths(choice.tables.begin(), choice.tables.end());
    return std::make_shared<const core::ModelTables>(io::mergeTables(paths));
}

} // namespace kvviz::app
