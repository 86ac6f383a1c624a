// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/opened_files.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "views/session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kvviz::views {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 4; // of missing files in one sentence

bool endsWith(const fs::path& path, std::string_view suffix) { return path.filename().string().ends_with(suffix); }

void sortFile(const fs::path& path, OpenedFiles& opened)
{
    if (endsWith(path, kSessionSuffix))
        opened.session = path;
    else if (endsWith(path, ".kvres.h5") || endsWith(path, ".json"))
        opened.results.push_back(path);
    else if (endsWith(path, ".kvtab.h5"))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' is a table for replays ('kvviz replay --table'); the window shows captures "
                                      "(*.kvh5), results (*.kvres.h5) and sessions (*{})", path.string(), kSessionSuffix));
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
            if (core::isFolder(path))
                sortFolder(path, opened);
            else
                sortFile(path, opened);
            if (path != opened.session)
                opened.named.push_back(path);
        } catch (const fs::filesystem_error& error) {
            opened.faults.push_back(fmt::format("'{}' cannot be read: {}", path.string(), error.code().message()));
        } catch (const std::exception& exception) {
            opened.faults.emplace_back(exception.what());
        }
    }
    return opened;
}

std::string missingCaptures(const std::vector<io::CaptureRef>& captures)
{
    std::vector<std::string> missing;
    for (const io::CaptureRef& ref : captures) {
        std::error_code ignored;
        std::string file = fmt::format("'{}'", ref.file.string());
        if (!fs::exists(ref.file, ignored) && (missing.empty() || missing.back() != file))
            missing.push_back(std::move(file));
    }
    if (missing.empty())
        return {};
    const std::size_t count = missing.size();
    const bool cut = count > kMostNamed;
    missing.resize(std::min(count, kMostNamed));
    return fmt::format("{} of the captures {} not there any more: {}{}; put {} back, or open {} from the new place",
                       count, count == 1 ? "is" : "are", fmt::join(missing, ", "), cut ? ", ..." : "",
                       count == 1 ? "it" : "them", count == 1 ? "it" : "them");
}

} // namespace kvviz::views
