// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/head_grid.hpp"

#include "views/capture_choice.hpp"
#include "views/head_table_model.hpp"
#include "views/head_table_view.hpp"
#include "views/live_replay.hpp"
#include "views/map_image.hpp"
#include "views/replay_text.hpp"
#include "views/scale_bar.hpp"

#include <fmt/format.h>

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

using plot::HeadMeasure;

namespace {

constexpr int kThumbnails = -1; // data of the box's last entry
constexpr std::int64_t kLayersAtOnce = 4;

constexpr int kPreviewPixels = 192;

plot::ColorScale thumbnailScale()
{
    plot::ColorScale scale;
    scale.low = 1e-4;
    scale.label = "attention (largest in cell)";
    return scale;
}

int slotOf(const std::vector<int>& numbers, int wanted)
{
    const auto found = std::find(numbers.begin(), numbers.end(), wanted);
    return found == numbers.end() ? -1 : static_cast<int>(found - numbers.begin());
}

} // namespace

HeadGrid::HeadGrid(const ViewContext& context, QWidget* parent)
    : View(context, parent),
      m_stack(new NoticeStack),
      m_canvas(new MatrixCanvas([this](int row, int column) { return describe(row, column); })),
      m_tableView(new HeadTableView),
      m_measureBox(new QComboBox),
      m_sortedBox(new QCheckBox(tr("Sort&ed list")))
{
    setAccessibleName(tr("Layers and heads"));
    m_canvas->setAccessibleName(tr("Grid of layers and query heads"));
    m_canvas->setPreview([this](int row, int column) { return preview(row, column); });
    buildControls();
    m_stack->showNotice(tr("Reading the statistics of all layers\u2026"));
    connect(m_canvas, &MatrixCanvas::hovered, this, &HeadGrid::hovered);
    connect(m_canvas, &MatrixCanvas::chosen, this, &HeadGrid::choose);
    connect(m_tableView, &HeadTableView::chosen, this, &HeadGrid::choose);
    connect(&m_tileTask, &BackgroundTask::failed, this, &HeadGrid::failed);
    connect(&m_tileTask, &BackgroundTask::idle, this, &HeadGrid::idle);
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) {
        m_table = {};
        m_stack->showNotice(message);
    });
    connect(m_context.selection, &Selection::changed, this, &HeadGrid::selectionChanged);
    if (m_context.live)
        connect(m_context.live, &LiveReplay::surveyChanged, this, &HeadGrid::liveChanged);
    load();
}

HeadGrid::~HeadGrid()
{
    if (m_context.live)
        m_context.live->want(this, 0);
}

void HeadGrid::buildControls()
{
    for (const HeadMeasure measure : plot::kHeadMeasures)
        m_measureBox->addItem(QString::fromStdString(plot::measureName(measure)), static_cast<int>(measure));
    m_measureBox->addItem(tr("Attention (small maps)"), kThumbnails);
    m_measureBox->setAccessibleName(tr("Measure of heads"));
    m_sortedBox->setToolTip(tr("A table of all heads, largest value first"));
    auto* label = new QLabel(tr("Sh&ow"));
    label->setBuddy(m_measureBox);
    auto* controls = new QHBoxLayout;
    controls->setContentsMargins(6, 4, 6, 4);
    controls->setSpacing(6); // else that of the page, none
    controls->addWidget(label);
    controls->addWidget(m_measureBox);
    controls->addWidget(m_sortedBox);
    controls->addStretch(1);
    for (QWidget* widget : {static_cast<QWidget*>(m_measureBox), static_cast<QWidget*>(m_sortedBox)})
        widget->setMinimumHeight(24);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(controls);
    layout->addWidget(m_stack, 1);
    connect(m_measureBox, &QComboBox::currentIndexChanged, this, [this] {
        const int wanted = m_measureBox->currentData().toInt();
        if (wanted == kThumbnails) {
            setThumbnails(true);
            return;
        }
        m_thumbnails = false;
        setMeasure(static_cast<HeadMeasure>(wanted));
    });
    connect(m_sortedBox, &QCheckBox::toggled, this, [this] { refresh(); });
    m_settings.add("measure", m_measureBox); // first: it sorts the table by itself
    m_settings.add("sorted", m_sortedBox);
    m_settings.add("columns", m_tableView->horizontalHeader());
}

bool HeadGrid::sorted() const { return m_sortedBox->isChecked(); }
void HeadGrid::setSorted(bool on) { m_sortedBox->setChecked(on); }

void HeadGrid::setMeasure(HeadMeasure measure)
{
    m_measure = measure;
    m_thumbnails = false;
    const QSignalBlocker blocker(m_measureBox);
    m_measureBox->setCurrentIndex(m_measureBox->findData(static_cast<int>(measure)));
    m_tableView->sortBy(measure);
    updateWants();
    refresh();
}

