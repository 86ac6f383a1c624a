// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs a Python program that nobody has read: in a child process of its own process group, with limits on time, memory
// and files, without further processes, and without a network where the system permits it. It is a fence against
// accidents of generated code, not against an attacker; that is why callers ask the user first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace kvviz::datasets {

enum class RunResult { passed, failed, timeout };

struct SandboxLimits {
    std::chrono::milliseconds wallTime{5000};
    int cpuSeconds = 4;
    std::int64_t memoryBytes = std::int64_t{1} << 30; ///< address space
    std::int64_t fileBytes = std::int64_t{1} << 20;   ///< of each file it writes
};

/// What the system granted; the other limits always hold.
struct SandboxFences {
    bool network = false; ///< no network at all
    bool files = false;   ///< writing and removing only within its own temporary folder
    bool processes = false; ///< no signal to and no look into another process

    /// One sentence naming what could not be had; empty if all could.
    [[nodiscard]] std::string missing() const;
};

struct SandboxRun {
    RunResult result = RunResult::failed;
    SandboxFences fences;
    std::string output; ///< the first bytes of what it printed, errors included
};

/// The Python interpreter of PATH; empty if there is none. Shell scripts of that name are passed over: they start
/// further processes, which the limits forbid.
[[nodiscard]] std::string findPython();

/// Runs `program` as python3 -I in an empty temporary folder that is removed afterwards. It has passed if it ran to its
/// last line: one that leaves early, with whatever status, has not. When the time is over, its whole process group is
/// killed. Throws Error(device) if there is no interpreter or the child cannot be started.
[[nodiscard]] SandboxRun runPython(const std::string& program, const SandboxLimits& limits = {});

} // namespace kvviz::datasets
