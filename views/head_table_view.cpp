// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/head_table_view.hpp"

#include "views/head_table_model.hpp"

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QShortcut>
#include <QSortFilterProxyModel>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

/// Numbers that are not known go last in either order.
class NumberOrder : public QSortFilterProxyModel {
public:
    using QSortFilterProxyModel::QSortFilterProxyModel;

protected:
    [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override
    {
        const double a = left.data(sortRole()).toDouble(), b = right.data(sortRole()).toDouble();
        const bool falling = sortOrder() == Qt::DescendingOrder;
        if (std::isnan(a) || std::isnan(b))
            return falling ? std::isnan(a) && !std::isnan(b) : !std::isnan(a) && std::isnan(b);
        return a < b;
    }
};

} // namespace

HeadTableView::HeadTableView(QWidget* parent)
    : QTableView(parent),
      m_model(new HeadTableModel(this)),
      m_order(new NumberOrder(this))
{
    m_order->setSourceModel(m_model);
    m_order->setSortRole(HeadTableModel::kSortRole);
    setModel(m_order);
    setAccessibleName(tr("Table of heads"));
    setSortingEnabled(true);
    sortBy(plot::HeadMeasure::entropy);
    setSelectionBehavior(SelectRows);
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setAlternatingRowColors(true);
    horizontalHeader()->setHighlightSections(false);
    setTabKeyNavigation(false);
    verticalHeader()->setDefaultSectionSize(24);
    const auto choose = [this](const QModelIndex& index) {
        const int row = m_order->mapToSource(index).row();
        Q_EMIT chosen(row / m_model->heads(), row % m_model->heads());
    };
    connect(this, &QTableView::clicked, this, choose);
    connect(this, &QTableView::activated, this, choose); // Enter
    auto* copy = new QShortcut(QKeySequence::Copy, this);
    copy->setContext(Qt::WidgetShortcut);
    connect(copy, &QShortcut::activated, this, [this] { QGuiApplication::clipboard()->setText(selectedRows()); });
}

void HeadTableView::setValues(const plot::HeadTable& table, bool withoutSinks)
{
    const int before = m_model->rowCount();
    m_model->setValues(table, withoutSinks);
    if (m_model->rowCount() != before)
        resizeColumnsToContents();
}

void HeadTableView::sortBy(plot::HeadMeasure measure)
{
    sortByColumn(HeadTableModel::columnOf(measure), Qt::DescendingOrder);
}

void HeadTableView::showHead(int layerSlot, int headSlot)
{
    if (layerSlot < 0 || headSlot < 0) {
        clearSelection();
        return;
    }
    const QModelIndex index = m_order->mapFromSource(m_model->index(m_model->rowOf(layerSlot, headSlot), 0));
    if (selectionModel()->isRowSelected(index.row()))
        return; // with others, perhaps: the user's choice stays
    selectRow(index.row());
    scrollTo(index);
}

QString HeadTableView::selectedRows() const
{
    QStringList header;
    for (int column = 0; column < m_order->columnCount(); ++column)
        header.append(m_order->headerData(column, Qt::Horizontal).toString());
    QStringList lines{header.join(QLatin1Char('\t'))};
    QModelIndexList rows = selectionModel()->selectedRows();
    std::sort(rows.begin(), rows.end(), [](const QModelIndex& a, const QModelIndex& b) { return a.row() < b.row(); });
    for (const QModelIndex& row : rows) {
        QStringList cells;
        for (int column = 0; column < m_order->columnCount(); ++column)
            cells.append(QString::number(row.siblingAtColumn(column).data(HeadTableModel::kSortRole).toDouble()));
        lines.append(cells.join(QLatin1Char('\t')));
    }
    return lines.join(QLatin1Char('\n'));
}

} // namespace kvviz::views
