// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lets what is drawn with a plain painter (matrices, bars) take part in a figure.
#pragma once

#include "views/qcustomplot.hpp"

#include <functional>
#include <utility>

namespace kvviz::plot {

class PaintedItem : public QCPLayerable {
public:
    using Paint = std::function<void(QPainter&)>;
    PaintedItem(QCustomPlot* plot, Paint paint) : QCPLayerable(plot, QStringLiteral("main")), m_paint(std::move(paint))
    {
    }

protected:
    QRect clipRect() const override { return mParentPlot->viewport(); }
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter* painter) override
    {
        painter->save();
        m_paint(*painter);
        painter->restore();
    }

private:
    Paint m_paint;
};

} // namespace kvviz::plot
