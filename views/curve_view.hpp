// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cumulative attention of the chosen layer and head, sorted and in the order of the prompt, with and without the sinks:
// of the selected capture, or sorted of all open ones, a line a task. The budget stands across the sorted curves.
#pragma once

#include "views/curve_data.hpp"
#include "views/curve_item.hpp"
#include "views/view.hpp"

#include <memory>

class QCheckBox;
class QComboBox;

namespace kvviz::views {

class CurveView : public View {
    Q_OBJECT

public:
    explicit CurveView(const ViewContext& context, QWidget* parent = nullptr);

    void reload() override { load(); }
    [[nodiscard]] std::optional<plot::Figure> figure() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void styleChanged() override;

private:
    /// What was read so far, shared with the thread that reads.
    struct Reading;

    void buildControls();
    void load();
    void readSome(const std::shared_ptr<Reading>& reading);
    void showCurves();
    void showBudget();
    void arrange();
    /// m_figure with the budget of now.
    [[nodiscard]] plot::Figure withBudget() const;
    [[nodiscard]] plot::CurveRequest requestOf(const SelectionState& now) const;

    QComboBox* m_of;
    QCheckBox* m_log;
    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::CurveItem> m_sorted, m_positional;
    plot::LegendBlock* m_legend;
    plot::TextBlock* m_notes;
    plot::Figure m_figure;      ///< no panels: nothing to show yet
    std::int64_t m_prompt = 0;  ///< tokens of the selected capture's prompt
};

} // namespace kvviz::views
