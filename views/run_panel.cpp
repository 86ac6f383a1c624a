// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_panel.hpp"

#include "core/error.hpp"

#include <QClipboard>
#include <QEvent>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QLabel>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QTabWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include <csignal>

namespace kvviz::views {

namespace {

constexpr int kLogLines = 5000;
constexpr int kBarSteps = 1000;

QWidget* scrolled(QWidget* form)
{
    auto* area = new QScrollArea;
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->setWidget(form);
    area->setFocusPolicy(Qt::NoFocus); // its fields have it
    return area;
}

/// Of a program that ended without a sentence of its own.
QString endText(const char* command, int status)
{
    if (status == 128 + SIGKILL)
        return RunPanel::tr("kvviz %1 was killed; the system does that when memory runs out").arg(command);
    if (status > 128)
        return RunPanel::tr("kvviz %1 was ended by signal %2").arg(command).arg(status - 128);
    return RunPanel::tr("kvviz %1 ended with status %2").arg(command).arg(status);
}

QPushButton* makeButton(const QString& text, const QString& tip)
{
    auto* button = new QPushButton(text);
    button->setToolTip(tip);
    button->setMinimumHeight(28);
    return button;
}

} // namespace

RunPanel::RunPanel(const ViewContext& context, const RunChoices& choices, QWidget* parent)
    : View(context, parent),
      m_choices(choices),
      m_capture(new CaptureForm(choices)),
      m_replay(new ReplayForm(choices)),
      m_eval(new EvalForm(choices)),
      m_pages(new QTabWidget),
      m_obstacle(new QLabel)
{
    setAccessibleName(tr("Run"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    m_pages->setAccessibleName(tr("What to run"));
    m_pages->setDocumentMode(true);
    m_pages->addTab(scrolled(m_capture), tr("Capture"));
    m_pages->addTab(scrolled(m_replay), tr("Replay"));
    m_pages->addTab(scrolled(m_eval), tr("Evaluate"));
    layout->addWidget(m_pages, 1);
    buildButtons(layout);
    buildLog(layout);
    for (RunForm* form :
         {static_cast<RunForm*>(m_capture), static_cast<RunForm*>(m_replay), static_cast<RunForm*>(m_eval)})
        connect(form, &RunForm::changed, this, &RunPanel::refresh);
    connect(m_pages, &QTabWidget::currentChanged, this, &RunPanel::refresh);
    // Only the page: what a form asks for is kept as the command that was run.
    m_settings.add("page", [this] { return QString::fromLatin1(commandOf(run())); },
                   [this](const QString& command) { showPage(command); });
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & Selection::capture)
            m_replay->setCaptures(m_files, state().capture);
        if (parts & Selection::method) {
            m_replay->setSelectedMethod(state().method);
            m_eval->setSelectedMethod(state().method);
        }
        refresh();
    });
    m_clock.setInterval(1000);
    connect(&m_clock, &QTimer::timeout, this, &RunPanel::showProgress);
    connect(&m_process, &RunProcess::progressed, this, &RunPanel::showProgress);
    connect(&m_process, &RunProcess::line, m_log, &QPlainTextEdit::appendPlainText);
    connect(&m_process, &RunProcess::ended, this, &RunPanel::ended);
    m_replay->setSelectedMethod(state().method);
    m_eval->setSelectedMethod(state().method);
    refresh();
}

void RunPanel::buildButtons(QVBoxLayout* layout)
{
    m_obstacle->setWordWrap(true);
    layout->addWidget(m_obstacle);
    m_start = makeButton(tr("&Start"), tr("Runs it as a program of its own; the window stays usable"));
    m_cancel = makeButton(tr("Ca&ncel"), tr("What is finished is kept"));
    m_copy = makeButton(tr("Cop&y as command"), tr("The same for a terminal or a script"));
    auto* row = new QHBoxLayout;
    row->addWidget(m_start);
    row->addWidget(m_cancel);
    row->addStretch(1);
    row->addWidget(m_copy);
    layout->addLayout(row);
    connect(m_start, &QPushButton::clicked, this, &RunPanel::start);
    connect(m_cancel, &QPushButton::clicked, this, &RunPanel::cancel);
    connect(m_copy, &QPushButton::clicked, this, &RunPanel::copyCommand);
}

void RunPanel::buildLog(QVBoxLayout* layout)
{
    m_bar = new QProgressBar;
    m_bar->setAccessibleName(tr("Progress"));
    m_bar->setRange(0, kBarSteps);
    m_bar->setVisible(false);
    m_status = new QLabel;
    m_status->setWordWrap(true);
    m_status->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_details = new QToolButton;
    m_details->setText(tr("Details"));
    m_details->setCheckable(true);
    m_details->setToolTip(tr("What the program says"));
    m_copyLog = new QToolButton;
    m_copyLog->setText(tr("Copy details"));
    for (QToolButton* button : {m_details, m_copyLog})
        button->setMinimumHeight(26);
    m_details->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_log = new QPlainTextEdit;
    m_log->setReadOnly(true);
    m_log->setMaximumBlockCount(kLogLines);
    m_log->setLineWrapMode(QPlainTextEdit::NoWrap); // tables
    m_log->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_log->setAccessibleName(tr("What the program says"));
    m_log->setMinimumHeight(100);
    auto* row = new QHBoxLayout;
    row->addWidget(m_details);
    row->addWidget(m_copyLog);
    row->addStretch(1);
    layout->addWidget(m_bar);
    layout->addWidget(m_status);
    layout->addLayout(row);
    layout->addWidget(m_log);
    connect(m_details, &QToolButton::toggled, this, &RunPanel::showLog);
    connect(m_copyLog, &QToolButton::clicked, this,
            [this] { QGuiApplication::clipboard()->setText(m_log->toPlainText()); });
    showLog(false);
}

