// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reading a run's folder while it may be written by many machines: a file that vanishes meanwhile is no fault.
#include "core/io/run_folder.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/part_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kFailureFormat = "kvviz-failure";
constexpr std::string_view kFailureEnding = ".failed.json", kJournalEnding = ".journal", kTotalEnding = ".run.json";
constexpr std::uint64_t kMostRecordBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostManifestBytes = std::uint64_t{64} << 20; ///< some million prompts
constexpr std::size_t kRateWindow = 50; ///< finished prompts the rate is taken from, at most

fs::path failurePath(const fs::path& folder, const std::string& id, const std::string& eval)
{
    return folder / (eval + (eval.empty() ? "" : ".") + id + std::string(kFailureEnding));
}

std::optional<Json> objectIn(const std::string& text)
{
    Json json = Json::parse(text, nullptr, false);
    return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

/// A small record of ours; nothing if it is gone, none, or cannot be read.
std::optional<Json> readObject(const fs::path& path)
{
    try {
        return objectIn(core::readInputText(path, kMostRecordBytes));
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::string textOf(const Json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> textsOf(const Json& object, const char* key)
{
    std::vector<std::string> texts;
    if (const auto found = object.find(key); found != object.end() && found->is_array())
        for (const Json& text : *found)
            if (text.is_string())
                texts.push_back(text.get<std::string>());
    return texts;
}

/// Names of the files of the folder itself.
std::vector<std::string> fileNames(const fs::path& folder)
{
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error))
        if (std::error_code ignored; entry->is_regular_file(ignored))
            names.push_back(entry->path().filename().string());
    if (error)
        throw Error(ErrorCode::badInput, fmt::format("cannot read the folder '{}': {}", folder.string(), error.message()));
    std::sort(names.begin(), names.end());
    return names;
}

/// The ids of the prompts. What is no list of texts would be counted as none, and the run as done.
std::vector<std::string> promptsOf(const Json& manifest, const fs::path& path)
{
    const Json& prompts = manifest.at("prompts");
    std::vector<std::string> ids = textsOf(manifest, "prompts");
    if (!prompts.is_array() || ids.size() != prompts.size())
        throw Error(ErrorCode::badInput,
                    fmt::format("'{}': prompts: expected a list of the ids of prompts, found {}", path.string(),
                                prompts.is_array() ? "one with something else than texts" : prompts.type_name()));
    return ids;
}

/// Fills what the manifest says; the ids of its prompts, or nothing.
std::optional<std::set<std::string>> readManifest(const fs::path& path, RunState& run)
{
    if (!core::nameExists(path))
        return std::nullopt;
    const std::optional<Json> json = objectIn(core::readInputText(path, kMostManifestBytes));
    if (!json || textOf(*json, "format") != "kvviz-run")
        throw Error(ErrorCode::badInput, fmt::format("'{}' does not describe a run of kvviz capture", path.string()));
    run.hasManifest = true;
    run.tier = textOf(*json, "tier");
    run.tasks = textsOf(*json, "tasks");
    if (json->contains("model"))
        run.model = textOf(json->at("model"), "name");
    if (!json->contains("prompts"))
        return std::nullopt;
    const std::vector<std::string> ids = promptsOf(*json, path);
    run.total = std::ssize(ids);
    return std::set<std::string>(ids.begin(), ids.end());
}

/// Of captures and of evaluations.
std::vector<FailedPrompt> readFailures(const fs::path& folder, const std::vector<std::string>& names)
{
    std::vector<FailedPrompt> failed;
    for (const std::string& name : names) {
        const std::optional<Json> json = name.ends_with(kFailureEnding) ? readObject(folder / name) : std::nullopt;
        if (!json || textOf(*json, "format") != kFailureFormat)
            continue;
        failed.push_back({textOf(*json, "id"), textOf(*json, "error"), textOf(*json, "writer"), textOf(*json, "time"),
                          textOf(*json, "eval")});
    }
    return failed;
}

/// Captures of the run, others, and when each was done.
std::vector<std::time_t> countCaptures(const fs::path& folder, const std::vector<std::string>& names,
                                       const std::optional<std::set<std::string>>& ids, RunState& run)
{
    std::set<std::string> failed;
    for (const FailedPrompt& prompt : run.failed)
        failed.insert(prompt.id);
    std::vector<std::time_t> times;
    for (const std::string& name : names) {
        const fs::path path = folder / name;
        if (path.extension() != ".kvh5")
            continue;
        std::error_code ignored;
        if (const std::uintmax_t size = fs::file_size(path, ignored); size != static_cast<std::uintmax_t>(-1))
            run.bytes += size;
        const std::string id = path.stem().string();
        if (ids && !ids->contains(id)) {
            ++run.others;
        } else if (!failed.contains(id)) { // a file that does not fit the run is there, but is not its own
            ++run.done;
            times.push_back(changeTime(path));
        }
    }
    std::sort(times.begin(), times.end());
    return times;
}

/// Finished prompts a second since the last task began (each writes capture.json), over kRateWindow of them at most.
std::optional<double> rate(const std::vector<std::time_t>& times, std::time_t begin, std::time_t now)
{
    if (times.size() > kRateWindow)
        begin = std::max(begin, times[times.size() - 1 - kRateWindow]);
    const auto later = times.end() - std::upper_bound(times.begin(), times.end(), begin);
    if (later < 2 || now <= begin || begin == 0) // 0: no manifest, so nobody knows when the run began
        return std::nullopt;
    return static_cast<double>(later) / static_cast<double>(now - begin);
}

std::int64_t wholeLines(const fs::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    return std::count(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>(), '\n');
}

/// "eval.kvres.h5.journal" and "eval.kvres.h5.3-of-8.journal" belong to "eval.kvres.h5".
std::string outputOfJournal(std::string name)
{
    name.resize(name.size() - kJournalEnding.size());
    const std::size_t point = name.rfind('.');
    if (point != std::string::npos && name.find("-of-", point) != std::string::npos)
        name.resize(point);
    return name;
}

std::vector<EvalProgress> readEvals(const fs::path& folder, const std::vector<std::string>& names,
                                    const std::vector<FailedPrompt>& failures, std::time_t now)
{
    std::map<std::string, EvalProgress> evals;
    for (const std::string& name : names) {
        if (!name.ends_with(kJournalEnding))
            continue;
        EvalProgress& eval = evals[outputOfJournal(name)];
        const std::chrono::seconds age(std::max<std::time_t>(0, now - changeTime(folder / name)));
        eval.age = eval.journals == 0 ? age : std::min(eval.age, age);
        eval.prompts += std::max<std::int64_t>(0, wholeLines(folder / name) - 1); // the first line is the header
        ++eval.journals;
    }
    for (const FailedPrompt& prompt : failures)
        if (const auto found = evals.find(prompt.eval); found != evals.end())
            found->second.failed.push_back(prompt);
    std::vector<EvalProgress> result;
    for (auto& [output, eval] : evals) {
        eval.output = output;
        eval.written = core::nameExists(folder / output);
        const std::optional<Json> json = readObject(folder / (output + std::string(kTotalEnding)));
        if (json && json->contains("prompts") && json->at("prompts").is_number_integer())
            eval.total = json->at("prompts").get<std::int64_t>();
        result.push_back(std::move(eval));
    }
    return result;
}

/// Prompts in work: two tasks may be at one, and what is in work again may be there already.
std::int64_t promptsInWork(const RunState& run)
{
    std::set<fs::path> targets;
    for (const PartState& part : run.running)
        if (std::error_code ignored; !fs::exists(part.target, ignored))
            targets.insert(part.target);
    return std::ssize(targets);
}

} // namespace

void writeFailure(const fs::path& folder, const std::string& id, const std::string& error, const std::string& time,
                  const std::string& eval)
{
    Json record{{"format", kFailureFormat}, {"format_version", "1.0"}, {"id", id}, {"error", error},
                {"writer", partWriterName()}, {"time", time}};
    if (!eval.empty())
        record["eval"] = eval;
    PartFile file(failurePath(folder, id, eval), true, partWriterName());
    file.write(record.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
    file.publish();
}

void clearFailure(const fs::path& folder, const std::string& id, const std::string& eval)
{
    std::error_code ignored;
    fs::remove(failurePath(folder, id, eval), ignored);
}

RunState readRun(const fs::path& folder, std::time_t now)
{
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        throw Error(ErrorCode::badInput, fmt::format("'{}' is no folder; status wants the folder of a run", folder.string()));
    RunState run;
    const fs::path manifest = folder / kRunManifest;
    const std::optional<std::set<std::string>> ids = readManifest(manifest, run);
    for (PartState& part : findParts(folder, now)) // before the captures: a part that becomes one is not missed
        (part.stale ? run.stale : run.running).push_back(std::move(part));
    const std::vector<std::string> names = fileNames(folder);
    const std::vector<FailedPrompt> failures = readFailures(folder, names);
    std::copy_if(failures.begin(), failures.end(), std::back_inserter(run.failed), [&](const FailedPrompt& prompt) {
        return prompt.eval.empty() && (!ids || ids->contains(prompt.id)); // not those of an earlier run's other prompts
    });
    const std::vector<std::time_t> times = countCaptures(folder, names, ids, run);
    run.evals = readEvals(folder, names, failures, now);
    if (!run.hasManifest && run.done == 0 && run.evals.empty())
        throw Error(ErrorCode::badInput, fmt::format("'{}' holds no run: neither {} nor captures nor the journal of an "
                                                     "evaluation", folder.string(), kRunManifest));
    run.perSecond = rate(times, changeTime(manifest), now);
    const std::int64_t left = run.total ? std::max<std::int64_t>(0, *run.total - run.done - std::ssize(run.failed)) : 0;
    run.waiting = std::max<std::int64_t>(0, left - promptsInWork(run));
    if (run.total && run.perSecond && !run.running.empty())
        run.secondsLeft = static_cast<double>(left) / *run.perSecond;
    return run;
}

} // namespace kvviz::io
