// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/live_series.hpp"

#include "views/text_block.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

bool isOracle(const std::string& method) { return method.starts_with("oracle"); }

} // namespace

CurveSeries liveSeries(const std::string& method, const std::string& title, const std::vector<std::string>& methods)
{
    const auto oracles = std::count_if(methods.begin(), methods.end(), isOracle);
    const auto grey = [&](const std::string& one) { return one == "fullkv" || (isOracle(one) && oracles == 1); };
    CurveSeries series;
    series.name = title;
    series.method = method;
    series.reference = grey(method);
    series.dashed = series.reference && isOracle(method);
    series.markers = !series.reference;
    for (const std::string& one : methods) {
        if (one == method)
            break;
        series.color += grey(one) ? 0 : 1;
    }
    return series;
}

QPixmap sampleOf(const CurveSeries& series, const PlotStyle& style, QSize size, double ratio)
{
    QPixmap pixmap(size * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QCPPainter painter(&pixmap);
    painter.setAntialiasing(true);
    const QPointF middle(size.width() / 2.0, size.height() / 2.0);
    if (series.line) {
        painter.setPen(seriesPen(series, style));
        painter.drawLine(QPointF(1, middle.y()), QPointF(size.width() - 1, middle.y()));
    }
    if (const QCPScatterStyle marker = markerOf(series, style); !marker.isNone()) {
        marker.applyTo(&painter, seriesPen(series, style));
        marker.drawShape(&painter, middle);
    }
    return pixmap;
}

} // namespace kvviz::plot
