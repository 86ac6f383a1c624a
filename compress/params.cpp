// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Resolved parameters: defaults, preset, overrides; typed access with checks.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace kvviz::compress {
namespace {

[[noreturn]] void throwUnknown(const std::string& method, std::string_view kind, const std::string& name,
                               const std::vector<std::string>& known)
{
    const std::string near = core::nearestName(name, known);
    const std::string hint = !near.empty()   ? fmt::format("did you mean '{}'?", near)
                             : known.empty() ? fmt::format("it has no {}s", kind)
                                             : fmt::format("it has {}", fmt::join(known, ", "));
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("method '{}' has no {} '{}'; {}", method, kind, core::shown(name), hint));
}

const ParamSpec& specOf(const MethodInfo& info, const std::string& name)
{
    const auto found = std::find_if(info.params.begin(), info.params.end(),
                                    [&](const ParamSpec& spec) { return spec.name == name; });
    if (found != info.params.end())
        return *found;
    std::vector<std::string> known;
    for (const ParamSpec& spec : info.params)
        known.push_back(spec.name);
    throwUnknown(info.name, "parameter", name, known);
}

void checkChoice(const MethodInfo& info, const ParamSpec& spec, const std::string& value)
{
    if (!spec.choices.empty() && std::find(spec.choices.begin(), spec.choices.end(), value) == spec.choices.end())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("parameter '{}' of method '{}' is '{}'; expected one of {}", spec.name, info.name,
                                      core::shown(value), fmt::join(spec.choices, ", ")));
}

template <typename Number>
bool parseWhole(const std::string& text, Number& number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

std::string variantText(const std::string& preset, const std::map<std::string, std::string>& overrides)
{
    std::string text = preset;
    for (const auto& [name, value] : overrides)
        text += (text.empty() ? "" : ",") + name + "=" + value;
    return text;
}

} // namespace

Params::Params(const MethodInfo& info, const std::string& preset, const std::map<std::string, std::string>& overrides)
    : m_method(info.name), m_variant(variantText(preset, overrides))
{
    for (const ParamSpec& spec : info.params)
        m_values[spec.name] = spec.defaultValue;
    if (!preset.empty()) {
        const auto found = info.presets.find(preset);
        if (found == info.presets.end()) {
            std::vector<std::string> known;
            for (const auto& [name, values] : info.presets)
                known.push_back(name);
            throwUnknown(info.name, "preset", preset, known);
        }
        for (const auto& [name, value] : found->second)
            m_values[name] = value;
    }
    for (const auto& [name, value] : overrides) {
        checkChoice(info, specOf(info, name), value);
        m_values[name] = value;
    }
}

const std::string& Params::text(std::string_view name) const
{
    const auto found = m_values.find(name);
    if (found == m_values.end())
        throw core::Error(core::ErrorCode::usage, fmt::format("method '{}' has no parameter '{}'", m_method, name));
    return found->second;
}

std::int64_t Params::integer(std::string_view name, std::int64_t minimum, std::int64_t maximum) const
{
    std::int64_t number = 0;
    const bool whole = parseWhole(text(name), number);
    const std::string bound = whole && number > maximum ? fmt::format(" of at most {}", maximum)
                                                        : fmt::format(" of at least {}", minimum);
    if (!whole || number < minimum || number > maximum)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("parameter '{}' of method '{}' is '{}'; expected a whole number{}", name,
                                      m_method, text(name), bound));
    return number;
}

double Params::real(std::string_view name, double minimum, double maximum) const
{
    double number = 0;
    if (!parseWhole(text(name), number) || !(number >= minimum && number <= maximum))
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("parameter '{}' of method '{}' is '{}'; expected a number from {} to {}", name,
                                      m_method, text(name), minimum, maximum));
    return number;
}

bool Params::flag(std::string_view name) const
{
    const std::string& value = text(name);
    if (value != "true" && value != "false")
        throw core::Error(core::ErrorCode::usage, fmt::format("parameter '{}' of method '{}' is '{}'; expected true or "
                                                              "false",
                                                              name, m_method, value));
    return value == "true";
}

std::string Params::json() const
{
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [name, value] : m_values) {
        std::int64_t whole = 0;
        double number = 0;
        if (value == "true" || value == "false")
            object[name] = value == "true";
        else if (parseWhole(value, whole))
            object[name] = whole;
        else if (parseWhole(value, number) && std::isfinite(number))
            object[name] = number;
        else
            object[name] = value;
    }
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace kvviz::compress
