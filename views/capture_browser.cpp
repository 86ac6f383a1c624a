// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/capture_browser.hpp"

#include "core/text.hpp"

#include <QHeaderView>
#include <QLineEdit>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QThreadPool>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kSortRole = Qt::UserRole;
constexpr int kLeastRow = 24; // pixels

QString text(const std::string& utf8) { return QString::fromStdString(utf8); }

} // namespace

CaptureLine captureLine(const io::CaptureRef& ref)
{
    CaptureLine line;
    try {
        const io::CaptureReader reader(ref);
        const core::CaptureInfo& info = reader.info();
        line.task = text(info.prompt.task);
        line.id = text(info.prompt.id);
        line.tier = text(std::string(core::tierName(info.tier)));
        line.model = text(info.model.name);
        line.nPrompt = info.nPrompt();
        line.nGenerated = info.nGenerated();
        if (const auto correct = info.extra.find("correct"); correct != info.extra.end())
            line.correct = correct->second == "true" ? QObject::tr("right") : QObject::tr("wrong");
        std::error_code ignored;
        line.bytes = std::filesystem::file_size(ref.file, ignored);
    } catch (const std::exception& exception) {
        line = {};
        line.fault = QString::fromUtf8(exception.what());
    }
    return line;
}

CaptureModel::CaptureModel(CaptureList* captures, QObject* parent) : QAbstractTableModel(parent), m_captures(captures)
{
    reset();
}

void CaptureModel::reset()
{
    beginResetModel();
    m_refs = m_captures->refs();
    m_lines.assign(m_refs.size(), {});
    m_known.assign(m_refs.size(), false);
    endResetModel();
}

void CaptureModel::setLine(const io::CaptureRef& ref, const CaptureLine& line)
{
    const auto found = std::find(m_refs.begin(), m_refs.end(), ref);
    if (found == m_refs.end())
        return;
    const auto row = static_cast<int>(found - m_refs.begin());
    m_lines[static_cast<std::size_t>(row)] = line;
    m_known[static_cast<std::size_t>(row)] = true;
    Q_EMIT dataChanged(index(row, 0), index(row, columns - 1));
}

const CaptureLine* CaptureModel::line(int row) const
{
    const auto at = static_cast<std::size_t>(row);
    return row >= 0 && at < m_lines.size() && m_known[at] ? &m_lines[at] : nullptr;
}

int CaptureModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_refs.size());
}

int CaptureModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : columns; }

QVariant CaptureModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const auto row = static_cast<std::size_t>(index.row());
    const CaptureLine* known = line(index.row());
    if (role == Qt::ToolTipRole)
        return known && !known->fault.isEmpty() ? known->fault : text(m_refs[row].file.string());
    if (role == Qt::TextAlignmentRole && (index.column() == tokens || index.column() == size))
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole && role != kSortRole)
        return {};
    if (index.column() == file) {
        const QString name = m_captures->label(index.row());
        return known && !known->fault.isEmpty() && role == Qt::DisplayRole ? QStringLiteral("\u26a0 ") + name : name;
    }
    if (!known)
        return index.column() == task && role == Qt::DisplayRole ? QVariant(QStringLiteral("\u2026")) : QVariant();
    switch (index.column()) {
    case task: return known->fault.isEmpty() ? known->task : tr("cannot be read");
    case prompt: return known->id;
    case correct: return known->correct;
    case tokens:
        if (role == kSortRole)
            return qlonglong(known->nPrompt + known->nGenerated);
        return known->fault.isEmpty() ? tr("%1 + %2").arg(known->nPrompt).arg(known->nGenerated) : QString();
    case tier: return known->tier;
    case size:
        if (role == kSortRole)
            return qulonglong(known->bytes);
        return known->fault.isEmpty() ? text(core::humanBytes(known->bytes)) : QString();
    default: return {};
    }
}

