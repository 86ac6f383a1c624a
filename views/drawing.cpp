// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/drawing.hpp"

#include "core/error.hpp"

#include <QBuffer>
#include <QPageSize>
#include <QPdfWriter>
#include <QSvgGenerator>

#include <algorithm>
#include <cctype>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

constexpr double kMmPerInch = 25.4;

/// Qt writes the current time; the entry is optional in PDF and is blanked at its own length, so that offsets stay.
void blankDate(QByteArray& pdf)
{
    const qsizetype begin = pdf.indexOf("/CreationDate (");
    const qsizetype end = begin < 0 ? -1 : pdf.indexOf(')', begin);
    for (qsizetype i = begin; end >= 0 && i <= end; ++i)
        pdf[i] = ' ';
}

QByteArray pdfBytes(const Drawing& drawing)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter writer(&buffer);
        writer.setResolution(static_cast<int>(kExportUnitsPerInch));
        const QSizeF mm = drawing.size / kExportUnitsPerInch * kMmPerInch;
        writer.setPageSize(QPageSize(mm, QPageSize::Millimeter, QString(), QPageSize::ExactMatch));
        writer.setPageMargins(QMarginsF());
        writer.setTitle(QString::fromStdString(drawing.title));
        writer.setCreator(QString::fromStdString(drawing.creator));
        QCPPainter painter(&writer);
        painter.setMode(QCPPainter::pmVectorized);
        drawing.paint(&painter);
    }
    blankDate(bytes);
    return bytes;
}

QByteArray svgBytes(const Drawing& drawing)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setResolution(static_cast<int>(kExportUnitsPerInch));
    generator.setSize(drawing.size.toSize());
    generator.setViewBox(QRect(QPoint(), drawing.size.toSize()));
    generator.setTitle(QString::fromStdString(drawing.title));
    generator.setDescription(QString::fromStdString(drawing.creator + ": " + drawing.commandLine));
    QCPPainter painter(&generator);
    painter.setMode(QCPPainter::pmVectorized);
    drawing.paint(&painter);
    painter.end();
    return bytes;
}

QByteArray pngBytes(const Drawing& drawing, double dpi)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    drawnImage(drawing, dpi).save(&buffer, "PNG");
    return bytes;
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

QByteArray fileBytes(const Drawing& drawing, FileFormat format, double dpi)
{
    switch (format) {
    case FileFormat::pdf: return pdfBytes(drawing);
    case FileFormat::svg: return svgBytes(drawing);
    case FileFormat::png: return pngBytes(drawing, dpi);
    }
    return {};
}

QImage drawnImage(const Drawing& drawing, double dpi)
{
    const double scale = dpi / kExportUnitsPerInch;
    QImage image((drawing.size * scale).toSize(), QImage::Format_RGB32);
    if (image.isNull())
        throw Error(ErrorCode::usage,
                    "a picture of this size does not fit into memory; use a smaller --width or --dpi");
    image.fill(drawing.background);
    image.setDotsPerMeterX(qRound(dpi / kMmPerInch * 1000));
    image.setDotsPerMeterY(image.dotsPerMeterX());
    QCPPainter painter(&image);
    painter.scale(scale, scale);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
    drawing.paint(&painter);
    painter.end();
    return image;
}

} // namespace kvviz::plot
