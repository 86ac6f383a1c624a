// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Letters for the last row: an action that makes all fonts of the program larger, in steps, and back.
#pragma once

#include <QFont>
#include <QObject>

class QAction;

namespace kvviz::views {

class Presenter : public QObject {
    Q_OBJECT

public:
    /// Takes the application's font as size 1.
    explicit Presenter(QObject* parent = nullptr);
    /// The application has its own font again.
    ~Presenter() override;

    /// "Presenter size": from 1 to 1.5 to 2 and back to 1.
    [[nodiscard]] QAction* action() const { return m_action; }
    [[nodiscard]] double scale() const { return m_scale; }
    /// Between 0.5 and 4.
    void setScale(double scale);

Q_SIGNALS:
    void scaleChanged(double scale);

private:
    void step();

    QFont m_font;
    double m_scale = 1;
    QAction* m_action;
};

} // namespace kvviz::views
