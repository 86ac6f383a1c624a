// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/session.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <QSaveFile>

#include <array>
#include <cmath>

namespace kvviz::views {

namespace {

using core::Error;
using core::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "kvviz-session";
constexpr int kVersion = 1;

[[noreturn]] void refuse(const std::string& entry, const std::string& expected)
{
    throw Error(ErrorCode::badInput, fmt::format("{}: expected {}", entry, expected));
}

/// Names of enumerators, in their order.
template <typename Enum>
constexpr auto namesOf()
{
    if constexpr (std::is_same_v<Enum, io::Pooling>)
        return std::array{"max", "mean"};
    else if constexpr (std::is_same_v<Enum, ColorRange>)
        return std::array{"all", "percentile", "without_sinks", "fixed"};
    else if constexpr (std::is_same_v<Enum, CurvesOf>)
        return std::array{"capture", "tasks"};
    else
        return std::array{"received", "survival", "logprob"};
}

template <typename Value>
Json toJson(const Value& value)
{
    if constexpr (std::is_enum_v<Value>)
        return namesOf<Value>().at(static_cast<std::size_t>(value));
    else if constexpr (std::is_same_v<Value, core::Span>)
        return Json::array({value.begin, value.end});
    else
        return value;
}

template <typename Value>
void fromJson(const Json& json, const std::string& entry, Value& value)
{
    if constexpr (std::is_enum_v<Value>) {
        const auto names = namesOf<Value>();
        const auto found = std::find(names.begin(), names.end(), json.is_string() ? json.get<std::string>() : "");
        if (found == names.end())
            refuse(entry, fmt::format("one of \"{}\"", fmt::join(names, "\", \"")));
        value = static_cast<Value>(found - names.begin());
    } else if constexpr (std::is_same_v<Value, core::Span>) {
        const bool pair = json.is_array() && json.size() == 2 && json[0].is_number_integer()
                          && json[1].is_number_integer() && json[0] >= 0 && json[0] <= json[1];
        if (!pair)
            refuse(entry, "two token positions, [begin, end)");
        value = {json[0], json[1]};
    } else if constexpr (std::is_same_v<Value, bool>) {
        if (!json.is_boolean())
            refuse(entry, "true or false");
        value = json;
    } else if constexpr (std::is_integral_v<Value>) {
        if (!json.is_number_integer() || std::abs(json.get<double>()) > 1e9)
            refuse(entry, "a whole number");
        value = json;
    } else if constexpr (std::is_floating_point_v<Value>) {
        if (!json.is_number())
            refuse(entry, "a number");
        value = json;
    } else {
        if (!json.is_string())
            refuse(entry, "a text");
        value = json;
    }
}

/// What no view could show.
void checkSelection(const SelectionState& state)
{
    if (state.capture < 0 || state.other < -1)
        refuse("selection.capture", "an index into the captures");
    if (!(state.ratio > 0 && state.ratio <= 1))
        refuse("selection.ratio", "a fraction above 0, at most 1");
    if (state.budgetTokens < 0)
        refuse("selection.budget_tokens", "0 or more");
    if (state.sinkTokens < 0)
        refuse("selection.sink_tokens", "0 or more");
    if (!(state.rangeLow < state.rangeHigh) || !std::isfinite(state.rangeLow) || !std::isfinite(state.rangeHigh))
        refuse("selection.range_low", "a number below range_high");
}

std::string written(const std::filesystem::path& file, const std::filesystem::path& folder)
{
    const auto relative = std::filesystem::absolute(file).lexically_normal().lexically_relative(
        std::filesystem::absolute(folder).lexically_normal());
    return relative.empty() ? std::filesystem::absolute(file).string() : relative.generic_string();
}

std::filesystem::path resolved(const std::string& text, const std::filesystem::path& folder)
{
    return (folder / std::filesystem::path(text)).lexically_normal();
}

QByteArray bytesOf(const Json& json, const std::string& entry)
{
    std::string text;
    fromJson(json, entry, text);
    const auto decoded = QByteArray::fromBase64Encoding(QByteArray::fromStdString(text),
                                                        QByteArray::AbortOnBase64DecodingErrors);
    if (!decoded)
        refuse(entry, "base64");
    return *decoded;
}

void writeSelection(const SelectionState& state, Json& json)
{
    visitFields(state, [&](const char* name, const auto& field) { json[name] = toJson(field); });
}

void readSelection(const Json& json, SelectionState& state)
{
    if (!json.is_object())
        refuse("selection", "an object");
    visitFields(state, [&](const char* name, auto& field) {
        if (json.contains(name))
            fromJson(json[name], std::string("selection.") + name, field);
    });
    checkSelection(state);
}

PanelSettings panelsOf(const Json& json)
{
    PanelSettings panels;
    if (!json.is_object())
        refuse("panels", "an object");
    for (const auto& [panel, settings] : json.items()) {
        if (!settings.is_object())
            refuse("panels." + panel, "an object");
        for (const auto& [name, value] : settings.items())
            fromJson(value, fmt::format("panels.{}.{}", panel, name), panels[panel][name]);
    }
    return panels;
}

void readFiles(const Json& json, const std::filesystem::path& folder, Session& session)
{
    const auto list = [&](const char* key) {
        const Json entries = json.value(key, Json::array());
        if (!entries.is_array())
            refuse(key, "a list");
        return entries;
    };
    for (const Json& entry : list("captures")) {
        if (!entry.is_object() || !entry.contains("file"))
            refuse("captures", "objects with a \"file\"");
        std::string file, group = "/";
        fromJson(entry["file"], "captures.file", file);
        if (entry.contains("group"))
            fromJson(entry["group"], "captures.group", group);
        session.captures.push_back({resolved(file, folder), group});
    }
    for (const Json& entry : list("results")) {
        std::string file;
        fromJson(entry, "results", file);
        session.results.push_back(resolved(file, folder));
    }
}

} // namespace

std::string selectionText(const SelectionState& state)
{
    Json json;
    writeSelection(state, json);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

SelectionState parseSelection(const std::string& text)
{
    SelectionState state;
    readSelection(Json::parse(text, nullptr, false), state);
    return state;
}

std::string sessionText(const Session& session, const std::filesystem::path& folder)
{
    Json json = Json::parse(session.unknown);
    json["format"] = kFormat;
    json["format_version"] = kVersion;
    json["captures"] = Json::array();
    for (const io::CaptureRef& ref : session.captures)
        json["captures"].push_back({{"file", written(ref.file, folder)}, {"group", ref.group}});
    json["results"] = Json::array();
    for (const std::filesystem::path& file : session.results)
        json["results"].push_back(written(file, folder));
    writeSelection(session.selection, json["selection"]); // entries of a newer version stay in it
    json["geometry"] = session.geometry.toBase64().toStdString();
    json["layout"] = session.layout.toBase64().toStdString();
    json["panels"] = Json(session.panels);
    json["font_scale"] = session.fontScale;
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Session parseSession(const std::string& text, const std::filesystem::path& folder)
{
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object() || json.value("format", Json()) != kFormat)
        throw Error(ErrorCode::badInput, fmt::format("it is no session (a JSON object with \"format\": \"{}\")", kFormat));
    const Json version = json.value("format_version", Json(0));
    if (!version.is_number_integer() || version > kVersion)
        throw Error(ErrorCode::badInput, fmt::format("its format version {} is newer than {}, which this kvviz reads; "
                                                     "a newer kvviz opens it", version.dump(), kVersion));
    Session session;
    readFiles(json, folder, session);
    Json unknownSelection = Json::object();
    if (json.contains("selection")) {
        readSelection(json["selection"], session.selection);
        unknownSelection = json["selection"];
        visitFields(session.selection, [&](const char* name, const auto&) { unknownSelection.erase(name); });
    }
    if (json.contains("geometry"))
        session.geometry = bytesOf(json["geometry"], "geometry");
    if (json.contains("layout"))
        session.layout = bytesOf(json["layout"], "layout");
    if (json.contains("panels"))
        session.panels = panelsOf(json["panels"]);
    if (json.contains("font_scale"))
        fromJson(json["font_scale"], "font_scale", session.fontScale);
    if (!(session.fontScale >= 0.5 && session.fontScale <= 4))
        refuse("font_scale", "a number from 0.5 to 4");
    for (const char* known : {"format", "format_version", "captures", "results", "selection", "geometry", "layout",
                              "panels", "font_scale"})
        json.erase(known);
    if (!unknownSelection.empty())
        json["selection"] = unknownSelection;
    session.unknown = json.dump();
    return session;
}

void saveSession(const Session& session, const std::filesystem::path& file)
{
    const std::string text = sessionText(session, std::filesystem::absolute(file).parent_path());
    QSaveFile out(QString::fromStdString(file.string()));
    if (!out.open(QIODevice::WriteOnly) || out.write(text.data(), std::ssize(text)) != std::ssize(text) || !out.commit())
        throw Error(ErrorCode::failure, fmt::format("the session '{}' cannot be written: {}", file.string(),
                                                    out.errorString().toStdString()));
}

Session loadSession(const std::filesystem::path& file)
{
    const std::string text = core::readInputText(file);
    try {
        return parseSession(text, std::filesystem::absolute(file).parent_path());
    } catch (const Error& error) {
        throw Error(error.code(), fmt::format("'{}': {}", file.string(), error.what()));
    }
}

} // namespace kvviz::views
