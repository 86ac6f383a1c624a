// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_scene.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>
#include <type_traits>

namespace kvviz::plot {

namespace {

constexpr double kNoteScale = 0.78;
constexpr double kBarPt = 5;
constexpr double kBarGapPt = 3;
constexpr double kUsualFontPt = 7.5;
constexpr double kLeastMapPt = 105;
constexpr int kMostMaps = 4;
constexpr double kTallestCurvesPt = 230; // a wide page would make a single panel as tall as the page

/// Small print of all panels, each line once; a line that differs between panels is told with its letter.
std::vector<std::string> joinedNotes(const std::vector<MapPanel>& panels)
{
    std::vector<std::string> common, single;
    for (const MapPanel& panel : panels)
        for (const std::string& note : panel.notes) {
            const bool everywhere = std::all_of(panels.begin(), panels.end(), [&](const MapPanel& other) {
                return std::find(other.notes.begin(), other.notes.end(), note) != other.notes.end();
            });
            if (!everywhere)
                single.push_back((panel.letter.empty() ? "" : "(" + panel.letter + ") ") + note);
            else if (std::find(common.begin(), common.end(), note) == common.end())
                common.push_back(note);
        }
    common.insert(common.end(), single.begin(), single.end());
    return common;
}

bool mentionsSinks(const std::vector<std::string>& notes)
{
    return std::any_of(notes.begin(), notes.end(),
                       [](const std::string& note) { return note.find("sink") != std::string::npos; });
}

/// A figure that depends on which tokens count as sinks has the rule among its parameters, and must print it.
std::string missingSinkNote(const Figure& figure)
{
    const auto rule = std::find_if(figure.parameters.begin(), figure.parameters.end(),
                                   [](const auto& parameter) { return parameter.first == "sink_rule"; });
    if (rule == figure.parameters.end())
        return {};
    const bool said = std::visit(
        [](const auto& content) {
            if constexpr (std::is_same_v<std::decay_t<decltype(content)>, HeatmapFigure>)
                return mentionsSinks(joinedNotes(content.panels));
            else
                return mentionsSinks(content.notes);
        },
        figure.content);
    const std::string none = "first 0 tokens";
    return said ? std::string() : "sinks: " + (rule->second == none ? "none set apart" : rule->second);
}

std::vector<std::string> with(std::vector<std::string> notes, const std::string& note)
{
    if (!note.empty())
        notes.push_back(note);
    return notes;
}

/// At most four panels in a row and no more than have room, rows as even as possible.
int mapColumns(int count, double width, const PlotStyle& style)
{
    const double least = style.units(kLeastMapPt * style.fontPt / kUsualFontPt); // with its axis
    const int most = std::clamp(static_cast<int>(width / least), 1, kMostMaps);
    const int rows = (count + most - 1) / most;
    return std::max(1, (count + rows - 1) / std::max(1, rows));
}

} // namespace

QCPLayoutInset* makeFreeLayout(QCustomPlot* plot)
{
    plot->plotLayout()->clear();
    auto* layout = new QCPLayoutInset;
    plot->plotLayout()->addElement(0, 0, layout);
    return layout;
}

FigureScene::FigureScene(const Figure& figure, const PlotStyle& style, double width, double height, double rasterDpi)
    : m_style(style), m_titleText(QString::fromStdString(figure.title)), m_sinkNote(missingSinkNote(figure)),
      m_plot(std::make_unique<QCustomPlot>()), m_size(width, height)
{
    m_plot->setBackground(QBrush(style.background));
    m_layout = makeFreeLayout(m_plot.get());
    m_texts = new TextBlock(m_plot.get());
    if (const auto* maps = std::get_if<HeatmapFigure>(&figure.content))
        buildMaps(*maps, height, rasterDpi);
    else if (const auto* matrices = std::get_if<MatrixFigure>(&figure.content))
        buildMatrices(*matrices, height);
    else if (const auto* bars = std::get_if<BarFigure>(&figure.content))
        buildBars(*bars, height);
    else if (const auto& curves = std::get<CurveFigure>(figure.content); curves.shared)
        buildGrid(curves, height);
    else
        buildCurves(curves, height);
    if (!m_titleText.isEmpty())
        m_pieces.push_back({QRectF(0, m_style.units(2), m_size.width(), m_style.lineHeight(1.1)), Qt::AlignCenter,
                            m_titleText, m_style.font(1.1, true), m_style.text});
    m_texts->setPieces(m_pieces);
}

double FigureScene::titleHeight() const
{
    return m_titleText.isEmpty() ? 0.0 : m_style.lineHeight(1.1) + m_style.units(3);
}

double FigureScene::notes(const std::vector<std::string>& lines, double top, bool draw)
{
    QStringList texts;
    for (const std::string& line : with(lines, m_sinkNote)) { // short ones are not broken
        const QString text = QString::fromStdString(line);
        texts.append(text.size() > 48 ? text : QString(text).replace(QLatin1Char(' '), QChar::Nbsp));
    }
    if (texts.isEmpty())
        return 0;
    const QString text = texts.join(QStringLiteral("\u00a0\u00b7 "));
    const double margin = m_style.units(3);
    const double width = m_size.width() - 2 * margin;
    const QFont font = m_style.font(kNoteScale);
    const double height = wrappedHeight(text, font, width) + m_style.units(1);
    if (draw)
        m_pieces.push_back({QRectF(margin, top, width, height), Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, text,
                            font, m_style.subtle});
    return height + m_style.units(2);
}

void FigureScene::buildMaps(const HeatmapFigure& maps, double height, double rasterDpi)
{
    const int columns = mapColumns(static_cast<int>(maps.panels.size()), m_size.width(), m_style);
    for (const MapPanel& data : maps.panels) {
        auto panel = std::make_unique<HeatmapPanel>(m_plot.get(), m_layout);
        panel->setVectorResolution(rasterDpi / kExportUnitsPerInch);
        panel->setQueryLabelVisible(static_cast<int>(m_maps.size()) % columns == 0);
        panel->setPanel(data, maps.scale, m_style);
        m_maps.push_back(std::move(panel));
    }
    const auto lines = joinedNotes(maps.panels);
    const double footer = notes(lines, 0, false);
    const double barWidth = m_style.units(kBarPt + 2) + ColorBar::labelWidth(maps.scale, m_style);
    placeMaps(columns, barWidth + m_style.units(kBarGapPt), footer, height);
    notes(lines, m_size.height() - footer, true);

    auto* barRect = new QCPAxisRect(m_plot.get());
    m_layout->addElement(barRect, QRectF(0, 0, 1, 1));
    auto* bar = new ColorBar(barRect);
    bar->setScale(maps.scale, m_style);
    const QRectF first = m_maps.front()->blockRect();
    bar->place(m_layout, QRectF(m_size.width() - barWidth, first.top(), m_style.units(kBarPt), first.height()), m_size);
}

void FigureScene::placeMaps(int columns, double right, double footer, double height)
{
    const auto column = [columns](std::size_t panel) { return static_cast<int>(panel) % columns; };
    const auto row = [columns](std::size_t panel) { return static_cast<int>(panel) / columns; };
    const double left = m_style.units(2), top = m_style.units(2) + titleHeight();
    // Every map gets the same width, whatever its axis needs beside it.
    QVector<double> sides(columns, 0.0);
    for (std::size_t i = 0; i < m_maps.size(); ++i)
        sides[column(i)] = std::max(sides[column(i)], m_maps[i]->sideWidth());
    const double allSides = std::accumulate(sides.begin(), sides.end(), 0.0);
    const double mapWidth = std::max(10.0, (m_size.width() - left - right - allSides) / columns);
    double tallest = 0;
    for (const auto& map : m_maps)
        tallest = std::max(tallest, map->heightForWidth(mapWidth + map->sideWidth()));
    const int rows = row(m_maps.size() - 1) + 1;
    if (height <= 0)
        m_size.setHeight(std::ceil(top + rows * tallest + footer));
    const double rowHeight = (m_size.height() - top - footer) / rows;
    for (std::size_t i = 0; i < m_maps.size(); ++i) {
        const int next = column(i) + 1;
        const double end = left + std::accumulate(sides.begin(), sides.begin() + next, 0.0) + next * mapWidth;
        const double width = mapWidth + m_maps[i]->sideWidth();
        m_maps[i]->place(QRectF(end - width, top + row(i) * rowHeight, width, rowHeight), m_size);
    }
}

void FigureScene::buildCurves(const CurveFigure& curves, double height)
{
    const int count = static_cast<int>(curves.panels.size());
    const int columns = m_size.width() > m_style.units(320) ? count : 1; // one column of a page: below each other
    const int rows = (count + columns - 1) / columns;
    const auto& lines = curves.notes;
    auto* legend = new LegendBlock(m_plot.get());
    legend->setEntries(curves, m_style);
    const double margin = m_style.units(2);
    const double top = margin + titleHeight();
    const double legendHeight = legend->heightForWidth(m_size.width() - 2 * margin);
    const double footer = notes(lines, 0, false) + m_style.units(2);
    const double cell = (m_size.width() - 2 * margin) / columns;
    const double natural = std::min(cell * 0.72, m_style.units(kTallestCurvesPt * m_style.fontPt / kUsualFontPt));
    if (height <= 0)
        m_size.setHeight(std::ceil(top + rows * natural + legendHeight + footer));
    const double rowHeight = (m_size.height() - top - legendHeight - footer) / rows;
    for (int i = 0; i < count; ++i) {
        auto item = std::make_unique<CurveItem>(m_plot.get(), m_layout);
        item->setPanel(curves.panels[static_cast<std::size_t>(i)], m_style);
        item->place(QRectF(margin + i % columns * cell, top + i / columns * rowHeight, cell, rowHeight), m_size);
        m_curves.push_back(std::move(item));
    }
    legend->place(QRectF(margin, top + rows * rowHeight, m_size.width() - 2 * margin, legendHeight));
    notes(lines, m_size.height() - footer + m_style.units(2), true);
}

void FigureScene::buildGrid(const CurveFigure& curves, double height)
{
    const double margin = m_style.units(2), top = margin + titleHeight();
    const double width = m_size.width() - 2 * margin;
    const auto& lines = curves.notes;
    m_grid = std::make_unique<CurveGrid>(m_plot.get(), m_layout, curves, m_style, width);
    const double footer = notes(lines, 0, false) + m_style.units(2);
    if (height <= 0)
        m_size.setHeight(std::ceil(top + m_grid->naturalHeight() + footer));
    m_grid->place(QRectF(margin, top, width, m_size.height() - top - footer), m_size);
    notes(lines, m_size.height() - footer + m_style.units(2), true);
}

void FigureScene::paint(QCPPainter* painter)
{
    m_plot->toPainter(painter, qRound(m_size.width()), qRound(m_size.height()));
}

} // namespace kvviz::plot
