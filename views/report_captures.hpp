// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the report tells of captures: the table's line, the maps, the shots that replays of it keep. For the sources of
// the report and their tests only: includes nlohmann-json.
#pragma once

#include "core/io/results.hpp"
#include "views/report_figures.hpp"
#include "views/report_page.hpp"

#include <map>
#include <string>
#include <vector>

namespace kvviz::plot {

/// A capture that could be read.
struct ReportCapture {
    io::CaptureRef ref;
    Provenance source;
    std::string label, file;         ///< "addition-0003"; of the file
    std::string answer, continuation;
    std::string correct;             ///< "yes", "no", or empty: not judged
    std::vector<core::Segment> segments;
    std::vector<int> layers, heads;
    bool hasMaps = false;
    bool first = false;              ///< of its task: its maps go before those of others
};

[[nodiscard]] ReportCapture describeCapture(const io::CaptureReader& capture, const io::CaptureRef& ref);
/// {label, tier, segments, tokens, maps: []}
[[nodiscard]] ReportJson captureJson(const io::CaptureReader& capture, const ReportCapture& described);
/// Prompt and decode part of the map of a layer; head -1: mean over heads.
[[nodiscard]] ReportJson mapJson(const io::CaptureReader& capture, int layer, int head, std::int64_t cells,
                                 int sinkTokens);
/// Layers of a capture that get maps: the wanted ones that it holds, or so many over its depth.
[[nodiscard]] std::vector<int> reportLayers(const std::vector<int>& held, const std::vector<int>& wanted);

/// A list of {label, labels, methods: [{label, budgets: [{kept, values}]}]}, a capture each, of at most kReportSurvival
/// captures. Replays of captures that the page does not have are told by their file.
inline constexpr std::size_t kReportSurvival = 24;
[[nodiscard]] ReportJson survivalJson(const std::vector<io::ReplayRecord>& records,
                                      const std::vector<ReportCapture>& captures, std::vector<LeftOut>& leftOut);

} // namespace kvviz::plot
