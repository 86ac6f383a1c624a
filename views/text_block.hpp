// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Free texts of a figure (titles, panel letters, small print) and the legend below the curves.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QRectF>

#include <cstdint>
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

/// A size of text of at most `scale` at which it is no wider than `width`, as far as it stays legible.
[[nodiscard]] double fittingScale(const QString& text, double width, double scale, const PlotStyle& style);

/// `text`, its end left out if it is wider than `width` at `scale`.
[[nodiscard]] QString elided(const QString& text, double width, double scale, const PlotStyle& style);

/// Height of `text` broken into lines at `width`.
[[nodiscard]] double wrappedHeight(const QString& text, const QFont& font, double width);

/// Samples and names of series flowing in centred rows, then the notes on ways of drawing in rows of their own.
class LegendBlock : public QCPLayerable {
public:
    explicit LegendBlock(QCustomPlot* plot) : QCPLayerable(plot, QStringLiteral("overlay")) {}
    void setEntries(const CurveFigure& figure, const PlotStyle& style);
    /// Of one panel, flush left: all series, only the references (grey), or only the others.
    enum class Which : std::uint8_t { all, references, others };
    void setEntries(const CurvePanel& panel, Which which, const PlotStyle& style);
    /// Rows flush left, in the middle and as even as they can be, or entries below each other.
    enum class Flow : std::uint8_t { left, centred, columns };
    void setFlow(Flow flow) { m_flow = flow; }
    /// Makes the text smaller, if the longest entry would not fit into `width` otherwise, and cuts it if that is not
    /// enough.
    void fitTo(double width);
    [[nodiscard]] double heightForWidth(double width) const;
    void place(const QRectF& rect) { m_rect = rect; }

protected:
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter* painter) override;

private:
    struct Entry {
        QString text;
        QPen pen; ///< no pen: a marker without a line
        QCPScatterStyle marker;
        mutable double width = 0, widthScale = 0; ///< of the text, and the scale at which it was measured
    };
    void addEntry(const CurveSeries& series);
    struct Row {
        std::vector<const Entry*> entries;
        double width = 0;
    };
    [[nodiscard]] double textWidth(const Entry& entry) const; ///< measured once: rows are tried at many widths
    [[nodiscard]] double entryWidth(const Entry& entry) const;
    [[nodiscard]] std::vector<Row> filledRows(double width) const; ///< each with what it has room for
    [[nodiscard]] std::vector<Row> rows(double width) const;
    void drawEntry(QCPPainter* painter, const Entry& entry, QPointF left) const;

    PlotStyle m_style;
    std::vector<Entry> m_entries, m_notes;
    QRectF m_rect;
    Flow m_flow = Flow::centred;
    double m_scale = kScale;
    static constexpr double kScale = 0.9;
};

/// Colour of a series: of the palette, or a shade.
[[nodiscard]] QColor colorOf(const CurveSeries& series, const PlotStyle& style);
/// Pen of a series' line.
[[nodiscard]] QPen seriesPen(const CurveSeries& series, const PlotStyle& style);
/// Marker of its points, none for a series without.
[[nodiscard]] QCPScatterStyle markerOf(const CurveSeries& series, const PlotStyle& style);

} // namespace kvviz::plot
