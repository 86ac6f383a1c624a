// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A kvviz command as a child process: its lines as they come, its progress, and an end that always comes: by itself,
// after SIGINT, or killed five seconds later.
#pragma once

#include "views/run_progress.hpp"

#include <QElapsedTimer>
#include <QProcess>
#include <QTimer>

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::views {

class RunProcess : public QObject {
    Q_OBJECT

public:
    explicit RunProcess(QObject* parent = nullptr);
    /// Asks a running child to stop and waits for it.
    ~RunProcess() override;

    /// Nothing may be running. A program that cannot be started ends at once with kNotStarted.
    void start(const std::filesystem::path& program, const std::vector<std::string>& arguments);
    [[nodiscard]] bool running() const { return m_process.state() != QProcess::NotRunning; }
    /// SIGINT: the child finishes what it must and keeps what it has. SIGKILL if it has not ended after kPatienceMs.
    void cancel();
    /// cancel(), and waits for the end: for when the window closes.
    void endNow();

    [[nodiscard]] const RunProgress& progress() const { return m_progress; }
    [[nodiscard]] double seconds() const { return double(m_clock.elapsed()) / 1000; }
    /// The sentence after "kvviz: error:" that the child ended with, if any.
    [[nodiscard]] const QString& error() const { return m_error; }

    static constexpr int kPatienceMs = 5000;
    static constexpr int kNotStarted = 127;

Q_SIGNALS:
    void progressed();
    /// A line for people, of standard output or standard error.
    void line(const QString& text);
    /// Exit status, or 128 + signal.
    void ended(int status);

private:
    void read(QProcess::ProcessChannel channel, QByteArray& rest, bool last);
    void take(const QByteArray& bytes, QProcess::ProcessChannel channel);
    void finish(int status);

    QProcess m_process;
    QTimer m_killer;
    QElapsedTimer m_clock;
    RunProgress m_progress;
    QByteArray m_outputRest, m_errorRest; ///< after the last end of line
    QString m_error;
};

} // namespace kvviz::views
