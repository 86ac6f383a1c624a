// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Retained mass and output error of the compared methods against the ratio, on the selected layer, with a line at the
// budget; a click or a drag sets the ratio.
#pragma once

#include "views/curve_item.hpp"
#include "views/frame_throttle.hpp"
#include "views/live_results.hpp"
#include "views/view.hpp"

#include <memory>

namespace kvviz::views {

class RatioCurves : public View {
    Q_OBJECT

public:
    explicit RatioCurves(const ViewContext& context, QWidget* parent = nullptr);

    [[nodiscard]] std::optional<plot::Figure> figure() const override;
    [[nodiscard]] bool busy() const override;
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }
    /// Of a place in the plot; nothing outside of the axes.
    [[nodiscard]] std::optional<double> ratioAt(QPointF position) const;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void styleChanged() override;

private:
    void showCurves();
    void arrange();
    void setRatio(double ratio);
    void mouseAt(QPointF position, bool pressed);

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::CurveItem> m_mass, m_error;
    plot::LegendBlock* m_legend;
    plot::TextBlock* m_notes;
    plot::Figure m_figure; ///< no panels: nothing to show yet
    FrameThrottle m_throttle;
};

/// What RatioCurves draws: of the curves in the order of `methods`, two panels, or one where no output errors are known.
/// `layer` (may be null) gives the point of the selected method, budget and provenance.
[[nodiscard]] plot::Figure ratioFigure(const std::vector<LiveCurve>& curves, const std::vector<std::string>& methods,
                                       const LiveLayer* layer, const SelectionState& state);

} // namespace kvviz::views
