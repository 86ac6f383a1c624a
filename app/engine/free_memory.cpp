// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the machine has, and what the control groups that this process is in leave of it: batch systems set limits there
// and kill what exceeds them.
#include "app/engine/free_memory.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// The number that a file holds alone; kNoLimit for "max" and where there is none.
std::uint64_t numberIn(const fs::path& file)
{
    std::ifstream stream(file);
    std::uint64_t value = 0;
    return stream >> value ? value : kNoLimit;
}

/// The number behind a word at the beginning of a line; 0 where there is none.
std::uint64_t numberAfter(const fs::path& file, const std::string& word)
{
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with(word))
            return std::strtoull(line.c_str() + word.size(), nullptr, 10);
    return 0;
}

struct GroupFiles {
    const char *limit, *usage, *reclaimable; ///< the last: the word in memory.stat for pages of files that can go
};

/// What a group and those above it leave.
std::uint64_t leftByGroups(const fs::path& root, const fs::path& group, const GroupFiles& files)
{
    std::uint64_t left = kNoLimit;
    for (fs::path place = group; ; place = place.parent_path()) {
        const fs::path folder = root / place.relative_path();
        const std::uint64_t limit = numberIn(folder / files.limit), usage = numberIn(folder / files.usage);
        if (limit != kNoLimit && usage != kNoLimit) {
            const std::uint64_t used = usage - std::min(usage, numberAfter(folder / "memory.stat", files.reclaimable));
            left = std::min(left, limit - std::min(limit, used));
        }
        if (place == place.parent_path())
            return left;
    }
}

std::uint64_t leftByControlGroups(const fs::path& system)
{
    std::uint64_t left = kNoLimit;
    std::ifstream stream(system / "proc/self/cgroup");
    for (std::string line; std::getline(stream, line);) { // NUMBER:CONTROLLERS:/PATH, in version 2 without controllers
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos)
            continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        const fs::path group = line.substr(second + 1), root = system / "sys/fs/cgroup";
        if (controllers == ",,")
            left = std::min(left, leftByGroups(root, group, {"memory.max", "memory.current", "inactive_file "}));
        else if (controllers.find(",memory,") != std::string::npos)
            left = std::min(left, leftByGroups(root / "memory", group,
                                               {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "}));
    }
    return left;
}

/// What ulimit -v leaves.
std::uint64_t leftOfAddresses(const fs::path& system)
{
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return kNoLimit;
    const std::uint64_t used = numberAfter(system / "proc/self/status", "VmSize:") * 1024;
    return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, used);
}

} // namespace

std::uint64_t freeMemory(const fs::path& system)
{
    const std::uint64_t machine = numberAfter(system / "proc/meminfo", "MemAvailable:") * 1024;
    if (machine == 0)
        return 0;
    // Never 0, which says that nothing is known.
    return std::max<std::uint64_t>(1, std::min({machine, leftByControlGroups(system), leftOfAddresses(system)}));
}

} // namespace kvviz::app
