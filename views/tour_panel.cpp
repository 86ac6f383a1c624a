// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/tour_panel.hpp"

#include "core/error.hpp"

#include <QCheckBox>
#include <QEvent>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QTextDocumentFragment>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kNotOpen = -1;
constexpr int kLeastLetters = 32; // in a line that is read with ease

/// The selected capture if it is of the task, else the first open one that is. Reads files.
int captureOf(CaptureList& captures, const std::string& task, int selected)
{
    const auto fits = [&](int index) {
        try {
            return captures.reader(index)->info().prompt.task == task;
        } catch (const core::Error&) {
            return false; // another file's trouble is not the tour's
        }
    };
    if (selected >= 0 && selected < captures.size() && fits(selected))
        return selected;
    for (int index = 0; index < captures.size(); ++index)
        if (fits(index))
            return index;
    return kNotOpen;
}

QLabel* makeText(const QString& name)
{
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setTextFormat(Qt::RichText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    label->setAccessibleName(name);
    return label;
}

/// A tinted box that follows light and dark palettes.
QFrame* boxed(QWidget* content)
{
    auto* frame = new QFrame;
    frame->setFrameShape(QFrame::StyledPanel);
    frame->setAutoFillBackground(true);
    frame->setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(frame);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->addWidget(content);
    return frame;
}

QString plain(const QLabel* label) { return QTextDocumentFragment::fromHtml(label->text()).toPlainText(); }

QString html(const std::string& text, const TourFacts& facts) { return QString::fromStdString(withFacts(text, facts)); }

} // namespace

TourPanel::TourPanel(const ViewContext& context, QWidget* parent) : TourPanel(context, bundledTour(), parent) {}

TourPanel::TourPanel(const ViewContext& context, Tour tour, QWidget* parent)
    : View(context, parent),
      m_tour(std::move(tour))
{
    build();
    showTexts();
}

void TourPanel::build()
{
    setFocusPolicy(Qt::StrongFocus);
    setMinimumWidth(kLeastLetters * fontMetrics().averageCharWidth());
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    auto* page = new QWidget;
    auto* texts = new QVBoxLayout(page);
    m_title = makeText(tr("Title of the step"));
    m_text = makeText(tr("Text of the step"));
    m_formula = makeText(tr("Formula"));
    m_attempt = makeText(tr("To try"));
    m_missing = makeText(tr("What is missing"));
    m_open = new QPushButton(tr("&Open the bundled captures"));
    m_open->setMinimumHeight(28);
    texts->addWidget(m_title);
    texts->addWidget(m_missing);
    texts->addWidget(m_open, 0, Qt::AlignLeft);
    texts->addWidget(m_text);
    texts->addWidget(boxed(m_formula));
    texts->addWidget(m_attempt);
    texts->addStretch(1);
    auto* area = new QScrollArea;
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->setFocusPolicy(Qt::NoFocus); // keys belong to the panel
    area->setWidget(page);
    layout->addWidget(area, 1);
    buildButtons(layout);
    m_missing->hide();
    m_open->hide();
    connect(m_open, &QPushButton::clicked, this, &TourPanel::demoWanted);
}

void TourPanel::buildButtons(QVBoxLayout* layout)
{
    m_formulaBox = new QCheckBox(tr("Form&ula"));
    m_formulaBox->setChecked(true);
    m_formulaBox->setMinimumHeight(24);
    m_again = new QPushButton(tr("Show &again"));
    m_again->setToolTip(tr("Sets the views to this step once more"));
    m_back = new QPushButton(tr("&Back"));
    m_back->setToolTip(tr("Previous step (Page Up)"));
    m_number = new QLabel;
    m_number->setAlignment(Qt::AlignCenter);
    m_next = new QPushButton(tr("Ne&xt"));
    m_next->setToolTip(tr("Next step (Page Down)"));
    auto* options = new QHBoxLayout;
    options->addWidget(m_formulaBox);
    options->addStretch(1);
    options->addWidget(m_again);
    auto* steps = new QHBoxLayout;
    steps->addWidget(m_back);
    steps->addWidget(m_number, 1);
    steps->addWidget(m_next);
    for (QPushButton* button : {m_again, m_back, m_next})
        button->setMinimumHeight(28);
    layout->addLayout(options);
    layout->addLayout(steps);
    m_settings.add("formula", m_formulaBox);
    m_settings.add("step", [this] { return QString::number(m_step + 1); },
                   [this](const QString& text) {
                       if (const int step = text.toInt(); step > 0 && step - 1 != m_step)
                           load(step - 1, false); // the views are as the session has them
                   });
    connect(m_formulaBox, &QCheckBox::toggled, this, &TourPanel::setFormulaShown);
    connect(m_again, &QPushButton::clicked, this, &TourPanel::showAgain);
    connect(m_back, &QPushButton::clicked, this, &TourPanel::back);
    connect(m_next, &QPushButton::clicked, this, &TourPanel::next);
}

