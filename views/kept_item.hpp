// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The strip below a map that shows which keys a method keeps, a KV head a row, under a line that says what it shows.
// States differ by height and hatching, not by colour alone.
#pragma once

#include "views/kept_data.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

namespace kvviz::plot {

class KeptItem : public QCPLayerable {
public:
    explicit KeptItem(QCPAxisRect* rect);

    void setMarks(const KeptMarks& marks, const PlotStyle& style);
    /// Resolution of the raster inside a vector file, in pixels per plot unit.
    void setVectorResolution(double pixelsPerUnit) { m_pixelsPerUnit = pixelsPerUnit; }
    /// Height of the rows, of at most `room`; rows that do not fit are left out, and the line above says so.
    [[nodiscard]] double stripHeight(double room) const;
    /// Height of what is said above rows of this width: one line, or two where it is narrow.
    [[nodiscard]] double captionHeight(double width) const;
    /// Text for a point on the strip, without the token: "KV 2: kept"; empty where there is nothing to say.
    [[nodiscard]] QString readout(double y, std::int64_t key) const;

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    [[nodiscard]] double leastRow() const;
    /// Rows that the strip as placed has room for.
    [[nodiscard]] std::size_t shownRows() const;
    [[nodiscard]] QImage render(QSize pixels) const;
    void drawNames(QCPPainter* painter) const;
    void drawCaption(QCPPainter* painter) const;
    void drawLegend(QCPPainter* painter, double top) const;
    [[nodiscard]] QString label(std::size_t shown) const;
    [[nodiscard]] double legendWidth() const;
    [[nodiscard]] bool oneLine(double width) const;

    QPointer<QCPAxisRect> m_rect;
    KeptMarks m_marks;
    PlotStyle m_style;
    double m_pixelsPerUnit = 300.0 / kExportUnitsPerInch;
};

} // namespace kvviz::plot
