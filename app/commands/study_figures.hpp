// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Figures of a study, drawn by kvviz-gui from the results files.
#pragma once

#include "study/study_page.hpp"

#include <filesystem>
#include <stop_token>

namespace kvviz::app {

/// A figure that is to be drawn.
struct FigureJob {
    int observation = 0;
    std::string name;               ///< "obs1-SmolLM2": the file is figures/NAME.svg
    std::vector<std::string> files; ///< results, below the study's folder of results
    std::string by;                 ///< what a line of it is: "task", "method", "shots", "model"
    std::string caption;
};

/// What finished steps can be drawn for: one figure for each observation with changes to show, and each model.
[[nodiscard]] std::vector<FigureJob> figureJobs(const study::Manifest& manifest);

struct DrawnFigures {
    std::vector<study::StudyFigure> figures;
    std::string missing; ///< why there are none
    std::vector<std::string> notes;
};

/// Draws them into `folder`/figures. A figure that cannot be drawn becomes a note.
[[nodiscard]] DrawnFigures drawFigures(const std::vector<FigureJob>& jobs, const std::filesystem::path& folder,
                                       const std::stop_token& stop);

/// What a program said was wrong, from the lines of its standard error: its last "error: ...", else its last line.
[[nodiscard]] std::string errorOf(const std::vector<std::string>& lines);

} // namespace kvviz::app