void HeadGrid::setThumbnails(bool on)
{
    if (!on) {
        setMeasure(m_measure);
        return;
    }
    m_thumbnails = true;
    const QSignalBlocker blocker(m_measureBox);
    m_measureBox->setCurrentIndex(m_measureBox->findData(kThumbnails));
    if (m_tiles.empty())
        loadThumbnails();
    refresh();
}

void HeadGrid::selectionChanged(Selection::Parts parts)
{
    if (m_capture != state().capture || m_sinkTokens != state().sinkTokens) {
        load();
        return;
    }
    if (parts & (Selection::sinks | Selection::method))
        refresh();
    else if (parts & Selection::map)
        markCurrent();
}

void HeadGrid::load()
{
    if (m_capture != state().capture) {
        m_tiles.clear();
        m_noTiles.clear();
        m_lostName.clear();
        m_table = {};
    }
    m_capture = state().capture;
    m_sinkTokens = state().sinkTokens;
    loadLayers(0);
    if (m_thumbnails)
        loadThumbnails();
    liveChanged();
}

void HeadGrid::reload()
{
    m_capture = -1;
    load();
}

/// Some layers at a time, so that a large model fills in from the top.
void HeadGrid::loadLayers(std::int64_t first)
{
    m_task.run([this, first, captures = m_context.captures, index = m_capture,
                sinks = m_sinkTokens]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        const std::int64_t layers = std::ssize(reader->info().layers), end = std::min(layers, first + kLayersAtOnce);
        std::vector<plot::HeadStatistics> statistics;
        for (std::int64_t slot = first; slot < end; ++slot)
            statistics.push_back(plot::headStatistics(reader->loadLayer(slot, core::Need::stats), sinks));
        return [this, reader, first, end, layers, statistics = std::move(statistics)] {
            if (m_table.layers != reader->info().layers || m_table.heads != reader->info().heads || first == 0) {
                plot::HeadTable fresh(reader->info());
                fresh.setLost(m_table.of(HeadMeasure::lostMass, false), m_table.of(HeadMeasure::lostMass, true));
                m_table = std::move(fresh);
                m_source = plot::provenanceOf(*reader);
                liveChanged();
            }
            for (std::int64_t slot = first; slot < end; ++slot)
                m_table.setLayer(slot, statistics[static_cast<std::size_t>(slot - first)]);
            if (end < layers)
                loadLayers(end);
            refresh();
        };
    });
}

void HeadGrid::loadThumbnails()
{
    m_tileTask.run([this, captures = m_context.captures, index = m_capture]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        std::vector<io::MapTile> tiles;
        QString missing;
        if (reader->mapLevels() == 0)
            missing = tr("This capture (tier %1) holds no maps; capture with --tier map for small attention maps.")
                          .arg(QString::fromLatin1(core::tierName(reader->info().tier).data()));
        else
            for (std::int64_t slot = 0; slot < std::ssize(reader->info().layers); ++slot)
                for (std::int64_t head = 0; head < std::ssize(reader->info().heads); ++head)
                    tiles.push_back(reader->mapLevel(slot, head, reader->mapLevels() - 1, io::Pooling::max));
        return [this, index, tiles = std::move(tiles), missing] {
            if (index != m_capture)
                return; // another one is shown by now
            m_tiles = tiles;
            m_noTiles = missing;
            refresh();
        };
    });
}

QImage HeadGrid::preview(int row, int column)
{
    if (row < 0 || column < 0 || m_table.layers.empty())
        return {};
    if (m_tiles.empty() && m_noTiles.isEmpty() && !m_tileTask.busy())
        loadThumbnails(); // there for the next cell
    const std::size_t index = m_table.index(row, column);
    if (index >= m_tiles.size() || m_tiles[index].rows == 0)
        return {};
    const io::MapTile& tile = m_tiles[index];
    const plot::PixelGrid grid{tile.keyBegin, tile.keyEnd, tile.queryBegin, tile.queryEnd, kPreviewPixels,
                               kPreviewPixels};
    return plot::colorImage(plot::resampleTile(tile, io::Pooling::max, grid), grid.columns, grid.rows,
                            thumbnailScale(), m_style.masked.rgb());
}

void HeadGrid::updateWants()
{
    const bool wanted = isVisible() && (m_measure == HeadMeasure::lostMass || sorted());
    if (!m_context.live || wanted == m_wantsSurvey)
        return;
    m_wantsSurvey = wanted;
    m_context.live->want(this, wanted ? static_cast<unsigned>(LiveReplay::wantSurvey) : 0U);
}

void HeadGrid::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    updateWants();
}

void HeadGrid::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    updateWants();
}

void HeadGrid::liveChanged()
{
    if (!m_context.live)
        return;
    const auto survey = m_context.live->survey();
    if (!survey || survey->capture != m_capture)
        setLost({}, {}, {});
    else
        setLost(survey->lostMass, survey->lostNonSink, replayName(survey->method, survey->budget));
}