void RunPanel::showLog(bool visible)
{
    m_details->setChecked(visible);
    m_details->setArrowType(visible ? Qt::DownArrow : Qt::RightArrow);
    m_log->setVisible(visible);
}

void RunPanel::setCaptures(const std::vector<std::filesystem::path>& files)
{
    m_files = files;
    m_replay->setCaptures(files, state().capture);
    refresh();
}

RunForm* RunPanel::front() const
{
    RunForm* const forms[] = {m_capture, m_replay, m_eval};
    return forms[m_pages->currentIndex()];
}

Run RunPanel::run() const { return front()->run(); }

QString RunPanel::commandLine() const
{
    std::vector<std::string> words{m_choices.program.empty() ? "kvviz" : m_choices.program.string()};
    const auto arguments = argumentsOf(run());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return QString::fromStdString(shellLine(words));
}

QString RunPanel::statusText() const { return m_status->text(); }

QString RunPanel::obstacle() const
{
    if (m_choices.program.empty())
        return tr("The program kvviz was not found beside this one, nor in PATH.");
    QString text = QString::fromStdString(obstacleTo(run()));
    if (!text.isEmpty())
        text = tr("Not ready: %1.").arg(text);
    return text;
}

void RunPanel::refresh()
{
    const QString why = obstacle();
    m_obstacle->setText(why);
    m_obstacle->setVisible(!why.isEmpty());
    m_start->setEnabled(why.isEmpty() && !running());
    m_cancel->setEnabled(running() && !m_cancelled);
    m_copy->setEnabled(why.isEmpty());
    m_copyLog->setEnabled(!m_log->document()->isEmpty());
}

void RunPanel::start()
{
    if (running() || !obstacle().isEmpty())
        return;
    m_started = run();
    std::error_code error; // kvviz says itself what it cannot write to
    for (const auto& output : outputsOf(m_started))
        std::filesystem::create_directories(std::filesystem::absolute(output).parent_path(), error);
    m_log->clear();
    m_log->appendPlainText(QStringLiteral("$ ") + commandLine());
    m_cancelled = false;
    m_bar->setRange(0, 0);
    m_bar->setVisible(true);
    m_status->setText(tr("Starting"));
    m_process.start(m_choices.program, argumentsOf(m_started));
    if (running()) {
        m_clock.start();
        Q_EMIT runningChanged(true);
    }
    refresh();
}

void RunPanel::cancel()
{
    if (!running())
        return;
    m_cancelled = true;
    m_process.cancel();
    m_status->setText(tr("Stopping; what is finished is kept"));
    refresh();
}

void RunPanel::copyCommand() { QGuiApplication::clipboard()->setText(commandLine()); }

void RunPanel::showPage(const QString& command)
{
    m_pages->setCurrentIndex(command == QStringLiteral("eval") ? 2 : command == QStringLiteral("replay") ? 1 : 0);
}

void RunPanel::showProgress()
{
    if (!running() || m_cancelled)
        return;
    const auto share = m_process.progress().share();
    m_bar->setRange(0, share ? kBarSteps : 0); // without a total the bar only shows that something happens
    if (share)
        m_bar->setValue(int(*share * kBarSteps));
    const std::string text = m_process.progress().text(m_process.seconds());
    m_status->setText(text.empty() ? tr("Starting") : QString::fromStdString(text));
}

void RunPanel::ended(int status)
{
    m_clock.stop();
    m_bar->setVisible(false);
    const bool done = status == 0, partial = status == int(core::ErrorCode::partial);
    const QString sentence = m_process.error().isEmpty() ? endText(commandOf(m_started), status) : m_process.error();
    if (done)
        m_status->setText(tr("Done in %1 s").arg(m_process.seconds(), 0, 'f', 1));
    else
        m_status->setText(m_cancelled ? tr("Cancelled. %1").arg(m_process.error()) : sentence);
    Q_EMIT runningChanged(false);
    if (!done && !m_cancelled) {
        showLog(true);
        Q_EMIT failed(sentence);
    }
    if (done || partial)
        Q_EMIT opened(outputsOf(m_started));
    Q_EMIT front()->changed(); // the suggested output is there now
}

void RunPanel::changeEvent(QEvent* event)
{
    View::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_log) { // presenter size
        QFont fixed = QFontDatabase::systemFont(QFontDatabase::FixedFont);
        fixed.setPointSizeF(font().pointSizeF());
        m_log->setFont(fixed);
    }
}

} // namespace kvviz::views
