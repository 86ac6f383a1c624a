// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz methods: the registry for people and programs.
#include "app/commands.hpp"
#include "app/json_output.hpp"
#include "compress/method.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace kvviz::app {
namespace {

Json toJson(const compress::MethodInfo& info)
{
    Json params = Json::array();
    for (const compress::ParamSpec& param : info.params)
        params.push_back({{"name", param.name},
                          {"default", param.defaultValue},
                          {"help", param.help},
                          {"choices", param.choices}});
    return {{"name", info.name},       {"title", info.title},   {"class", info.klass},
            {"acts", info.acts},       {"idea", info.idea},     {"equation", info.equation},
            {"source", info.source},   {"params", params},      {"presets", info.presets},
            {"needs", needNames(compress::replayNeeds(*compress::makeMethod(info.name)))}};
}

std::string listText(const std::vector<compress::MethodInfo>& list)
{
    TextTable table({"name", "class", "acts at", "needs", "presets"});
    for (const compress::MethodInfo& info : list) {
        std::vector<std::string> presets;
        for (const auto& [name, values] : info.presets)
            presets.push_back(name);
        table.add({info.name, info.klass, info.acts, needNames(compress::replayNeeds(*compress::makeMethod(info.name))),
                   fmt::format("{}", fmt::join(presets, ", "))});
    }
    return table.text() + "\n'kvviz methods NAME' explains one.\n";
}

std::string explanation(const compress::MethodInfo& info)
{
    std::string result = fmt::format("{} ({})\n\n  {}\n\n", info.title, info.name, wrapText(info.idea, 2, 2));
    const auto field = [&](std::string_view name, const std::string& text) {
        if (!text.empty())
            result += fmt::format("  {:<10}{}\n", name, wrapText(text, 12, 12));
    };
    field("equation", info.equation);
    field("class", info.klass);
    field("acts at", info.acts);
    field("needs", needNames(compress::replayNeeds(*compress::makeMethod(info.name))));
    field("source", info.source);
    if (!info.params.empty()) {
        result += "\n  parameters (with defaults)\n";
        for (const compress::ParamSpec& param : info.params) {
            const std::string choices =
                param.choices.empty() ? "" : fmt::format(" ({})", fmt::join(param.choices, "|"));
            result += fmt::format("    {:<28}{}\n", param.name + "=" + param.defaultValue,
                                  wrapText(param.help + choices, 32, 32));
        }
    }
    if (!info.presets.empty()) {
        TextTable table({"preset", "sets"});
        for (const auto& [name, values] : info.presets) {
            std::vector<std::string> settings;
            for (const auto& [key, value] : values)
                settings.push_back(key + "=" + value);
            table.add({info.name + ":" + name, fmt::format("{}", fmt::join(settings, ", "))});
        }
        result += "\n" + table.text("  ");
    }
    return result;
}

} // namespace

int runMethods(const MethodsOptions& options, const CommonOptions& common)
{
    std::vector<compress::MethodInfo> chosen =
        options.name.empty() ? compress::methodList() : std::vector{compress::methodInfo(options.name)};
    if (common.json) {
        Json report = jsonReport("methods");
        report["methods"] = Json::array();
        for (const compress::MethodInfo& info : chosen)
            report["methods"].push_back(toJson(info));
        printJson(report);
    } else if (common.quiet) {
        for (const compress::MethodInfo& info : chosen)
            printOut(info.name + "\n");
    } else {
        printOut(options.name.empty() ? listText(chosen) : explanation(chosen.front()));
    }
    return 0;
}

} // namespace kvviz::app
