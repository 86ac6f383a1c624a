// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Ticks of an axis of tokens: whole positions at round steps, or the text of every token when there is room. Tokens
// fill [i, i + 1), so a tick sits in the middle of its token.
#pragma once

#include <QStringList>

#include "views/qcustomplot.hpp"

namespace kvviz::plot {

class TokenTicker : public QCPAxisTicker {
public:
    /// Texts of tokens `first`, first + 1, ...; an empty list shows positions.
    void setTexts(qint64 first, const QStringList& texts);
    /// Leaves out ticks nearer than this (in tokens) to the lower end, where a neighbouring axis has its own.
    void setClearance(double tokens) { m_clearance = tokens; }

protected:
    double getTickStep(const QCPRange& range) override;
    int getSubTickCount(double tickStep) override;
    QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
    QVector<double> createTickVector(double tickStep, const QCPRange& range) override;

private:
    qint64 m_first = 0;
    QStringList m_texts;
    double m_clearance = 0;
};

} // namespace kvviz::plot
