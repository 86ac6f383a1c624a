// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz verify: a file that cannot even be opened is a finding like any other, so that the rest is still checked.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
#include "app/console.hpp"

#include <fmt/format.h>

namespace kvviz::app {
namespace {

struct Finding {
    std::string name;
    std::vector<std::string> problems; ///< empty: sound
};

/// The captures of one argument, or a finding why there are none.
std::vector<io::CaptureRef> expand(const std::string& path, std::vector<Finding>& findings)
{
    try {
        return capturesOf({path});
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::badInput)
            throw;
        findings.push_back({path, {error.what()}});
        return {};
    }
}

Finding check(const io::CaptureRef& ref)
{
    try {
        return {refName(ref), io::verifyCapture(ref)};
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::badInput)
            throw;
        return {refName(ref), {error.what()}};
    }
}

Json toJson(const std::vector<Finding>& findings)
{
    Json report = jsonReport("verify");
    report["captures"] = Json::array();
    for (const Finding& finding : findings)
        report["captures"].push_back(
            {{"capture", finding.name}, {"sound", finding.problems.empty()}, {"problems", finding.problems}});
    return report;
}

std::string toLine(const Finding& finding, bool all)
{
    if (finding.problems.empty())
        return fmt::format("ok      {}\n", finding.name);
    std::string result = fmt::format("BROKEN  {}: {}", finding.name, finding.problems.front());
    for (std::size_t i = 1; all && i < finding.problems.size(); ++i)
        result += "\n        " + finding.problems[i];
    if (!all && finding.problems.size() > 1)
        result += fmt::format(" (and {} more; -v shows all)", finding.problems.size() - 1);
    return result + "\n";
}

} // namespace

int runVerify(const VerifyOptions& options, const CommonOptions& common)
{
    const core::Progress progress = consoleProgress(common);
    std::vector<Finding> findings;
    std::vector<io::CaptureRef> captures;
    for (const std::string& path : options.files)
        for (io::CaptureRef& ref : expand(path, findings))
            captures.push_back(std::move(ref));
    for (std::size_t i = 0; i < captures.size(); ++i) {
        progress.throwIfStopped();
        if (captures.size() > 1)
            progress("verify", static_cast<std::int64_t>(i), std::ssize(captures));
        findings.push_back(check(captures[i]));
    }
    finishProgress();
    bool sound = true;
    for (const Finding& finding : findings) {
        sound = sound && finding.problems.empty();
        if (!common.json)
            printOut(toLine(finding, common.verbose > 0));
    }
    if (common.json)
        printJson(toJson(findings));
    return sound ? 0 : static_cast<int>(core::ErrorCode::badInput);
}

} // namespace kvviz::app
