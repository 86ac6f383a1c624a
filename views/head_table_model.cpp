// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/head_table_model.hpp"

#include "views/scale_bar.hpp"

#include <cmath>

namespace kvviz::views {

void HeadTableModel::setTable(const plot::HeadTable& table, bool withoutSinks)
{
    beginResetModel();
    m_table = table;
    m_withoutSinks = withoutSinks;
    endResetModel();
}

void HeadTableModel::setValues(const plot::HeadTable& table, bool withoutSinks)
{
    if (table.layers != m_table.layers || table.heads != m_table.heads || table.kvHeads != m_table.kvHeads) {
        setTable(table, withoutSinks);
        return;
    }
    m_table = table;
    m_withoutSinks = withoutSinks;
    if (rowCount() > 0)
        Q_EMIT dataChanged(index(0, firstMeasure), index(rowCount() - 1, columnCount() - 1));
}

int HeadTableModel::rowOf(std::int64_t layerSlot, std::int64_t headSlot) const
{
    return static_cast<int>(m_table.index(layerSlot, headSlot));
}

int HeadTableModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_table.layers.size() * m_table.heads.size());
}

int HeadTableModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : firstMeasure + static_cast<int>(plot::kHeadMeasures.size());
}

double HeadTableModel::number(const QModelIndex& index) const
{
    const auto row = static_cast<std::size_t>(index.row());
    const std::size_t heads = m_table.heads.size();
    switch (index.column()) {
    case layer:
        return m_table.layers[row / heads];
    case head:
        return m_table.heads[row % heads];
    case kvHead:
        return m_table.kvHeads[row % heads];
    default:
        return static_cast<double>(m_table.of(
            plot::kHeadMeasures[static_cast<std::size_t>(index.column() - firstMeasure)], m_withoutSinks)[row]);
    }
}

QVariant HeadTableModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    if (role == kSortRole)
        return number(index);
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    return index.column() < firstMeasure ? QString::number(number(index)) : plot::shortNumber(number(index));
}

QVariant HeadTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return role == Qt::DisplayRole ? QVariant(section + 1) : QVariant();
    if (section >= firstMeasure && role == Qt::ToolTipRole)
        return QString::fromStdString(
            plot::measureUnit(plot::kHeadMeasures[static_cast<std::size_t>(section - firstMeasure)]));
    if (role != Qt::DisplayRole)
        return {};
    switch (section) {
    case layer:
        return tr("Layer");
    case head:
        return tr("Head");
    case kvHead:
        return tr("KV head");
    default:
        break;
    }
    return shortName(plot::kHeadMeasures[static_cast<std::size_t>(section - firstMeasure)]);
}

QString HeadTableModel::shortName(plot::HeadMeasure measure)
{
    switch (measure) {
    case plot::HeadMeasure::entropy:
        return tr("Entropy");
    case plot::HeadMeasure::effectiveTokens:
        return tr("Eff. tokens");
    case plot::HeadMeasure::sinkMass:
        return tr("Sink mass");
    case plot::HeadMeasure::gini:
        return tr("Gini");
    case plot::HeadMeasure::lostMass:
        return tr("Lost mass");
    }
    return {};
}

} // namespace kvviz::views
