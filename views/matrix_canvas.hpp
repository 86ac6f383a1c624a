// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A matrix with its colour scale as a widget: cells are hovered, clicked, and walked with the arrow keys; Enter
// chooses.
#pragma once

#include "views/matrix_item.hpp"

#include <QPixmap>
#include <QWidget>

#include <functional>

namespace kvviz::views {

class MatrixCanvas : public QWidget {
    Q_OBJECT

public:
    /// What a cell says; column -1: its whole row.
    using Describe = std::function<QString(int row, int column)>;

    /// A picture of a cell for its tooltip; may be null.
    using Preview = std::function<QImage(int row, int column)>;

    explicit MatrixCanvas(Describe describe, QWidget* parent = nullptr);

    /// The first panel is shown.
    void setFigure(const plot::MatrixFigure& figure, const plot::PlotStyle& style);
    void setPreview(Preview preview) { m_preview = std::move(preview); }
    /// Frames a cell; column -1: a whole row; row -1: nothing.
    void mark(int row, int column);
    [[nodiscard]] const plot::MatrixItem& item() const { return m_item; }
    [[nodiscard]] QSize sizeHint() const override { return {360, 420}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {180, 140}; }

Q_SIGNALS:
    /// Text of the cell under the mouse, or under the keyboard's cursor; empty when there is none.
    void hovered(const QString& text);
    /// Clicked, or Enter was pressed; column -1: the label of the row.
    void chosen(int row, int column);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

private:
    void arrange();
    void drawBacking();
    void moveTo(int row, int column);
    void tell(int row, int column);

    Describe m_describe;
    Preview m_preview;
    plot::MatrixItem m_item;
    plot::ColorScale m_scale;
    plot::PlotStyle m_style;
    QRectF m_scaleRect;
    QPixmap m_backing; ///< everything but frames; null: to be drawn again
    int m_cursorRow = 0, m_cursorColumn = 0;
    std::optional<QPoint> m_under; ///< cell below the mouse
};

} // namespace kvviz::views
