// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How much of each segment of the prompt the selected method keeps, in the order of the prompt; one state can be held
// to compare others with it.
#pragma once

#include "views/bar_canvas.hpp"
#include "views/notice_stack.hpp"
#include "views/retention_data.hpp"
#include "views/view.hpp"

class QCheckBox;
class QComboBox;

namespace kvviz::views {

class ShotBars : public View {
    Q_OBJECT

public:
    explicit ShotBars(const ViewContext& context, QWidget* parent = nullptr);
    ~ShotBars() override;

    [[nodiscard]] std::optional<plot::Figure> figure() const override;
    /// Reads again what it shows: the files may have changed.
    void reload() override;

    /// What is shown, of the selected capture; `where`: "layer 3".
    void setRetention(const plot::ShotRetention& retention, const std::string& where);
    /// Nothing can be shown; `reason` says why.
    void clearRetention(const QString& reason);
    /// Keeps the bars of now beside those to come; false lets them go.
    void setHeld(bool on);
    /// Mean over all layers in place of the selected one.
    void setAllLayers(bool on);

    [[nodiscard]] BarCanvas* canvas() const { return m_canvas; }
    [[nodiscard]] QString notice() const { return m_stack->notice(); }
    [[nodiscard]] QString describe(int category) const;

protected:
    void styleChanged() override { refresh(); }
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void buildControls();
    void load();
    void liveChanged();
    void showLayer();
    void showSurvey();
    void updateWants();
    void refresh();
    void choose(int category);
    [[nodiscard]] bool allLayers() const;

    std::optional<core::CaptureInfo> m_info;
    plot::Provenance m_source;
    std::optional<plot::ShotRetention> m_shown, m_held;
    std::string m_where;
    QString m_reason;
    int m_capture = -1;
    bool m_wantsSurvey = false;

    NoticeStack* m_stack;
    BarCanvas* m_canvas;
    QComboBox* m_scopeBox;
    QCheckBox* m_holdBox;
};

} // namespace kvviz::views
