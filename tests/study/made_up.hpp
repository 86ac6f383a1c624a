// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluation records with a truth that the test chose.
#pragma once

#include "core/bootstrap.hpp"
#include "core/io/results.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace kvviz::test {

struct MadeUpTask {
    std::string task = "addition", model = "Tiny-Instruct", setting = {};
    int shots = 8;
    int prompts = 60;
    double base = 0.8; ///< part of the prompts that the full cache gets right
    std::vector<std::string> methods = study::kPaperMethods;
    std::vector<double> ratios = study::kPaperRatios;
    /// Part of the prompts right with the full cache that the method still gets right.
    std::function<double(const std::string& method, double ratio)> kept = [](auto&&...) { return 1.0; };
    bool withMethods = true; ///< false: the full cache alone
};

/// 1 for the first round(part * n) of n prompts in a fixed random order of the task, so that methods hit different
/// prompts but each score is exact.
inline std::vector<double> scoresOf(const MadeUpTask& task, const std::vector<double>& base, double part,
                                    std::uint64_t salt)
{
    std::vector<std::size_t> right;
    for (std::size_t i = 0; i < base.size(); ++i)
        if (base[i] > 0)
            right.push_back(i);
    std::uint64_t state = 88172645463325252u + salt * 2654435761u + task.task.size() * 97u;
    for (std::size_t i = right.size(); i > 1; --i) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        std::swap(right[i - 1], right[state % i]);
    }
    std::vector<double> scores(base.size(), 0.0);
    const auto count = static_cast<std::size_t>(std::lround(part * static_cast<double>(right.size())));
    for (std::size_t i = 0; i < count; ++i)
        scores[right[i]] = 1;
    return scores;
}

inline io::EvalRecord recordOf(const MadeUpTask& task, const std::string& method, double ratio,
                               const std::vector<double>& scores, const std::vector<double>& base)
{
    io::EvalRecord record;
    record.task = task.task, record.modelName = task.model, record.setting = task.setting, record.shots = task.shots;
    const std::size_t colon = method.find(':');
    record.method = method.substr(0, colon);
    record.variant = colon == std::string::npos ? "" : method.substr(colon + 1);
    record.params = "{}";
    record.ratio = ratio;
    record.n = static_cast<std::int64_t>(scores.size());
    record.scores = scores, record.baseScores = base;
    for (std::size_t i = 0; i < scores.size(); ++i)
        record.promptIds.push_back(fmt::format("{}-{:04}", task.task, i));
    const core::Estimate change = core::bootstrapRelativeChange(scores, base);
    record.delta = change.value, record.ciLow = change.low, record.ciHigh = change.high;
    record.score = core::bootstrapMean(scores).value, record.baseScore = core::bootstrapMean(base).value;
    return record;
}

/// The full cache, then every method at every ratio.
inline std::vector<io::EvalRecord> recordsOf(const MadeUpTask& task)
{
    const auto right = static_cast<int>(std::lround(task.base * task.prompts));
    std::vector<double> base;
    for (int i = 0; i < task.prompts; ++i) // spread over the list: shares of any part of it are alike
        base.push_back((i + 1) * right / task.prompts > i * right / task.prompts ? 1 : 0);
    std::vector<io::EvalRecord> records{recordOf(task, "fullkv", 1, base, base)};
    std::uint64_t salt = 0;
    if (task.withMethods)
        for (const std::string& method : task.methods)
            for (const double ratio : task.ratios)
                records.push_back(recordOf(task, method, ratio,
                                           scoresOf(task, base, task.kept(method, ratio), ++salt), base));
    return records;
}

inline void append(std::vector<io::EvalRecord>& records, const MadeUpTask& task)
{
    const std::vector<io::EvalRecord> more = recordsOf(task);
    records.insert(records.end(), more.begin(), more.end());
}

} // namespace kvviz::test
