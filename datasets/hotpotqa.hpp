// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// HotpotQA: a question over about ten paragraphs. Each sentence is a segment of kind shot (the "chunk" of document QA
// in KVFundaBench), the ones that the answer rests on are labelled "evidence".
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

struct HotpotRecord {
    struct Paragraph {
        std::string title;
        std::vector<std::string> sentences;
        std::vector<bool> evidence; ///< of each sentence
    };
    std::string question;
    std::string answer;
    std::vector<Paragraph> paragraphs;
};

class HotpotQaTask final : public TaskBase {
public:
    explicit HotpotQaTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_records); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    /// The words of the answer stand in the output, side by side.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;
    /// F1 over words, LongBench's measure for this data set.
    [[nodiscard]] double score(const Prompt& prompt, const std::string& continuation) const override;

private:
    std::vector<HotpotRecord> m_records;
};

} // namespace kvviz::datasets
