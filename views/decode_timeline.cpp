// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/decode_timeline.hpp"

#include "views/capture_choice.hpp"
#include "views/live_replay.hpp"
#include "views/replay_text.hpp"
#include "views/scale_bar.hpp"
#include "views/step_plot.hpp"

#include <fmt/format.h>

#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QSplitter>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr int kTarget = 28;
constexpr double kStepsPerSecond = 2;

/// The tokens of the continuation alone.
std::shared_ptr<const TokenTexts> continuation(const core::CaptureInfo& info, const plot::PlotStyle& style)
{
    const auto all = measureTokens(info, style);
    auto part = std::make_shared<TokenTexts>();
    const auto from = static_cast<std::ptrdiff_t>(info.nPrompt());
    part->texts = all->texts.mid(from);
    part->widths.assign(all->widths.begin() + from, all->widths.end());
    part->breaks.assign(all->breaks.begin() + from, all->breaks.end());
    return part;
}

} // namespace

namespace {

/// The style's pictures are black whatever is behind them.
QIcon tinted(const QWidget& widget, QStyle::StandardPixmap picture)
{
    constexpr int kSide = 16;
    QIcon icon;
    for (const auto group : {QPalette::Active, QPalette::Disabled}) {
        QPixmap pixmap = widget.style()->standardIcon(picture).pixmap(kSide);
        QPainter painter(&pixmap);
        painter.setCompositionMode(QPainter::CompositionMode_SourceIn);
        painter.fillRect(pixmap.rect(), widget.palette().color(group, QPalette::ButtonText));
        painter.end();
        icon.addPixmap(pixmap, group == QPalette::Active ? QIcon::Normal : QIcon::Disabled);
    }
    return icon;
}

} // namespace

DecodeTimeline::DecodeTimeline(const ViewContext& context, QWidget* parent)
    : View(context, parent),
      m_stack(new NoticeStack),
      m_page(new QWidget),
      m_area(new TokenArea),
      m_plot(new StepPlot),
      m_summary(new QLabel),
      m_missing(new QLabel),
      m_speed(new QDoubleSpinBox)
{
    setAccessibleName(tr("Decode timeline"));
    setFocusPolicy(Qt::ClickFocus);
    m_area->setAccessibleName(tr("Text of the continuation, token by token"));
    buildPage();
    m_stack->showNotice(tr("Reading the continuation\u2026"));
    connect(&m_timer, &QTimer::timeout, this, &DecodeTimeline::advance);
    connect(m_area, &TokenArea::tokenChosen, this, [this](qint64 step) { setStep(step); });
    connect(m_area, &TokenArea::tokenHovered, this, [this](qint64 step) { Q_EMIT hovered(describe(step)); });
    connect(m_plot, &StepPlot::stepChosen, this, [this](qint64 step) { setStep(step); });
    connect(m_plot, &StepPlot::stepHovered, this, [this](qint64 step) { Q_EMIT hovered(describe(step)); });
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) { m_stack->showNotice(message); });
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (state().capture != m_capture)
            load();
        if (parts & (Selection::method | Selection::map))
            m_reason.clear();
        if (m_context.live && (parts & (Selection::capture | Selection::map | Selection::sinks)))
            liveLayerChanged();
        if (parts & Selection::step)
            showStep();
    });
    connectLive();
    load();
}

DecodeTimeline::~DecodeTimeline()
{
    if (m_context.live)
        m_context.live->want(this, 0);
}

QToolButton* DecodeTimeline::addButton(QHBoxLayout* row, QStyle::StandardPixmap icon, const QString& name)
{
    auto* button = new QToolButton;
    button->setIcon(tinted(*this, icon));
    m_pictured.emplace_back(button, icon);
    button->setAccessibleName(name);
    button->setToolTip(name);
    button->setMinimumSize(kTarget, kTarget);
    button->setFocusPolicy(Qt::StrongFocus);
    row->addWidget(button);
    return button;
}

