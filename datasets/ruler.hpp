// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Needle tasks of RULER, from files made with it: lines of which one holds what is asked for. Each line between the
// first and the last is a segment of kind shot.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

struct RulerRecord {
    std::string id;
    std::string input;
    std::vector<std::string> outputs;
};

class RulerTask final : public TaskBase {
public:
    explicit RulerTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_records); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    /// All wanted strings stand in the output, in any case.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;
    /// The fraction of them that does, RULER's measure.
    [[nodiscard]] double score(const Prompt& prompt, const std::string& continuation) const override;

private:
    void addFile(const std::filesystem::path& path, bool skipBad);

    std::vector<RulerRecord> m_records;
};

} // namespace kvviz::datasets
