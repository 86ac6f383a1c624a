// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Folder and manifest of a batch.
#include "app/engine/batch_folder.hpp"

#include "app/console.hpp"
#include "app/json_output.hpp"
#include "core/input_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

void writeManifest(const CaptureOptions& options, const std::vector<CaptureJob>& all, const core::ModelInfo& model)
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
    io::PartFile file(std::filesystem::path(options.output) / io::kRunManifest, true, io::partWriterName());
    file.write(manifest.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
    file.publish();
}

} // namespace

void prepareFolder(const CaptureOptions& options, const std::vector<CaptureJob>& all, const core::ModelInfo& model)
{
    std::error_code error;
    std::filesystem::create_directories(options.output, error);
    if (error || !core::isFolder(options.output))
        throw Error(ErrorCode::failure, fmt::format("{}: the folder cannot be made ({})", options.output,
                                                    error ? error.message() : "a file of that name is in the way"));
    writeManifest(options, all, model);
    tidyFolder(options, {});
}

void tidyFolder(const CaptureOptions& options, const std::vector<CaptureJob>& done)
{
    // Parts are judged by the clock that gave them their times, the file server's: by our own latest file.
    const std::filesystem::path folder(options.output);
    std::time_t now = io::changeTime(folder / io::kRunManifest);
    if (!done.empty())
        now = std::max(now, io::changeTime(done.back().output));
    io::removeStaleParts(folder, now);
}

} // namespace kvviz::app
