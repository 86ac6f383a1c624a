// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_rows.hpp"

#include "views/live_series.hpp"

#include <QFont>
#include <QLocale>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

QVariant alignmentOf(int column)
{
    return static_cast<int>(Qt::AlignVCenter) | static_cast<int>(column == 0 ? Qt::AlignLeft : Qt::AlignRight);
}

} // namespace

QString shortNumber(double value)
{
    if (!std::isfinite(value))
        return QStringLiteral("\u2013");
    if (value < 1 && value >= 0.9995)
        return QStringLiteral(">0.999");
    QString text = QString::number(value, 'g', 3);
    if (value != 0 && std::abs(value) < 1e-3) // 1.2e-05 takes less room than its zeros
        text = QString::number(value, 'e', 2);
    return text.replace(QLatin1Char('-'), QChar(0x2212));
}

void MethodRows::setRows(std::shared_ptr<const std::vector<LiveRow>> rows, std::vector<std::string> methods,
                         const std::string& selected, int sinkTokens)
{
    if (!rows)
        rows = std::make_shared<const std::vector<LiveRow>>();
    const bool sameLines = rows->size() == m_rows->size()
                           && std::equal(rows->begin(), rows->end(), m_rows->begin(),
                                         [](const LiveRow& a, const LiveRow& b) { return a.method == b.method; });
    if (!sameLines)
        beginResetModel();
    m_rows = std::move(rows);
    m_methods = std::move(methods);
    m_selected = selected;
    m_sinkTokens = sinkTokens;
    if (!sameLines)
        endResetModel();
    else if (!m_rows->empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columns - 1));
    Q_EMIT headerDataChanged(Qt::Horizontal, retainedNonSink, retainedNonSink);
}

void MethodRows::setStyle(const plot::PlotStyle& style)
{
    m_style = style;
    if (!m_rows->empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columns - 1));
}

int MethodRows::rowOf(const std::string& specification) const
{
    const auto found = std::find_if(m_rows->begin(), m_rows->end(),
                                    [&](const LiveRow& row) { return row.method == specification; });
    return found == m_rows->end() ? -1 : static_cast<int>(found - m_rows->begin());
}

int MethodRows::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows->size()); }

int MethodRows::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : columns; }

double MethodRows::valueOf(const LiveRow& row, int column) const
{
    if (!row.obstacle.empty())
        return kUnknown;
    switch (column) {
    case keptTokens:
        return std::isfinite(row.keptRatio) ? static_cast<double>(row.keptTokens) : kUnknown;
    case keptShare:
        return row.keptRatio;
    case retainedMass:
        return row.retainedMass;
    case retainedNonSink:
        return row.retainedNonSink;
    case outputError:
        return row.outputError;
    case logprobChange:
        return row.predictedDelta;
    case bytes:
        return row.bytes;
    default:
        return kUnknown;
    }
}

QString MethodRows::textOf(const LiveRow& row, int column) const
{
    const double value = valueOf(row, column);
    if (column == method)
        return QString::fromStdString(row.title) + (row.obstacle.empty() ? QString() : tr(" (not here)"));
    if (!std::isfinite(value))
        return QStringLiteral("\u2013");
    if (column == keptTokens)
        return QLocale().toString(static_cast<qlonglong>(value));
    if (column == bytes)
        return QLocale().formattedDataSize(static_cast<qint64>(value), value < 1024 ? 0 : 2);
    return shortNumber(value);
}

QVariant MethodRows::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount())
        return {};
    const LiveRow& row = (*m_rows)[static_cast<std::size_t>(index.row())];
    const bool selected = row.method == m_selected;
    switch (role) {
    case Qt::DisplayRole:
        return index.column() == method && selected ? QStringLiteral("\u25b8 ") + textOf(row, method)
                                                    : textOf(row, index.column());
    case Qt::TextAlignmentRole:
        return alignmentOf(index.column());
    case Qt::ToolTipRole:
        if (!row.obstacle.empty())
            return tr("<p><b>%1</b></p><p>Cannot be replayed on this capture: %2</p>")
                .arg(QString::fromStdString(row.method), QString::fromStdString(row.obstacle).toHtmlEscaped());
        return row.pending ? tr("%1: being computed").arg(QString::fromStdString(row.method))
                           : QString::fromStdString(row.method);
    case Qt::FontRole: {
        QFont font;
        font.setBold(selected);
        font.setItalic(!row.obstacle.empty() || (row.pending && index.column() != method));
        return font;
    }
    case Qt::ForegroundRole:
        return !row.obstacle.empty() || (row.pending && index.column() != method) ? QVariant::fromValue(m_style.subtle) : QVariant();
    case Qt::DecorationRole:
        if (index.column() == method && row.obstacle.empty())
            return plot::sampleOf(plot::liveSeries(row.method, row.title, m_methods), m_style, QSize(22, 14), 2);
        return {};
    case valueRole:
        return index.column() == method ? QVariant(QString::fromStdString(row.title))
                                        : QVariant(valueOf(row, index.column()));
    case methodRole:
        return QString::fromStdString(row.method);
    default:
        return {};
    }
}

QVariant MethodRows::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= columns)
        return QAbstractTableModel::headerData(section, orientation, role);
    struct Head {
        QString text, tip;
    };
    const Head heads[columns]{
        {tr("method"), tr("Name and what is set otherwise than by default")},
        {tr("kept tokens"), tr("Prompt tokens in the cache of this layer at the end of prefill, sum over the KV heads: "
                               "sum_g |S_g|")},
        {tr("kept"), tr("The same as a fraction: sum_g |S_g| / (G n)")},
        {tr("retained mass"), tr("Attention that the judged queries pay to keys that stay: 1 - eps, eps[h,q] = 1 - "
                                 "sum over k in S of A[h,q,k], mean over heads and queries. Where keys or values change: "
                                 "1 - total variation between the two attention rows")},
        {tr("without sinks"), tr("The same of rows renormalised over all keys but the first %1").arg(m_sinkTokens)},
        {tr("output error"), tr("|o - o'| / |o| with o = sum_k A v and o' = sum over k in S of A v / (1 - eps), mean over "
                                "heads and queries; needs captured values")},
        {tr("\u0394 log p"), tr("Predicted change of the continuation's log-probability a token, nats: output errors of all "
                                "layers carried to the logits to first order (docs/prediction.md). Known after a survey of "
                                "all layers, on captures of a whole model with a readout")},
        {tr("bytes"), tr("Of this layer's prompt cache after prefill: 4 d a kept key (keys and values at 2 bytes an "
                         "element), less where it is quantized or of lower rank")}};
    const Head& head = heads[section];
    switch (role) {
    case Qt::DisplayRole:
        return head.text;
    case Qt::ToolTipRole:
        return QStringLiteral("<p>%1</p>").arg(head.tip.toHtmlEscaped());
    case Qt::TextAlignmentRole:
        return alignmentOf(section);
    default:
        return {};
    }
}

bool MethodOrder::lessThan(const QModelIndex& left, const QModelIndex& right) const
{
    const QVariant a = left.data(MethodRows::valueRole), b = right.data(MethodRows::valueRole);
    if (a.userType() == QMetaType::QString)
        return QString::compare(a.toString(), b.toString(), Qt::CaseInsensitive) < 0;
    const double x = a.toDouble(), y = b.toDouble();
    if (std::isnan(x) || std::isnan(y)) {
        const bool ascending = sortOrder() == Qt::AscendingOrder;
        return ascending ? !std::isnan(x) && std::isnan(y) : std::isnan(x) && !std::isnan(y);
    }
    return x < y;
}

} // namespace kvviz::views
