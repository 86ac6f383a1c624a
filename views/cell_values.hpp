// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The value of each cell as text, where cells are large enough to hold it.
#pragma once

#include "views/map_item.hpp"

namespace kvviz::plot {

/// Two digits in at most five characters: "0.12", "0.012", "3e-4".
[[nodiscard]] QString cellText(double value);

class CellValues : public QCPLayerable {
public:
    CellValues(QCPAxisRect* rect, const MapItem* map);

    void setStyle(const PlotStyle& style) { m_style = style; }

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    QPointer<QCPAxisRect> m_rect;
    const MapItem* m_map; ///< of the same plot, which outlives neither
    PlotStyle m_style;
};

} // namespace kvviz::plot
