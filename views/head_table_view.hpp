// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The sorted table of heads: a click on a header sorts, a click on a row (or Enter) chooses a head, Ctrl+C copies rows.
#pragma once

#include "views/head_statistics.hpp"

#include <QTableView>

class QSortFilterProxyModel;

namespace kvviz::views {

class HeadTableModel;

class HeadTableView : public QTableView {
    Q_OBJECT

public:
    explicit HeadTableView(QWidget* parent = nullptr);

    void setValues(const plot::HeadTable& table, bool withoutSinks);
    /// Largest first.
    void sortBy(plot::HeadMeasure measure);
    /// Selects the row of a head, given by slots; none when one is below 0.
    void showHead(int layerSlot, int headSlot);
    /// Header and selected rows with all digits, separated by tabs.
    [[nodiscard]] QString selectedRows() const;

Q_SIGNALS:
    void chosen(int layerSlot, int headSlot);

private:
    HeadTableModel* m_model;
    QSortFilterProxyModel* m_order;
};

} // namespace kvviz::views
