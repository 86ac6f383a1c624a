// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_ticker.hpp"

#include <cmath>

namespace kvviz::plot {

void TokenTicker::setTexts(qint64 first, const QStringList& texts)
{
    m_first = first;
    m_texts = texts;
}

double TokenTicker::getTickStep(const QCPRange& range)
{
    return m_texts.isEmpty() ? std::max(1.0, std::ceil(QCPAxisTicker::getTickStep(range))) : 1.0;
}

int TokenTicker::getSubTickCount(double) { return 0; }

QString TokenTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    const auto token = static_cast<qint64>(std::floor(tick));
    if (m_texts.isEmpty())
        return QString::number(token);
    return token >= m_first && token - m_first < m_texts.size() ? m_texts.at(token - m_first) : QString();
}

QVector<double> TokenTicker::createTickVector(double tickStep, const QCPRange& range)
{
    QVector<double> ticks;
    const double first = std::ceil((range.lower + m_clearance - 0.5) / tickStep) * tickStep;
    for (double token = std::max(0.0, first); token + 0.5 <= range.upper; token += tickStep)
        ticks.append(token + 0.5);
    return ticks;
}

} // namespace kvviz::plot
