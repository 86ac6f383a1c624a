// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/shot_bars.hpp"

#include "core/statistics.hpp"
#include "views/capture_choice.hpp"
#include "views/live_replay.hpp"
#include "views/replay_text.hpp"
#include "views/scale_bar.hpp"

#include <fmt/format.h>

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <limits>

namespace kvviz::views {

namespace {

constexpr qsizetype kLongestText = 160;

} // namespace

ShotBars::ShotBars(const ViewContext& context, QWidget* parent)
    : View(context, parent),
      m_stack(new NoticeStack),
      m_canvas(new BarCanvas([this](int category) { return describe(category); })),
      m_scopeBox(new QComboBox),
      m_holdBox(new QCheckBox(tr("Hold for compar&ison")))
{
    setAccessibleName(tr("Retention of segments"));
    m_canvas->setAccessibleName(tr("Share of each segment that is kept"));
    buildControls();
    m_stack->showNotice(tr("Reading the capture\u2026"));
    connect(m_canvas, &BarCanvas::hovered, this, &ShotBars::hovered);
    connect(m_canvas, &BarCanvas::chosen, this, &ShotBars::choose);
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) { m_stack->showNotice(message); });
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (state().capture != m_capture)
            load();
        else if (parts & (Selection::map | Selection::method))
            m_reason.clear();
        if (m_context.live && (parts & (Selection::map | Selection::capture)))
            liveChanged();
    });
    if (LiveReplay* live = m_context.live) {
        connect(live, &LiveReplay::layerChanged, this, &ShotBars::liveChanged);
        connect(live, &LiveReplay::surveyChanged, this, &ShotBars::liveChanged);
        connect(live, &LiveReplay::failed, this, &ShotBars::clearRetention);
    }
    load();
}

ShotBars::~ShotBars()
{
    if (m_context.live)
        m_context.live->want(this, 0);
}

void ShotBars::buildControls()
{
    m_scopeBox->addItem(tr("Selected layer"), false);
    m_scopeBox->addItem(tr("Mean of all layers"), true);
    m_scopeBox->setAccessibleName(tr("Layers of the bars"));
    m_scopeBox->setMinimumHeight(24);
    m_holdBox->setMinimumHeight(24);
    m_holdBox->setToolTip(tr("Keeps these bars as outlines while method and budget change"));
    auto* label = new QLabel(tr("&Of"));
    label->setBuddy(m_scopeBox);
    auto* controls = new QHBoxLayout;
    controls->setContentsMargins(6, 4, 6, 4);
    controls->setSpacing(6); // else that of the page, none
    controls->addWidget(label);
    controls->addWidget(m_scopeBox);
    controls->addWidget(m_holdBox);
    controls->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(controls);
    layout->addWidget(m_stack, 1);
    connect(m_scopeBox, &QComboBox::currentIndexChanged, this, [this] {
        updateWants();
        liveChanged();
    });
    m_settings.add("layers", m_scopeBox);
    connect(m_holdBox, &QCheckBox::toggled, this, [this](bool on) {
        m_held = on ? m_shown : std::nullopt;
        refresh();
    });
}

bool ShotBars::allLayers() const { return m_scopeBox->currentData().toBool(); }
void ShotBars::setAllLayers(bool on) { m_scopeBox->setCurrentIndex(on ? 1 : 0); }
void ShotBars::setHeld(bool on) { m_holdBox->setChecked(on); }

void ShotBars::load()
{
    m_capture = state().capture;
    m_info.reset();
    m_shown.reset();
    m_reason.clear();
    m_holdBox->setChecked(false); // segments are another capture's
    m_task.run([this, captures = m_context.captures, index = m_capture]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        return [this, reader] {
            m_info = reader->info();
            m_source = plot::provenanceOf(*reader);
            liveChanged();
            refresh();
        };
    });
}

void ShotBars::reload() { load(); }

void ShotBars::liveChanged()
{
    if (!m_context.live)
        return;
    if (allLayers())
        showSurvey();
    else
        showLayer();
}

void ShotBars::showLayer()
{
    const auto layer = m_context.live->layer();
    if (!layer || layer->capture != state().capture || layer->plan.layer != state().layer) {
        clearRetention(m_reason);
        return;
    }
    setRetention({replayName(layer->method, layer->budget).toStdString(), layer->method, layer->metrics.survival,
                  layer->metrics.intact, layer->keptRatio},
                 fmt::format("layer {}", layer->plan.layer));
}

