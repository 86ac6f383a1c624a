// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Memory that a run could take.
#pragma once

#include <cstdint>
#include <filesystem>

namespace kvviz::app {

/// Bytes that this process can still have without the machine swapping (MemAvailable) and within the limits of its
/// control groups and of ulimit -v; 0 where the system does not tell. `system`: where /proc and /sys are.
[[nodiscard]] std::uint64_t freeMemory(const std::filesystem::path& system = "/");

} // namespace kvviz::app
