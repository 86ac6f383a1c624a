// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A file is made, touched, asked for its time and removed.
#include "core/io/folder_clock.hpp"

#include "core/io/part_state.hpp"

#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace kvviz::io {
namespace {

std::optional<std::time_t> timeOfNewFile(const std::filesystem::path& folder)
{
    const std::filesystem::path file = folder / (".kvviz-clock." + partWriterName());
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (descriptor < 0)
        return std::nullopt;
    struct stat status {};
    // Without times given, a network file system takes its server's, as for a heartbeat.
    const bool known = ::futimens(descriptor, nullptr) == 0 && ::fstat(descriptor, &status) == 0;
    ::close(descriptor);
    ::unlink(file.c_str());
    return known ? std::optional(status.st_mtime) : std::nullopt;
}

/// No file is younger than now, so the server's clock is at least there.
std::time_t newestChange(const std::filesystem::path& folder)
{
    std::time_t newest = 0;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
        newest = std::max(newest, changeTime(entry->path()));
    return newest;
}

} // namespace

FolderTime folderTime(const std::filesystem::path& folder)
{
    if (const std::optional<std::time_t> now = timeOfNewFile(folder))
        return {*now, true};
    return {std::max(std::time(nullptr), newestChange(folder)), false};
}

} // namespace kvviz::io
