// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz status: one paragraph a folder.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/json_output.hpp"
#include "core/error.hpp"
#include "core/io/folder_clock.hpp"
#include "core/io/run_folder.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace kvviz::app {
namespace {

std::string duration(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(seconds));
    if (whole < 120)
        return fmt::format("{} s", whole);
    if (whole < 7200)
        return fmt::format("{} min", whole / 60);
    return whole < 172800 ? fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60)
                          : fmt::format("{} days {} h", whole / 86400, whole / 3600 % 24);
}

std::string rateText(double perSecond)
{
    return perSecond >= 1      ? fmt::format("{:.1f} prompts a second", perSecond)
        : perSecond * 60 >= 1 ? fmt::format("{:.1f} prompts a minute", perSecond * 60)
                              : fmt::format("{:.1f} prompts an hour", perSecond * 3600);
}

std::string writerText(const io::PartState& part)
{
    return part.host.empty() ? "an unnamed task" : fmt::format("{}, process {}", part.host, part.pid);
}

std::string idOf(const io::PartState& part) { return part.target.stem().string(); }

std::string headline(const std::string& folder, const io::RunState& run)
{
    std::string text = run.total ? fmt::format("{}: {} of {} prompts done", folder, run.done, *run.total)
                                 : fmt::format("{}: {} captures", folder, run.done);
    text += fmt::format(", {} running, {} failed", run.running.size(), run.failed.size());
    if (run.total)
        text += fmt::format(", {} waiting", run.waiting);
    if (run.done + run.others > 0)
        text += fmt::format("; {}", core::humanBytes(run.bytes));
    return text + "\n";
}

/// `ofFolder`: ages are by the folder's own clock.
std::string toText(const std::string& folder, const io::RunState& run, bool ofFolder)
{
    std::string text;
    if (run.hasManifest || run.done > 0)
        text += headline(folder, run);
    else
        text += folder + ":\n";
    if (run.perSecond && !run.running.empty())
        text += fmt::format("  {}{}\n", rateText(*run.perSecond),
                            run.secondsLeft ? fmt::format(", {} left", duration(*run.secondsLeft)) : "");
    TextTable table({"", "", ""});
    for (const io::PartState& part : run.running)
        table.add({"running", idOf(part), writerText(part)});
    for (const io::PartState& part : run.stale)
        table.add({"dead", idOf(part), fmt::format("left by {}, {} ago; a run with --resume does it again",
                                                   writerText(part), duration(static_cast<double>(part.age.count())))});
    for (const io::FailedPrompt& prompt : run.failed)
        table.add({"failed", prompt.id, prompt.error});
    if (run.others > 0)
        table.add({"others", std::to_string(run.others), "captures of no prompt of this run"});
    for (const io::EvalProgress& eval : run.evals) {
        table.add({"eval", eval.output,
                   fmt::format("{} {}prompts done in {} journal{}, the last {} ago; results {}", eval.prompts,
                               eval.total ? fmt::format("of {} ", *eval.total) : "", eval.journals,
                               eval.journals == 1 ? "" : "s", duration(static_cast<double>(eval.age.count())),
                               eval.written ? "written" : "not written yet")});
        for (const io::FailedPrompt& prompt : eval.failed)
            table.add({"failed", prompt.id, prompt.error});
    }
    const std::string rows = table.text("  ");
    text += rows.substr(rows.find('\n') + 1); // no headings
    if (!ofFolder && !(run.running.empty() && run.stale.empty() && run.evals.empty()))
        text += "  (the folder is read-only here, so what is running or dead is judged by this machine's clock, which may "
                "differ from that of the folder)\n";
    return text;
}

Json toJson(const std::vector<io::PartState>& parts)
{
    Json json = Json::array();
    for (const io::PartState& part : parts)
        json.push_back({{"id", idOf(part)}, {"part", part.path.string()}, {"host", part.host}, {"pid", part.pid},
                        {"age_s", part.age.count()}});
    return json;
}

Json toJson(const std::vector<io::FailedPrompt>& prompts)
{
    Json json = Json::array();
    for (const io::FailedPrompt& prompt : prompts)
        json.push_back({{"id", prompt.id}, {"error", prompt.error}, {"writer", prompt.writer}, {"time", prompt.time}});
    return json;
}

Json toJson(const std::string& folder, const io::RunState& run, bool ofFolder)
{
    const auto number = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
    Json evals = Json::array();
    for (const io::EvalProgress& eval : run.evals)
        evals.push_back({{"output", eval.output}, {"prompts", eval.prompts}, {"total", number(eval.total)},
                         {"journals", eval.journals}, {"age_s", eval.age.count()}, {"written", eval.written},
                         {"failed", toJson(eval.failed)}});
    return {{"folder", folder}, {"model", run.model}, {"tier", run.tier}, {"tasks", run.tasks},
            {"prompts", number(run.total)}, {"done", run.done}, {"waiting", run.waiting}, {"others", run.others},
            {"bytes", run.bytes}, {"running", toJson(run.running)}, {"dead", toJson(run.stale)}, {"failed", toJson(run.failed)},
            {"prompts_per_s", number(run.perSecond)}, {"seconds_left", number(run.secondsLeft)}, {"evals", evals},
            {"clock", ofFolder ? "folder" : "machine"}};
}

} // namespace

int runStatus(const StatusOptions& options, const CommonOptions& common)
{
    Json report = jsonReport("status");
    report["runs"] = Json::array();
    report["errors"] = Json::array();
    std::string text;
    std::vector<core::Error> errors; // one folder that cannot be read does not hide the others
    for (const std::string& folder : options.folders) {
        try {
            const io::FolderTime time = io::folderTime(folder);
            const io::RunState run = io::readRun(folder, time.now);
            text += toText(folder, run, time.ofFolder);
            report["runs"].push_back(toJson(folder, run, time.ofFolder));
        } catch (const core::Error& error) {
            report["errors"].push_back({{"folder", folder}, {"error", error.what()}});
            errors.push_back(error);
        }
    }
    if (common.json)
        printJson(report);
    else
        printOut(text);
    return printErrors(errors);
}

} // namespace kvviz::app
