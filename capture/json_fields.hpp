// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Typed look-ups in a JSON object of a model folder; each fault names the file and the key.
#pragma once

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/json_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::capture {

class JsonFields {
public:
    /// `place`: of the object, for messages: "'config.json'" or "'config.json': rope_scaling".
    JsonFields(nlohmann::json object, std::string place) : m_object(std::move(object)), m_place(std::move(place))
    {
        if (!m_object.is_object())
            refuse("it is no JSON object");
    }
    /// Throws Error(badInput) for a file that cannot be read, is no JSON object, or is not what io::parseJson takes.
    static JsonFields ofFile(const std::filesystem::path& path)
    {
        const std::string place = fmt::format("'{}'", path.string());
        return {io::parseJson(core::readInputText(path), place), place};
    }

    [[noreturn]] void refuse(const std::string& why) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", m_place, why));
    }
    /// Is there a value that is not null?
    [[nodiscard]] bool has(const char* key) const { return m_object.contains(key) && !m_object.at(key).is_null(); }
    /// Does the key stand there, null or not?
    [[nodiscard]] bool names(const char* key) const { return m_object.contains(key); }
    [[nodiscard]] const nlohmann::json& json() const { return m_object; }
    [[nodiscard]] nlohmann::json take() && { return std::move(m_object); }
    [[nodiscard]] const std::string& place() const { return m_place; }
    [[nodiscard]] JsonFields object(const char* key) const
    {
        return {m_object.at(key), fmt::format("{}: {}", m_place, key)};
    }

    /// A whole number from `least` to 2^30.
    [[nodiscard]] std::int64_t integer(const char* key, std::optional<std::int64_t> fallback, std::int64_t least = 1) const
    {
        if (!has(key)) {
            if (!fallback)
                refuse(fmt::format("'{}' is missing", key));
            return *fallback;
        }
        const nlohmann::json& value = m_object.at(key);
        if (!value.is_number() || value.get<double>() != std::floor(value.get<double>())
            || value.get<double>() < static_cast<double>(least) || value.get<double>() > 1073741824.0)
            refuse(fmt::format("'{}' is {}, expected a whole number from {}", key, value.dump(), least));
        return static_cast<std::int64_t>(value.get<double>());
    }
    [[nodiscard]] double positive(const char* key, std::optional<double> fallback) const
    {
        if (!has(key)) {
            if (!fallback)
                refuse(fmt::format("'{}' is missing", key));
            return *fallback;
        }
        const nlohmann::json& value = m_object.at(key);
        if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>()))
            refuse(fmt::format("'{}' is {}, expected a positive number", key, value.dump()));
        return value.get<double>();
    }
    [[nodiscard]] bool boolean(const char* key, bool fallback) const
    {
        if (!has(key))
            return fallback;
        if (!m_object.at(key).is_boolean())
            refuse(fmt::format("'{}' is {}, expected true or false", key, m_object.at(key).dump()));
        return m_object.at(key).get<bool>();
    }
    [[nodiscard]] std::string text(const char* key, const std::string& fallback) const
    {
        if (!has(key))
            return fallback;
        if (!m_object.at(key).is_string())
            refuse(fmt::format("'{}' is {}, expected a text", key, m_object.at(key).dump()));
        return m_object.at(key).get<std::string>();
    }
    [[nodiscard]] std::vector<double> positives(const char* key) const
    {
        std::vector<double> result;
        if (!has(key) || !m_object.at(key).is_array())
            refuse(fmt::format("'{}' is no list of numbers", key));
        for (const nlohmann::json& value : m_object.at(key)) {
            if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>()))
                refuse(fmt::format("'{}' holds {}, expected positive numbers", key, value.dump()));
            result.push_back(value.get<double>());
        }
        return result;
    }

private:
    nlohmann::json m_object;
    std::string m_place;
};

} // namespace kvviz::capture
