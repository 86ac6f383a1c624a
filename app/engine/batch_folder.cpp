// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Folder and manifest of a batch.
#include "app/engine/batch_folder.hpp"

#include "app/console.hpp"
#include "app/json_output.hpp"
#include "core/input_file.hpp"
#include "core/io/folder_clock.hpp"
#include "core/io/part_file.hpp"
#include "core/io/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

std::string manifestText(const CaptureOptions& options, const std::vector<CaptureJob>& all, const core::ModelInfo& model)
{
    Json prompts = Json::array();
    for (const CaptureJob& job : all)
        prompts.push_back(job.source.id);
    const Json manifest{{"format", "kvviz-run"}, {"format_version", "1.1"}, {"creator", creatorName()},
                        {"model", {{"name", model.name}, {"sha256", model.sha256}}}, {"tasks", options.tasks},
                        {"shots", options.shots}, {"seed", options.seed}, {"begin", options.begin},
                        {"limit", options.limit.value_or(1)}, {"tier", options.tier}, {"dtype", options.dtype},
                        {"continuation", options.continuation}, {"generate", options.generate},
                        {"chat", options.chat}, {"prompts", prompts}};
    return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

bool holds(const std::filesystem::path& path, const std::string& text)
{
    try {
        return core::readInputText(path, text.size()) == text;
    } catch (const Error&) { // not there, longer, or no file at all
        return false;
    }
}

void writeManifest(const std::filesystem::path& path, const std::string& text)
{
    io::PartFile file(path, true, io::partWriterName());
    file.write(text);
    file.publish();
}

bool isThere(const CaptureJob& job) { return core::nameExists(job.output); }

/// Before a run is described anew: if captures are there and none fits, it is not the run that was meant. Throws why the
/// first does not.
void requireOneThatFits(const std::vector<CaptureJob>& jobs, const std::function<void(const CaptureJob&)>& requireResumable)
{
    std::optional<Error> why;
    for (const CaptureJob& job : jobs) {
        if (!isThere(job))
            continue;
        try {
            return requireResumable(job);
        } catch (const Error& error) {
            if (!why)
                why = error;
        }
    }
    if (why)
        throw *why;
}

} // namespace

void prepareFolder(const CaptureOptions& options, const std::vector<CaptureJob>& all,
                   const std::vector<CaptureJob>& jobs, const core::ModelInfo& model,
                   const std::function<void(const CaptureJob&)>& requireResumable)
{
    std::error_code error;
    std::filesystem::create_directories(options.output, error);
    if (error || !core::isFolder(options.output))
        throw Error(ErrorCode::failure, fmt::format("{}: the folder cannot be made ({})", options.output,
                                                    error ? error.message() : "a file of that name is in the way"));
    const std::filesystem::path manifest = std::filesystem::path(options.output) / io::kRunManifest;
    const std::string text = manifestText(options, all, model);
    const bool isSame = holds(manifest, text);
    if (options.resume && core::nameExists(manifest) && !isSame)
        requireOneThatFits(jobs, requireResumable);
    // Its time says when the last task began. It is left alone when there is nothing to do, so that a folder in which all
    // is done may be read-only.
    if (!isSame)
        writeManifest(manifest, text);
    else if (!options.resume || !std::all_of(jobs.begin(), jobs.end(), isThere))
        static_cast<void>(::utimensat(AT_FDCWD, manifest.c_str(), nullptr, 0)); // times of the file's server
    tidyFolder(options);
}

void tidyFolder(const CaptureOptions& options)
{
    // Where nothing can be written, nothing can be removed.
    if (const io::FolderTime time = io::folderTime(options.output); time.ofFolder)
        io::removeStaleParts(options.output, time.now);
}

} // namespace kvviz::app
