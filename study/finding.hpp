// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One testable statement about changes of scores, with the number that tests it. Three answers: it holds, it does not
// hold, or these data cannot say.
#pragma once

#include "study/resampling.hpp"
#include "study/score_blocks.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace kvviz::study {

enum class Outcome { holds, doesNotHold, undecided };
/// "holds", "does not hold", "not decidable here"
[[nodiscard]] const char* outcomeName(Outcome outcome);

/// Below this score with the full cache there is too little that compression could take.
inline constexpr double kLeastBase = 0.3;
/// Fewer prompts say nothing, however clear they look.
inline constexpr std::int64_t kLeastPrompts = 10;

/// Where a number of a finding comes from.
struct Sample {
    std::string name; ///< "addition, 8 shots"
    std::int64_t prompts = 0;
    double base = io::kNotKnown; ///< score with the full cache
};

struct Finding {
    std::string statement;  ///< what was tested: true if the number is above 0
    std::string quantity;   ///< what the number is
    core::Estimate estimate; ///< a fraction of 1; NaN: no data
    Outcome outcome = Outcome::undecided;
    std::string reason;     ///< what decided, or why nothing could
    std::vector<Sample> samples;
};

/// One number of a block: the relative change of the score of a method at a ratio, equation 1 of the paper:
/// (P_C - P_base) / P_base over the prompts that have both; NaN for a base of 0.
struct CellRef {
    const ScoreBlock* block = nullptr;
    std::string method;
    double ratio = 1;
};

/// Means over resamples of prompts. Blocks on the same prompts (models, shot numbers, methods) are resampled together,
/// others by themselves.
class Sampler {
public:
    explicit Sampler(const std::vector<const ScoreBlock*>& blocks);

    /// Mean score with the full cache.
    [[nodiscard]] double base(const ScoreBlock& block, const Draws& draws) const;
    /// Mean score of a cell; NaN if it was not measured.
    [[nodiscard]] double score(const CellRef& cell, const Draws& draws) const;
    /// Mean of the changes of these cells, as a function of the draws. Cells on the same prompts are added up once, so
    /// that a resample costs one pass over the prompts of each block. The sampler must outlive it.
    [[nodiscard]] DrawStatistic meanChange(const std::vector<CellRef>& cells) const;

    [[nodiscard]] core::Estimate estimate(const DrawStatistic& statistic,
                                          const core::ResamplingOptions& options = {}) const;
    [[nodiscard]] std::vector<Sample> samples() const;

private:
    [[nodiscard]] const std::vector<std::uint32_t>& drawn(const ScoreBlock& block, const Draws& draws) const;

    std::vector<const ScoreBlock*> m_blocks;
    std::map<const ScoreBlock*, std::size_t> m_list; ///< list of prompts that a block is on
    std::vector<std::size_t> m_sizes;                ///< prompts of each list
};

/// Cells of a block for these methods and ratios, as far as they were measured.
[[nodiscard]] std::vector<CellRef> cellsOf(const ScoreBlock& block, const std::vector<std::string>& methods,
                                           const std::vector<double>& ratios);
/// Leaves in both lists only methods and ratios that the other list has too, so that like is compared with like.
void keepCommon(std::vector<CellRef>& a, std::vector<CellRef>& b);

/// Decides by the interval: above 0, below 0, or neither; undecided with fewer than kLeastPrompts prompts in a sample,
/// or a sample whose full cache scores below kLeastBase (samples named in `anyBase` may).
void decide(Finding& finding, const std::set<std::string>& anyBase = {});

/// "mean change over `better` is higher than over `worse`". Undecided, with the reason, if a side is empty.
[[nodiscard]] Finding contrast(std::string statement, const std::vector<CellRef>& better,
                               const std::vector<CellRef>& worse, const core::ResamplingOptions& options = {});

/// "−23.4 %" for -0.234; "" for NaN.
[[nodiscard]] std::string percentText(double fraction);
/// "−23.4 % [−30.1, −12.0]"; without brackets if there is no interval.
[[nodiscard]] std::string estimateText(const core::Estimate& estimate);

} // namespace kvviz::study
