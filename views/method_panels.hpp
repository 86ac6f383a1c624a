// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From replay records to the panels of one metric: one panel for few methods, one a family for many.
#pragma once

#include "core/io/results.hpp"
#include "views/figure_data.hpp"
#include "views/method_axis.hpp"
#include "views/method_family.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kvviz::plot {

/// More lines than this cannot be told apart in a panel.
inline constexpr std::size_t kMostLines = 9;

struct MethodMetric {
    std::string name;     ///< "mass"
    std::string yLabel;
    std::string averaged; ///< what the mean of one replay is over
    std::string missing;  ///< why results may not hold it
    bool logarithmic;     ///< positive, over decades
    double (*value)(const io::ReplayRecord&); ///< not finite: the replay has none
};

/// "mass", "output", "kl", "logprob"; throws Error(usage) for another.
[[nodiscard]] const MethodMetric& methodMetric(const std::string& name);

/// One method: its replays at each budget, as values of the prompts.
struct MethodValues {
    std::string label, specification;
    MethodFamily family = MethodFamily::other;
    bool oracle = false, fullCache = false;
    struct Budget {
        std::vector<double> x, y;
    };
    std::map<std::int64_t, Budget> budgets; ///< by budgetKey()
    std::int64_t withoutValue = 0;          ///< replays that this metric leaves out
};

/// In order of appearance; methods without any value have no budgets.
[[nodiscard]] std::vector<MethodValues> gather(const std::vector<io::ReplayRecord>& records,
                                               const MethodMetric& metric, MethodAxis axis);

/// All methods in one panel on linear axes, full cache and a single oracle in grey. `colors`: index by specification.
[[nodiscard]] CurvePanel onePanel(const std::vector<MethodValues>& methods, const MethodMetric& metric,
                                  MethodAxis axis, const std::map<std::string, int>& colors, std::uint64_t seed);

/// A panel a family with at most kMostLines lines, on shared axes; the oracle of attention mass and the random choice
/// are grey in each of them. Adds to `leftOut` what has no place.
[[nodiscard]] std::vector<CurvePanel> familyPanels(const std::vector<MethodValues>& methods,
                                                   const MethodMetric& metric, MethodAxis axis, std::uint64_t seed,
                                                   std::vector<LeftOut>& leftOut);

} // namespace kvviz::plot
