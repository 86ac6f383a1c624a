// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz calibrate`: predicted against measured, and the curve between them.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/json_output.hpp"
#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "study/calibration_file.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

#include <fmt/format.h>

namespace kvviz::app {
namespace {

struct Inputs {
    std::vector<io::ReplayRecord> replays;
    std::vector<io::EvalRecord> evaluations;
};

Inputs readInputs(const std::vector<std::string>& files)
{
    Inputs inputs;
    for (const std::string& file : files) {
        for (io::ReplayRecord& record : io::readReplayResults(file, false))
            inputs.replays.push_back(std::move(record));
        for (io::EvalRecord& record : io::readEvalResults(file, true))
            inputs.evaluations.push_back(std::move(record));
    }
    if (inputs.replays.empty() || inputs.evaluations.empty())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the results hold {} replays and {} evaluations; both are needed "
                                      "('kvviz replay', 'kvviz eval')",
                                      inputs.replays.size(), inputs.evaluations.size()));
    return inputs;
}

const study::Predictor& chosenPredictor(const std::string& name, const Inputs& inputs)
{
    if (name != "auto")
        return study::predictorNamed(name);
    for (const study::Predictor& predictor : study::predictors())
        if (study::isKnown(predictor, inputs.replays))
            return predictor;
    throw core::Error(core::ErrorCode::badInput, "the replays hold no number that a prediction could be learned from");
}

std::string estimateText(const core::Estimate& estimate)
{
    if (std::isnan(estimate.value))
        return "-";
    if (std::isnan(estimate.low))
        return fmt::format("{:+.2f}", estimate.value);
    return fmt::format("{:+.2f} [{:+.2f}, {:+.2f}]", estimate.value, estimate.low, estimate.high);
}

std::string reportText(const study::PredictionCheck& check)
{
    TextTable table({"task", ">points", ">Spearman", ">Kendall", ">Spearman, gold log-prob"});
    const auto add = [&](const std::string& name, const study::Agreement& agreement) {
        table.add({name, std::to_string(agreement.spearman.count), estimateText(agreement.spearman),
                   estimateText(agreement.kendall), estimateText(agreement.goldSpearman)});
    };
    for (const study::Agreement& task : check.tasks)
        add(task.task, task);
    table.gap();
    add("all", check.overall);
    std::string text = fmt::format("{}\n\nThe {} of replays against the measured change of score (and of the gold "
                                   "answers' log-probability), {}.\nIntervals are 95 %: of all tasks by drawing tasks, "
                                   "of one task by drawing its points.\n",
                                   table.text(), check.label, check.model);
    const core::IsotonicCalibration& curve = check.calibration;
    if (std::isfinite(curve.residualLow))
        text += fmt::format("On tasks it was not fitted to, 95 % of the curve's errors lie between {:+.1f} and {:+.1f} "
                            "points of the full cache's score.\n",
                            100 * curve.residualLow, 100 * curve.residualHigh);
    else
        text += "With a single task the curve's errors on others are not known.\n";
    return text;
}

void write(io::PartFile& file, const std::string& name, const std::string& text)
{
    file.claim();
    std::ofstream stream(file.partPath(), std::ios::binary | std::ios::trunc);
    stream << text;
    stream.close();
    if (!stream)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("'{}' cannot be written: {}", name, std::strerror(errno)));
    file.publish();
}

} // namespace

int runCalibrate(const CalibrateOptions& options, const CommonOptions& common)
{
    std::optional<io::PartFile> file; // refuses a name that cannot be written before the work is done
    if (!options.output.empty())
        file.emplace(options.output, options.force);
    const Inputs inputs = readInputs(options.results);
    core::ResamplingOptions resampling;
    resampling.seed = options.seed;
    const study::PredictionCheck check = study::checkPrediction(
        inputs.replays, inputs.evaluations, chosenPredictor(options.predictor, inputs), resampling);
    const std::string text = study::checkText(check, creatorName(), common.commandLine);
    if (file)
        write(*file, options.output, text);
    if (common.json) {
        Json report = jsonReport("calibrate");
        report["output"] = options.output.empty() ? Json(nullptr) : Json(options.output);
        report["check"] = Json::parse(text);
        printJson(report);
    } else {
        printOut(reportText(check));
    }
    if (file)
        note(common, fmt::format("calibration in {}", options.output));
    return 0;
}

} // namespace kvviz::app
