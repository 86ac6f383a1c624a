// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs on the CPU that would not fit into memory are refused before they begin: the system would end the program in the
// middle of one, without a word.
#pragma once

#include "capture/runner.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace kvviz::capture {

/// The decoder of the CPU, whose newRunner() throws Error(device) when a run of its capacity takes more than
/// `freeBytes()` (0: unknown, nothing is refused). The message says how long a run would fit.
[[nodiscard]] std::shared_ptr<const Backend> boundedCpuBackend(std::shared_ptr<const Model> model,
                                                               std::function<std::uint64_t()> freeBytes);

} // namespace kvviz::capture