QHBoxLayout* DecodeTimeline::buildControls()
{
    auto* row = new QHBoxLayout;
    row->setContentsMargins(6, 4, 6, 4);
    row->setSpacing(6);
    const auto* back = addButton(row, QStyle::SP_MediaSkipBackward, tr("Previous step"));
    m_play = addButton(row, QStyle::SP_MediaPlay, tr("Play (Space)"));
    const auto* forward = addButton(row, QStyle::SP_MediaSkipForward, tr("Next step"));
    auto* all = addButton(row, QStyle::SP_MediaStop, tr("All steps together"));
    all->setText(tr("All"));
    all->setToolButtonStyle(Qt::ToolButtonTextOnly);
    connect(back, &QToolButton::clicked, this, &DecodeTimeline::stepBack);
    connect(m_play, &QToolButton::clicked, this, &DecodeTimeline::togglePlay);
    connect(forward, &QToolButton::clicked, this, &DecodeTimeline::stepForward);
    connect(all, &QToolButton::clicked, this, &DecodeTimeline::showAll);
    m_speed->setRange(0.25, 50);
    m_speed->setValue(kStepsPerSecond);
    m_speed->setSuffix(tr(" steps/s"));
    m_speed->setDecimals(2);
    m_speed->setStepType(QAbstractSpinBox::AdaptiveDecimalStepType);
    m_speed->setAccessibleName(tr("Steps a second"));
    m_speed->setMinimumHeight(kTarget);
    connect(m_speed, &QDoubleSpinBox::valueChanged, this, &DecodeTimeline::setSpeed);
    m_settings.add("speed", m_speed);
    row->addWidget(m_speed);
    row->addWidget(m_summary, 1);
    return row;
}

void DecodeTimeline::buildPage()
{
    for (QLabel* label : {m_summary, m_missing}) {
        label->setWordWrap(true);
        label->setContentsMargins(8, 0, 8, 2);
    }
    m_area->setMinimumHeight(28);
    auto* splitter = new QSplitter(Qt::Vertical);
    splitter->addWidget(m_area);
    splitter->addWidget(m_plot);
    splitter->setStretchFactor(0, 1);
    splitter->setStretchFactor(1, 3);
    splitter->setSizes({60, 300});
    m_settings.add("heights", splitter);
    auto* page = new QVBoxLayout(m_page);
    page->setContentsMargins(0, 0, 0, 0);
    page->setSpacing(0);
    page->addLayout(buildControls());
    page->addWidget(m_missing);
    page->addWidget(splitter, 1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_stack);
}

void DecodeTimeline::connectLive()
{
    LiveReplay* live = m_context.live;
    if (!live)
        return;
    connect(live, &LiveReplay::layerChanged, this, &DecodeTimeline::liveLayerChanged);
    connect(live, &LiveReplay::surveyChanged, this, &DecodeTimeline::liveSurveyChanged);
    connect(live, &LiveReplay::failed, this, [this](const QString& message) { setReplay({}, {}, {}, message); });
}

void DecodeTimeline::load()
{
    if (m_capture != state().capture) {
        m_capture = state().capture;
        m_loaded = false;
        m_values = {};
        m_steps = 0;
        m_reason.clear();
        m_hasReadout = false;
        setPlaying(false);
    }
    m_task.run([this, captures = m_context.captures, index = m_capture, look = m_style]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        const core::CaptureInfo& info = reader->info();
        auto tokens = continuation(info, look);
        std::vector<double> logprob;
        if (info.nGenerated() > 0) {
            const std::vector<float> stored = reader->logprob();
            logprob.assign(stored.begin() + static_cast<std::ptrdiff_t>(info.nPrompt()), stored.end());
        }
        return [this, reader, tokens, logprob] {
            m_tokens = tokens;
            m_steps = reader->info().nGenerated();
            m_prompt = reader->info().nPrompt();
            m_source = plot::provenanceOf(*reader);
            m_hasReadout = core::includes(reader->available(), core::Need::readout);
            updateWants();
            m_values.logprob = logprob;
            m_values.seen.clear();
            for (std::int64_t step = 0; step < m_steps; ++step)
                m_values.seen.push_back(static_cast<double>(m_prompt + step + 1));
            m_loaded = true;
            m_area->setTokens(tokens, m_style);
            if (m_context.live) {
                liveLayerChanged();
                liveSurveyChanged();
            }
            refresh();
        };
    });
}

