// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "needle": one fact hidden in a long text that has nothing to do with it. The text comes in passages;
// each is a segment of kind shot (a unit that unit-wise compression keeps or drops whole), the needle one of its own.
#pragma once

#include "datasets/task_base.hpp"

#include <string_view>

namespace kvviz::datasets {

/// Number of words in a text (runs of non-space bytes).
[[nodiscard]] std::int64_t countWords(std::string_view text);

/// The needle, its place and its question; where the text comes from is left to the task.
class NeedleBase : public TaskBase {
public:
    [[nodiscard]] std::int64_t size() const final { return kBuiltInSize; }
    [[nodiscard]] Prompt prompt(std::int64_t index) const final;
    /// The first number of the continuation is the code.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const final;

protected:
    /// Throws Error(usage) for an impossible length or depth.
    NeedleBase(TaskInfo info, const TaskOptions& options);

    [[nodiscard]] std::uint64_t seed() const noexcept { return m_seed; }
    [[nodiscard]] std::int64_t length() const noexcept { return m_length; }
    /// Sentences of the text of prompt `index`, about length() words in all.
    [[nodiscard]] virtual std::vector<std::string> haystack(std::int64_t index) const = 0;

private:
    std::uint64_t m_seed = 0;
    std::int64_t m_length = 0; ///< words
    double m_depth = -1;
};

class NeedleTask final : public NeedleBase {
public:
    explicit NeedleTask(const TaskOptions& options);
    static TaskInfo describe();

protected:
    [[nodiscard]] std::vector<std::string> haystack(std::int64_t index) const override;
};

} // namespace kvviz::datasets
