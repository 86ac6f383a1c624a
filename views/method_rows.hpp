// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The rows of the method table as a model: numbers with three digits, what they mean in the column's tooltip.
#pragma once

#include "views/live_results.hpp"
#include "views/plot_style.hpp"

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>

#include <memory>
#include <string>
#include <vector>

namespace kvviz::views {

class MethodRows : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { method, keptTokens, keptShare, retainedMass, retainedNonSink, outputError, logprobChange, bytes, columns };
    /// Of the data: the number behind the text (QVariant of double, NaN where there is none), and the specification.
    enum Role { valueRole = Qt::UserRole, methodRole };

    using QAbstractTableModel::QAbstractTableModel;

    /// `methods`: in the order of their colours; `sinkTokens`: that "without sinks" leaves out.
    void setRows(std::shared_ptr<const std::vector<LiveRow>> rows, std::vector<std::string> methods,
                 const std::string& selected, int sinkTokens);
    void setStyle(const plot::PlotStyle& style);
    /// -1: not among the rows.
    [[nodiscard]] int rowOf(const std::string& specification) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    [[nodiscard]] double valueOf(const LiveRow& row, int column) const;
    [[nodiscard]] QString textOf(const LiveRow& row, int column) const;

    std::shared_ptr<const std::vector<LiveRow>> m_rows = std::make_shared<const std::vector<LiveRow>>();
    std::vector<std::string> m_methods;
    std::string m_selected;
    int m_sinkTokens = 4;
    plot::PlotStyle m_style;
};

/// Rows without a number come last, whichever way the others are sorted.
class MethodOrder : public QSortFilterProxyModel {
    Q_OBJECT

public:
    using QSortFilterProxyModel::QSortFilterProxyModel;

protected:
    [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;
};

/// Three significant digits; what is nearly but not exactly 1 is not told as 1; a dash for NaN.
[[nodiscard]] QString shortNumber(double value);

} // namespace kvviz::views