void ShotBars::showSurvey()
{
    const auto survey = m_context.live->survey();
    if (!survey || survey->capture != state().capture || survey->layersDone == 0 || !m_info) {
        clearRetention(m_reason);
        return;
    }
    plot::ShotRetention retention;
    retention.name = replayName(survey->method, survey->budget).toStdString();
    retention.method = survey->method;
    retention.ratio = std::numeric_limits<double>::quiet_NaN();
    const std::size_t segments = m_info->segments.size();
    for (std::size_t segment = 0; segment < segments; ++segment) {
        std::vector<float> values;
        for (std::size_t at = segment; at < survey->survival.size(); at += segments)
            values.push_back(survey->survival[at]);
        retention.survival.push_back(static_cast<float>(core::mean(std::span<const float>(values))));
    }
    setRetention(retention, fmt::format("mean of {} layers", survey->layersDone));
}

void ShotBars::updateWants()
{
    const bool wanted = isVisible() && allLayers();
    if (!m_context.live || wanted == m_wantsSurvey)
        return;
    m_wantsSurvey = wanted;
    m_context.live->want(this, wanted ? static_cast<unsigned>(LiveReplay::wantSurvey) : 0U);
}

void ShotBars::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    updateWants();
}

void ShotBars::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    updateWants();
}

void ShotBars::setRetention(const plot::ShotRetention& retention, const std::string& where)
{
    m_shown = retention;
    m_where = where;
    m_reason.clear();
    refresh();
}

void ShotBars::clearRetention(const QString& reason)
{
    m_shown.reset();
    m_reason = reason;
    refresh();
}

void ShotBars::refresh()
{
    m_holdBox->setEnabled(m_shown.has_value() || m_held.has_value());
    if (!m_info)
        return; // being read, or a notice says why not
    if (plot::promptSegments(*m_info).empty()) {
        m_stack->showNotice(
            tr("The prompt of this capture has no marked segments (shots, question), so there is nothing "
               "to compare."));
        return;
    }
    if (!m_shown) {
        m_stack->showNotice(!m_reason.isEmpty() ? m_reason
                                                : tr("What %1 keeps of each segment is not known: the replay is still "
                                                     "running, or it cannot run on this capture.")
                                                      .arg(QString::fromStdString(state().method)));
        return;
    }
    m_canvas->setPanel(plot::retentionFigure(*m_info, *m_shown, m_held, m_where).panels.front(), m_style);
    m_stack->showContent(m_canvas);
}

void ShotBars::choose(int category)
{
    const auto segments = plot::promptSegments(*m_info);
    const core::Span span = m_info->segments[segments.at(static_cast<std::size_t>(category))].span;
    m_context.selection->change([&](SelectionState& next) { next.key = span.begin; });
}

QString ShotBars::describe(int category) const
{
    const auto segments = m_info ? plot::promptSegments(*m_info) : std::vector<std::size_t>();
    if (category < 0 || category >= std::ssize(segments) || !m_shown)
        return {};
    const std::size_t index = segments[static_cast<std::size_t>(category)];
    const core::Segment& segment = m_info->segments[index];
    const auto& panel = m_canvas->item().panel();
    QString text = QString::fromStdString(panel.categories.at(static_cast<std::size_t>(category)));
    for (const plot::BarSeries& series : panel.series) {
        const auto at = static_cast<std::size_t>(category);
        text += tr("   %1: %2 kept").arg(QString::fromStdString(series.name), plot::shortNumber(series.values[at]));
        if (!series.marks.empty())
            text += tr(", whole in %1 of the KV heads").arg(plot::shortNumber(series.marks[at]));
    }
    text += tr("   %1 tokens: ").arg(segment.span.size());
    QString words;
    for (std::int64_t token = segment.span.begin; token < segment.span.end && words.size() < kLongestText; ++token)
        words += QString::fromStdString(m_info->tokens.displayText(token));
    if (words.size() > kLongestText)
        words = words.left(kLongestText) + QChar(0x2026);
    return text + QStringLiteral("\u201c%1\u201d").arg(words.trimmed());
}

std::optional<plot::Figure> ShotBars::figure() const
{
    if (!m_info || !m_shown || !m_stack->notice().isEmpty())
        return std::nullopt;
    plot::Figure figure;
    figure.name = "retention";
    figure.content = plot::retentionFigure(*m_info, *m_shown, m_held, m_where);
    figure.sources = {m_source};
    figure.parameters = {{"method", m_shown->method}, {"shown", m_shown->name}, {"of", m_where}};
    if (m_held)
        figure.parameters.emplace_back("held", m_held->name);
    return figure;
}

} // namespace kvviz::views
