// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bars as a widget: categories are hovered, clicked, and walked with the arrow keys; Enter chooses.
#pragma once

#include "views/bar_item.hpp"

#include <QWidget>

#include <functional>

namespace kvviz::views {

class BarCanvas : public QWidget {
    Q_OBJECT

public:
    using Describe = std::function<QString(int category)>;

    explicit BarCanvas(Describe describe, QWidget* parent = nullptr);

    void setPanel(const plot::BarPanel& panel, const plot::PlotStyle& style);
    [[nodiscard]] const plot::BarItem& item() const { return m_item; }
    [[nodiscard]] QSize sizeHint() const override { return {420, 220}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {200, 120}; }

Q_SIGNALS:
    void hovered(const QString& text);
    void chosen(int category);

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
    void moveTo(int category);

    Describe m_describe;
    plot::BarItem m_item;
    plot::PlotStyle m_style;
    int m_cursor = 0; ///< category that the keyboard is at
    int m_under = -1; ///< category below the mouse
};

} // namespace kvviz::views
