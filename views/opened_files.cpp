// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/opened_files.hpp"

#include "core/error.hpp"
#include "core/io/results.hpp"
#include "views/session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::views {

namespace {

namespace fs = std::filesystem;

bool endsWith(const fs::path& path, std::string_view suffix) { return path.filename().string().ends_with(suffix); }

void sortFile(const fs::path& path, OpenedFiles& opened)
{
    if (endsWith(path, kSessionSuffix))
        opened.session = path;
    else if (endsWith(path, ".kvres.h5"))
        opened.results.push_back(path);
    else if (endsWith(path, ".json"))
        opened.checks.push_back(path);
    else
        for (const io::CaptureRef& ref : io::findCaptures({path}))
            opened.captures.push_back(ref);
}

/// Results first, so that a folder of results alone is no fault.
void sortFolder(const fs::path& folder, OpenedFiles& opened)
{
    std::vector<fs::path> results;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        if (endsWith(entry.path(), ".kvres.h5"))
            results.push_back(entry.path());
    std::sort(results.begin(), results.end());
    opened.results.insert(opened.results.end(), results.begin(), results.end());
    try {
        for (const io::CaptureRef& ref : io::findCaptures({folder}))
            opened.captures.push_back(ref);
    } catch (const core::Error&) {
        if (results.empty())
            throw;
    }
}

} // namespace

OpenedFiles sortFiles(const std::vector<fs::path>& paths)
{
    OpenedFiles opened;
    for (const fs::path& path : paths) {
        try {
            if (!fs::exists(path))
                throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' does not exist", path.string()));
            if (fs::is_directory(path))
                sortFolder(path, opened);
            else
                sortFile(path, opened);
        } catch (const std::exception& exception) {
            opened.faults.emplace_back(exception.what());
        }
    }
    return opened;
}

ResultFiles sortResults(const std::vector<fs::path>& files)
{
    ResultFiles sorted;
    for (const fs::path& file : files) {
        std::string fault;
        bool any = false;
        try {
            if (!io::readEvalResults(file, false).empty()) {
                sorted.evaluations.push_back(file);
                any = true;
            }
        } catch (const std::exception& exception) {
            fault = exception.what();
        }
        try {
            if (!io::readReplayResults(file, false).empty()) {
                sorted.replays.push_back(file);
                any = true;
            }
        } catch (const std::exception& exception) {
            fault = exception.what();
        }
        if (!any)
            sorted.faults.push_back(fault.empty() ? fmt::format("'{}' holds no results", file.string()) : fault);
    }
    return sorted;
}

} // namespace kvviz::views