void TourPanel::start() { goTo(0); }

void TourPanel::goTo(int step) { load(step, true); }

void TourPanel::load(int step, bool setViews)
{
    m_step = std::clamp(step, 0, int(m_tour.steps.size()) - 1);
    m_facts.clear();
    showTexts();
    const TourStep& wanted = m_tour.steps[std::size_t(m_step)];
    m_task.run([this, task = wanted.task, state = wanted.state, selected = m_context.selection->state().capture,
                captures = m_context.captures, setViews]() -> BackgroundTask::Finish {
        const int capture = captureOf(*captures, task, selected);
        if (capture == kNotOpen)
            return [this, task] { missing(task); };
        const TourFacts facts = tourFacts(*captures->reader(capture), state);
        return [this, capture, facts, setViews] { arrived(capture, facts, setViews); };
    });
}

void TourPanel::arrived(int capture, const TourFacts& facts, bool setViews)
{
    m_facts = facts;
    m_missing->hide();
    m_open->hide();
    showTexts();
    if (!setViews)
        return;
    const TourStep& step = m_tour.steps[std::size_t(m_step)];
    SelectionState state = step.state;
    state.capture = capture;
    m_context.selection->setState(state);
    Q_EMIT panelWanted(QString::fromStdString(step.panel));
}

void TourPanel::missing(const std::string& task)
{
    m_missing->setText(tr("This step shows a capture of the task <b>%1</b>, and none is open.")
                           .arg(QString::fromStdString(task).toHtmlEscaped()));
    m_missing->show();
    m_open->show();
}

void TourPanel::showTexts()
{
    const TourStep& step = m_tour.steps[std::size_t(m_step)];
    const auto count = int(m_tour.steps.size());
    m_title->setText(QStringLiteral("<h3>%1</h3>").arg(QString::fromStdString(step.title)));
    m_text->setText(html(step.text, m_facts));
    m_formula->setText(QString::fromStdString(step.formula));
    m_attempt->setText(QStringLiteral("<b>%1</b> %2").arg(tr("Try:"), html(step.attempt, m_facts)));
    m_number->setText(tr("%1 of %2").arg(m_step + 1).arg(count));
    m_back->setEnabled(m_step > 0);
    m_next->setEnabled(m_step + 1 < count);
    // Told to screen readers when it changes.
    setAccessibleName(tr("Guided tour, step %1 of %2: %3").arg(m_step + 1).arg(count).arg(plain(m_title)));
}

QString TourPanel::shownText() const
{
    return QStringList{plain(m_title), plain(m_text), plain(m_formula), plain(m_attempt)}.join(QLatin1Char('\n'));
}

bool TourPanel::formulaShown() const { return m_formulaBox->isChecked(); }

void TourPanel::setFormulaShown(bool shown)
{
    m_formulaBox->setChecked(shown);
    m_formula->parentWidget()->setVisible(shown);
}

void TourPanel::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_PageDown)
        next();
    else if (event->key() == Qt::Key_PageUp)
        back();
    else
        View::keyPressEvent(event);
}

void TourPanel::changeEvent(QEvent* event)
{
    View::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_title) {
        setMinimumWidth(kLeastLetters * fontMetrics().averageCharWidth());
        showTexts(); // the heading's size follows
    }
}

} // namespace kvviz::views
