// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The selectors above the views: capture, the one that is subtracted, layer, head; in a bar of its own, which may stand
// below, what a cell and its colour show.
#pragma once

#include "views/view.hpp"

#include <QToolBar>

class QCheckBox;
class QComboBox;
class QSpinBox;

namespace kvviz::views {

class SelectionBar : public QToolBar {
    Q_OBJECT

public:
    explicit SelectionBar(const ViewContext& context, QWidget* parent = nullptr);

    [[nodiscard]] bool busy() const { return m_task.busy(); }
    /// How cells and colours are chosen; the window places it.
    [[nodiscard]] QToolBar* looks() const { return m_looks; }
    /// The captures are others now.
    void refill();
    void stepLayer(int by);
    void stepHead(int by);
    void stepCapture(int by);

Q_SIGNALS:
    /// What the selected capture is, in one line.
    void described(const QString& text);
    void failed(const QString& message);

private:
    void build();
    void connectAll();
    void selectionChanged(Selection::Parts parts);
    void readInfo();
    void showInfo(const core::CaptureInfo& info);
    void showState();

    ViewContext m_context;
    QToolBar* m_looks = nullptr;
    QComboBox *m_capture, *m_other, *m_layer, *m_head, *m_pooling, *m_range;
    QCheckBox *m_log, *m_sinks;
    QSpinBox* m_sinkTokens;
    BackgroundTask m_task;
};

} // namespace kvviz::views