void DecodeTimeline::reload()
{
    m_capture = -1;
    load();
}

void DecodeTimeline::liveLayerChanged()
{
    const auto layer = m_context.live->layer();
    if (!layer || layer->capture != state().capture || layer->plan.layer != state().layer || layer->n != m_prompt
        || layer->t != m_steps) { // without decode rows the end of the prompt is judged: no steps
        setReplay({}, {}, {}, m_reason);
        return;
    }
    m_values.withoutFirst = state().withoutSinks ? state().sinkTokens : 0;
    const auto& lost = state().withoutSinks ? layer->metrics.lostNonSink : layer->metrics.lostMass;
    setReplay(plot::meanOverHeads(lost, layer->t), plot::keptAtSteps(layer->plan, layer->n, layer->t),
              replayName(layer->method, layer->budget));
}

void DecodeTimeline::liveSurveyChanged()
{
    const auto survey = m_context.live->survey();
    setPredictedDelta(survey && survey->capture == state().capture ? survey->predictedDelta : std::vector<float>());
}

/// The survey of all layers is dear and says something here only where a readout makes predictions possible.
void DecodeTimeline::updateWants()
{
    const bool wanted = isVisible() && m_hasReadout;
    if (!m_context.live || wanted == m_wantsSurvey)
        return;
    m_wantsSurvey = wanted;
    m_context.live->want(this, wanted ? static_cast<unsigned>(LiveReplay::wantSurvey) : 0U);
}

void DecodeTimeline::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    updateWants();
}

void DecodeTimeline::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    updateWants();
}

void DecodeTimeline::setReplay(std::vector<double> lostMass, std::vector<double> kept, const QString& name,
                               const QString& reason)
{
    m_values.lostMass = std::move(lostMass);
    m_values.kept = std::move(kept);
    m_name = name;
    m_reason = reason;
    refresh();
}

void DecodeTimeline::setPredictedDelta(const std::vector<float>& delta)
{
    m_values.predicted.clear();
    if (!delta.empty() && !m_values.logprob.empty()) {
        m_values.predicted.assign(m_values.logprob.size(), std::nan(""));
        for (std::size_t i = 0; i + 1 < m_values.logprob.size() && i < delta.size(); ++i)
            m_values.predicted[i + 1] = m_values.logprob[i + 1] + static_cast<double>(delta[i]);
    }
    refresh();
}

void DecodeTimeline::refresh()
{
    if (!m_loaded)
        return; // being read, or a notice says why not
    if (m_steps == 0) {
        m_stack->showNotice(
            tr("This capture has no continuation; capture with --generate N or --continuation gold to see "
               "decode steps."));
        return;
    }
    m_missing->setVisible(m_values.lostMass.empty());
    m_missing->setText(!m_reason.isEmpty()
                           ? m_reason
                           : tr("What the steps lose with %1 is not known: the replay is still running, or "
                                "it cannot run on this capture (it takes decode rows).")
                                 .arg(QString::fromStdString(state().method)));
    m_plot->setFigure(plot::stepFigure(m_values, m_name.toStdString(), fmt::format("layer {}", state().layer)),
                      m_style);
    m_stack->showContent(m_page);
    showStep();
}

void DecodeTimeline::showStep()
{
    const std::int64_t step = std::min(state().decodeStep, m_steps - 1);
    plot::TokenValues tints;
    tints.values.assign(static_cast<std::size_t>(m_steps), std::nanf(""));
    tints.fates.assign(static_cast<std::size_t>(m_steps), plot::TokenFate::kept);
    for (std::size_t i = 0; i < m_values.lostMass.size() && i < tints.values.size(); ++i)
        tints.values[i] = static_cast<float>(m_values.lostMass[i]);
    for (std::int64_t i = step + 1; step >= 0 && i < m_steps; ++i)
        tints.fates[static_cast<std::size_t>(i)] = plot::TokenFate::later;
    const auto largest = std::max_element(m_values.lostMass.begin(), m_values.lostMass.end());
    tints.high = largest == m_values.lostMass.end() || !(*largest > 0) ? 1.0 : *largest;
    tints.color = 1;
    m_area->setValues(std::move(tints));
    m_area->setCurrent(step);
    m_plot->setStep(step);
    m_summary->setText(summary());
}

