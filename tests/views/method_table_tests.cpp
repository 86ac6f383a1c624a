// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The method table: numbers, order, copying, choosing.
#include "views/method_table.hpp"

#include "tests/views/live_fixture.hpp"

#include <QAbstractItemModel>
#include <QAction>
#include <QClipboard>
#include <QHeaderView>
#include <QMenu>
#include <QTableView>
#include <QToolButton>

#include <cmath>

using namespace kvviz;
using test::LiveFixture;
using test::SyntheticOptions;
using test::waitUntil;
using views::LiveRow;
using views::MethodRows;
using views::SelectionState;

namespace {

struct TableFixture : LiveFixture {
    TableFixture() : LiveFixture({SyntheticOptions{.layers = 2}}), table(context())
    {
        live->setCompared({"fullkv", "h2o", "snapkv", "kv_distill", "streaming"});
        table.resize(900, 300);
        table.show();
        REQUIRE(settle());
    }
    QAbstractItemModel* model() { return table.table()->model(); }
    QString text(int row, int column) { return model()->index(row, column).data().toString(); }
    double value(int row, int column) { return model()->index(row, column).data(MethodRows::valueRole).toDouble(); }
    std::string method(int row)
    {
        return model()->index(row, 0).data(MethodRows::methodRole).toString().toStdString();
    }
    int rowOf(const std::string& name)
    {
        for (int row = 0; row < model()->rowCount(); ++row)
            if (method(row) == name)
                return row;
        return -1;
    }
    QAction* action(const QString& name)
    {
        for (QAction* one : table.actions())
            if (one->text() == name)
                return one;
        return nullptr;
    }

    views::MethodTable table;
};

} // namespace

TEST_CASE("Numbers have three digits, and what is not quite one is not told as one", "[views]")
{
    CHECK(views::shortNumber(0.51234) == QStringLiteral("0.512"));
    CHECK(views::shortNumber(1.0) == QStringLiteral("1"));
    CHECK(views::shortNumber(0.99999) == QStringLiteral(">0.999"));
    CHECK(views::shortNumber(-0.1236) == QString::fromUtf8("\u22120.124"));
    CHECK(views::shortNumber(0.0000123456) == QString::fromUtf8("1.23e\u221205"));
    CHECK(views::shortNumber(0) == QStringLiteral("0"));
    CHECK(views::shortNumber(std::nan("")) == QString::fromUtf8("\u2013"));
}

TEST_CASE("The table shows the rows of the live replay", "[views][io]")
{
    TableFixture fixture;
    REQUIRE(fixture.model()->rowCount() == 5);
    for (int row = 0; row < 5; ++row) {
        const LiveRow& live = (*fixture.live->rows())[static_cast<std::size_t>(row)];
        CAPTURE(live.method);
        CHECK(fixture.method(row) == live.method); // not sorted: as they were chosen
        CHECK(fixture.text(row, 0).contains(QString::fromStdString(live.title)));
        if (!live.obstacle.empty()) {
            CHECK(std::isnan(fixture.value(row, MethodRows::retainedMass)));
            CHECK(fixture.model()->index(row, 0).data(Qt::ToolTipRole).toString().contains(QStringLiteral("oracle_token")));
            continue;
        }
        CHECK(fixture.value(row, MethodRows::retainedMass) == live.retainedMass);
        CHECK(fixture.text(row, MethodRows::outputError) == views::shortNumber(live.outputError));
        CHECK(fixture.text(row, MethodRows::keptTokens).remove(QLatin1Char(',')) == QString::number(live.keptTokens));
        CHECK(fixture.text(row, MethodRows::logprobChange) == QString::fromUtf8("\u2013"));
    }
    for (int column = 1; column < MethodRows::columns; ++column) {
        CHECK((fixture.model()->index(0, column).data(Qt::TextAlignmentRole).toInt() & Qt::AlignRight) != 0);
        CHECK(fixture.model()->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString().size() > 30);
    }
}

TEST_CASE("Sorting goes by value, with what has no number last both ways", "[views][io]")
{
    TableFixture fixture;
    for (const auto order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
        fixture.table.table()->sortByColumn(MethodRows::outputError, order);
        CHECK(fixture.method(4) == "kv_distill");
        for (int row = 0; row + 2 < 5; ++row) {
            const double a = fixture.value(row, MethodRows::outputError), b = fixture.value(row + 1, MethodRows::outputError);
            CHECK((order == Qt::AscendingOrder ? a <= b : a >= b));
        }
    }
}

