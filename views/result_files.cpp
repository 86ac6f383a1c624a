// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/result_files.hpp"

#include "core/error.hpp"
#include "core/io/prediction_file.hpp"
#include "core/io/results.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

namespace kvviz::views {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 3; // captures or models in one sentence

/// True if the file holds such records; else `fault` says why it could not be read, if that is why.
bool holds(const std::function<bool()>& read, std::string& fault)
{
    try {
        return read();
    } catch (const std::exception& exception) {
        fault = exception.what();
        return false;
    }
}

std::string quoted(const std::set<std::string>& names)
{
    std::vector<std::string> shown;
    for (const std::string& name : names)
        if (shown.size() < kMostNamed)
            shown.push_back(fmt::format("'{}'", name));
    return fmt::format("{}{}", fmt::join(shown, ", "), names.size() > kMostNamed ? ", ..." : "");
}

/// A record names its capture relative to the results ("run/a.kvh5", "pack.kvh5:/captures/member"). Both may have been
/// moved together or apart: where nothing is at that place any more, the file's name decides.
bool names(const std::string& recorded, const fs::path& folder, const io::CaptureRef& ref)
{
    const std::size_t mark = recorded.rfind(":/");
    const fs::path file = recorded.substr(0, mark);
    if ((mark == std::string::npos ? "/" : recorded.substr(mark + 1)) != ref.group)
        return false;
    std::error_code gone;
    const fs::path place = folder / file;
    if (fs::exists(place, gone))
        return fs::equivalent(place, ref.file, gone);
    return file.filename() == ref.file.filename();
}

} // namespace

ResultFiles sortResults(const std::vector<fs::path>& files)
{
    ResultFiles sorted;
    for (const fs::path& file : files) {
        std::string fault;
        if (file.extension() == ".json") {
            const auto readCheck = [&] {
                (void)io::readPredictionFile(file);
                return true;
            };
            if (holds(readCheck, fault))
                sorted.checks.push_back(file);
            else
                sorted.faults.push_back(fault);
            continue;
        }
        ResultSubject subject{file, {}, {}};
        const auto readEvaluations = [&] {
            for (const io::EvalRecord& record : io::readEvalResults(file, false))
                subject.models.insert(record.modelName);
            return !subject.models.empty();
        };
        const auto readReplays = [&] {
            for (const io::ReplayRecord& record : io::readReplayResults(file, false))
                subject.captures.insert(record.capture);
            return !subject.captures.empty();
        };
        const bool evaluations = holds(readEvaluations, fault), replays = holds(readReplays, fault);
        if (evaluations)
            sorted.evaluations.push_back(file);
        if (replays)
            sorted.replays.push_back(file);
        if (evaluations || replays)
            sorted.subjects.push_back(std::move(subject));
        else
            sorted.faults.push_back(fault.empty() ? fmt::format("'{}' holds no results", file.string()) : fault);
    }
    return sorted;
}

std::string strangerSentence(const ResultSubject& subject, const std::vector<io::CaptureRef>& open,
                             const std::string& model)
{
    if (open.empty())
        return {};
    const fs::path folder = fs::absolute(subject.file).parent_path();
    const auto isOpen = [&](const std::string& recorded) {
        return std::any_of(open.begin(), open.end(),
                           [&](const io::CaptureRef& ref) { return names(recorded, folder, ref); });
    };
    const bool known = std::any_of(subject.captures.begin(), subject.captures.end(), isOpen);
    if (!subject.captures.empty() && !known)
        return fmt::format("'{}' holds replays of {}, which {} not open: the panel Replays shows other captures than "
                           "those of this window",
                           subject.file.string(), quoted(subject.captures), subject.captures.size() == 1 ? "is" : "are");
    if (!subject.models.empty() && !model.empty() && !subject.models.contains(model))
        return fmt::format("'{}' measures {}, and the capture that is shown is of '{}': the panel Accuracy is about "
                           "another model",
                           subject.file.string(), quoted(subject.models), model);
    return {};
}

} // namespace kvviz::views
