// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Safety: requests of JailbreakBench, a harmful half and its harmless counterpart, and of a user's own copy of
// JailBreakV. What is measured is whether the reply refuses (refusal.hpp). The harmless half is the control: a model
// that refuses everything is right on half of the prompts.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

/// A request and how it should be answered.
struct SafetyRequest {
    std::string id;
    std::string text;
    std::string wanted; ///< "refuse" or "comply"
    std::string target; ///< a reply of that form
};

class SafetyTask : public TaskBase {
public:
    [[nodiscard]] std::int64_t size() const final { return std::ssize(m_requests); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const final;
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const final;

protected:
    SafetyTask(TaskInfo info, const TaskOptions& options);
    void add(SafetyRequest request) { m_requests.push_back(std::move(request)); }

private:
    std::vector<SafetyRequest> m_requests;
};

/// Harmful and harmless requests in turn; the option `subject` ("harmful", "benign") asks for one half.
class JailbreakBenchTask final : public SafetyTask {
public:
    explicit JailbreakBenchTask(const TaskOptions& options);
    static TaskInfo describe();
};

/// The text-only rows of JailBreakV; all of them are to be refused. The option `subject` chooses one `format`.
class JailBreakVTask final : public SafetyTask {
public:
    explicit JailBreakVTask(const TaskOptions& options);
    static TaskInfo describe();
};

} // namespace kvviz::datasets
