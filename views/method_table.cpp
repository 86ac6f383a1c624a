// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_table.hpp"

#include "compress/method.hpp"
#include "compress/specification.hpp"
#include "core/error.hpp"
#include "views/live_replay.hpp"
#include "views/method_menu.hpp"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QSignalBlocker>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr int kLeastTarget = 26; // pixels

constexpr QLatin1Char kSeparator(';'); // as in --methods

QString joined(const std::vector<std::string>& methods)
{
    QStringList texts;
    for (const std::string& method : methods)
        texts.append(QString::fromStdString(method));
    return texts.join(kSeparator);
}

/// Those that this version knows.
std::vector<std::string> separated(const QString& text)
{
    std::vector<std::string> methods;
    for (const QString& method : text.split(kSeparator, Qt::SkipEmptyParts)) {
        try {
            methods.push_back(method.toStdString());
            (void)compress::makeMethod(methods.back());
        } catch (const core::Error&) {
            methods.pop_back();
        }
    }
    return methods;
}

QString plainNumber(double value) { return std::isfinite(value) ? QString::number(value, 'g', 6) : QString(); }

} // namespace

MethodTable::MethodTable(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_rows(new MethodRows(this)), m_order(new MethodOrder(this)), m_table(new QTableView),
      m_add(new QToolButton), m_remove(new QToolButton), m_copy(new QToolButton), m_menu(new QMenu(this)),
      m_about(new QLabel)
{
    auto* page = new QVBoxLayout(this);
    page->setContentsMargins(4, 4, 4, 4);
    page->setSpacing(4);
    auto* bar = new QHBoxLayout;
    buildBar(bar);
    page->addLayout(bar);
    buildTable();
    page->addWidget(m_table, 1);
    setMinimumSize(320, 160);
    m_rows->setStyle(m_style);
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & (Selection::method | Selection::sinks | Selection::capture | Selection::map))
            showRows();
    });
    if (m_context.live) {
        connect(m_context.live, &LiveReplay::rowsChanged, this, &MethodTable::showRows);
        connect(m_context.live, &LiveReplay::comparedChanged, this, &MethodTable::showRows);
        connect(m_context.live, &LiveReplay::idle, this, &MethodTable::idle);
    }
    showRows();
}

void MethodTable::buildBar(QHBoxLayout* bar)
{
    m_add->setText(tr("Add"));
    m_add->setToolTip(tr("Another method to compare"));
    m_add->setAccessibleName(tr("Add a method to compare"));
    m_add->setPopupMode(QToolButton::InstantPopup);
    m_add->setMenu(m_menu);
    connect(m_menu, &QMenu::aboutToShow, this, &MethodTable::fillMenu);
    auto* remove = new QAction(tr("Remove"), this);
    remove->setShortcut(QKeySequence::Delete);
    remove->setToolTip(tr("Compare without this method (Del)"));
    connect(remove, &QAction::triggered, this, &MethodTable::removeCurrent);
    m_remove->setDefaultAction(remove);
    auto* copy = new QAction(tr("Copy"), this);
    copy->setShortcut(QKeySequence::Copy);
    copy->setToolTip(tr("The table, tab-separated with headings (Ctrl+C)"));
    connect(copy, &QAction::triggered, this, [this] { QApplication::clipboard()->setText(tsv()); });
    m_copy->setDefaultAction(copy);
    for (QAction* action : {remove, copy}) {
        action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
        addAction(action);
    }
    for (QToolButton* button : {m_add, m_remove, m_copy}) {
        button->setMinimumHeight(kLeastTarget);
        button->setToolButtonStyle(Qt::ToolButtonTextOnly);
        bar->addWidget(button);
    }
    m_about->setAccessibleName(tr("What the table shows"));
    m_about->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    bar->addWidget(m_about, 1);
}

