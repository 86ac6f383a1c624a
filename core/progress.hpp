// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How long calls report progress and are stopped: a callback and a stop token, nothing else.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace kvviz::core {

/// Called from the thread that does the work: phase text, steps done, steps in all (0 if unknown).
using ProgressCallback = std::function<void(std::string_view phase, std::int64_t done, std::int64_t total)>;

struct Progress {
    ProgressCallback report; ///< may be empty
    std::stop_token stop;

    void operator()(std::string_view phase, std::int64_t done, std::int64_t total) const
    {
        if (report)
            report(phase, done, total);
    }
    /// Throws Error(cancelled) when a stop was asked for.
    void throwIfStopped() const
    {
        if (stop.stop_requested())
            throw Error(ErrorCode::cancelled, "stopped by request");
    }
};

} // namespace kvviz::core
