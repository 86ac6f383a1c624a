// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "documents": a short made-up document about some people and a question that one of its sentences
// answers. Each sentence is a segment of kind shot, so that unit-wise compression keeps or drops it whole.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class DocumentsTask final : public TaskBase {
public:
    explicit DocumentsTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return kBuiltInSize; }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    /// The continuation begins with the answer, in any case, perhaps after an article.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

private:
    std::uint64_t m_seed = 0;
    std::int64_t m_people = 0; ///< of a document
};

} // namespace kvviz::datasets
