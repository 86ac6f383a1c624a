// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The verdicts in brief, for people and for programs.
#include "app/commands/study_output.hpp"

#include "app/output.hpp"

#include <fmt/format.h>

namespace kvviz::app {
namespace {

Json toJson(const study::Finding& finding)
{
    Json samples = Json::array();
    for (const study::Sample& sample : finding.samples)
        samples.push_back({{"name", sample.name}, {"prompts", sample.prompts}, {"base_score", sample.base}});
    return {{"statement", finding.statement},
            {"quantity", finding.quantity},
            {"value", finding.estimate.value},
            {"low", finding.estimate.low},
            {"high", finding.estimate.high},
            {"outcome", study::outcomeName(finding.outcome)},
            {"reason", finding.reason},
            {"samples", samples}};
}

Json toJson(const study::Verdict& verdict)
{
    Json findings = Json::array();
    for (const study::Finding& finding : verdict.findings)
        findings.push_back(toJson(finding));
    return {{"observation", verdict.observation},
            {"title", study::observationTitle(verdict.observation)},
            {"model", verdict.model},
            {"outcome", study::outcomeName(verdict.outcome)},
            {"reason", verdict.reason},
            {"findings", findings}};
}

} // namespace

std::string studyText(const study::PageContent& content, const std::string& folder)
{
    std::string text;
    for (const study::Verdict& verdict : content.verdicts) {
        const std::string model = verdict.model.empty() ? "" : fmt::format(" ({})", verdict.model);
        text += fmt::format("obs{} {}{}: {}\n  {}\n", verdict.observation,
                            study::observationTitle(verdict.observation), model, study::outcomeName(verdict.outcome),
                            wrapText(verdict.reason, 2, 2));
    }
    for (const study::StepRecord& step : content.manifest.steps)
        if (step.state != "done")
            text += fmt::format("not measured: {} ({}): {}\n", step.label, step.modelLabel,
                                step.message.empty() ? "it did not end" : step.message);
    return text + fmt::format("\n{}/study.html and study.md have the numbers.\n", folder);
}

Json studyJson(const study::PageContent& content, const std::string& folder)
{
    Json report = jsonReport("study");
    report["folder"] = folder;
    report["pages"] = {"study.html", "study.md"};
    report["verdicts"] = Json::array();
    for (const study::Verdict& verdict : content.verdicts)
        report["verdicts"].push_back(toJson(verdict));
    report["steps"] = Json::array();
    for (const study::StepRecord& step : content.manifest.steps)
        report["steps"].push_back({{"label", step.label},
                                   {"model", step.modelLabel},
                                   {"state", step.state},
                                   {"message", step.message},
                                   {"file", fmt::format("{}/{}", study::kResultsFolder, step.file)},
                                   {"seconds", step.seconds}});
    report["figures"] = Json::array();
    for (const study::StudyFigure& figure : content.figures)
        report["figures"].push_back(figure.figure.file);
    report["notes"] = content.manifest.notes;
    report["left_out"] = content.data.faults;
    return report;
}

} // namespace kvviz::app
