// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A session: what is open, what is looked at, how the window is laid out. A small JSON file (docs/window.md) that
// stands beside the captures; files are written relative to it.
#pragma once

#include "views/selection.hpp"
#include "views/view_settings.hpp"

#include <QByteArray>

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::views {

struct Session {
    std::vector<io::CaptureRef> captures;
    std::vector<std::filesystem::path> results; ///< evaluations, replays, checks of predictions
    SelectionState selection;
    QByteArray geometry, layout; ///< QMainWindow::saveGeometry and saveState; empty: as they are
    PanelSettings panels; ///< what is chosen in each, also in those that this version does not have
    double fontScale = 1.0;
    std::string unknown = "{}"; ///< JSON object: entries of a newer version, written back as they were
    friend bool operator==(const Session&, const Session&) = default;
};

inline constexpr const char* kSessionSuffix = ".kvsession.json";

/// A selection alone, as the JSON object of session files on one line.
[[nodiscard]] std::string selectionText(const SelectionState& state);
/// Throws Error(badInput) as parseSession() does.
[[nodiscard]] SelectionState parseSelection(const std::string& text);

/// Text of a session file in `folder`.
[[nodiscard]] std::string sessionText(const Session& session, const std::filesystem::path& folder);
/// Throws Error(badInput) naming the entry that is not as it should be. Missing entries have their defaults.
[[nodiscard]] Session parseSession(const std::string& text, const std::filesystem::path& folder);

/// Writes under a temporary name and renames. Throws Error(failure) when that does not work.
void saveSession(const Session& session, const std::filesystem::path& file);
/// Throws Error(badInput) with the file's name.
[[nodiscard]] Session loadSession(const std::filesystem::path& file);

} // namespace kvviz::views
