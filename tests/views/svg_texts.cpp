// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "tests/views/svg_texts.hpp"

#include <QFont>
#include <QFontMetricsF>
#include <QTransform>
#include <QXmlStreamReader>

namespace kvviz::test {

namespace {

/// "matrix(a,b,c,d,e,f)"
QTransform transformOf(const QString& text)
{
    const QString inner = text.section(QLatin1Char('('), 1).section(QLatin1Char(')'), 0, 0);
    const QStringList numbers = inner.split(QLatin1Char(','));
    if (numbers.size() != 6)
        return {};
    return {numbers[0].toDouble(), numbers[1].toDouble(), numbers[2].toDouble(),
            numbers[3].toDouble(), numbers[4].toDouble(), numbers[5].toDouble()};
}

QRectF boxOf(const QXmlStreamAttributes& attributes, const QString& text, const QTransform& transform)
{
    const auto value = [&](const char* name) { return attributes.value(QLatin1String(name)).toString(); };
    QFont font(value("font-family"));
    font.setPixelSize(qRound(value("font-size").toDouble()));
    font.setWeight(static_cast<QFont::Weight>(value("font-weight").toInt()));
    font.setHintingPreference(QFont::PreferNoHinting);
    const QFontMetricsF metrics(font);
    const double x = value("x").toDouble(), y = value("y").toDouble();
    // Half of the letters' height up and a little down: what a reader would see run into each other.
    // Parts of one text in different fonts may touch.
    return transform.mapRect(QRectF(x, y - metrics.xHeight(), metrics.horizontalAdvance(text), metrics.xHeight()))
        .adjusted(2, 2, -2, -2);
}

} // namespace

SvgPage readSvg(const QByteArray& svg)
{
    SvgPage page;
    QXmlStreamReader xml(svg);
    QTransform transform;
    while (!xml.atEnd()) {
        if (xml.readNext() != QXmlStreamReader::StartElement)
            continue;
        const QXmlStreamAttributes attributes = xml.attributes();
        if (xml.name() == QStringLiteral("svg")) {
            const QStringList box = attributes.value(QStringLiteral("viewBox")).toString().split(QLatin1Char(' '));
            if (box.size() == 4)
                page.page = QRectF(box[0].toDouble(), box[1].toDouble(), box[2].toDouble(), box[3].toDouble());
        }
        if (xml.name() == QStringLiteral("g") && attributes.hasAttribute(QStringLiteral("transform")))
            transform = transformOf(attributes.value(QStringLiteral("transform")).toString());
        if (xml.name() == QStringLiteral("text")) {
            const QString text = xml.readElementText().trimmed();
            page.texts.push_back({text, boxOf(attributes, text, transform)});
        }
    }
    page.wellFormed = !xml.hasError();
    return page;
}

std::string misplaced(const SvgPage& page)
{
    std::string faults;
    for (std::size_t i = 0; i < page.texts.size(); ++i) {
        const SvgText& text = page.texts[i];
        if (!page.page.adjusted(-1, -1, 1, 1).contains(text.box))
            faults += "'" + text.text.toStdString() + "' leaves the page\n";
        for (std::size_t j = 0; j < i; ++j)
            if (text.box.intersects(page.texts[j].box))
                faults += "'" + text.text.toStdString() + "' on '" + page.texts[j].text.toStdString() + "'\n";
    }
    return faults;
}

} // namespace kvviz::test
