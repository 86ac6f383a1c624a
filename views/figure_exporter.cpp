// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_exporter.hpp"

#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "views/figure_scene.hpp"
#include "views/sidecar.hpp"

#include <QBuffer>
#include <QPageSize>
#include <QPdfWriter>
#include <QSvgGenerator>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

constexpr double kMmPerInch = 25.4;

double resolvedWidth(const Figure& figure, const ExportOptions& options)
{
    if (options.widthMm > 0)
        return options.widthMm;
    const auto panels = std::visit([](const auto& content) { return content.panels.size(); }, figure.content);
    return panels > 1 ? 178.0 : 85.0;
}

/// Qt writes the current time; the entry is optional in PDF and is blanked at its own length, so that offsets stay.
void blankDate(QByteArray& pdf)
{
    const qsizetype begin = pdf.indexOf("/CreationDate (");
    const qsizetype end = begin < 0 ? -1 : pdf.indexOf(')', begin);
    for (qsizetype i = begin; end >= 0 && i <= end; ++i)
        pdf[i] = ' ';
}

QByteArray renderPdf(FigureScene& scene, const Figure& figure, const ExportOptions& options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter writer(&buffer);
        writer.setResolution(static_cast<int>(kExportUnitsPerInch));
        const QSizeF mm = scene.size() / kExportUnitsPerInch * kMmPerInch;
        writer.setPageSize(QPageSize(mm, QPageSize::Millimeter, QString(), QPageSize::ExactMatch));
        writer.setPageMargins(QMarginsF());
        writer.setTitle(QStringLiteral("kvviz figure %1").arg(QString::fromStdString(figure.name)));
        writer.setCreator(QString::fromStdString(options.creator));
        QCPPainter painter(&writer);
        painter.setMode(QCPPainter::pmVectorized);
        scene.paint(&painter);
    }
    blankDate(bytes);
    return bytes;
}

QByteArray renderSvg(FigureScene& scene, const Figure& figure, const ExportOptions& options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setResolution(static_cast<int>(kExportUnitsPerInch));
    generator.setSize(scene.size().toSize());
    generator.setViewBox(QRect(QPoint(), scene.size().toSize()));
    generator.setTitle(QStringLiteral("kvviz figure %1").arg(QString::fromStdString(figure.name)));
    generator.setDescription(QString::fromStdString(options.creator + ": " + options.commandLine));
    QCPPainter painter(&generator);
    painter.setMode(QCPPainter::pmVectorized);
    scene.paint(&painter);
    painter.end();
    return bytes;
}

QByteArray renderPng(FigureScene& scene, const ExportOptions& options)
{
    const double scale = options.dpi / kExportUnitsPerInch;
    QImage image((scene.size() * scale).toSize(), QImage::Format_RGB32);
    if (image.isNull())
        throw Error(ErrorCode::usage,
                    "a picture of this size does not fit into memory; use a smaller --width or --dpi");
    image.fill(scene.background());
    image.setDotsPerMeterX(qRound(options.dpi / kMmPerInch * 1000));
    image.setDotsPerMeterY(image.dotsPerMeterX());
    QCPPainter painter(&image);
    painter.scale(scale, scale);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
    scene.paint(&painter);
    painter.end();
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return bytes;
}

void writeFile(const std::filesystem::path& path, std::string_view bytes)
{
    io::PartFile file(path, true); // whether it may be overwritten is checked before the drawing
    file.write(bytes);
    file.publish();
}

} // namespace

FileFormat formatOf(const std::filesystem::path& path)
{
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (extension == ".pdf")
        return FileFormat::pdf;
    if (extension == ".svg")
        return FileFormat::svg;
    if (extension == ".png")
        return FileFormat::png;
    throw Error(ErrorCode::usage, "the output '" + path.string() + "' must end in .pdf, .svg or .png");
}

std::filesystem::path sidecarPath(const std::filesystem::path& path) { return path.string() + ".json"; }

void checkExport(const ExportOptions& options)
{
    (void)formatOf(options.path);
    const auto within = [](double value, double low, double high) {
        return value == 0 || (value >= low && value <= high);
    };
    if (!within(options.widthMm, 30, 2000) || !within(options.heightMm, 20, 2000))
        throw Error(ErrorCode::usage, "--width must lie between 30 and 2000 mm and --height between 20 and 2000 mm "
                                      "(one column of a paper: 85, two: 178)");
    if (!(options.dpi >= 30 && options.dpi <= 2400))
        throw Error(ErrorCode::usage, "--dpi must lie between 30 and 2400");
    if (!within(options.fontPt, 4, 48))
        throw Error(ErrorCode::usage, "--font-size must lie between 4 and 48 points");
    const io::PartFile figure(options.path, options.force);
    if (options.sidecar)
        const io::PartFile sidecar(sidecarPath(options.path), options.force);
}

QByteArray renderFigure(const Figure& figure, const ExportOptions& options)
{
    const double unitsPerMm = kExportUnitsPerInch / kMmPerInch;
    FigureScene scene(figure, PlotStyle::paper(options.fontPt > 0 ? options.fontPt : 7.5, options.dark),
                      std::round(resolvedWidth(figure, options) * unitsPerMm),
                      std::round(options.heightMm * unitsPerMm), options.dpi);
    switch (formatOf(options.path)) {
    case FileFormat::pdf: return renderPdf(scene, figure, options);
    case FileFormat::svg: return renderSvg(scene, figure, options);
    case FileFormat::png: return renderPng(scene, options);
    }
    return {};
}

void exportFigure(const Figure& figure, const ExportOptions& options)
{
    checkExport(options);
    const QByteArray bytes = renderFigure(figure, options);
    writeFile(options.path, {bytes.constData(), static_cast<std::size_t>(bytes.size())});
    if (options.sidecar)
        writeFile(sidecarPath(options.path), sidecarJson(figure, options.creator, options.commandLine));
}

} // namespace kvviz::plot
