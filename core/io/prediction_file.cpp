// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/io/prediction_file.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace kvviz::io {

namespace {

using core::Error;
using core::ErrorCode;
using Json = nlohmann::json;

/// An object of the file with the name it has in messages.
class Entry {
public:
    Entry(const Json& json, std::string where) : m_json(json), m_where(std::move(where))
    {
        if (!json.is_object())
            fail("", "an object");
    }

    [[nodiscard]] std::string text(const char* key) const
    {
        const Json& value = need(key);
        return value.is_string() ? value.get<std::string>() : fail(key, "a text");
    }
    /// NaN for null and for a key that is missing.
    [[nodiscard]] double number(const char* key) const
    {
        return m_json.contains(key) ? asNumber(m_json[key], key) : kNoNumber;
    }
    [[nodiscard]] std::vector<double> numbers(const char* key) const
    {
        std::vector<double> values;
        for (const Json& value : list(key))
            values.push_back(asNumber(value, key));
        return values;
    }
    /// 0 for null and for a key that is missing.
    [[nodiscard]] std::int64_t count(const char* key) const
    {
        if (!has(key))
            return 0;
        const Json& value = m_json[key];
        if (!value.is_number_integer() || value.get<std::int64_t>() < 0)
            fail(key, "a whole number from 0 on");
        return value.get<std::int64_t>();
    }
    [[nodiscard]] const Json& list(const char* key) const
    {
        const Json& value = need(key);
        if (!value.is_array())
            fail(key, "a list");
        return value;
    }
    [[nodiscard]] Entry entry(const char* key) const { return {need(key), m_where + "." + key}; }
    [[nodiscard]] bool has(const char* key) const { return m_json.contains(key) && !m_json[key].is_null(); }
    std::string fail(const std::string& key, const std::string& expected) const
    {
        throw Error(ErrorCode::badInput,
                    fmt::format("{}{}: expected {}", m_where, key.empty() ? "" : "." + key, expected));
    }

private:
    [[nodiscard]] const Json& need(const char* key) const
    {
        if (!m_json.contains(key))
            fail(key, "an entry of this name");
        return m_json[key];
    }
    [[nodiscard]] double asNumber(const Json& value, const char* key) const
    {
        if (value.is_null())
            return kNoNumber;
        if (!value.is_number())
            fail(key, "a number");
        return value.get<double>();
    }

    const Json& m_json;
    std::string m_where;
};

PredictionPoint readPoint(const Entry& entry)
{
    PredictionPoint point;
    point.task = entry.text("task");
    point.method = entry.text("method");
    point.ratio = entry.number("ratio");
    point.predicted = entry.number("predicted");
    point.measured = entry.number("measured");
    point.low = entry.number("ci_low");
    point.high = entry.number("ci_high");
    point.expected = entry.number("expected");
    return point;
}

PredictionAgreement readAgreement(const Entry& check, const char* key)
{
    if (!check.has(key))
        return {};
    const Entry entry = check.entry(key);
    return {entry.number("value"), entry.number("low"), entry.number("high")};
}

void readCurve(const Entry& check, PredictionFile& result)
{
    if (!check.has("curve"))
        return;
    const Entry curve = check.entry("curve");
    result.curveX = curve.numbers("x");
    result.curveY = curve.numbers("y");
    const auto finite = [](const std::vector<double>& values) {
        return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
    };
    if (result.curveX.size() != result.curveY.size() || !finite(result.curveX) || !finite(result.curveY)
        || !std::is_sorted(result.curveX.begin(), result.curveX.end()))
        curve.fail("", "lists x and y of as many numbers each, x ascending");
}

} // namespace

PredictionFile readPredictionFile(const std::filesystem::path& path)
{
    const Json json = Json::parse(core::readInputText(path), nullptr, false);
    if (!json.is_object() || json.value("format", Json()) != kPredictionFormat)
        throw Error(ErrorCode::badInput, fmt::format("'{}' is no check of predictions (a JSON object with \"format\": "
                                                     "\"{}\"); make one with `kvviz calibrate`",
                                                     path.string(), kPredictionFormat));
    const Entry check(json, path.string());
    PredictionFile result;
    result.predictor = check.text("predictor");
    if (check.has("predictor_name"))
        result.predictorName = check.text("predictor_name");
    result.model = check.text("model");
    result.tasks = check.count("tasks_learned_from");
    result.prompts = check.count("prompts_learned_from");
    std::size_t index = 0;
    for (const Json& point : check.list("points"))
        result.points.push_back(readPoint(Entry(point, fmt::format("{}.points[{}]", path.string(), index++))));
    result.spearman = readAgreement(check, "spearman");
    result.kendall = readAgreement(check, "kendall");
    readCurve(check, result);
    result.residualLow = check.number("residual_low");
    result.residualHigh = check.number("residual_high");
    return result;
}

} // namespace kvviz::io
