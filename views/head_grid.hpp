// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// All heads at a glance: layers x query heads, grouped under their KV heads, coloured by a measure or shown as small
// attention maps; or as a table sorted by a measure. A click chooses layer and head.
#pragma once

#include "views/head_statistics.hpp"
#include "views/matrix_canvas.hpp"
#include "views/notice_stack.hpp"
#include "views/view.hpp"

class QCheckBox;
class QComboBox;

namespace kvviz::views {

class HeadTableView;

class HeadGrid : public View {
    Q_OBJECT

public:
    explicit HeadGrid(const ViewContext& context, QWidget* parent = nullptr);
    ~HeadGrid() override;

    [[nodiscard]] bool busy() const override { return m_task.busy() || m_tileTask.busy(); }
    [[nodiscard]] std::optional<plot::Figure> figure() const override;
    /// Reads again what it shows: the files may have changed.
    void reload() override;

    [[nodiscard]] plot::HeadMeasure measure() const { return m_measure; }
    void setMeasure(plot::HeadMeasure measure);
    /// Small attention maps in place of plain cells, for captures that hold maps.
    void setThumbnails(bool on);
    [[nodiscard]] bool thumbnails() const { return m_thumbnails; }
    /// A sorted table in place of the grid.
    void setSorted(bool on);
    [[nodiscard]] bool sorted() const;
    /// What the selected method loses, [L, H] each, NaN where not known yet; empty: nothing known. `name`: method and
    /// budget.
    void setLost(std::span<const float> lostMass, std::span<const float> nonSink, const QString& name);

    [[nodiscard]] const plot::HeadTable& table() const { return m_table; }
    [[nodiscard]] MatrixCanvas* canvas() const { return m_canvas; }
    [[nodiscard]] HeadTableView* tableView() const { return m_tableView; }
    [[nodiscard]] QString notice() const { return m_stack->notice(); }
    /// What is said about a cell; column -1: the whole layer.
    [[nodiscard]] QString describe(int row, int column) const;

protected:
    void styleChanged() override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void buildControls();
    void selectionChanged(Selection::Parts parts);
    void load();
    void loadLayers(std::int64_t first);
    void loadThumbnails();
    /// The small map of a head, larger: what a click would show in the map. Null: not read, or there is none.
    [[nodiscard]] QImage preview(int row, int column);
    void liveChanged();
    void updateWants();
    void refresh();
    void markCurrent();
    void choose(int row, int column);
    [[nodiscard]] plot::MatrixFigure matrix() const;
    [[nodiscard]] plot::MatrixFigure thumbnailMatrix() const;

    plot::HeadTable m_table;
    plot::Provenance m_source;
    plot::HeadMeasure m_measure = plot::HeadMeasure::entropy;
    bool m_thumbnails = false;
    std::vector<io::MapTile> m_tiles; ///< [L, H] coarsest level of the maps; empty: not read, or none
    QString m_noTiles;                ///< why there are none
    QString m_lostName;               ///< method and budget of the lost mass
    bool m_wantsSurvey = false;
    int m_capture = -1, m_sinkTokens = -1; ///< that the table was read for
    BackgroundTask m_tileTask;

    NoticeStack* m_stack;
    MatrixCanvas* m_canvas;
    HeadTableView* m_tableView;
    QComboBox* m_measureBox;
    QCheckBox* m_sortedBox;
};

} // namespace kvviz::views
