// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The guided tour beside the views: it explains a step and sets the selection to it, so that the real views show what
// the text says.
#pragma once

#include "views/tour.hpp"
#include "views/tour_facts.hpp"
#include "views/view.hpp"

class QCheckBox;
class QLabel;
class QPushButton;
class QVBoxLayout;

namespace kvviz::views {

class TourPanel : public View {
    Q_OBJECT

public:
    explicit TourPanel(const ViewContext& context, QWidget* parent = nullptr);
    TourPanel(const ViewContext& context, Tour tour, QWidget* parent = nullptr);

    [[nodiscard]] const Tour& tour() const { return m_tour; }
    [[nodiscard]] int step() const { return m_step; }
    /// What is read, without mark-up: title, text, formula, what to try.
    [[nodiscard]] QString shownText() const;
    [[nodiscard]] bool formulaShown() const;

    /// Begins (again) at the first step and shows it.
    void start();
    /// Shows a step in the views: those beyond the ends are the first and the last.
    void goTo(int step);
    void next() { goTo(m_step + 1); }
    void back() { goTo(m_step - 1); }
    /// Sets the views to the step once more, after one has tried something.
    void showAgain() { goTo(m_step); }
    void setFormulaShown(bool shown);

Q_SIGNALS:
    /// The step was set; bring this panel (one of kTourPanels) to the front.
    void panelWanted(const QString& panel);
    /// The captures of the tour are not open, and somebody asked for them.
    void demoWanted();

protected:
    void changeEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void build();
    void buildButtons(QVBoxLayout* layout);
    void showTexts();
    void load(int step, bool setViews);
    void arrived(int capture, const TourFacts& facts, bool setViews);
    void missing(const std::string& task);

    Tour m_tour;
    int m_step = 0;
    TourFacts m_facts;
    QLabel *m_title = nullptr, *m_text, *m_formula, *m_attempt, *m_missing, *m_number;
    QCheckBox* m_formulaBox;
    QPushButton *m_back, *m_next, *m_again, *m_open;
};

} // namespace kvviz::views
