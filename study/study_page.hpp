// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The page of a study: verdicts with their numbers, the paper's tables as measured here, figures, and what was run.
#pragma once

#include "study/document.hpp"
#include "study/latencies.hpp"
#include "study/manifest.hpp"
#include "study/verdicts.hpp"

#include <vector>

namespace kvviz::study {

struct StudyFigure {
    int observation = 0;
    Figure figure;
};

struct PageContent {
    Manifest manifest;
    ScoreBlocks data;
    std::vector<MeasuredLatency> latencies;
    std::vector<Verdict> verdicts;
    std::vector<StudyFigure> figures;
    std::string noFigures; ///< why there are none; empty if there are
};

[[nodiscard]] Document studyPage(const PageContent& content);

} // namespace kvviz::study
