// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "study/calibration_file.hpp"

#include "core/error.hpp"
#include "core/io/prediction_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

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

} // namespace

std::string checkText(const PredictionCheck& check, const std::string& creator, const std::string& commandLine)
{
    Json json{{"format", io::kPredictionFormat},
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
    const io::PredictionFile file = io::readPredictionFile(path);
    const auto refuse = [&](const std::string& expected) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}.{}", path.string(), expected));
    };
    Calibration result;
    result.label = file.predictor;
    result.predictor = file.predictorName;
    result.model = file.model;
    result.tasks = file.tasks;
    result.prompts = file.prompts;
    result.curve.fit.x = file.curveX;
    result.curve.fit.y = file.curveY;
    const std::vector<double>& x = result.curve.fit.x;
    if (x.empty() || std::adjacent_find(x.begin(), x.end(), std::greater_equal<>()) != x.end())
        refuse("curve.x: expected ascending numbers, at least one");
    result.curve.residualLow = file.residualLow;
    result.curve.residualHigh = file.residualHigh;
    const auto known = predictors();
    if (std::none_of(known.begin(), known.end(), [&](const Predictor& p) { return p.name == result.predictor; }))
        refuse("predictor_name: expected a predictor that this version knows");
    return result;
}

} // namespace kvviz::study
