// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// MMLU: four choices in 57 subjects. Questions come from the test files, shots are the subject's dev file in order.
#pragma once

#include "datasets/choices.hpp"
#include "datasets/task_base.hpp"

#include <filesystem>

namespace kvviz::datasets {

class MmluTask final : public TaskBase {
public:
    explicit MmluTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return m_size; }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

private:
    struct Subject {
        std::string name; ///< as in the file names: "abstract_algebra"
        std::vector<ChoiceQuestion> shots;
        std::vector<ChoiceQuestion> questions;
    };

    void addSubject(const std::string& name, const std::filesystem::path& testFile, const TaskOptions& options);

    std::vector<Subject> m_subjects; ///< in the order of their names
    std::int64_t m_size = 0;
};

} // namespace kvviz::datasets
