// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What time it is for the files of a folder. On a network folder that is the clock of its server, which may differ from
// this machine's by minutes; the age of a file is known only when both times come from one clock.
#pragma once

#include <ctime>
#include <filesystem>

namespace kvviz::io {

struct FolderTime {
    std::time_t now = 0;
    bool ofFolder = false; ///< by the clock that gives files there their times; false: by this machine's
};

/// Asks the file system by a file that it makes in the folder and removes. Where that cannot be, takes this machine's
/// time, or that of the newest file there if it is later. Throws nothing.
[[nodiscard]] FolderTime folderTime(const std::filesystem::path& folder);

} // namespace kvviz::io
