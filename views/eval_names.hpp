// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What tells evaluations apart in a figure, in words: task, method, number of examples, model. What is the same for all
// of them is not said.
#pragma once

#include "core/io/results.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace kvviz::plot {

/// Of what a line is one.
enum class EvalLines : std::uint8_t { task, method, shots, model };

/// "task", "method", "shots", "model"; throws Error(usage) for another.
[[nodiscard]] EvalLines evalLines(const std::string& name);

/// Examples in each prompt; what the setting says where the record does not know; -1: not known.
[[nodiscard]] std::int64_t shotsOf(const io::EvalRecord& record);

class EvalNames {
public:
    EvalNames(const std::vector<io::EvalRecord>& records, EvalLines lines);

    /// Of the record's line and panel; valid UTF-8 in one line of text, the same for records that belong together.
    [[nodiscard]] std::string line(const io::EvalRecord& record) const;
    [[nodiscard]] std::string panel(const io::EvalRecord& record) const;
    /// Of panels that differ in their method only.
    [[nodiscard]] std::string group(const io::EvalRecord& record) const;
    /// Task with what it differs in from other evaluations of the same task.
    [[nodiscard]] std::string task(const io::EvalRecord& record) const;

private:
    EvalLines m_lines;
    std::set<std::string> m_tasks, m_models; ///< of all records
    std::map<std::string, std::set<std::int64_t>> m_shots;    ///< by task
    std::map<std::string, std::set<std::string>> m_settings;  ///< by task, without the number of shots
};

} // namespace kvviz::plot
