// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A guided tour as data: what each step says, which capture, layer, head, method it shows and in which panel. Read from
// JSON (resources/tour/tour.json, docs/teaching.md), so that a teacher can write another one.
#pragma once

#include "views/selection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kvviz::views {

/// Panels that a step may bring to the front; the window knows which of its panels each is.
inline constexpr std::string_view kTourPanels[] = {"map",     "curves", "heads",  "tokens",   "shots",    "budgets",
                                                   "methods", "ratios", "decode", "accuracy", "predicted"};

/// Texts are simple HTML (b, i, sub, sup, br). In text and attempt, {name} stands for a fact of the capture shown, see
/// tourFactNames().
struct TourStep {
    std::string id; ///< for links and messages
    std::string title;
    std::string text; ///< two to four sentences
    std::string formula;
    std::string attempt;  ///< one thing to try
    std::string panel;    ///< one of kTourPanels
    std::string task;     ///< of the capture to show
    SelectionState state; ///< everything but `capture`, which follows from the task
};

struct Tour {
    std::vector<TourStep> steps;
};

/// Each step sets the fields it names on a fresh SelectionState, so that it looks the same whichever way one came.
/// Throws Error(badInput), naming `source`, the step and the field: no JSON, unknown fields, methods, panels or facts,
/// values out of range, texts that are missing.
[[nodiscard]] Tour parseTour(std::string_view json, const std::string& source);
/// The tour that comes with the program.
[[nodiscard]] Tour bundledTour();

} // namespace kvviz::views
