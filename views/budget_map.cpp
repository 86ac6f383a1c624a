// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/budget_map.hpp"

#include "views/capture_choice.hpp"
#include "views/live_replay.hpp"
#include "views/replay_text.hpp"
#include "views/retention_data.hpp"
#include "views/scale_bar.hpp"

#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

BudgetMap::BudgetMap(const ViewContext& context, QWidget* parent)
    : View(context, parent),
      m_stack(new NoticeStack),
      m_canvas(new MatrixCanvas([this](int row, int column) { return describe(row, column); })),
      m_sentence(new QLabel)
{
    setAccessibleName(tr("Budget of layers and KV heads"));
    m_canvas->setAccessibleName(tr("Tokens kept in each layer and KV head"));
    m_sentence->setWordWrap(true);
    m_sentence->setMargin(6);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_sentence);
    layout->addWidget(m_stack, 1);
    m_stack->showNotice(tr("Reading the capture\u2026"));
    connect(m_canvas, &MatrixCanvas::hovered, this, &BudgetMap::hovered);
    connect(m_canvas, &MatrixCanvas::chosen, this, &BudgetMap::choose);
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) { m_stack->showNotice(message); });
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (state().capture != m_capture)
            load();
        else if (parts & Selection::method)
            m_reason.clear();
        if (parts & Selection::map)
            markCurrent();
    });
    if (LiveReplay* live = m_context.live) {
        connect(live, &LiveReplay::surveyChanged, this, &BudgetMap::liveChanged);
        connect(live, &LiveReplay::failed, this, &BudgetMap::clearKept);
    }
    load();
}

BudgetMap::~BudgetMap()
{
    if (m_context.live)
        m_context.live->want(this, 0);
}

void BudgetMap::load()
{
    m_capture = state().capture;
    m_info.reset();
    m_kept.clear();
    m_reason.clear();
    m_task.run([this, captures = m_context.captures, index = m_capture]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        return [this, reader] {
            m_info = reader->info();
            m_source = plot::provenanceOf(*reader);
            if (m_context.live)
                liveChanged();
            refresh();
        };
    });
}

void BudgetMap::reload() { load(); }

void BudgetMap::liveChanged()
{
    const auto survey = m_context.live->survey();
    if (!survey || survey->capture != state().capture || !m_info) {
        clearKept(m_reason);
        return;
    }
    const auto layer = m_context.live->layer(); // of a capture without decode rows, the prompt ends earlier
    const bool known = layer && layer->capture == survey->capture;
    setKept(survey->keptTokens, known ? layer->n : m_info->nPrompt(), replayName(survey->method, survey->budget));
}

void BudgetMap::setKept(std::vector<std::int64_t> kept, std::int64_t prompt, const QString& name)
{
    m_kept = std::move(kept);
    m_prompt = prompt;
    m_name = name;
    m_reason.clear();
    refresh();
}

void BudgetMap::clearKept(const QString& reason)
{
    m_kept.clear();
    m_reason = reason;
    refresh();
}

void BudgetMap::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    if (m_context.live)
        m_context.live->want(this, LiveReplay::wantSurvey);
}

void BudgetMap::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    if (m_context.live)
        m_context.live->want(this, 0);
}

QString BudgetMap::sentence() const { return m_sentence->text(); }

void BudgetMap::refresh()
{
    m_sentence->setVisible(!m_kept.empty());
    if (!m_info)
        return; // being read, or a notice says why not
    if (std::none_of(m_kept.begin(), m_kept.end(), [](std::int64_t tokens) { return tokens >= 0; })) {
        m_sentence->hide();
        m_stack->showNotice(!m_reason.isEmpty() ? m_reason
                                                : tr("What %1 keeps in each layer is not known: the replay is still "
                                                     "running, or it cannot run on this capture.")
                                                      .arg(QString::fromStdString(state().method)));
        return;
    }
    m_sentence->setText(m_name + QStringLiteral(" \u00b7 ")
                        + QString::fromStdString(plot::budgetSentence(*m_info, m_kept, m_prompt)));
    m_canvas->setFigure(plot::budgetFigure(*m_info, m_kept, m_prompt, m_name.toStdString()), m_style);
    markCurrent();
    m_stack->showContent(m_canvas);
}

void BudgetMap::markCurrent()
{
    if (!m_info)
        return;
    const auto layer = std::find(m_info->layers.begin(), m_info->layers.end(), state().layer);
    const auto head = std::find(m_info->heads.begin(), m_info->heads.end(), state().head);
    const int row = layer == m_info->layers.end() ? -1 : static_cast<int>(layer - m_info->layers.begin());
    const std::vector<int> groups = m_info->kvHeads();
    const auto group = std::find(groups.begin(), groups.end(), plot::groupOf(state().head));
    const int column = group != groups.end() ? static_cast<int>(group - groups.begin())
                       : state().head < 0 || head == m_info->heads.end()
                           ? -1
                           : m_info->headMap().kvHeadOf(static_cast<int>(head - m_info->heads.begin()));
    m_canvas->mark(row, column);
}

void BudgetMap::choose(int row, int column)
{
    if (!m_info || row < 0 || row >= std::ssize(m_info->layers))
        return;
    const int layer = m_info->layers[static_cast<std::size_t>(row)];
    const int head =
        column < 0 ? -1 : m_info->heads.at(static_cast<std::size_t>(m_info->headMap().firstQueryHead(column)));
    m_context.selection->change([&](SelectionState& next) {
        next.layer = layer;
        next.head = head;
    });
}

QString BudgetMap::describe(int row, int column) const
{
    if (!m_info || m_kept.empty() || row < 0 || row >= std::ssize(m_info->layers))
        return {};
    const auto& panel = m_canvas->item().panel();
    const int layer = m_info->layers[static_cast<std::size_t>(row)];
    if (column < 0)
        return tr("layer %1   mean %2 of the prompt")
            .arg(layer)
            .arg(plot::shortNumber(panel.rowMeans.at(static_cast<std::size_t>(row))));
    const std::size_t groups = m_info->kvHeads().size();
    const std::int64_t tokens = m_kept.at(static_cast<std::size_t>(row) * groups + static_cast<std::size_t>(column));
    const QString where =
        tr("layer %1   KV head %2").arg(layer).arg(m_info->kvHeads().at(static_cast<std::size_t>(column)));
    return tokens < 0 ? where + tr("   not known yet")
                      : where
                            + tr("   keeps %1 of %2 tokens (%3)")
                                  .arg(tokens)
                                  .arg(m_prompt)
                                  .arg(plot::shortNumber(static_cast<double>(tokens) / static_cast<double>(m_prompt)));
}

std::optional<plot::Figure> BudgetMap::figure() const
{
    if (!m_info || m_kept.empty() || !m_stack->notice().isEmpty())
        return std::nullopt;
    plot::Figure figure;
    figure.name = "budgets";
    figure.content = plot::budgetFigure(*m_info, m_kept, m_prompt, m_name.toStdString());
    figure.sources = {m_source};
    figure.parameters = {{"replay", m_name.toStdString()}, {"prompt_tokens", std::to_string(m_prompt)}};
    return figure;
}

} // namespace kvviz::views
