// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Where the texts of an exported SVG stand, so that tests can say whether they overlap or leave the page.
#pragma once

#include <QByteArray>
#include <QRectF>
#include <QString>

#include <string>
#include <vector>

namespace kvviz::test {

struct SvgText {
    QString text;
    QRectF box; ///< in units of the view box, of the letters without their leading
};

struct SvgPage {
    bool wellFormed = false;
    QRectF page;
    std::vector<SvgText> texts;
};

[[nodiscard]] SvgPage readSvg(const QByteArray& svg);

/// What is wrong with the places of texts: pairs that overlap, and texts that leave the page. Empty: nothing.
[[nodiscard]] std::string misplaced(const SvgPage& page);

} // namespace kvviz::test
