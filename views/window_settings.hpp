// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the program remembers between starts, in $XDG_CONFIG_HOME/kvviz/kvviz.ini: layout, and what was opened last.
// Nothing is read or written with --fresh.
#pragma once

#include "views/view_settings.hpp"

#include <QByteArray>
#include <QStringList>

#include <memory>

class QSettings;

namespace kvviz::views {

class WindowSettings {
public:
    explicit WindowSettings(bool fresh);
    ~WindowSettings();

    /// Newest first; captures and sessions apart.
    [[nodiscard]] QStringList recentCaptures() const { return recent("recent/captures"); }
    [[nodiscard]] QStringList recentSessions() const { return recent("recent/sessions"); }
    void addCapture(const QString& path) { addRecent("recent/captures", path); }
    void addSession(const QString& path) { addRecent("recent/sessions", path); }
    void clearRecent();

    [[nodiscard]] QByteArray geometry() const;
    [[nodiscard]] QByteArray layout() const;
    void setLayout(const QByteArray& geometry, const QByteArray& layout);
    /// What is chosen in the panels.
    [[nodiscard]] PanelSettings panels() const;
    void setPanels(const PanelSettings& panels);

    static constexpr int kMostRecent = 12;

private:
    [[nodiscard]] QStringList recent(const char* key) const;
    void addRecent(const char* key, const QString& path);

    std::unique_ptr<QSettings> m_settings; ///< null with --fresh
};

} // namespace kvviz::views
