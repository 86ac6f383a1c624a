// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cumulative attention of the chosen layer and head, sorted and in the order of the prompt, with and without the sinks.
#pragma once

#include "views/curve_item.hpp"
#include "views/view.hpp"

#include <memory>

namespace kvviz::views {

class CurveView : public View {
    Q_OBJECT

public:
    explicit CurveView(const ViewContext& context, QWidget* parent = nullptr);

    void reload() override { load(); }
    [[nodiscard]] std::optional<plot::Figure> figure() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void styleChanged() override;

private:
    void load();
    void show(const plot::Figure& figure);
    void arrange();

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::CurveItem> m_sorted, m_positional;
    plot::LegendBlock* m_legend;
    plot::Figure m_figure; ///< no panels: nothing to show yet
};

} // namespace kvviz::views
