// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The continuation step by step: its text, what each step loses and sees, and buttons that play it.
#pragma once

#include "views/notice_stack.hpp"
#include "views/step_data.hpp"
#include "views/token_area.hpp"
#include "views/view.hpp"

#include <QStyle>
#include <QTimer>

class QDoubleSpinBox;
class QHBoxLayout;
class QLabel;
class QToolButton;

namespace kvviz::views {

class StepPlot;

class DecodeTimeline : public View {
    Q_OBJECT

public:
    explicit DecodeTimeline(const ViewContext& context, QWidget* parent = nullptr);
    ~DecodeTimeline() override;

    [[nodiscard]] std::optional<plot::Figure> figure() const override;
    /// Reads again what it shows: the files may have changed.
    void reload() override;

    /// What the replay says of the steps (lostMass, kept) of the selected capture; empty lists: nothing known, `reason`
    /// says why. `name`: method and budget.
    void setReplay(std::vector<double> lostMass, std::vector<double> kept, const QString& name,
                   const QString& reason = {});
    /// Predicted change of the log-probability, [t]: entry i belongs to the token after step i.
    void setPredictedDelta(const std::vector<float>& delta);
    void setSpeed(double stepsPerSecond);

    [[nodiscard]] bool playing() const { return m_timer.isActive(); }
    [[nodiscard]] std::int64_t steps() const { return m_steps; }
    [[nodiscard]] const plot::StepValues& values() const { return m_values; }
    [[nodiscard]] TokenArea* area() const { return m_area; }
    [[nodiscard]] StepPlot* stepPlot() const { return m_plot; }
    [[nodiscard]] QString notice() const { return m_stack->notice(); }
    /// "step 3 of 16 ...", of the selected step or of all.
    [[nodiscard]] QString summary() const;
    [[nodiscard]] QString describe(std::int64_t step) const;

public Q_SLOTS:
    /// Starts (from the beginning when it is at the end) or stops.
    void togglePlay();
    void stepForward() { stepBy(1); }
    void stepBack() { stepBy(-1); }
    void showAll();

protected:
    void styleChanged() override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void buildPage();
    [[nodiscard]] QHBoxLayout* buildControls();
    QToolButton* addButton(QHBoxLayout* row, QStyle::StandardPixmap icon, const QString& name);
    void connectLive();
    void load();
    void liveLayerChanged();
    void liveSurveyChanged();
    void updateWants();
    void setPlaying(bool on);
    void stepBy(std::int64_t by);
    void setStep(std::int64_t step);
    void advance();
    void refresh();
    void refreshValues();
    void showStep();

    plot::StepValues m_values;
    std::int64_t m_steps = 0, m_prompt = 0;
    std::shared_ptr<const TokenTexts> m_tokens; ///< of the continuation only
    plot::Provenance m_source;
    QString m_name, m_reason;
    bool m_loaded = false, m_hasReadout = false, m_wantsSurvey = false;
    int m_capture = -1;
    QTimer m_timer;

    NoticeStack* m_stack;
    QWidget* m_page;
    TokenArea* m_area;
    StepPlot* m_plot;
    QLabel* m_summary;
    QLabel* m_missing;
    QToolButton* m_play;
    std::vector<std::pair<QToolButton*, QStyle::StandardPixmap>> m_pictured; ///< drawn anew for other colours
    QDoubleSpinBox* m_speed;
};

} // namespace kvviz::views
