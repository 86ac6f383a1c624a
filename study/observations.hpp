// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the observations share: which block stands for what. Internal to study/.
#pragma once

#include "study/verdicts.hpp"

#include <string>
#include <vector>

namespace kvviz::study {

/// The blocks of one model.
class ModelBlocks {
public:
    ModelBlocks(const ScoreBlocks& data, const std::string& model);

    /// The usual form of an ability's task: compressed, one question at a time, with the most examples but no
    /// many-shot prompt. Null if it was not run.
    [[nodiscard]] const ScoreBlock* usual(const std::string& ability) const;
    /// The same task with this number of examples, whether compressed or not.
    [[nodiscard]] const ScoreBlock* withShots(const ScoreBlock& task, std::int64_t shots) const;
    /// All compressed forms of the usual arithmetic task but many-shot ones, by shots.
    [[nodiscard]] std::vector<const ScoreBlock*> shotNumbers() const;
    /// The arithmetic task with the most examples, if they are many; else null.
    [[nodiscard]] const ScoreBlock* manyShot() const;
    /// Long generation, most questions first.
    [[nodiscard]] std::vector<const ScoreBlock*> longGeneration() const;

    [[nodiscard]] const std::string& model() const { return m_model; }

private:
    std::string m_model;
    std::vector<const ScoreBlock*> m_blocks;
};

using Resampling = core::ResamplingOptions;

/// Findings that lead to the verdict's outcome; each returns at least one.
[[nodiscard]] std::vector<Finding> judgeTaskDependence(const ModelBlocks& blocks, const Resampling& options);
[[nodiscard]] std::vector<Finding> judgeModelTypes(const std::vector<ModelBlocks>& models, const Resampling& options);
[[nodiscard]] std::vector<Finding> judgeShotNumbers(const ModelBlocks& blocks, const Resampling& options);
[[nodiscard]] std::vector<Finding> judgeChunkLevel(const ModelBlocks& blocks, const Resampling& options);
[[nodiscard]] std::vector<Finding> judgePromptGain(const ModelBlocks& blocks, const Resampling& options);
[[nodiscard]] std::vector<Finding> judgeLongGeneration(const ModelBlocks& blocks, const Resampling& options);

/// A finding that nothing was measured for.
[[nodiscard]] Finding missing(std::string statement, std::string reason);
/// Removes blocks whose full cache scores below kLeastBase and names them: "left out: sums (0.12)". Empty: none.
[[nodiscard]] std::string dropWeak(std::vector<const ScoreBlock*>& blocks);
/// Ratios in words: "0.3, 0.2 and 0.1".
[[nodiscard]] std::string ratiosText(const std::vector<CellRef>& cells);

} // namespace kvviz::study
