// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which part of a run's prompts is this process's: --shard I/N, or the place in an array of Slurm.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace kvviz::app {

/// Prompt number i (from 0, over all tasks in order) belongs to the shard when i mod count is index.
struct Shard {
    std::size_t index = 0, count = 1;

    [[nodiscard]] bool has(std::size_t prompt) const { return prompt % count == index; }
    [[nodiscard]] bool isWhole() const { return count == 1; }
    [[nodiscard]] std::string text() const; ///< "3/8"
    friend bool operator==(const Shard&, const Shard&) = default;
};

/// Value of an environment variable; nullptr: not set.
using Environment = std::function<const char*(const char*)>;
/// The process's own.
[[nodiscard]] const char* processEnvironment(const char* name);

/// "" is everything, "I/N" says it, "auto" asks SLURM_ARRAY_TASK_ID, _MIN, _STEP, _MAX and _COUNT, and is everything
/// outside of an array, so that the same script runs with and without one. Throws Error(usage) for anything else, and
/// for an array whose numbers are no even range (3,5,9), where nobody could say which task this is.
[[nodiscard]] Shard resolveShard(const std::string& text, const Environment& environment);
/// The same with the process's environment.
[[nodiscard]] Shard resolveShard(const std::string& text);

/// What a user should know who starts an array without --shard, or empty: each task would do the whole work.
[[nodiscard]] std::string shardWarning(const std::string& text, const Environment& environment);
[[nodiscard]] std::string shardWarning(const std::string& text);

} // namespace kvviz::app
