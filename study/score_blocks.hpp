// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluation records in the order in which studies ask for them: a block holds all that was measured on the same
// prompts of one task with one model.
#pragma once

#include "core/io/results.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kvviz::study {

/// One method at one ratio on the prompts of its block.
struct ScoreCell {
    std::string method;         ///< as `kvviz eval --methods` takes it: "shotkv:prefill_only"
    double ratio = 1;           ///< nominal fraction kept
    std::vector<double> scores; ///< [prompt]; NaN: not known
    io::EvalRecord record;      ///< what else was measured; its arrays are empty
};

struct ScoreBlock {
    std::string model, task, setting;
    std::string ability;             ///< WK, CSR, AR, CG, SA, LCR, LG, DQ; empty for none
    std::int64_t shots = -1;         ///< examples in each prompt; -1: not known
    std::int64_t questions = 0;      ///< asked at once; 0: not said
    std::vector<std::string> prompts; ///< [prompt] ids; empty: not known
    std::vector<double> base;        ///< [prompt] scores with the full cache
    std::vector<ScoreCell> cells;    ///< without the full cache
    io::EvalRecord full;             ///< what else was measured with the full cache; method is empty if nothing was

    /// Mean of `base`; NaN without one.
    [[nodiscard]] double baseScore() const;
    /// Null if it was not measured. Ratios agree within 1e-6.
    [[nodiscard]] const ScoreCell* find(std::string_view method, double ratio) const;
    /// "addition, 8 shots"
    [[nodiscard]] std::string label() const;
};

struct ScoreBlocks {
    std::vector<ScoreBlock> blocks;  ///< in the order in which the records name them
    std::vector<std::string> faults; ///< records that were left out, and why
};

/// Groups records by model, task, shots and setting. The first record of a block says which prompts it has; others may
/// lack some of them (methods that could not run on them). Left out: records without scores of single prompts, budgets
/// in tokens, a second record of the same cell, and other prompts or other full-cache scores than the block's.
[[nodiscard]] ScoreBlocks collectBlocks(const std::vector<io::EvalRecord>& records);

/// Of KVFundaBench, by the task's name, else by the record's category.
[[nodiscard]] std::string abilityOf(const io::EvalRecord& record);
/// The number behind "questions=" in a setting, else 0.
[[nodiscard]] std::int64_t questionsOf(std::string_view setting);

} // namespace kvviz::study
