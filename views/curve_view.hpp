// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cumulative attention of the chosen layer and head, sorted and in the order of the prompt, with and without the sinks.
#pragma once

#include "views/background_task.hpp"
#include "views/capture_list.hpp"
#include "views/curve_item.hpp"
#include "views/selection.hpp"

#include <QWidget>

#include <memory>

namespace kvviz::views {

class CurveView : public QWidget {
    Q_OBJECT

public:
    CurveView(Selection* selection, CaptureList* captures, QWidget* parent = nullptr);

    [[nodiscard]] bool busy() const { return m_task.busy(); }
    [[nodiscard]] const plot::CurveFigure& figure() const { return m_figure; }

Q_SIGNALS:
    void failed(const QString& message);
    void idle();

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void load();
    void show(const plot::CurveFigure& figure);
    void arrange();

    Selection* m_selection;
    CaptureList* m_captures;
    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::CurveItem> m_sorted, m_positional;
    plot::LegendBlock* m_legend;
    plot::PlotStyle m_style;
    plot::CurveFigure m_figure;
    BackgroundTask m_task;
};

} // namespace kvviz::views
