// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Free texts of a figure (titles, panel letters, small print) and the legend below the curves.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QRectF>

#include <vector>

namespace kvviz::plot {

struct TextPiece {
    QRectF rect;
    int flags = Qt::AlignLeft | Qt::AlignTop;
    QString text;
    QFont font;
    QColor color;
};

class TextBlock : public QCPLayerable {
public:
    explicit TextBlock(QCustomPlot* plot) : QCPLayerable(plot, QStringLiteral("overlay")) {}
    void setPieces(std::vector<TextPiece> pieces) { m_pieces = std::move(pieces); }

protected:
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter* painter) override;

private:
    std::vector<TextPiece> m_pieces;
};

/// Height of `text` broken into lines at `width`.
[[nodiscard]] double wrappedHeight(const QString& text, const QFont& font, double width);

/// Samples and names of series, flowing in rows of equal columns.
class LegendBlock : public QCPLayerable {
public:
    explicit LegendBlock(QCustomPlot* plot) : QCPLayerable(plot, QStringLiteral("overlay")) {}
    void setEntries(const CurveFigure& figure, const PlotStyle& style);
    [[nodiscard]] double heightForWidth(double width) const;
    void place(const QRectF& rect) { m_rect = rect; }

protected:
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter* painter) override;

private:
    struct Entry {
        QString text;
        QPen pen;
        QCPScatterStyle marker;
    };
    [[nodiscard]] double columnWidth() const;
    [[nodiscard]] int columns(double width) const;

    PlotStyle m_style;
    std::vector<Entry> m_entries;
    QRectF m_rect;
};

/// Pen of a series' line.
[[nodiscard]] QPen seriesPen(const CurveSeries& series, const PlotStyle& style);

} // namespace kvviz::plot
