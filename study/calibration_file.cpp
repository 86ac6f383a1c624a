// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "study/calibration_file.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

namespace kvviz::study {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers(const std::vector<double>& values)
{
    Json list = Json::array();
    for (const double value : values)
        list.push_back(number(value));
    return list;
}

Json toJson(const core::Estimate& estimate)
{
    return {{"value", number(estimate.value)}, {"low", number(estimate.low)}, {"high", number(estimate.high)}};
}

Json toJson(const PredictionPoint& point)
{
    return {{"task", point.task},
            {"method", point.method},
            {"ratio", number(point.ratio)},
            {"predicted", number(point.predicted)},
            {"captures", point.captures},
            {"measured", number(point.measured)},
            {"ci_low", number(point.low)},
            {"ci_high", number(point.high)},
            {"gold_logprob_change", number(point.gold)},
            {"prompts", point.prompts},
            {"expected", number(point.expected)}};
}

Json toJson(const Agreement& agreement)
{
    return {{"task", agreement.task},
            {"points", agreement.spearman.count},
            {"spearman", toJson(agreement.spearman)},
            {"kendall", toJson(agreement.kendall)},
            {"gold_spearman", toJson(agreement.goldSpearman)}};
}

/// Prompts evaluated, each task once: its points are of the same prompts.
std::int64_t promptsOf(const PredictionCheck& check)
{
    std::map<std::string, std::int64_t> most;
    for (const PredictionPoint& point : check.points)
        most[point.task] = std::max(most[point.task], point.prompts);
    std::int64_t sum = 0;
    for (const auto& [task, prompts] : most)
        sum += prompts;
    return sum;
}

/// Entries of the file, with its name and the entry's in every complaint.
class Entries {
public:
    Entries(const Json& json, std::string where) : m_json(json), m_where(std::move(where)) {}

    [[nodiscard]] const Json& need(const char* key) const
    {
        if (!m_json.is_object() || !m_json.contains(key))
            fail(key, "an entry of this name");
        return m_json[key];
    }
    [[nodiscard]] std::string text(const char* key) const
    {
        const Json& value = need(key);
        if (!value.is_string())
            fail(key, "a text");
        return value.get<std::string>();
    }
    [[nodiscard]] std::int64_t count(const char* key) const
    {
        const Json& value = need(key);
        if (!value.is_number_integer() || value.get<std::int64_t>() < 0)
            fail(key, "a whole number from 0 on");
        return value.get<std::int64_t>();
    }
    [[nodiscard]] double numberOrNull(const char* key) const
    {
        const Json& value = need(key);
        if (value.is_null())
            return io::kNotKnown;
        if (!value.is_number())
            fail(key, "a number or null");
        return value.get<double>();
    }
    [[nodiscard]] std::vector<double> finite(const char* key) const
    {
        const Json& list = need(key);
        std::vector<double> values;
        for (const Json& value : list) {
            if (!list.is_array() || !value.is_number())
                fail(key, "a list of numbers");
            values.push_back(value.get<double>());
        }
        return values;
    }
    [[noreturn]] void fail(const std::string& key, const std::string& expected) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}: expected {}", m_where, key, expected));
    }

private:
    const Json& m_json;
    std::string m_where;
};

} // namespace

std::string checkText(const PredictionCheck& check, const std::string& creator, const std::string& commandLine)
{
    Json json{{"format", kCheckFormat},
              {"creator", creator},
              {"command_line", commandLine},
              {"predictor", check.label},
              {"predictor_name", check.predictor},
              {"model", check.model},
              {"tasks_learned_from", std::ssize(check.tasks)},
              {"prompts_learned_from", promptsOf(check)},
              {"spearman", toJson(check.overall.spearman)},
              {"kendall", toJson(check.overall.kendall)},
              {"gold_spearman", toJson(check.overall.goldSpearman)},
              {"curve", {{"x", numbers(check.calibration.fit.x)}, {"y", numbers(check.calibration.fit.y)}}},
              {"residual_low", number(check.calibration.residualLow)},
              {"residual_high", number(check.calibration.residualHigh)},
              {"tasks", Json::array()},
              {"points", Json::array()}};
    for (const Agreement& task : check.tasks)
        json["tasks"].push_back(toJson(task));
    for (const PredictionPoint& point : check.points)
        json["points"].push_back(toJson(point));
    return json.dump(1) + "\n";
}

Calibration::Expected Calibration::expect(double prediction) const
{
    const core::IsotonicCalibration::Expected found = curve.expect(prediction);
    const auto possible = [](double change) { return std::isnan(change) ? change : std::max(change, -1.0); };
    return {possible(found.value), possible(found.low), possible(found.high)};
}

Calibration readCalibration(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in || std::filesystem::is_directory(path))
        throw core::Error(core::ErrorCode::failure, fmt::format("'{}' cannot be read", path.string()));
    const Json json = Json::parse(in, nullptr, false);
    const std::string where = fmt::format("'{}'", path.string());
    if (!json.is_object() || json.value("format", Json()) != kCheckFormat)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} is no calibration (a JSON object with \"format\": \"{}\"); make one with "
                                      "`kvviz calibrate`", where, kCheckFormat));
    const Entries entries(json, where);
    Calibration result;
    result.label = entries.text("predictor");
    result.predictor = entries.text("predictor_name");
    result.model = entries.text("model");
    result.tasks = entries.count("tasks_learned_from");
    result.prompts = entries.count("prompts_learned_from");
    const Entries curve(entries.need("curve"), where + ": curve");
    result.curve.fit.x = curve.finite("x");
    result.curve.fit.y = curve.finite("y");
    if (result.curve.fit.x.empty() || result.curve.fit.x.size() != result.curve.fit.y.size()
        || std::adjacent_find(result.curve.fit.x.begin(), result.curve.fit.x.end(), std::greater_equal<>())
               != result.curve.fit.x.end())
        curve.fail("x", "as many ascending numbers as y has, at least one");
    result.curve.residualLow = entries.numberOrNull("residual_low");
    result.curve.residualHigh = entries.numberOrNull("residual_high");
    const auto known = predictors();
    if (std::none_of(known.begin(), known.end(), [&](const Predictor& p) { return p.name == result.predictor; }))
        entries.fail("predictor_name", "a predictor that this version knows");
    return result;
}

} // namespace kvviz::study
