// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_view.hpp"

#include "views/figure_scene.hpp"
#include "views/map_image.hpp"

#include <fmt/format.h>

#include <QMouseEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

using core::Span;

constexpr std::int64_t kLeastVisible = 8; // tokens; closer zoom shows nothing more

/// `visible` scaled about `center`, kept within [0, count).
Span zoomed(Span visible, double center, double factor, std::int64_t count)
{
    const double wanted = std::clamp(static_cast<double>(visible.size()) * factor,
                                     static_cast<double>(std::min(kLeastVisible, count)), static_cast<double>(count));
    const double share = (center - static_cast<double>(visible.begin)) / static_cast<double>(visible.size());
    const auto size = std::llround(wanted);
    const auto begin = std::clamp<std::int64_t>(std::llround(center - share * wanted), 0, count - size);
    return {begin, begin + size};
}

Span shifted(Span visible, double tokens, std::int64_t count)
{
    const auto begin = std::clamp<std::int64_t>(visible.begin + std::llround(tokens), 0, count - visible.size());
    return {begin, begin + visible.size()};
}

} // namespace

MapView::MapView(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)), m_heatmap(std::make_unique<plot::HeatmapPanel>(m_plot, m_layout))
{
    auto* barRect = new QCPAxisRect(m_plot);
    m_layout->addElement(barRect, QRectF(0, 0, 1, 1));
    m_colorBar = new plot::ColorBar(barRect);
    m_notes = new plot::TextBlock(m_plot);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    setMinimumSize(360, 300);
    m_plot->setAccessibleName(tr("Attention map"));
    m_plot->setMouseTracking(true);
    m_plot->hide();
    connect(m_context.selection, &Selection::changed, this, &MapView::selectionChanged);
    connect(&m_task, &BackgroundTask::failed, this, [this] {
        m_plot->hide(); // what was there belongs to another selection
        m_reader.reset();
    });
    connect(m_plot, &QCustomPlot::mouseWheel, this,
            [this](QWheelEvent* event) { zoom(event->position(), std::pow(0.8, event->angleDelta().y() / 120.0)); });
    connect(m_plot, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        m_dragFrom = event->position();
        m_dragQueries = visibleQueries();
        m_dragKeys = visibleKeys();
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        if (event->buttons().testFlag(Qt::LeftButton))
            drag(event);
        Q_EMIT hovered(readout(event->position()));
    });
    connect(m_plot, &QCustomPlot::mouseDoubleClick, this, [this] { m_context.selection->setVisible({}, {}); });
    load();
}

Span MapView::visibleQueries() const { return m_panel.queries; }
Span MapView::visibleKeys() const { return m_panel.keys; }

void MapView::selectionChanged(Selection::Parts parts)
{
    if (parts.testFlag(Selection::range) && !parts.testFlag(Selection::capture))
        applyVisible(); // at once with the cells that are there; finer ones follow
    load();
}

void MapView::applyVisible()
{
    const SelectionState& shown = state();
    if (!m_reader || shown.keys.empty())
        return;
    m_panel.keys = shown.keys;
    if (!shown.queries.empty())
        m_panel.queries = {shown.queries.begin, std::min(shown.queries.end, m_reader->info().nPrompt())};
    show(m_panel, m_scale);
}

void MapView::load()
{
    const SelectionState now = state();
    plot::MapRequest request;
    request.layer = now.layer;
    request.head = now.head;
    request.pooling = now.pooling;
    request.logarithmic = now.logarithmic;
    request.sinkTokens = now.sinkTokens;
    request.rangeWithoutSinks = now.withoutSinks;
    request.tokenTextLimit = 32;
    m_cells = std::max(256, width());
    request.maxCells = m_cells;
    if (!now.keys.empty())
        request.keys = now.keys;
    if (!now.queries.empty())
        request.queries = now.queries;
    m_task.run([this, request, captures = m_context.captures, index = now.capture]() -> BackgroundTask::Finish {
        auto reader = captures->reader(index);
        plot::MapRequest wanted = request;
        if (wanted.queries && wanted.queries->end >= reader->info().nPrompt())
            wanted.queries->end = reader->info().nTokens(); // the end of the prompt is in sight: decode steps, too
        plot::MapPanel panel = plot::mapPanel(*reader, wanted);
        const plot::ColorScale scale = plot::colorScaleFor({panel}, wanted);
        return [this, reader, panel = std::move(panel), scale] {
            m_reader = reader;
            show(panel, scale);
        };
    });
}

