// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The open captures as a table: task, prompt, right or wrong, tokens, tier, size. Filled off the GUI thread, a file at a
// time, so that a folder of thousands does not hold up the window; one bad file is a line with its reason.
#pragma once

#include "views/view.hpp"

#include <QAbstractTableModel>

#include <atomic>
#include <map>

class QLineEdit;
class QSortFilterProxyModel;
class QTableView;
class QThreadPool;

namespace kvviz::views {

/// What the browser says of a capture.
struct CaptureLine {
    QString task, id, correct, tier, model; ///< correct: "right", "wrong" or empty
    std::int64_t nPrompt = 0, nGenerated = 0;
    std::uint64_t bytes = 0; ///< of the file
    QString fault;           ///< why it cannot be read; the rest is empty then
};

/// Opens the file; faults become a line.
[[nodiscard]] CaptureLine captureLine(const io::CaptureRef& ref);

class CaptureModel : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { file, task, prompt, correct, tokens, tier, size, columns };

    explicit CaptureModel(CaptureList* captures, QObject* parent = nullptr);
    /// The list has other captures now.
    void reset();
    void setLine(const io::CaptureRef& ref, const CaptureLine& line);
    [[nodiscard]] const CaptureLine* line(int row) const;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    CaptureList* m_captures;
    std::vector<io::CaptureRef> m_refs;
    std::vector<CaptureLine> m_lines;
    std::vector<bool> m_known;
};

class CaptureBrowser : public View {
    Q_OBJECT

public:
    explicit CaptureBrowser(const ViewContext& context, QWidget* parent = nullptr);
    ~CaptureBrowser() override;

    [[nodiscard]] bool busy() const override { return m_left > 0; }
    [[nodiscard]] QTableView* table() const { return m_table; }
    [[nodiscard]] const CaptureModel* model() const { return m_model; }
    /// Reads the list anew.
    void refresh();

protected:
    void styleChanged() override;

private:
    void selectionChanged(Selection::Parts parts);
    void showSelected();

    CaptureModel* m_model;
    QSortFilterProxyModel* m_sorted;
    QLineEdit* m_filter;
    QTableView* m_table;
    std::unique_ptr<QThreadPool> m_pool;
    std::shared_ptr<std::atomic<quint64>> m_round = std::make_shared<std::atomic<quint64>>(0);
    int m_left = 0;
    bool m_choosing = false;
};

} // namespace kvviz::views
