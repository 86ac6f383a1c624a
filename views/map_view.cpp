// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_view.hpp"

#include "views/capture_choice.hpp"
#include "views/figure_scene.hpp"
#include "views/live_replay.hpp"
#include "views/map_figure.hpp"
#include "views/map_readout.hpp"

#include <QPainter>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace kvviz::views {

namespace {

using core::Span;

constexpr int kBlinkMs = 600;
constexpr int kFocusWidth = 2;
constexpr double kMostNotes = 0.12; // of the height

} // namespace

MapView::MapView(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_plot(new QCustomPlot(this)), m_layout(plot::makeFreeLayout(m_plot)),
      m_heatmap(std::make_unique<plot::HeatmapPanel>(m_plot, m_layout)),
      m_controls(new MapControls(context.selection, m_heatmap.get(), m_plot))
{
    auto* barRect = new QCPAxisRect(m_plot);
    m_layout->addElement(barRect, QRectF(0, 0, 1, 1));
    m_colorBar = new plot::ColorBar(barRect);
    m_notes = new plot::TextBlock(m_plot);
    m_heatmap->setSteadyMargins(true);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(kFocusWidth, kFocusWidth, kFocusWidth, kFocusWidth); // room for the focus frame
    layout->addWidget(m_plot);
    setMinimumSize(360, 300);
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Attention map"));
    m_plot->setAccessibleName(tr("Attention map"));
    m_plot->setFocusPolicy(Qt::NoFocus); // the view itself has the keys
    m_plot->setMouseTracking(true);
    m_plot->installEventFilter(this);
    QSizePolicy policy = m_plot->sizePolicy();
    policy.setRetainSizeWhenHidden(true); // cells are asked for before the plot is shown
    m_plot->setSizePolicy(policy);
    m_plot->hide();
    m_blinkTimer.setInterval(kBlinkMs);
    connectParts();
    load();
    updateKept();
}

MapView::~MapView() { ++*m_newest; } // what is being read ends early

void MapView::connectParts()
{
    connect(m_context.selection, &Selection::changed, this, &MapView::selectionChanged);
    if (m_context.live)
        connect(m_context.live, &LiveReplay::layerChanged, this, &MapView::updateKept);
    connect(&m_task, &BackgroundTask::failed, this, [this] {
        m_plot->hide(); // what was there belongs to another selection
        m_map.reset();
        m_controls->setMap(nullptr);
    });
    for (BackgroundTask* task : {&m_keptTask, &m_measureTask}) {
        connect(task, &BackgroundTask::failed, this, &View::failed);
        connect(task, &BackgroundTask::idle, this, &View::idle);
    }
    connect(m_controls, &MapControls::pointed, this, [this](QPointF position) { Q_EMIT hovered(readout(position)); });
    connect(m_controls, &MapControls::measured, this, &MapView::measure);
    connect(&m_blinkTimer, &QTimer::timeout, this,
            [this] { showOnly(m_shown == Shown::a ? Shown::b : Shown::a); });
}

bool MapView::busy() const { return m_task.busy() || m_keptTask.busy() || m_measureTask.busy(); }

const plot::MapCells& MapView::shownCells() const
{
    return m_shown == Shown::a ? m_map->a : m_shown == Shown::b ? m_map->b : m_map->cells;
}

const plot::ColorScale& MapView::scale() const
{
    static const plot::ColorScale none;
    return !m_map ? none : m_shown == Shown::difference ? m_map->scale : m_map->aloneScale;
}

void MapView::selectionChanged(Selection::Parts parts)
{
    using P = Selection;
    if (parts & (P::capture | P::map | P::range | P::sinks | P::colors)) {
        if (parts.testFlag(P::range) && !parts.testFlag(P::capture))
            applyVisible(); // at once with the cells that are there; finer ones follow
        load();
    }
    if (parts & (P::capture | P::map | P::overlay | P::step))
        updateKept();
    if (parts & (P::capture | P::map | P::cursor))
        updateMarks();
}

std::pair<Span, Span> MapView::visible() const
{
    const auto part = [](Span wanted, Span all) {
        const Span both{std::max(wanted.begin, all.begin), std::min(wanted.end, all.end)};
        return both.empty() ? all : both;
    };
    return {part(state().queries, m_map->allQueries), part(state().keys, m_map->allKeys)};
}

void MapView::applyVisible()
{
    if (!m_map)
        return;
    const auto [queries, keys] = visible();
    if (!panel().tokenTexts.empty() && std::max(queries.size(), keys.size()) > m_map->request.tokenTextLimit)
        return refresh(); // the texts of so many tokens would overlap
    m_heatmap->setVisible(queries, keys);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

QSizeF MapView::devicePixels() const
{
    const QSizeF size = m_map ? m_heatmap->mapRect().size() : QSizeF(m_plot->size());
    return size.expandedTo(QSizeF(64, 64)) * devicePixelRatioF();
}

plot::MapRequest MapView::request() const
{
    const SelectionState& now = state();
    plot::MapRequest request;
    request.layer = now.layer;
    request.head = now.head;
    request.pooling = now.pooling;
    request.logarithmic = now.logarithmic;
    request.sinkTokens = now.sinkTokens;
    request.rangeWithoutSinks = now.withoutSinks || now.colorRange == ColorRange::withoutSinks;
    request.rangePercentile = now.colorRange == ColorRange::percentile;
    if (now.colorRange == ColorRange::fixed)
        request.range = {now.rangeLow, now.rangeHigh};
    const double room = std::min(devicePixels().width(), devicePixels().height()) / devicePixelRatioF();
    request.tokenTextLimit = static_cast<std::int64_t>(room / (1.15 * m_style.lineHeight(m_style.tokenScale)));
    if (!now.keys.empty())
        request.keys = now.keys;
    if (!now.queries.empty())
        request.queries = now.queries;
    return request;
}

void MapView::load()
{
    m_pixels = devicePixels();
    plot::MapJob job;
    job.request = request();
    job.pixelsWide = m_pixels.width();
    job.pixelsHigh = m_pixels.height();
    const int index = state().capture, other = state().other < m_context.captures->size() ? state().other : -1;
    const auto nameOf = [this](int capture) {
        const bool there = capture >= 0 && capture < m_context.captures->size();
        return there ? m_context.captures->label(capture).toStdString() : std::string();
    };
    job.name = nameOf(index);
    job.otherName = nameOf(other);
    const quint64 number = ++*m_newest;
    m_task.run([this, job, index, other, number, newest = m_newest, loader = m_loader,
                captures = m_context.captures]() mutable -> BackgroundTask::Finish {
        job.reader = captures->reader(index);
        if (other >= 0)
            job.other = captures->reader(other);
        const auto stopped = [newest, number] { return *newest != number; };
        const auto early = [&](std::shared_ptr<const plot::LoadedMap> coarse) {
            QMetaObject::invokeMethod(
                this,
                [this, coarse = std::move(coarse), stopped] {
                    if (!stopped())
                        setMap(coarse);
                },
                Qt::QueuedConnection);
        };
        auto map = loader->load(job, stopped, early);
        return [this, map = std::move(map)] {
            if (map)
                setMap(map);
        };
    });
}

void MapView::setMap(std::shared_ptr<const plot::LoadedMap> map)
{
    m_map = std::move(map);
    m_controls->setMap(m_map);
    if (!m_map->other) {
        m_shown = Shown::difference;
        m_blinkTimer.stop();
    }
    refresh();
    updateMarks();
    plotResized(); // what stands around the map is known only now
}

void MapView::refresh()
{
    if (!m_map)
        return;
    const plot::MapCells& cells = shownCells();
    plot::MapPanel panel = m_map->panel;
    std::tie(panel.queries, panel.keys) = visible();
    if (std::max(panel.queries.size(), panel.keys.size()) > m_map->request.tokenTextLimit)
        panel.tokenTexts.clear();
    panel.kept = m_kept;
    panel.marks = m_marks;
    panel.difference = m_map->other && m_shown == Shown::difference;
    if (m_map->other && m_shown != Shown::difference)
        panel.title = m_shown == Shown::a ? "A alone" : "B alone";
    const auto shared = [this](const io::MapTile& tile) { return plot::TilePointer(m_map, &tile); };
    m_heatmap->setPanel(
        panel, {shared(cells.prompt), shared(cells.decode), shared(cells.wholePrompt), shared(cells.wholeDecode)},
        scale(), m_style);
    m_colorBar->setScale(scale(), m_style);
    m_plot->setBackground(QBrush(m_style.background));
    m_plot->show();
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

std::vector<std::string> MapView::notes() const
{
    std::vector<std::string> notes = m_map->panel.notes;
    if (!m_kept.rows.empty())
        notes.emplace_back("pale and hatched: evicted");
    return notes;
}

void MapView::arrange()
{
    if (!m_map)
        return;
    const QSizeF canvas = m_plot->size();
    const double edge = m_style.units(4), bar = m_style.units(8);
    const double barWidth = bar + plot::ColorBar::labelWidth(scale(), m_style) + m_style.units(4);
    const double width = canvas.width() - 2 * edge - barWidth;
    QStringList lines;
    for (const std::string& note : notes()) { // short ones are not broken
        const QString text = QString::fromStdString(note);
        lines.append(text.size() > 60 ? text : QString(text).replace(QLatin1Char(' '), QChar::Nbsp));
    }
    const QString text = lines.join(QStringLiteral("\u00a0\u00b7 "));
    const double textWidth = canvas.width() - 4 * edge;
    double scale = 0.85; // large letters leave the map its room
    while (scale > 0.5 && plot::wrappedHeight(text, m_style.font(scale), textWidth) > kMostNotes * canvas.height())
        scale -= 0.05;
    const QFont font = m_style.font(scale);
    const double textHeight = plot::wrappedHeight(text, font, textWidth);
    m_notes->setPieces({{QRectF(2 * edge, canvas.height() - edge - textHeight, textWidth, textHeight),
                         Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, text, font, m_style.subtle}});
    const double height = std::min(canvas.height() - 3 * edge - textHeight, m_heatmap->heightForWidth(width));
    m_heatmap->place(QRectF(edge, edge, width, height), canvas);
    const QRectF block = m_heatmap->blockRect();
    m_colorBar->place(m_layout, QRectF(canvas.width() - barWidth, block.top(), bar, block.height()), canvas);
}

void MapView::plotResized()
{
    arrange();
    const QSizeF pixels = devicePixels();
    if (pixels.width() > m_pixels.width() * 1.05 || pixels.height() > m_pixels.height() * 1.05)
        load(); // more pixels than cells were read for
}

void MapView::styleChanged()
{
    refresh();
    update();
}

QString MapView::readout(QPointF position) const
{
    if (!m_map)
        return {};
    const QPoint point = position.toPoint();
    for (const QCPAxisRect* rect : {m_heatmap->promptRect(), m_heatmap->decodeRect()})
        if (rect->visible() && rect->rect().contains(point))
            return QString::fromStdString(plot::cellReadout(
                *m_map, m_kept, rect->axis(QCPAxis::atLeft)->pixelToCoord(position.y()),
                rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x())));
    const QCPAxisRect* strip = m_heatmap->keptRect();
    if (strip->visible() && strip->rect().contains(point)) {
        const auto key = static_cast<std::int64_t>(std::floor(strip->axis(QCPAxis::atBottom)->pixelToCoord(position.x())));
        return tr("key %1   %2").arg(QString::fromStdString(plot::tokenName(m_map->reader->info(), key)),
                                     m_heatmap->keptItem().readout(position.y(), key));
    }
    if (const plot::SegmentMark* mark = m_heatmap->segmentAt(position))
        return QString::fromStdString(plot::segmentReadout(m_map->reader->info(), *mark));
    return {};
}

std::optional<plot::Figure> MapView::figure() const
{
    if (!m_map)
        return std::nullopt;
    plot::MapPanel shown = panel();
    shown.notes = notes();
    return plot::mapFigure(*m_map, plot::visiblePanel(shown, shownCells()), scale());
}

} // namespace kvviz::views
