// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_search.hpp"

#include <QRegularExpression>

#include <algorithm>

namespace kvviz::plot {

namespace {

std::vector<core::Span> findText(const QStringList& texts, const QString& wanted)
{
    std::vector<qsizetype> begins; // of every token in the joined text
    QString joined;
    for (const QString& text : texts) {
        begins.push_back(joined.size());
        joined += text;
    }
    const auto tokenAt = [&](qsizetype place) {
        return std::upper_bound(begins.begin(), begins.end(), place) - begins.begin() - 1;
    };
    std::vector<core::Span> matches;
    for (qsizetype at = joined.indexOf(wanted, 0, Qt::CaseInsensitive); at >= 0;
         at = joined.indexOf(wanted, at + wanted.size(), Qt::CaseInsensitive)) {
        const core::Span match{tokenAt(at), tokenAt(at + wanted.size() - 1) + 1};
        if (matches.empty() || match.begin > matches.back().begin) // twice in one token is one match
            matches.push_back(match);
    }
    return matches;
}

} // namespace

std::vector<core::Span> findTokens(const QStringList& texts, const std::vector<SegmentMark>& segments,
                                   const QString& wanted)
{
    static const QRegularExpression position(QStringLiteral("^#(\\d{1,9})$"));
    static const QRegularExpression numbered(QStringLiteral("^[A-Za-z]+\\d+$"));
    if (wanted.isEmpty())
        return {};
    if (const auto match = position.match(wanted.trimmed()); match.hasMatch()) {
        const qint64 token = match.captured(1).toLongLong();
        return token < texts.size() ? std::vector{core::Span{token, token + 1}} : std::vector<core::Span>{};
    }
    if (numbered.match(wanted.trimmed()).hasMatch())
        for (const SegmentMark& mark : segments)
            if (!mark.span.empty()
                && wanted.trimmed().compare(QString::fromStdString(mark.label), Qt::CaseInsensitive) == 0)
                return {mark.span};
    return findText(texts, wanted);
}

} // namespace kvviz::plot