void MapView::show(const plot::MapPanel& panel, const plot::ColorScale& scale)
{
    m_panel = panel;
    m_scale = scale;
    m_heatmap->setPanel(m_panel, m_scale, m_style);
    m_colorBar->setScale(m_scale, m_style);
    m_plot->setBackground(QBrush(m_style.background));
    m_plot->show();
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void MapView::arrange()
{
    if (m_panel.keys.empty())
        return;
    const QSizeF canvas = size();
    const double edge = m_style.units(4), bar = m_style.units(8);
    const double barWidth = bar + plot::ColorBar::labelWidth(m_scale, m_style) + m_style.units(4);
    const double width = canvas.width() - 2 * edge - barWidth;
    QStringList notes;
    for (const std::string& note : m_panel.notes)
        notes.append(QString::fromStdString(note).replace(QLatin1Char(' '), QChar::Nbsp));
    const QString text = notes.join(QStringLiteral("\u00a0\u00b7 "));
    const QFont font = m_style.font(0.85);
    const double textWidth = canvas.width() - 4 * edge, textHeight = plot::wrappedHeight(text, font, textWidth);
    m_notes->setPieces({{QRectF(2 * edge, canvas.height() - edge - textHeight, textWidth, textHeight),
                         Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, text, font, m_style.subtle}});
    const double height = std::min(canvas.height() - 3 * edge - textHeight, m_heatmap->heightForWidth(width));
    m_heatmap->place(QRectF(edge, edge, width, height), canvas);
    const QRectF block = m_heatmap->blockRect();
    m_colorBar->place(m_layout, QRectF(canvas.width() - barWidth, block.top(), bar, block.height()), canvas);
}

void MapView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    if (width() > m_cells)
        load(); // more pixels than cells were read for
    arrange();
}

void MapView::styleChanged()
{
    if (!m_panel.keys.empty())
        show(plot::MapPanel(m_panel), plot::ColorScale(m_scale));
}

void MapView::zoom(QPointF position, double factor)
{
    const QCPAxisRect* rect = m_heatmap->promptRect();
    if (!m_reader || !rect->rect().contains(position.toPoint()))
        return;
    const core::CaptureInfo& info = m_reader->info();
    const double key = rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x());
    const double query = rect->axis(QCPAxis::atLeft)->pixelToCoord(position.y());
    m_context.selection->setVisible(zoomed(visibleQueries(), query, factor, info.nPrompt()),
                            zoomed(visibleKeys(), key, factor, info.nTokens()));
}

void MapView::drag(const QMouseEvent* event)
{
    if (!m_reader || m_dragKeys.empty() || m_dragQueries.empty())
        return;
    const QRectF rect = m_heatmap->mapRect();
    const QPointF moved = m_dragFrom - event->position();
    const core::CaptureInfo& info = m_reader->info();
    m_context.selection->setVisible(
        shifted(m_dragQueries, moved.y() / rect.height() * static_cast<double>(m_dragQueries.size()), info.nPrompt()),
        shifted(m_dragKeys, moved.x() / rect.width() * static_cast<double>(m_dragKeys.size()), info.nTokens()));
}

QString MapView::readout(QPointF position) const
{
    for (const auto& [rect, tile] :
         {std::pair{m_heatmap->promptRect(), &m_panel.prompt}, {m_heatmap->decodeRect(), &m_panel.decode}}) {
        if (!m_reader || tile->rows == 0 || !rect->rect().contains(position.toPoint()))
            continue;
        const double key = rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x());
        const double query = rect->axis(QCPAxis::atLeft)->pixelToCoord(position.y());
        const core::TokenTable& tokens = m_reader->info().tokens;
        const auto text = [&](double token) {
            const auto index = std::clamp<std::int64_t>(static_cast<std::int64_t>(token), 0, tokens.size() - 1);
            return fmt::format("{} \u201c{}\u201d", index, tokens.displayText(index));
        };
        const float value = plot::tileValue(*tile, query, key);
        return QString::fromStdString(
            fmt::format("query {}   key {}   {}", text(query), text(key),
                        std::isnan(value) ? std::string("masked") : fmt::format("{:.3g}", value)));
    }
    return {};
}

} // namespace kvviz::views