TEST_CASE("The selected method is marked, and a click or Return selects another", "[views][io]")
{
    TableFixture fixture;
    const int selected = fixture.rowOf("snapkv"), other = fixture.rowOf("h2o");
    CHECK(fixture.text(selected, 0).startsWith(QString::fromUtf8("\u25b8")));
    CHECK(fixture.model()->index(selected, 1).data(Qt::FontRole).value<QFont>().bold());
    CHECK(fixture.table.table()->currentIndex().row() == selected);
    Q_EMIT fixture.table.table()->clicked(fixture.model()->index(other, 3));
    CHECK(fixture.selection.state().method == "h2o");
    CHECK(fixture.text(other, 0).startsWith(QString::fromUtf8("\u25b8")));
    CHECK_FALSE(fixture.text(selected, 0).startsWith(QString::fromUtf8("\u25b8")));
    REQUIRE(fixture.settle());
    Q_EMIT fixture.table.table()->activated(fixture.model()->index(fixture.rowOf("fullkv"), 0));
    CHECK(fixture.selection.state().method == "fullkv");
    fixture.selection.change([](SelectionState& s) { s.method = "knorm"; }); // not among the compared ones
    REQUIRE(fixture.settle());
    CHECK(fixture.model()->rowCount() == 6);
    CHECK(fixture.method(5) == "knorm");
}

TEST_CASE("The table is copied as it is sorted, tab-separated, with headings", "[views][io]")
{
    TableFixture fixture;
    fixture.table.table()->sortByColumn(MethodRows::retainedMass, Qt::DescendingOrder);
    REQUIRE(fixture.action(QStringLiteral("Copy")));
    fixture.action(QStringLiteral("Copy"))->trigger();
    const QString copied = QApplication::clipboard()->text();
    CHECK(copied == fixture.table.tsv());
    const QStringList lines = copied.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    REQUIRE(lines.size() == 6);
    CHECK(lines[0].startsWith(QStringLiteral("method\tkept tokens\t")));
    for (int row = 0; row < 5; ++row) {
        const QStringList cells = lines[row + 1].split(QLatin1Char('\t'));
        REQUIRE(cells.size() == MethodRows::columns);
        CHECK(cells[0].toStdString() == fixture.method(row));
        if (fixture.method(row) == "kv_distill")
            CHECK(cells[MethodRows::retainedMass].isEmpty());
        else
            CHECK(cells[MethodRows::retainedMass].toDouble() == Approx(fixture.value(row, MethodRows::retainedMass)));
    }
}

TEST_CASE("Methods are added from the menu and removed with the keyboard", "[views][io]")
{
    TableFixture fixture;
    auto* menu = fixture.table.findChildren<QToolButton*>().front()->menu();
    REQUIRE(menu);
    Q_EMIT menu->aboutToShow();
    CHECK_FALSE(menu->actions().front()->isEnabled()); // the selected one is there already
    const auto find = [](const QMenu* within, const QString& title) {
        for (const QAction* group : within->actions())
            if (group->menu())
                for (QAction* one : group->menu()->actions())
                    if (one->text().trimmed() == title)
                        return one;
        return static_cast<QAction*>(nullptr);
    };
    QAction* tova = find(menu, QStringLiteral("TOVA (prefill end)"));
    REQUIRE(tova);
    tova->trigger();
    CHECK(fixture.live->compared().back() == "tova");
    REQUIRE(fixture.settle());
    CHECK(fixture.rowOf("tova") == 5);
    fixture.table.table()->setCurrentIndex(fixture.model()->index(fixture.rowOf("h2o"), 0));
    fixture.action(QStringLiteral("Remove"))->trigger();
    REQUIRE(fixture.settle());
    CHECK(fixture.rowOf("h2o") == -1);
    fixture.selection.change([](SelectionState& s) { s.method = "snapkv:window=4"; });
    REQUIRE(fixture.settle());
    Q_EMIT menu->aboutToShow();
    CHECK(menu->actions().front()->isEnabled());
    menu->actions().front()->trigger();
    CHECK(fixture.live->compared().back() == "snapkv:window=4");
}

TEST_CASE("A hidden table asks for nothing", "[views][io]")
{
    TableFixture fixture;
    fixture.table.hide();
    const auto rows = fixture.live->rows();
    fixture.selection.change([](SelectionState& s) { s.ratio = 0.2; });
    REQUIRE(fixture.settle());
    CHECK((*fixture.live->rows())[0].pending); // the numbers of before, and known to be
    fixture.table.show();
    REQUIRE(fixture.settle());
    CHECK_FALSE((*fixture.live->rows())[0].pending);
    CHECK(fixture.value(1, MethodRows::keptShare) == Approx(0.2));
}

TEST_CASE("The heading says how many sinks are left out", "[views][io]")
{
    TableFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.sinkTokens = 7; });
    REQUIRE(fixture.settle());
    CHECK(fixture.model()->headerData(MethodRows::retainedNonSink, Qt::Horizontal, Qt::ToolTipRole).toString().contains(
        QStringLiteral("first 7")));
}
