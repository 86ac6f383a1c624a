// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_strip.hpp"

#include "views/capture_choice.hpp"
#include "views/live_replay.hpp"
#include "views/replay_text.hpp"
#include "views/token_legend.hpp"
#include "views/token_search.hpp"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QShortcut>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr int kTarget = 24; // least side of something to click, pixels

QToolButton* stepButton(Qt::ArrowType arrow, const QString& name)
{
    auto* button = new QToolButton;
    button->setArrowType(arrow);
    button->setAccessibleName(name);
    button->setToolTip(name);
    button->setMinimumSize(kTarget, kTarget);
    button->setFocusPolicy(Qt::StrongFocus);
    return button;
}

} // namespace

TokenStrip::TokenStrip(const ViewContext& context, QWidget* parent)
    : View(context, parent),
      m_stack(new NoticeStack),
      m_area(new TokenArea),
      m_legend(new TokenLegend),
      m_colorBox(new QComboBox),
      m_findLine(new QLineEdit),
      m_previous(stepButton(Qt::UpArrow, tr("Previous match"))),
      m_next(stepButton(Qt::DownArrow, tr("Next match"))),
      m_found(new QLabel)
{
    setAccessibleName(tr("Tokens"));
    m_area->setAccessibleName(tr("Text of the prompt, token by token"));
    buildControls();
    connectControls();
    m_stack->showNotice(tr("Reading the tokens\u2026"));
    connect(m_area, &TokenArea::tokenHovered, this, [this](qint64 token) { Q_EMIT hovered(describe(token)); });
    connect(m_area, &TokenArea::tokenChosen, this, [this](qint64 token) {
        m_context.selection->change([token](SelectionState& next) { next.key = token; });
        Q_EMIT hovered(describe(token));
    });
    connect(&m_textTask, &BackgroundTask::failed, this, [this](const QString& message) {
        m_tokens.reset();
        m_stack->showNotice(message);
        Q_EMIT failed(message);
    });
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) {
        m_received = m_logprob = {};
        m_problem = message;
        showValues();
    });
    connect(&m_textTask, &BackgroundTask::idle, this, &TokenStrip::idle);
    connect(m_context.selection, &Selection::changed, this, &TokenStrip::selectionChanged);
    connectLive();
    loadTexts();
    loadValues();
}

TokenStrip::~TokenStrip()
{
    if (m_context.live)
        m_context.live->want(this, 0);
}

void TokenStrip::buildControls()
{
    const auto add = [this](const QString& text, TokenColor color) {
        m_colorBox->addItem(text, static_cast<int>(color));
    };
    add(tr("Attention received"), TokenColor::received);
    add(tr("Survival"), TokenColor::survival);
    add(tr("Log-probability"), TokenColor::logprob);
    m_colorBox->setCurrentIndex(m_colorBox->findData(static_cast<int>(state().tokenColor)));
    m_colorBox->setAccessibleName(tr("Colour of tokens"));
    m_colorBox->setMinimumHeight(kTarget);
    m_findLine->setPlaceholderText(tr("Find text, #123 or S3"));
    m_findLine->setAccessibleName(tr("Find tokens"));
    m_findLine->setClearButtonEnabled(true);
    m_findLine->setMinimumHeight(kTarget);
    m_found->setAccessibleName(tr("Matches"));
    auto* label = new QLabel(tr("Colo&ur"));
    label->setBuddy(m_colorBox);
    auto* controls = new QHBoxLayout;
    controls->setContentsMargins(6, 4, 6, 4);
    controls->setSpacing(6); // else that of the page, none
    controls->addWidget(label);
    controls->addWidget(m_colorBox);
    controls->addWidget(m_findLine, 1);
    controls->addWidget(m_previous);
    controls->addWidget(m_next);
    controls->addWidget(m_found);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(controls);
    layout->addWidget(m_legend);
    layout->addWidget(m_stack, 1);
}

void TokenStrip::connectControls()
{
    connect(m_colorBox, &QComboBox::currentIndexChanged, this, [this] {
        const auto color = static_cast<TokenColor>(m_colorBox->currentData().toInt());
        m_context.selection->change([color](SelectionState& next) { next.tokenColor = color; });
    });
    connect(m_findLine, &QLineEdit::textChanged, this, [this] { find(); });
    connect(m_findLine, &QLineEdit::returnPressed, this, &TokenStrip::findNext);
    connect(m_previous, &QToolButton::clicked, this, &TokenStrip::findPrevious);
    connect(m_next, &QToolButton::clicked, this, &TokenStrip::findNext);
    auto* back = new QShortcut(QKeySequence(Qt::SHIFT | Qt::Key_Return), m_findLine);
    back->setContext(Qt::WidgetShortcut);
    connect(back, &QShortcut::activated, this, &TokenStrip::findPrevious);
}

void TokenStrip::connectLive()
{
    LiveReplay* live = m_context.live;
    if (!live)
        return;
    connect(live, &LiveReplay::layerChanged, this, &TokenStrip::liveLayerChanged);
    connect(live, &LiveReplay::surveyChanged, this, &TokenStrip::liveSurveyChanged);
    connect(live, &LiveReplay::failed, this, [this](const QString& message) { setSurvival({}, {}, message); });
    liveLayerChanged();
    liveSurveyChanged();
}

