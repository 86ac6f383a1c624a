// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/page_exporter.hpp"

#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "views/figure_csv.hpp"
#include "views/figure_scene.hpp"
#include "views/label_text.hpp"
#include "views/sidecar.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

constexpr double kPageMm = 178;
constexpr double kGapMm = 4;
constexpr double kLeastColumnMm = 80; // a figure narrower than this has no room for its axes and legend
constexpr double kMostHeightMm = 2000;

std::size_t panelCount(const Figure& figure)
{
    return std::visit([](const auto& content) { return content.panels.size(); }, figure.content);
}

/// "layer (b)" where (b) has become (e).
void renameParameters(Figure& figure, const std::map<std::string, std::string>& letters)
{
    for (auto& [name, value] : figure.parameters)
        for (const auto& [before, now] : letters) {
            const std::string mark = " (" + before + ")";
            if (before.empty() || !name.ends_with(mark))
                continue;
            name.replace(name.size() - mark.size(), mark.size(), " (" + now + ")");
            break;
        }
}

/// A figure drawn at its place; scenes are shared because a drawing may be copied.
struct Cell {
    std::shared_ptr<FigureScene> scene;
    QPointF place;
};

int columnsFor(std::size_t figures, double widthMm, int wanted)
{
    const int count = static_cast<int>(figures);
    if (wanted > 0)
        return std::min(wanted, count);
    const int most = std::max(1, static_cast<int>((widthMm + kGapMm) / (kLeastColumnMm + kGapMm)));
    const int rows = (count + most - 1) / most;
    return (count + rows - 1) / rows;
}

Drawing pageDrawing(const std::vector<Figure>& figures, const PageOptions& options)
{
    if (figures.empty())
        throw Error(ErrorCode::usage, "there is nothing to put on the page; no view shows a figure");
    const PlotStyle style = exportStyle(options.style, options.fontPt, options.dark);
    const double widthMm = options.widthMm > 0 ? options.widthMm : options.style.widthMm.value_or(kPageMm);
    const int columns = columnsFor(figures.size(), widthMm, options.columns);
    const double gap = unitsOfMm(kGapMm), width = std::round(unitsOfMm(widthMm));
    const double cell = std::floor((width - (columns - 1) * gap) / columns);
    std::vector<Cell> cells;
    double top = 0, rowHeight = 0;
    for (const Figure& figure : letteredFigures(figures)) {
        const int column = static_cast<int>(cells.size()) % columns;
        if (column == 0 && !cells.empty())
            top += std::exchange(rowHeight, 0.0) + gap;
        const auto scene = std::make_shared<FigureScene>(figure, style, cell, 0, exportDpi(options));
        cells.push_back({scene, QPointF(column * (cell + gap), top)});
        rowHeight = std::max(rowHeight, scene->size().height());
    }
    Drawing drawing;
    drawing.size = QSizeF(width, std::ceil(top + rowHeight));
    if (drawing.size.height() > unitsOfMm(kMostHeightMm))
        throw Error(ErrorCode::usage, "the page would be higher than 2 m; choose fewer figures or more columns");
    drawing.background = style.background;
    drawing.title = "kvviz page";
    drawing.creator = options.creator;
    drawing.commandLine = options.commandLine;
    drawing.paint = [cells, size = drawing.size, background = style.background](QCPPainter* painter) {
        painter->fillRect(QRectF(QPointF(), size), background);
        for (const Cell& one : cells) {
            painter->save();
            painter->translate(one.place);
            one.scene->paint(painter);
            painter->restore();
        }
    };
    return drawing;
}

std::filesystem::path numberedCsv(const std::filesystem::path& path, std::size_t figure)
{
    return fmt::format("{}.{}.csv", path.string(), figure + 1);
}

std::string pageSidecar(const std::vector<Figure>& figures, const PageOptions& options)
{
    using Json = nlohmann::ordered_json;
    Json root{{"schema_version", 1},
              {"figure", "page"},
              {"creator", options.creator},
              {"command", options.commandLine},
              {"figures", Json::array()}};
    for (const Figure& figure : letteredFigures(figures))
        root["figures"].push_back(Json::parse(sidecarJson(figure, options.creator, options.commandLine)));
    return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

std::vector<Figure> letteredFigures(std::vector<Figure> figures)
{
    std::size_t panels = 0;
    for (const Figure& figure : figures)
        panels += panelCount(figure);
    std::size_t next = 0;
    for (Figure& figure : figures) {
        std::map<std::string, std::string> letters;
        std::visit(
            [&](auto& content) {
                for (auto& panel : content.panels) {
                    const std::string letter = panels > 1 ? panelLetter(next++) : std::string();
                    letters[panel.letter] = letter;
                    panel.letter = letter;
                }
            },
            figure.content);
        renameParameters(figure, letters);
    }
    return figures;
}

QByteArray renderPage(const std::vector<Figure>& figures, const PageOptions& options)
{
    return fileBytes(pageDrawing(figures, options), formatOf(options.path), exportDpi(options));
}

QImage pageImage(const std::vector<Figure>& figures, const PageOptions& options)
{
    return drawnImage(pageDrawing(figures, options), exportDpi(options));
}

void checkPage(std::size_t figures, const PageOptions& options)
{
    PageOptions plain = options;
    plain.csv = false; // of one figure
    checkExport(plain);
    for (std::size_t i = 0; options.csv && i < figures; ++i)
        const io::PartFile csv(numberedCsv(options.path, i), options.force);
}

void exportPage(const std::vector<Figure>& figures, const PageOptions& options)
{
    checkPage(figures.size(), options);
    std::vector<ExportedFile> files{{options.path, renderPage(figures, options).toStdString()}};
    if (options.sidecar)
        files.push_back({sidecarPath(options.path), pageSidecar(figures, options)});
    const auto lettered = letteredFigures(figures);
    for (std::size_t i = 0; options.csv && i < lettered.size(); ++i)
        files.push_back({numberedCsv(options.path, i), figureCsv(lettered[i])});
    writeExport(files);
}

} // namespace kvviz::plot
