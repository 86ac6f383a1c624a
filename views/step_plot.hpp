// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Curves over the steps of a continuation, below each other, with a line at the step that is shown; a click chooses
// one.
#pragma once

#include "views/curve_item.hpp"

#include <QWidget>

#include <memory>

namespace kvviz::plot {
class PaintedItem;
}

namespace kvviz::views {

class StepPlot : public QWidget {
    Q_OBJECT

public:
    explicit StepPlot(QWidget* parent = nullptr);

    void setFigure(const plot::CurveFigure& figure, const plot::PlotStyle& style);
    /// -1: no line.
    void setStep(std::int64_t step);
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }
    /// The step below a place, -1: none.
    [[nodiscard]] std::int64_t stepAt(QPointF position) const;
    [[nodiscard]] QSize sizeHint() const override { return {420, 300}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {220, 80}; }

Q_SIGNALS:
    void stepHovered(qint64 step);
    void stepChosen(qint64 step);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void setPanels();
    void arrange();
    void arrangeBelow(double edge, double width, double height);
    void arrangeBeside(const QRectF& rect);
    void paintStep(QPainter& painter) const;

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::vector<std::unique_ptr<plot::CurveItem>> m_items;
    plot::LegendBlock* m_legend;
    plot::PaintedItem* m_line;
    plot::PlotStyle m_style;
    std::int64_t m_step = -1, m_steps = 0;
    plot::CurveFigure m_figure;
    bool m_beside = false;
    std::size_t m_panels = 0; ///< of m_items that are in use
};

} // namespace kvviz::views
