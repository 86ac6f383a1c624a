// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The compared methods at the selected budget on the selected layer: sorted by any column, copied as a table, a click
// selects the method.
#pragma once

#include "views/method_rows.hpp"
#include "views/view.hpp"

class QHBoxLayout;
class QLabel;
class QMenu;
class QTableView;
class QToolButton;

namespace kvviz::views {

class MethodTable : public View {
    Q_OBJECT

public:
    explicit MethodTable(const ViewContext& context, QWidget* parent = nullptr);

    [[nodiscard]] QTableView* table() const { return m_table; }
    /// Tab-separated, as it is sorted, with a line of headings; numbers with six digits, nothing where there is none.
    [[nodiscard]] QString tsv() const;
    [[nodiscard]] bool busy() const override;

protected:
    void styleChanged() override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void buildBar(QHBoxLayout* bar);
    void buildTable();
    void fillMenu();
    void showRows();
    void select(const QModelIndex& index);
    void removeCurrent();
    void add(const std::string& method);
    [[nodiscard]] std::string currentMethod() const;

    MethodRows* m_rows;
    MethodOrder* m_order;
    QTableView* m_table;
    QToolButton *m_add, *m_remove, *m_copy;
    QMenu* m_menu;
    QLabel* m_about;
    std::string m_shown; ///< selected method that was made the current row
};

} // namespace kvviz::views
