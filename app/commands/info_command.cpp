// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz info: one capture in full, several as a table.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
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

} // namespace

int runInfo(const InfoOptions& options, const CommonOptions& common)
{
    std::vector<CaptureSummary> summaries;
    for (const io::CaptureRef& ref : capturesOf(options.files))
        summaries.push_back(summarise(ref, options.layers));
    if (common.json) {
        Json report = jsonReport("info");
        report["captures"] = Json::array();
        for (const CaptureSummary& summary : summaries)
            report["captures"].push_back(toJson(summary));
        printJson(report);
    } else if (summaries.size() > 1 && common.verbose == 0 && !options.layers) {
        printOut(overview(summaries));
    } else {
        for (std::size_t i = 0; i < summaries.size(); ++i)
            printOut((i == 0 ? "" : "\n") + toText(summaries[i]));
    }
    return 0;
}

} // namespace kvviz::app
