// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Methods and ratios of KVFundaBench (arXiv 2502.01941), in our names.
#pragma once

#include <string>
#include <vector>

namespace kvviz::study {

/// In the order of the paper's tables. StreamingLLM cuts the prompt once and keeps positions, as the paper's code does.
inline const std::vector<std::string> kTokenLevel{"streaming_noshift", "h2o", "snapkv", "pyramidkv"};
inline const std::string kChunkLevel = "chunkkv", kShotLevel = "shotkv";
inline const std::vector<std::string> kPaperMethods{"streaming_noshift", "h2o",     "snapkv",
                                                    "pyramidkv",         "chunkkv", "shotkv"};

inline const std::vector<double> kPaperRatios{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1};
/// "Aggressive compression", where the paper's observations are made.
inline const std::vector<double> kLowRatios{0.3, 0.2, 0.1};
/// Columns of table 4, and of table 2 with 0.2 and 0.1 added.
inline const std::vector<double> kManyShotRatios{0.4, 0.3, 0.2, 0.1};
inline const std::vector<double> kLongRatios{0.4, 0.35, 0.3, 0.25, 0.2, 0.1};

/// Table 5 names no ratio.
inline constexpr double kLatencyRatio = 0.3;

/// Prompts with more examples than this are "many-shot".
inline constexpr int kManyShots = 9;

} // namespace kvviz::study
