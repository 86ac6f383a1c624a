// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Memory that a run could take.
#pragma once

#include <cstdint>

namespace kvviz::app {

/// Bytes that programs can still have without the machine swapping (MemAvailable); 0 where the system does not tell.
[[nodiscard]] std::uint64_t freeMemory();

} // namespace kvviz::app
