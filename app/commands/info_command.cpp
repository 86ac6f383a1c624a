// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz info: one capture in full, several as a table.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
#include "app/console.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::app {
namespace {

std::string overview(const std::vector<CaptureSummary>& summaries)
{
    TextTable table({"capture", "task", "prompt", ">tokens", ">generated", ">segments", "tier", "model"});
    for (const CaptureSummary& summary : summaries) {
        const core::CaptureInfo& info = summary.info;
        table.add({summary.name, info.prompt.task, info.prompt.id, std::to_string(info.nPrompt()),
                   std::to_string(info.nGenerated()), std::to_string(info.segments.size()),
                   std::string(tierName(info.tier)), info.model.name});
    }
    return table.text();
}

/// Does the work; an input that cannot be read becomes one of `errors`, so that the others are still shown.
template <typename Work>
void keepError(std::vector<core::Error>& errors, Work&& work)
{
    try {
        work();
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::badInput)
            throw;
        errors.push_back(error);
    }
}

std::vector<io::CaptureRef> allCaptures(const std::vector<std::string>& files, std::vector<core::Error>& errors)
{
    std::vector<io::CaptureRef> captures;
    std::vector<std::string> good;
    for (const std::string& file : files)
        keepError(errors, [&] {
            static_cast<void>(capturesOf({file}));
            good.push_back(file);
        });
    if (!good.empty())
        captures = capturesOf(good); // together: one that is named twice is shown once
    return captures;
}

} // namespace

int runInfo(const InfoOptions& options, const CommonOptions& common)
{
    std::vector<CaptureSummary> summaries;
    std::vector<core::Error> errors;
    for (const io::CaptureRef& ref : allCaptures(options.files, errors))
        keepError(errors, [&] { summaries.push_back(summarise(ref, options.layers)); });
    if (common.json) {
        Json report = jsonReport("info");
        report["captures"] = report["errors"] = Json::array();
        for (const CaptureSummary& summary : summaries)
            report["captures"].push_back(toJson(summary));
        for (const core::Error& error : errors)
            report["errors"].push_back(error.what());
        printJson(report);
    } else if (summaries.size() > 1 && common.verbose == 0 && !options.layers) {
        printOut(overview(summaries));
    } else {
        for (std::size_t i = 0; i < summaries.size(); ++i)
            printOut((i == 0 ? "" : "\n") + toText(summaries[i]));
    }
    return printErrors(errors);
}

} // namespace kvviz::app
