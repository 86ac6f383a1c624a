// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Back and forward through what was looked at: the undo of the window. A drag of a slider or of the map is one step.
#pragma once

#include "views/selection.hpp"

#include <QElapsedTimer>
#include <QObject>

#include <vector>

namespace kvviz::views {

class History : public QObject {
    Q_OBJECT

public:
    /// Follows `selection`, which must outlive it.
    explicit History(Selection* selection, QObject* parent = nullptr);

    [[nodiscard]] bool canGoBack() const { return !m_back.empty(); }
    [[nodiscard]] bool canGoForward() const { return !m_forward.empty(); }
    /// Nothing happens at the end.
    void back();
    void forward();
    /// Forgets everything: other captures are open.
    void clear();

    /// Changes of the same kind that follow each other within this time are one step.
    static constexpr qint64 kOneStepMs = 700;
    static constexpr std::size_t kMostSteps = 200;

Q_SIGNALS:
    void changed();

private:
    void record(Selection::Parts parts);
    void go(std::vector<SelectionState>& from, std::vector<SelectionState>& to);

    Selection* m_selection;
    SelectionState m_now;
    std::vector<SelectionState> m_back, m_forward;
    Selection::Parts m_lastParts;
    QElapsedTimer m_sinceLast;
    bool m_moving = false;
};

} // namespace kvviz::views
