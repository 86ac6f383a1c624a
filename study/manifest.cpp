// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON in and out.
#include "study/manifest.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/part_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace kvviz::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "kvviz-study";

Json toJson(const StepRecord& step)
{
    return {{"key", step.key},
            {"label", step.label},
            {"model", step.model},
            {"model_label", step.modelLabel},
            {"file", step.file},
            {"state", step.state},
            {"message", step.message},
            {"shots", step.shots},
            {"questions", step.questions},
            {"prompts", step.prompts},
            {"seconds", step.seconds},
            {"observations", step.observations},
            {"command", step.command},
            {"settings", step.settings}};
}

StepRecord toStep(const Json& json)
{
    StepRecord step;
    json.at("key").get_to(step.key);
    json.at("label").get_to(step.label);
    json.at("model").get_to(step.model);
    json.at("model_label").get_to(step.modelLabel);
    json.at("file").get_to(step.file);
    json.at("state").get_to(step.state);
    json.at("message").get_to(step.message);
    json.at("shots").get_to(step.shots);
    json.at("questions").get_to(step.questions);
    json.at("prompts").get_to(step.prompts);
    json.at("seconds").get_to(step.seconds);
    json.at("observations").get_to(step.observations);
    json.at("command").get_to(step.command);
    json.at("settings").get_to(step.settings);
    return step;
}

/// A name from a file must not lead out of the folder of results.
bool staysInside(const std::string& file)
{
    const std::filesystem::path path(file);
    const auto up = [](const std::filesystem::path& part) { return part == ".."; };
    return !file.empty() && path.is_relative() && std::none_of(path.begin(), path.end(), up);
}

} // namespace

StepRecord* Manifest::find(const EvalStep& step)
{
    for (StepRecord& record : steps)
        if (record.modelLabel == step.modelLabel && record.key == step.key)
            return &record;
    return nullptr;
}

void writeManifest(const std::filesystem::path& folder, const Manifest& manifest)
{
    Json json{{"format", kFormat},
              {"format_version", "1.0"},
              {"creator", manifest.creator},
              {"command_line", manifest.commandLine},
              {"observations", manifest.observations},
              {"notes", manifest.notes},
              {"steps", Json::array()}};
    for (const StepRecord& step : manifest.steps)
        json["steps"].push_back(toJson(step));
    io::PartFile file(folder / kManifestName, true);
    file.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    file.publish();
}

Manifest readManifest(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / kManifestName;
    const auto fail = [&](const std::string& what) -> core::Error {
        return {core::ErrorCode::badInput, fmt::format("'{}' is no study of kvviz: {}", path.string(), what)};
    };
    const std::string text = core::readInputText(path);
    Manifest manifest;
    try {
        const Json json = Json::parse(text);
        if (json.at("format") != kFormat || !json.at("format_version").get<std::string>().starts_with("1."))
            throw fail("expected format 'kvviz-study', version 1");
        json.at("creator").get_to(manifest.creator);
        json.at("command_line").get_to(manifest.commandLine);
        json.at("observations").get_to(manifest.observations);
        json.at("notes").get_to(manifest.notes);
        for (const Json& step : json.at("steps"))
            manifest.steps.push_back(toStep(step));
    } catch (const nlohmann::json::exception& error) {
        throw fail(error.what());
    }
    for (const StepRecord& step : manifest.steps)
        if (!staysInside(step.file))
            throw fail(fmt::format("step '{}' names the file '{}' outside of the study", step.key, step.file));
    return manifest;
}

} // namespace kvviz::study