void MethodTable::buildTable()
{
    m_order->setSourceModel(m_rows);
    m_order->setDynamicSortFilter(true);
    m_table->setModel(m_order);
    m_table->setAccessibleName(tr("Methods compared"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(-1, Qt::DescendingOrder); // as they were chosen
    m_table->setAlternatingRowColors(true);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->setIconSize(QSize(22, 14));
    m_table->setTabKeyNavigation(false); // Tab leaves the table
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(std::max(kLeastTarget - 2, fontMetrics().height() + 8));
    QHeaderView* head = m_table->horizontalHeader();
    head->setSectionsMovable(true);
    head->setSortIndicatorClearable(true);
    head->setMinimumSectionSize(48);
    head->setStretchLastSection(false);
    head->setSectionResizeMode(QHeaderView::ResizeToContents);
    head->setHighlightSections(false); // bold headings would take more room than their columns
    connect(m_table, &QTableView::clicked, this, &MethodTable::select);
    connect(m_table, &QTableView::activated, this, &MethodTable::select);
    m_settings.add("columns", head);
    if (LiveReplay* live = m_context.live)
        m_settings.add("compared", [live] { return joined(live->compared()); },
                       [live](const QString& text) { live->setCompared(separated(text)); });
}

bool MethodTable::busy() const { return View::busy() || (m_context.live && m_context.live->busy()); }

void MethodTable::showRows()
{
    if (!m_context.live)
        return;
    const SelectionState& now = state();
    m_rows->setRows(m_context.live->rows(), m_context.live->methods(), now.method, now.sinkTokens);
    const int row = m_rows->rowOf(now.method);
    const QSignalBlocker blocker(m_table->selectionModel());
    if (row >= 0 && (m_shown != now.method || !m_table->currentIndex().isValid())) { // else it is where keys moved it
        m_table->setCurrentIndex(m_order->mapFromSource(m_rows->index(row, MethodRows::method)));
        m_shown = now.method;
    }
    m_table->viewport()->update();
    const QString budget = now.budgetTokens > 0 ? tr("%1 tokens a KV head").arg(now.budgetTokens)
                                                : tr("ratio %1").arg(QString::number(now.ratio, 'g', 3));
    m_about->setText(m_rows->rowCount() > 0 ? tr("layer %1, %2").arg(now.layer).arg(budget) : QString());
}

void MethodTable::select(const QModelIndex& index)
{
    const std::string method = index.data(MethodRows::methodRole).toString().toStdString();
    if (!method.empty())
        m_context.selection->change([&](SelectionState& s) { s.method = method; });
}

std::string MethodTable::currentMethod() const
{
    return m_table->currentIndex().data(MethodRows::methodRole).toString().toStdString();
}

void MethodTable::removeCurrent()
{
    if (!m_context.live)
        return;
    std::vector<std::string> methods = m_context.live->compared();
    methods.erase(std::remove(methods.begin(), methods.end(), currentMethod()), methods.end());
    m_context.live->setCompared(std::move(methods));
}

void MethodTable::add(const std::string& method)
{
    std::vector<std::string> methods = m_context.live->compared();
    methods.push_back(method);
    m_context.live->setCompared(std::move(methods));
}

void MethodTable::fillMenu()
{
    m_menu->clear();
    if (!m_context.live)
        return;
    const std::vector<std::string>& compared = m_context.live->compared();
    const auto has = [&](const std::string& method) {
        return std::find(compared.begin(), compared.end(), method) != compared.end();
    };
    const std::string& selected = state().method;
    QAction* keep = m_menu->addAction(tr("Keep the selected one (%1)").arg(QString::fromStdString(selected)));
    keep->setEnabled(!has(selected));
    connect(keep, &QAction::triggered, this, [this, selected] { add(selected); });
    m_menu->addSeparator();
    for (const MethodGroup& group : methodGroups()) {
        QMenu* menu = m_menu->addMenu(group.title);
        for (const compress::MethodInfo* info : group.methods) {
            QAction* action = menu->addAction(QString::fromStdString(info->title));
            action->setEnabled(!has(info->name));
            connect(action, &QAction::triggered, this, [this, info] { add(info->name); });
            for (const auto& [preset, values] : info->presets) {
                const std::string specification = info->name + ":" + preset;
                QAction* one = menu->addAction(QStringLiteral("    ") + QString::fromStdString(methodTitle(specification)));
                one->setEnabled(!has(specification));
                connect(one, &QAction::triggered, this, [this, specification] { add(specification); });
            }
        }
    }
}

QString MethodTable::tsv() const
{
    QStringList lines, head;
    for (int column = 0; column < MethodRows::columns; ++column)
        head.append(m_order->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
    lines.append(head.join(QLatin1Char('\t')));
    for (int row = 0; row < m_order->rowCount(); ++row) {
        QStringList cells{m_order->index(row, 0).data(MethodRows::methodRole).toString()};
        for (int column = 1; column < MethodRows::columns; ++column)
            cells.append(plainNumber(m_order->index(row, column).data(MethodRows::valueRole).toDouble()));
        lines.append(cells.join(QLatin1Char('\t')));
    }
    return lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

void MethodTable::styleChanged()
{
    m_rows->setStyle(m_style);
    m_table->verticalHeader()->setDefaultSectionSize(std::max(kLeastTarget - 2, fontMetrics().height() + 8));
}

void MethodTable::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    if (m_context.live)
        m_context.live->want(this, LiveReplay::wantRows);
}

void MethodTable::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    if (m_context.live)
        m_context.live->want(this, 0);
}

} // namespace kvviz::views
