// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Captures, replays and evaluations started from the window, one at a time: forms, the command line that they are,
// progress, cancel, and what the program said.
#pragma once

#include "views/run_forms.hpp"
#include "views/run_process.hpp"
#include "views/view.hpp"

class QLabel;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QTabWidget;
class QToolButton;
class QVBoxLayout;

namespace kvviz::views {

class RunPanel : public View {
    Q_OBJECT

public:
    RunPanel(const ViewContext& context, const RunChoices& choices, QWidget* parent = nullptr);

    /// The files of the open captures, in the order of the capture list.
    void setCaptures(const std::vector<std::filesystem::path>& files);
    /// As filled in on the front page.
    [[nodiscard]] Run run() const;
    /// What Start would run, for a shell.
    [[nodiscard]] QString commandLine() const;
    [[nodiscard]] bool running() const { return m_process.running(); }
    [[nodiscard]] QString statusText() const;

    /// Nothing happens while the form lacks something or a run is going on.
    void start();
    void cancel();
    void copyCommand();
    /// Shows a page: "capture", "replay" or "eval".
    void showPage(const QString& command);

Q_SIGNALS:
    /// A run is done: captures or a folder of them, or results files.
    void opened(const std::vector<std::filesystem::path>& paths);
    /// True while a child is at work.
    void runningChanged(bool running);

protected:
    void changeEvent(QEvent* event) override;

private:
    void buildButtons(QVBoxLayout* layout);
    void buildLog(QVBoxLayout* layout);
    [[nodiscard]] RunForm* front() const;
    [[nodiscard]] QString obstacle() const;
    void refresh();
    void showProgress();
    void showLog(bool visible);
    void ended(int status);

    RunChoices m_choices;
    std::vector<std::filesystem::path> m_files;
    CaptureForm* m_capture;
    ReplayForm* m_replay;
    EvalForm* m_eval;
    QTabWidget* m_pages;
    QLabel* m_obstacle;
    QPushButton *m_start, *m_cancel, *m_copy;
    QProgressBar* m_bar;
    QLabel* m_status;
    QToolButton *m_details, *m_copyLog;
    QPlainTextEdit* m_log = nullptr;
    QTimer m_clock; ///< the remaining time moves on between reports
    Run m_started;
    bool m_cancelled = false;
    RunProcess m_process; ///< last, so that it ends first
};

} // namespace kvviz::views
