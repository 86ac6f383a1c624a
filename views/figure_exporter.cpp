// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_exporter.hpp"

#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "views/figure_csv.hpp"
#include "views/figure_scene.hpp"
#include "views/sidecar.hpp"

#include <cmath>
#include <memory>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

constexpr double kDefaultDpi = 300;

double firstOf(double given, const std::optional<double>& styled, double fallback)
{
    return given > 0 ? given : styled.value_or(fallback);
}

double ownWidth(const Figure& figure)
{
    const auto panels = std::visit([](const auto& content) { return content.panels.size(); }, figure.content);
    return panels > 1 ? 178.0 : 85.0;
}

/// The scene lives as long as the drawing.
Drawing drawingOf(const Figure& figure, const ExportOptions& options)
{
    const double width = firstOf(options.widthMm, options.style.widthMm, ownWidth(figure));
    const double height = firstOf(options.heightMm, options.style.heightMm, 0);
    const auto scene = std::make_shared<FigureScene>(
        figure, exportStyle(options.style, options.fontPt, options.dark), std::round(unitsOfMm(width)),
        std::round(unitsOfMm(height)), exportDpi(options));
    Drawing drawing;
    drawing.size = scene->size();
    drawing.background = scene->background();
    drawing.title = "kvviz figure " + figure.name;
    drawing.creator = options.creator;
    drawing.commandLine = options.commandLine;
    drawing.paint = [scene](QCPPainter* painter) { scene->paint(painter); };
    return drawing;
}

} // namespace

double exportDpi(const ExportOptions& options) { return firstOf(options.dpi, options.style.dpi, kDefaultDpi); }

std::filesystem::path sidecarPath(const std::filesystem::path& path) { return path.string() + ".json"; }

std::filesystem::path csvPath(const std::filesystem::path& path) { return path.string() + ".csv"; }

const std::vector<WidthPreset>& widthPresets()
{
    static const std::vector<WidthPreset> presets{{"column", 85, 0}, {"text", 178, 0}, {"slide", 254, 14}};
    return presets;
}

void applyWidthPreset(const std::string& name, ExportOptions& options)
{
    for (const WidthPreset& preset : widthPresets()) {
        if (preset.name != name)
            continue;
        if (options.widthMm <= 0)
            options.widthMm = preset.widthMm;
        if (options.fontPt <= 0 && !options.style.fontPt)
            options.fontPt = preset.fontPt;
        return;
    }
    throw Error(ErrorCode::usage, "unknown width preset '" + name + "'; known: column, text, slide");
}

void checkExport(const ExportOptions& options)
{
    (void)formatOf(options.path);
    const auto within = [](double value, double low, double high) {
        return value == 0 || (value >= low && value <= high);
    };
    if (!within(options.widthMm, 30, 2000) || !within(options.heightMm, 20, 2000))
        throw Error(ErrorCode::usage, "--width must lie between 30 and 2000 mm and --height between 20 and 2000 mm "
                                      "(one column of a paper: 85, two: 178)");
    if (!within(options.dpi, 30, 2400))
        throw Error(ErrorCode::usage, "--dpi must lie between 30 and 2400");
    if (!within(options.fontPt, 4, 48))
        throw Error(ErrorCode::usage, "--font-size must lie between 4 and 48 points");
    const io::PartFile figure(options.path, options.force);
    if (options.sidecar)
        const io::PartFile sidecar(sidecarPath(options.path), options.force);
    if (options.csv)
        const io::PartFile csv(csvPath(options.path), options.force);
}

QByteArray renderFigure(const Figure& figure, const ExportOptions& options)
{
    return fileBytes(drawingOf(figure, options), formatOf(options.path), exportDpi(options));
}

QImage figureImage(const Figure& figure, const ExportOptions& options)
{
    return drawnImage(drawingOf(figure, options), exportDpi(options));
}

void writeExport(const std::vector<ExportedFile>& files)
{
    for (const ExportedFile& one : files) {
        io::PartFile file(one.path, true); // whether it may be overwritten is checked before the drawing
        file.write(one.bytes);
        file.publish();
    }
}

void exportFigure(const Figure& figure, const ExportOptions& options)
{
    checkExport(options);
    std::vector<ExportedFile> files{{options.path, renderFigure(figure, options).toStdString()}};
    if (options.sidecar)
        files.push_back({sidecarPath(options.path), sidecarJson(figure, options.creator, options.commandLine)});
    if (options.csv)
        files.push_back({csvPath(options.path), figureCsv(figure)});
    writeExport(files);
}

} // namespace kvviz::plot