void HeadGrid::setLost(std::span<const float> lostMass, std::span<const float> nonSink, const QString& name)
{
    m_lostName = name;
    if (m_table.layers.empty())
        return;
    m_table.setLost(lostMass, nonSink);
    refresh();
}

plot::MatrixFigure HeadGrid::thumbnailMatrix() const
{
    plot::MatrixFigure figure;
    figure.panels.push_back(plot::headPanel(m_table));
    figure.panels.front().tiles = m_tiles;
    figure.scale = thumbnailScale();
    figure.notes = {"query down, key across; grey: masked", "query heads stand under the KV head that serves them"};
    return figure;
}

plot::MatrixFigure HeadGrid::matrix() const
{
    if (m_thumbnails)
        return thumbnailMatrix();
    return plot::headFigure(m_table, m_measure, state().withoutSinks, state().sinkTokens,
                            m_measure == HeadMeasure::lostMass ? m_lostName.toStdString() : std::string());
}

void HeadGrid::refresh()
{
    updateWants();
    if (m_table.layers.empty())
        return; // being read, or a notice says why not
    if (sorted())
        m_tableView->setValues(m_table, state().withoutSinks);
    markCurrent();
    if (sorted()) {
        m_stack->showContent(m_tableView);
        return;
    }
    const auto& values = m_table.of(m_measure, state().withoutSinks);
    const bool known = std::any_of(values.begin(), values.end(), [](float value) { return !std::isnan(value); });
    if (m_thumbnails && m_tiles.empty()) {
        m_stack->showNotice(m_noTiles.isEmpty() ? tr("Reading the maps of all heads\u2026") : m_noTiles);
    } else if (!m_thumbnails && !known) {
        m_stack->showNotice(m_measure == HeadMeasure::lostMass
                                ? tr("What %1 loses on each head is not known: the replay is still running, or it "
                                     "cannot run on this capture.")
                                      .arg(QString::fromStdString(state().method))
                                : tr("Reading the statistics of all layers\u2026"));
    } else {
        m_canvas->setFigure(matrix(), m_style);
        m_stack->showContent(m_canvas);
    }
}

void HeadGrid::markCurrent()
{
    const int row = slotOf(m_table.layers, state().layer);
    const int column = state().head < 0 ? -1 : slotOf(m_table.heads, state().head);
    m_canvas->mark(row, column);
    if (sorted())
        m_tableView->showHead(row, column);
}

void HeadGrid::choose(int row, int column)
{
    if (row < 0 || row >= std::ssize(m_table.layers))
        return;
    const int layer = m_table.layers[static_cast<std::size_t>(row)];
    const int head = column < 0 ? -1 : m_table.heads[static_cast<std::size_t>(column)];
    m_context.selection->change([&](SelectionState& next) {
        next.layer = layer;
        next.head = head;
    });
}

QString HeadGrid::describe(int row, int column) const
{
    if (row < 0 || row >= std::ssize(m_table.layers))
        return {};
    const int layer = m_table.layers[static_cast<std::size_t>(row)];
    if (column < 0)
        return tr("layer %1, mean of all heads").arg(layer);
    const auto at = static_cast<std::size_t>(column);
    QString text =
        tr("layer %1   head %2   KV head %3").arg(layer).arg(m_table.heads.at(at)).arg(m_table.kvHeads.at(at));
    for (const HeadMeasure measure : plot::kHeadMeasures) {
        const double value =
            static_cast<double>(m_table.of(measure, state().withoutSinks).at(m_table.index(row, column)));
        if (!std::isnan(value))
            text +=
                QStringLiteral("   %1 %2").arg(HeadTableModel::shortName(measure).toLower(), plot::shortNumber(value));
    }
    return text;
}

std::optional<plot::Figure> HeadGrid::figure() const
{
    if (m_table.layers.empty() || !m_stack->notice().isEmpty())
        return std::nullopt;
    plot::Figure figure;
    figure.name = "heads";
    plot::MatrixFigure content = matrix();
    content.panels.front().markedRow = m_canvas->item().panel().markedRow;
    content.panels.front().markedColumn = m_canvas->item().panel().markedColumn;
    figure.content = std::move(content);
    figure.sources = {m_source};
    figure.parameters = {{"measure", m_thumbnails ? "attention maps" : plot::measureName(m_measure)},
                         {"sink_rule", fmt::format("first {} tokens", state().sinkTokens)},
                         {"without_sinks", state().withoutSinks ? "true" : "false"}};
    if (m_measure == HeadMeasure::lostMass && !m_thumbnails)
        figure.parameters.emplace_back("replay", m_lostName.toStdString());
    return figure;
}

void HeadGrid::styleChanged() { refresh(); }

} // namespace kvviz::views
