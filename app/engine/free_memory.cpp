// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "app/engine/free_memory.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace kvviz::app {

std::uint64_t freeMemory()
{
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);)
        if (line.rfind("MemAvailable:", 0) == 0)
            return std::strtoull(line.c_str() + 13, nullptr, 10) * 1024;
    return 0;
}

} // namespace kvviz::app
