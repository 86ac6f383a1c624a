// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What all tasks share: name, shot count, index check, ids. And what the built-in few-shot tasks share: items drawn
// from the seed, the question never among the shots.
#pragma once

#include "datasets/random.hpp"
#include "datasets/task.hpp"

#include <string>
#include <vector>

namespace kvviz::datasets {

/// Number of prompts of a built-in task.
inline constexpr std::int64_t kBuiltInSize = 1000;

/// Questions that one prompt of a long-context generation task asks.
inline constexpr int kDefaultQuestions = 4;
/// options.questions or the default; throws Error(usage) unless it is 1 to 100.
[[nodiscard]] int questionsAtOnce(const std::string& task, const TaskOptions& options);
/// Throws Error(usage) if shots were asked for: for tasks whose prompt has no place for them.
void refuseShots(const std::string& task, const TaskOptions& options);

class TaskBase : public Task {
public:
    [[nodiscard]] const TaskInfo& info() const final { return m_info; }

protected:
    /// Throws Error(usage) for an impossible number of shots.
    TaskBase(TaskInfo info, const TaskOptions& options);

    [[nodiscard]] int shots() const noexcept { return m_shots; }
    /// Throws Error(usage) if `index` is outside [0, size()).
    void checkIndex(std::int64_t index) const;
    /// "addition-0007"
    [[nodiscard]] std::string promptId(std::int64_t index) const;

private:
    TaskInfo m_info;
    int m_shots = 0;
};

/// A question with its worked answer, as shown in a shot: `question` ends before the answer, `target` follows it.
struct Item {
    std::string question;
    std::string target;
    std::string answer;
    std::vector<std::string> keys; ///< a shot that shares one with the question would give its answer away
};

class GeneratedTask : public TaskBase {
public:
    [[nodiscard]] std::int64_t size() const final { return kBuiltInSize; }
    [[nodiscard]] Prompt prompt(std::int64_t index) const final;

protected:
    /// `stops`: where an answer ends; shots end with a blank line.
    GeneratedTask(TaskInfo info, const TaskOptions& options, std::string instruction,
                  std::vector<std::string> stops = {"\n"});

    [[nodiscard]] std::uint64_t seed() const noexcept { return m_seed; }
    /// 0 to count - 1 in an order of the seed's own.
    [[nodiscard]] std::vector<std::size_t> shuffled(std::size_t count) const;
    [[nodiscard]] virtual Item question(std::int64_t index) const = 0;
    /// A candidate for shot `number` of prompt `index`; asked again until it shares no key with the
    /// question and differs from the shots before.
    [[nodiscard]] virtual Item drawShot(std::int64_t index, int number, Random& random) const = 0;

private:
    std::string m_instruction;
    std::vector<std::string> m_stops;
    std::uint64_t m_seed = 0;
};

} // namespace kvviz::datasets