void TokenStrip::selectionChanged(Selection::Parts parts)
{
    if (state().capture != m_capture)
        loadTexts();
    if (parts
        & (Selection::capture | Selection::map | Selection::sinks | Selection::step | Selection::colors
           | Selection::tokens))
        loadValues();
    if (parts & (Selection::tokens | Selection::capture)) {
        const QSignalBlocker blocker(m_colorBox);
        m_colorBox->setCurrentIndex(m_colorBox->findData(static_cast<int>(state().tokenColor)));
        updateWants();
    }
    if (parts & (Selection::method | Selection::map | Selection::capture))
        m_noSurvival.clear(); // it was said of something else
    if (m_context.live && (parts & (Selection::step | Selection::map | Selection::capture)))
        liveLayerChanged();
    if (parts & Selection::cursor)
        m_area->setCurrent(state().key);
}

void TokenStrip::loadTexts()
{
    m_capture = state().capture;
    m_received = m_logprob = {};
    m_problem.clear();
    m_textTask.run(
        [this, captures = m_context.captures, index = m_capture, style = m_style]() -> BackgroundTask::Finish {
            const auto reader = captures->reader(index);
            auto tokens = measureTokens(reader->info(), style);
            return [this, reader, tokens] {
                m_tokens = tokens;
                m_info = reader->info();
                m_hasReadout = core::includes(reader->available(), core::Need::readout);
                updateWants();
                m_area->setTokens(tokens, m_style);
                m_area->setCurrent(state().key);
                m_stack->showContent(m_area);
                showValues();
                find();
            };
        });
}

void TokenStrip::loadValues()
{
    if (state().tokenColor == TokenColor::received)
        loadReceived();
    else if (state().tokenColor == TokenColor::logprob && m_logprob.values.empty())
        loadLogprob();
    else
        showValues();
}

void TokenStrip::loadReceived()
{
    m_task.run([this, now = state(), captures = m_context.captures]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(now.capture);
        const core::CaptureInfo& info = reader->info();
        const std::int64_t slot = plot::layerSlot(info, now.layer, reader->name());
        const auto heads = plot::headSlots(info, now.head, reader->name());
        const bool decode = now.decodeStep >= 0 && core::includes(reader->available(), core::Need::decodeRows);
        const core::LayerData layer = reader->loadLayer(slot, decode ? core::Need::decodeRows : core::Need::stats);
        plot::TokenValues values = plot::receivedValues(layer, heads, decode ? now.decodeStep : -1,
                                                        now.withoutSinks ? now.sinkTokens : 0, now.logarithmic);
        values.label += QStringLiteral(" \u00b7 ")
                        + tr("layer %1, %2").arg(now.layer).arg(QString::fromStdString(plot::headsText(info, heads)));
        if (now.withoutSinks)
            values.label += tr(" \u00b7 colour range without the first %1 tokens").arg(now.sinkTokens);
        return [this, values = std::move(values)] {
            m_received = values;
            showValues();
        };
    });
}

void TokenStrip::loadLogprob()
{
    m_task.run([this, captures = m_context.captures, index = m_capture]() -> BackgroundTask::Finish {
        plot::TokenValues values = plot::logprobValues(captures->reader(index)->logprob());
        return [this, values = std::move(values)] {
            m_logprob = values;
            showValues();
        };
    });
}

void TokenStrip::liveLayerChanged()
{
    const auto layer = m_context.live->layer();
    if (!layer || layer->capture != state().capture || !layer->reader || layer->plan.layer != state().layer) {
        setSurvival({}, {}, m_noSurvival);
        return;
    }
    const core::CaptureInfo& info = layer->reader->info();
    const bool steps = layer->n == info.nPrompt(); // else its queries are the end of the prompt
    QString name = replayName(layer->method, layer->budget);
    if (!layer->plan.keptDecode.empty() && steps && layer->t > 0)
        name += state().decodeStep < 0 ? tr(", at the last decode step")
                                       : tr(", at decode step %1").arg(state().decodeStep);
    setSurvival(plot::keptShares(layer->plan, layer->n, steps ? layer->t : 0, info.nTokens(), state().decodeStep),
                name);
}

void TokenStrip::liveSurveyChanged()
{
    const auto survey = m_context.live->survey();
    if (survey && survey->capture == state().capture && !survey->predictedDelta.empty())
        setPredictedDelta(survey->predictedDelta, replayName(survey->method, survey->budget));
    else
        setPredictedDelta({}, {});
}

/// The survey of all layers is dear and says something here only where a readout makes predictions possible.
void TokenStrip::updateWants()
{
    const bool wanted = isVisible() && m_hasReadout && state().tokenColor == TokenColor::logprob;
    if (!m_context.live || wanted == m_wantsSurvey)
        return;
    m_wantsSurvey = wanted;
    m_context.live->want(this, wanted ? static_cast<unsigned>(LiveReplay::wantSurvey) : 0U);
}

