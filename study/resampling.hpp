// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bootstrap over several lists of prompts at once (two tasks, two models): each list is resampled by itself, by
// core/bootstrap.hpp, and the statistic sees one resample of all of them.
#pragma once

#include "core/bootstrap.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kvviz::study {

/// [list][draw] number of the prompt that was drawn.
using Draws = std::vector<std::vector<std::uint32_t>>;
using DrawStatistic = std::function<double(const Draws& draws)>;

/// Percentile interval as core::bootstrap gives it, with its rules: none if a list has fewer than two prompts, or when
/// more than 1 - level of the resamples have no value. `count`: prompts of all lists. Throws Error(usage) for options
/// out of range.
[[nodiscard]] core::Estimate bootstrapLists(std::span<const std::size_t> sizes, const DrawStatistic& statistic,
                                            const core::ResamplingOptions& options = {});

} // namespace kvviz::study
