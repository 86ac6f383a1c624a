// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// All measures of all heads as rows of a table that can be sorted.
#pragma once

#include "views/head_statistics.hpp"

#include <QAbstractTableModel>

namespace kvviz::views {

class HeadTableModel : public QAbstractTableModel {
    Q_OBJECT

public:
    /// Columns before those of the measures.
    enum Column : std::uint8_t { layer, head, kvHead, firstMeasure };
    /// Numbers to sort by; unknown ones come last in either order.
    static constexpr int kSortRole = Qt::UserRole;

    using QAbstractTableModel::QAbstractTableModel;
    void setTable(const plot::HeadTable& table, bool withoutSinks);
    /// The cells changed, the heads did not.
    void setValues(const plot::HeadTable& table, bool withoutSinks);
    [[nodiscard]] static int columnOf(plot::HeadMeasure measure) { return firstMeasure + static_cast<int>(measure); }
    /// "Eff. tokens", ...
    [[nodiscard]] static QString shortName(plot::HeadMeasure measure);
    [[nodiscard]] int heads() const { return static_cast<int>(m_table.heads.size()); }
    [[nodiscard]] int rowOf(std::int64_t layerSlot, std::int64_t headSlot) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    [[nodiscard]] double number(const QModelIndex& index) const;

    plot::HeadTable m_table;
    bool m_withoutSinks = false;
};

} // namespace kvviz::views