void TokenStrip::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    updateWants();
}

void TokenStrip::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    updateWants();
}

void TokenStrip::setSurvival(std::vector<float> shares, const QString& name, const QString& reason)
{
    m_survival = std::move(shares);
    m_survivalName = name;
    m_noSurvival = m_survival.empty() ? reason : QString();
    if (state().tokenColor == TokenColor::survival)
        showValues();
}

void TokenStrip::setPredictedDelta(std::vector<float> delta, const QString& name)
{
    m_delta = std::move(delta);
    m_deltaName = name;
    if (state().tokenColor == TokenColor::logprob)
        showValues();
}

void TokenStrip::showValues()
{
    if (!m_tokens)
        return;
    QString sentence;
    m_values = {};
    switch (state().tokenColor) {
    case TokenColor::received:
        m_values = m_received;
        sentence = m_values.label;
        break;
    case TokenColor::survival:
        if (m_survival.empty()) {
            sentence = m_noSurvival.isEmpty()
                           ? tr("Which tokens %1 keeps is not known: the replay is still running, or "
                                "it cannot run on this capture.")
                                 .arg(QString::fromStdString(state().method))
                           : m_noSurvival;
            break;
        }
        m_values = plot::survivalValues(m_survival, m_info.nPrompt(), state().decodeStep);
        sentence = m_values.label + QStringLiteral(" \u00b7 ")
                   + tr("layer %1 \u00b7 %2 \u00b7 struck through: no KV head keeps it (%3 of %4)")
                         .arg(state().layer)
                         .arg(m_survivalName)
                         .arg(std::count(m_values.fates.begin(), m_values.fates.end(), plot::TokenFate::evicted))
                         .arg(m_values.values.size());
        break;
    case TokenColor::logprob:
        m_values = m_delta.empty() ? m_logprob : plot::deltaValues(m_delta, m_info.nPrompt(), m_info.nTokens());
        sentence = m_values.label + (m_delta.empty() ? QString() : QStringLiteral(" \u00b7 ") + m_deltaName);
        break;
    }
    if (sentence.isEmpty())
        sentence = m_problem.isEmpty() ? tr("Reading\u2026") : m_problem;
    m_area->setValues(m_values);
    m_legend->setLegend(
        sentence, m_values.values.empty() ? std::nullopt : std::optional(plot::scaleBarOf(m_values, m_style)), m_style);
}

QString TokenStrip::describe(std::int64_t token) const
{
    if (!m_tokens || token < 0 || token >= m_tokens->texts.size())
        return {};
    QString text = QStringLiteral("#%1 \u201c%2\u201d").arg(token).arg(m_tokens->texts.at(token));
    for (const plot::SegmentMark& mark : m_tokens->segments)
        if (mark.span.contains(token) && !mark.label.empty())
            text += QStringLiteral("   ") + QString::fromStdString(mark.label);
    const auto index = static_cast<std::size_t>(token);
    if (index < m_values.values.size() && std::isfinite(m_values.values[index]))
        text += QStringLiteral("   ") + m_values.label.section(QStringLiteral(" \u00b7 "), 0, 0) + QStringLiteral(": ")
                + plot::shortNumber(static_cast<double>(m_values.values[index]));
    if (index < m_values.fates.size() && m_values.fates[index] == plot::TokenFate::evicted)
        text += tr("   evicted");
    else if (index < m_values.fates.size() && m_values.fates[index] == plot::TokenFate::later)
        text += tr("   not generated yet");
    return text;
}

QString TokenStrip::legend() const { return m_legend->sentence(); }

void TokenStrip::startFind()
{
    m_findLine->setFocus(Qt::ShortcutFocusReason);
    m_findLine->selectAll();
}

void TokenStrip::find()
{
    if (!m_tokens)
        return;
    m_matches = plot::findTokens(m_tokens->texts, m_tokens->segments, m_findLine->text());
    m_match = -1;
    m_previous->setEnabled(!m_matches.empty());
    m_next->setEnabled(!m_matches.empty());
    m_area->setMatches(m_matches, -1);
    m_found->setText(m_findLine->text().isEmpty() ? QString()
                     : m_matches.empty()          ? tr("not found")
                                                  : tr("%1 found").arg(m_matches.size()));
}

void TokenStrip::findNext() { goToMatch(m_match + 1); }
void TokenStrip::findPrevious() { goToMatch(m_match < 0 ? -1 : m_match - 1); }

void TokenStrip::goToMatch(int match)
{
    const int count = static_cast<int>(m_matches.size());
    if (count == 0)
        return;
    m_match = (match + count) % count; // round and round
    const std::int64_t token = m_matches[static_cast<std::size_t>(m_match)].begin;
    m_found->setText(tr("%1 of %2").arg(m_match + 1).arg(count));
    m_context.selection->change([token](SelectionState& next) { next.key = token; });
    m_area->setMatches(m_matches, m_match);
    Q_EMIT hovered(describe(token));
}

void TokenStrip::reload()
{
    loadTexts();
    loadValues();
}

void TokenStrip::styleChanged() { reload(); } // the widths are those of the font

} // namespace kvviz::views
