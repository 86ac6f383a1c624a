// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The results files that are open in the window: what each holds, and whether it has to do with the captures that are.
#pragma once

#include "core/io/capture_reader.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace kvviz::views {

/// What the records of a results file are of.
struct ResultSubject {
    std::filesystem::path file;
    std::set<std::string> captures; ///< of replays, as io::ReplayRecord names them
    std::set<std::string> models;   ///< of evaluations
};

struct ResultFiles {
    std::vector<std::filesystem::path> evaluations, replays;
    std::vector<std::filesystem::path> checks; ///< predictions against measurements, *.json
    std::vector<ResultSubject> subjects;       ///< of evaluations and replays
    std::vector<std::string> faults;           ///< one sentence for each file that holds nothing of these
};

/// Reads the scalars of all records: call it off the GUI thread. Never throws.
[[nodiscard]] ResultFiles sortResults(const std::vector<std::filesystem::path>& files);

/// What is to be said of results that are shown beside captures they have nothing to do with: replays of captures of
/// which none is open, evaluations of another model than `model` (of the capture that is shown; empty: not known). Empty
/// when there is nothing to say.
[[nodiscard]] std::string strangerSentence(const ResultSubject& subject, const std::vector<io::CaptureRef>& open,
                                           const std::string& model);

} // namespace kvviz::views
