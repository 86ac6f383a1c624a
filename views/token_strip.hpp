// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The prompt as text, each token tinted by the attention it receives, by who keeps it, or by its log-probability; with
// a line to find tokens.
#pragma once

#include "views/notice_stack.hpp"
#include "views/token_area.hpp"
#include "views/view.hpp"

class QComboBox;
class QLabel;
class QLineEdit;
class QToolButton;

namespace kvviz::views {

class TokenLegend;

class TokenStrip : public View {
    Q_OBJECT

public:
    explicit TokenStrip(const ViewContext& context, QWidget* parent = nullptr);
    ~TokenStrip() override;

    [[nodiscard]] bool busy() const override { return m_task.busy() || m_textTask.busy(); }
    /// Reads again what it shows: the files may have changed.
    void reload() override;
    /// Share of the KV heads that keep each token, [T], NaN where unknown, and of what (method and budget); empty: not
    /// known, `reason` says why.
    void setSurvival(std::vector<float> shares, const QString& name, const QString& reason = {});
    /// Predicted change of the log-probability at each decode step, [t]; empty: the stored log-probability is shown.
    void setPredictedDelta(std::vector<float> delta, const QString& name);

    [[nodiscard]] TokenArea* area() const { return m_area; }
    [[nodiscard]] const plot::TokenValues& values() const { return m_values; }
    [[nodiscard]] QString notice() const { return m_stack->notice(); }
    [[nodiscard]] QString describe(std::int64_t token) const;
    /// What the tints mean, or why there are none.
    [[nodiscard]] QString legend() const;

public Q_SLOTS:
    /// Puts the cursor into the find line.
    void startFind();
    void findNext();
    void findPrevious();

protected:
    void styleChanged() override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void buildControls();
    void connectControls();
    void connectLive();
    void selectionChanged(Selection::Parts parts);
    void loadTexts();
    void loadValues();
    void loadReceived();
    void loadLogprob();
    void liveLayerChanged();
    void liveSurveyChanged();
    void updateWants();
    void showValues();
    void find();
    void goToMatch(int match);

    std::shared_ptr<const TokenTexts> m_tokens;
    core::CaptureInfo m_info; ///< of the tokens that are shown; without texts before the first
    plot::TokenValues m_values, m_received, m_logprob;
    std::vector<float> m_survival, m_delta;
    QString m_survivalName, m_noSurvival, m_deltaName, m_problem;
    std::vector<core::Span> m_matches;
    int m_match = -1, m_capture = -1;
    bool m_wantsSurvey = false, m_hasReadout = false;
    BackgroundTask m_textTask;

    NoticeStack* m_stack;
    TokenArea* m_area;
    TokenLegend* m_legend;
    QComboBox* m_colorBox;
    QLineEdit* m_findLine;
    QToolButton* m_previous;
    QToolButton* m_next;
    QLabel* m_found;
};

} // namespace kvviz::views
