// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The heatmap of the window: of one capture or the difference of two, with what the selected method evicts. Cells are
// read off the GUI thread; until they are there, those at hand are shown at the new place.
#pragma once

#include "views/color_bar.hpp"
#include "views/heatmap_panel.hpp"
#include "views/map_controls.hpp"
#include "views/map_loader.hpp"
#include "views/view.hpp"

#include <QTimer>

#include <atomic>
#include <memory>

namespace kvviz::views {

class MapView : public View {
    Q_OBJECT

public:
    explicit MapView(const ViewContext& context, QWidget* parent = nullptr);
    ~MapView() override;

    [[nodiscard]] bool busy() const override;
    [[nodiscard]] std::optional<plot::Figure> figure() const override;

    void reload() override { load(); }
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }
    [[nodiscard]] const plot::HeatmapPanel& heatmap() const { return *m_heatmap; }
    /// What is shown, without its cells.
    [[nodiscard]] const plot::MapPanel& panel() const { return m_heatmap->panel(); }
    /// With its cells; null while there is nothing to show.
    [[nodiscard]] const std::shared_ptr<const plot::LoadedMap>& map() const { return m_map; }
    [[nodiscard]] const plot::ColorScale& scale() const;
    /// Text for what lies under a point of the plot: cell, kept key, piece of the prompt; empty elsewhere.
    [[nodiscard]] QString readout(QPointF position) const;
    /// The cell under the crosshair in words; empty without one.
    [[nodiscard]] QString valueText() const;
    /// The row of the crosshair as far as its keys are visible, tab-separated with headings, a cell a line.
    [[nodiscard]] QString rowText() const;
    /// Of a difference: itself, or one of its captures alone.
    enum class Shown : std::uint8_t { difference, a, b };
    [[nodiscard]] Shown shown() const { return m_shown; }
    /// "keys 3 to 9: 12 % of the row", once it is known.
    [[nodiscard]] const plot::MapMarks& marks() const { return m_marks; }

public Q_SLOTS:
    void zoomIn();
    void zoomOut();
    void resetView();
    void clearCrosshair();
    /// Fixes the colour range at what it is now, or lets it follow the values again.
    void lockColors(bool locked);
    /// While on: the captures of a difference in turn, each alone, in the same colours.
    void blink(bool on);
    void showOnly(kvviz::views::MapView::Shown shown);

protected:
    bool event(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void styleChanged() override;

private:
    void connectParts();
    void selectionChanged(Selection::Parts parts);
    void load();
    [[nodiscard]] plot::MapRequest request() const;
    void setMap(std::shared_ptr<const plot::LoadedMap> map);
    void refresh();
    void arrange();
    void plotResized();
    void applyVisible();
    /// Queries and keys in sight, by the selection and what there is.
    [[nodiscard]] std::pair<core::Span, core::Span> visible() const;
    void updateKept();
    void showKept(plot::KeptMarks kept);
    void updateMarks();
    void measure(core::Span keys);
    [[nodiscard]] const plot::MapCells& shownCells() const;
    [[nodiscard]] QSizeF devicePixels() const;
    [[nodiscard]] std::vector<std::string> notes() const;

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::HeatmapPanel> m_heatmap;
    MapControls* m_controls;
    plot::ColorBar* m_colorBar;
    plot::TextBlock* m_notes;
    std::shared_ptr<const plot::LoadedMap> m_map;
    std::shared_ptr<plot::MapLoader> m_loader = std::make_shared<plot::MapLoader>(); ///< works on after the view is gone
    std::shared_ptr<std::atomic<quint64>> m_newest = std::make_shared<std::atomic<quint64>>(0);
    plot::KeptMarks m_kept;
    plot::MapMarks m_marks;
    Shown m_shown = Shown::difference;
    QTimer m_blinkTimer;
    QSizeF m_pixels; ///< for which cells were asked
    BackgroundTask m_keptTask, m_measureTask;
};

} // namespace kvviz::views