QString DecodeTimeline::describe(std::int64_t step) const
{
    if (step < 0 || step >= m_steps || !m_tokens)
        return {};
    const auto index = static_cast<std::size_t>(step);
    QString text = tr("step %1 of %2   \u201c%3\u201d").arg(step).arg(m_steps).arg(m_tokens->texts.at(step));
    if (index < m_values.lostMass.size())
        text += tr("   lost mass %1").arg(plot::shortNumber(m_values.lostMass[index]));
    if (index < m_values.kept.size())
        text += tr("   sees %1 of %2 tokens, %3 evicted so far")
                    .arg(m_values.kept[index], 0, 'g', 6)
                    .arg(m_values.seen[index], 0, 'g', 6)
                    .arg(m_values.seen[index] - m_values.kept[index], 0, 'g', 6);
    if (index < m_values.logprob.size())
        text += tr("   log-probability %1").arg(plot::shortNumber(m_values.logprob[index]));
    return text;
}

QString DecodeTimeline::summary() const
{
    const std::int64_t step = std::min(state().decodeStep, m_steps - 1);
    return step < 0 ? tr("All %1 steps").arg(m_steps) : describe(step);
}

void DecodeTimeline::setStep(std::int64_t step)
{
    m_context.selection->change([&](SelectionState& next) { next.decodeStep = step; });
}

void DecodeTimeline::stepBy(std::int64_t by)
{
    if (m_steps > 0)
        setStep(std::clamp<std::int64_t>(state().decodeStep + by, 0, m_steps - 1));
}

void DecodeTimeline::showAll()
{
    setPlaying(false);
    setStep(-1);
}

void DecodeTimeline::setSpeed(double stepsPerSecond)
{
    m_speed->setValue(stepsPerSecond);
    m_timer.setInterval(static_cast<int>(std::lround(1000 / m_speed->value())));
}

void DecodeTimeline::togglePlay()
{
    if (m_steps > 0)
        setPlaying(!m_timer.isActive());
}

void DecodeTimeline::setPlaying(bool on)
{
    if (on && (state().decodeStep < 0 || state().decodeStep + 1 >= m_steps))
        setStep(0);
    if (on)
        m_timer.start(static_cast<int>(std::lround(1000 / m_speed->value())));
    else
        m_timer.stop();
    m_play->setIcon(tinted(*this, on ? QStyle::SP_MediaPause : QStyle::SP_MediaPlay));
    m_play->setToolTip(on ? tr("Pause (Space)") : tr("Play (Space)"));
    m_play->setAccessibleName(m_play->toolTip());
}

void DecodeTimeline::advance()
{
    if (state().decodeStep + 1 >= m_steps)
        setPlaying(false); // at the end
    else
        stepBy(1);
}

void DecodeTimeline::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Space && event->modifiers() == Qt::NoModifier)
        togglePlay();
    else
        View::keyPressEvent(event);
}

std::optional<plot::Figure> DecodeTimeline::figure() const
{
    if (!m_loaded || m_steps == 0)
        return std::nullopt;
    plot::Figure figure;
    figure.name = "steps";
    figure.content = plot::stepFigure(m_values, m_name.toStdString(), fmt::format("layer {}", state().layer));
    figure.sources = {m_source};
    figure.parameters = {{"replay", m_name.toStdString()}, {"layer", std::to_string(state().layer)}};
    if (!m_values.lostMass.empty()) {
        figure.parameters.emplace_back("sink_rule", fmt::format("first {} tokens", state().sinkTokens));
        figure.parameters.emplace_back("sinks", state().withoutSinks ? "left out of the lost mass" : "counted");
    }
    return figure;
}

void DecodeTimeline::styleChanged()
{
    for (const auto& [button, picture] : m_pictured)
        button->setIcon(tinted(*this, picture));
    if (m_timer.isActive())
        m_play->setIcon(tinted(*this, QStyle::SP_MediaPause));
    load();
}

} // namespace kvviz::views
