// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_process.hpp"

#include <QFile>
#include <QProcessEnvironment>

#include <csignal>
#include <sys/prctl.h>
#include <unistd.h>

namespace kvviz::views {

namespace {

QString fromBytes(const std::string& bytes) { return QFile::decodeName(QByteArray::fromStdString(bytes)); }

/// In the child, between fork and exec: a group of its own, so that Ctrl-C in a terminal reaches it once and from
/// here; should the window be killed, the child is told.
void leaveGroup()
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

} // namespace

RunProcess::RunProcess(QObject* parent) : QObject(parent)
{
    m_killer.setSingleShot(true);
    m_killer.setInterval(kPatienceMs);
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("KVVIZ_PROGRESS"), QStringLiteral("lines"));
    environment.insert(QStringLiteral("NO_COLOR"), QStringLiteral("1"));
    m_process.setProcessEnvironment(environment);
    m_process.setStandardInputFile(QProcess::nullDevice());
    m_process.setChildProcessModifier(leaveGroup);
    connect(&m_killer, &QTimer::timeout, &m_process, &QProcess::kill);
    connect(&m_process, &QProcess::readyReadStandardOutput, this,
            [this] { read(QProcess::StandardOutput, m_outputRest, false); });
    connect(&m_process, &QProcess::readyReadStandardError, this,
            [this] { read(QProcess::StandardError, m_errorRest, false); });
    connect(&m_process, &QProcess::finished, this, [this](int code, QProcess::ExitStatus how) {
        finish(how == QProcess::NormalExit ? code : 128 + code); // of a crash, the code is the signal
    });
    connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError what) {
        if (what != QProcess::FailedToStart)
            return;
        m_error = tr("%1 could not be started: %2").arg(m_process.program(), m_process.errorString());
        finish(kNotStarted);
    });
}

RunProcess::~RunProcess()
{
    disconnect(&m_process, nullptr, this, nullptr); // nobody is there to be told
    endNow();
}

void RunProcess::start(const std::filesystem::path& program, const std::vector<std::string>& arguments)
{
    QStringList words;
    for (const std::string& argument : arguments)
        words << fromBytes(argument);
    m_progress = {};
    m_error.clear();
    m_outputRest.clear();
    m_errorRest.clear();
    m_clock.start();
    m_process.start(fromBytes(program.string()), words);
}

void RunProcess::cancel()
{
    if (m_process.state() == QProcess::NotRunning)
        return;
    if (m_process.processId() > 0)
        ::kill(static_cast<pid_t>(m_process.processId()), SIGINT);
    if (!m_killer.isActive())
        m_killer.start();
}

void RunProcess::endNow()
{
    if (m_process.state() == QProcess::Starting)
        m_process.waitForStarted(kPatienceMs);
    cancel();
    if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(kPatienceMs)) {
        m_process.kill();
        m_process.waitForFinished(-1);
    }
}

void RunProcess::read(QProcess::ProcessChannel channel, QByteArray& rest, bool last)
{
    rest += channel == QProcess::StandardOutput ? m_process.readAllStandardOutput() : m_process.readAllStandardError();
    qsizetype begin = 0;
    for (qsizetype end; (end = rest.indexOf('\n', begin)) >= 0; begin = end + 1)
        take(rest.mid(begin, end - begin), channel);
    rest.remove(0, begin);
    if (last && !rest.isEmpty()) {
        take(rest, channel);
        rest.clear();
    }
}

void RunProcess::take(const QByteArray& bytes, QProcess::ProcessChannel channel)
{
    const QString text = QString::fromUtf8(bytes);
    if (channel == QProcess::StandardError) {
        if (m_progress.take(bytes.toStdString(), seconds())) {
            Q_EMIT progressed();
            return;
        }
        if (const QString mark = QStringLiteral("kvviz: error: "); text.startsWith(mark))
            m_error = text.mid(mark.size());
    }
    Q_EMIT line(text);
}

void RunProcess::finish(int status)
{
    m_killer.stop();
    read(QProcess::StandardOutput, m_outputRest, true);
    read(QProcess::StandardError, m_errorRest, true);
    Q_EMIT ended(status);
}

} // namespace kvviz::views
