// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz report`: which files, then one page. Needs neither a display nor an application object.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/gui/published_source.hpp"
#include "app/output.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/part_file.hpp"
#include "core/text.hpp"
#include "views/report_page.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;
namespace fs = std::filesystem;

constexpr int kMostLayers = 100000; ///< numbers of layers are checked against each capture

bool isResults(const fs::path& file) { return file.string().ends_with(".kvres.h5"); }

/// Captures and results of a folder, whichever of them it has.
void addFolder(const fs::path& folder, plot::ReportRequest& request)
{
    std::vector<fs::path> results;
    bool captures = false;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        if (entry.is_regular_file() && isResults(entry.path()))
            results.push_back(entry.path());
        captures = captures || entry.path().extension() == ".kvh5";
    }
    std::sort(results.begin(), results.end());
    request.results.insert(request.results.end(), results.begin(), results.end());
    if (!captures && !results.empty())
        return;
    const auto found = io::findCaptures({folder}); // throws where there is nothing
    request.captures.insert(request.captures.end(), found.begin(), found.end());
}

/// A file that cannot be opened stays in the list, so that the page says why it is missing.
void addFile(const fs::path& file, plot::ReportRequest& request)
{
    if (isResults(file)) {
        request.results.push_back(file);
        return;
    }
    const auto found = io::findCaptures({file});
    request.captures.insert(request.captures.end(), found.begin(), found.end());
}

plot::ReportRequest requestOf(const ReportOptions& options, const CommonOptions& common)
{
    if (options.cells > plot::kReportCells)
        throw Error(ErrorCode::usage, fmt::format("--cells {} is too many, the most is {}", options.cells,
                                                  plot::kReportCells));
    plot::ReportRequest request;
    for (const std::string& file : options.files)
        core::isFolder(file) ? addFolder(file, request) : addFile(file, request);
    request.title = options.title;
    request.creator = creatorName();
    request.commandLine = common.commandLine;
    if (!options.layers.empty())
        request.layers = parseIndexList(options.layers, kMostLayers, "--layers");
    request.cells = options.cells;
    request.sinkTokens = options.sinks;
    request.maxBytes = options.maxMb * 1e6;
    if (!options.noPublished)
        request.published = publishedSource();
    return request;
}

} // namespace

int runReport(const ReportOptions& options, const CommonOptions& common)
{
    const fs::path output = options.output;
    if (output.extension() != ".html" && output.extension() != ".htm")
        throw Error(ErrorCode::usage, fmt::format("the output '{}' must end in .html", options.output));
    io::PartFile file(output, options.force);
    const plot::Report report = plot::reportPage(requestOf(options, common), consoleProgress(common));
    finishProgress();
    file.write(report.html);
    file.publish();
    for (const plot::LeftOut& left : report.leftOut)
        note(common, fmt::format("left out: {}: {}", left.what, left.reason));
    if (!common.json) {
        printOut(options.output + "\n");
        return 0;
    }
    nlohmann::ordered_json result{{"schema_version", 1},          {"output", options.output},
                                  {"bytes", report.html.size()},  {"captures", report.captures},
                                  {"maps", report.maps},          {"left_out", nlohmann::ordered_json::array()}};
    for (const plot::LeftOut& left : report.leftOut)
        result["left_out"].push_back({{"what", left.what}, {"reason", left.reason}});
    printOut(result.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return 0;
}

} // namespace kvviz::app
