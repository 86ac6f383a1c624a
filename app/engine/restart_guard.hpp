// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A prompt that takes longer than a task of Slurm may run would be begun, stopped and queued again for ever. So a task
// keeps, in a small file beside its results, in which of its starts it last finished a prompt and which one is in work,
// and gives up after kMostRestarts starts that finished none. Outside of Slurm it does nothing.
#pragma once

#include "app/shard.hpp"

#include <filesystem>
#include <string>

namespace kvviz::app {

inline constexpr int kMostRestarts = 3; ///< without a prompt done; the next one is refused

class RestartGuard {
public:
    /// `record`: the file's path without its ending, "run/capture"; the task's number in Slurm and ".restarts.json" come
    /// behind it. Reads what an earlier start of the task has left; what cannot be read counts as nothing.
    explicit RestartGuard(std::filesystem::path record);
    RestartGuard(std::filesystem::path record, const Environment& environment);

    /// Has the task been queued again too often? Then it should not run.
    [[nodiscard]] bool isStuck() const { return m_restarts - m_useful > kMostRestarts; }
    /// The prompt that was in work; empty: no start came as far as one.
    [[nodiscard]] const std::string& prompt() const { return m_prompt; }
    /// What is to be said when it is stuck.
    [[nodiscard]] std::string sentence() const;

    /// A prompt is begun; counts until one is done.
    void begin(const std::string& prompt);
    /// A prompt is done: this start was of use.
    void progressed();
    /// The task has done all of its work: the record goes, unless a further start would miss what it says.
    void finished();

private:
    void write() const;

    std::filesystem::path m_record; ///< empty: not in Slurm
    std::string m_task;             ///< "17_3"
    int m_restarts = 0, m_useful = 0;
    bool m_isUseful = false; ///< this start
    std::string m_prompt;
};

} // namespace kvviz::app