QVariant CaptureModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation == Qt::Vertical)
        return role == Qt::DisplayRole ? QVariant(section + 1) : QVariant();
    if (role == Qt::ToolTipRole && section == tokens)
        return tr("Tokens of the prompt + of the continuation");
    if (role != Qt::DisplayRole)
        return {};
    const QStringList names{tr("File"), tr("Task"), tr("Prompt"), tr("Answer"), tr("Tokens"), tr("Tier"), tr("Size")};
    return names.value(section);
}

CaptureBrowser::CaptureBrowser(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_model(new CaptureModel(context.captures, this)),
      m_sorted(new QSortFilterProxyModel(this)), m_filter(new QLineEdit), m_table(new QTableView),
      m_pool(std::make_unique<QThreadPool>())
{
    m_pool->setMaxThreadCount(1);
    m_sorted->setSourceModel(m_model);
    m_sorted->setSortRole(kSortRole);
    m_sorted->setFilterKeyColumn(-1);
    m_sorted->setFilterCaseSensitivity(Qt::CaseInsensitive);
    m_filter->setPlaceholderText(tr("Filter captures"));
    m_filter->setAccessibleName(tr("Filter captures"));
    m_filter->setClearButtonEnabled(true);
    m_filter->setMinimumHeight(kLeastRow);
    m_table->setModel(m_sorted);
    m_table->setAccessibleName(tr("Captures"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(-1, Qt::AscendingOrder);
    m_table->setShowGrid(false);
    m_table->setAlternatingRowColors(true);
    m_table->setWordWrap(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(std::max(kLeastRow, fontMetrics().height() + 8));
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->moveSection(CaptureModel::prompt, CaptureModel::columns - 1); // mostly as the file
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->setTabKeyNavigation(false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    layout->addWidget(m_filter);
    layout->addWidget(m_table, 1);
    connect(m_filter, &QLineEdit::textChanged, m_sorted, &QSortFilterProxyModel::setFilterFixedString);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& now) {
        if (!m_choosing && now.isValid())
            m_context.selection->setCapture(m_sorted->mapToSource(now).row());
    });
    connect(m_context.selection, &Selection::changed, this, &CaptureBrowser::selectionChanged);
    m_settings.add("filter", m_filter);
    m_settings.add("columns", m_table->horizontalHeader());
    refresh();
}

CaptureBrowser::~CaptureBrowser()
{
    ++*m_round;
    m_pool->clear();
    m_pool->waitForDone();
}

void CaptureBrowser::refresh()
{
    const quint64 round = ++*m_round;
    m_pool->clear();
    m_choosing = true;
    m_model->reset();
    m_choosing = false;
    const auto refs = m_context.captures->refs();
    m_left = static_cast<int>(refs.size());
    for (const io::CaptureRef& ref : refs)
        m_pool->start([this, ref, round, newest = m_round] {
            if (round != *newest)
                return;
            const CaptureLine line = captureLine(ref);
            QMetaObject::invokeMethod(
                this,
                [this, ref, line, round] {
                    if (round != *m_round)
                        return;
                    m_model->setLine(ref, line);
                    if (--m_left > 0)
                        return;
                    m_table->resizeColumnsToContents();
                    Q_EMIT idle();
                },
                Qt::QueuedConnection);
        });
    m_table->resizeColumnsToContents();
    showSelected();
}

void CaptureBrowser::styleChanged()
{
    m_table->verticalHeader()->setDefaultSectionSize(std::max(kLeastRow, fontMetrics().height() + 8));
    m_table->resizeColumnsToContents();
}

void CaptureBrowser::selectionChanged(Selection::Parts parts)
{
    if (parts.testFlag(Selection::capture))
        showSelected();
}

void CaptureBrowser::showSelected()
{
    m_choosing = true;
    const QModelIndex place = m_sorted->mapFromSource(m_model->index(state().capture, 0));
    m_table->setCurrentIndex(place);
    if (place.isValid())
        m_table->scrollTo(place);
    m_choosing = false;
}

} // namespace kvviz::views
