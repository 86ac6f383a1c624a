// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz report`: captures and results as one HTML page that needs no network and no other file. Its parts lie in
// resources/report; docs/report.md says what it holds.
#pragma once

#include "core/io/capture_reader.hpp"
#include "core/progress.hpp"
#include "views/figure_data.hpp"
#include "views/published_series.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::plot {

struct ReportRequest {
    std::vector<io::CaptureRef> captures;
    std::vector<std::filesystem::path> results; ///< *.kvres.h5 of replays and evaluations
    std::string title;                          ///< empty: made of the tasks and models
    std::string creator, commandLine;
    std::vector<int> layers;                    ///< of maps, by number; empty: at most kReportLayers over the depth
    std::int64_t cells = 256;                   ///< of a map, a side
    int sinkTokens = 4;
    double maxBytes = 20e6;
    PublishedSource published;                  ///< printed numbers beside evaluations; may be none
};

inline constexpr std::int64_t kReportLayers = 6;
inline constexpr std::int64_t kReportCells = 256; ///< most

struct Report {
    std::string html;
    std::vector<LeftOut> leftOut; ///< said on the page, too
    std::int64_t captures = 0, maps = 0;
};

/// Reads everything once. A file that cannot be read is left out and named; badInput when none can. Throws Error(usage)
/// when even a page without maps is larger than `maxBytes`. The same input gives the same bytes. Needs no application.
[[nodiscard]] Report reportPage(const ReportRequest& request, const core::Progress& progress = {});

} // namespace kvviz::plot
