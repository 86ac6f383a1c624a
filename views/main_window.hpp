// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The window of `kvviz view`: selectors above, heatmap and cumulative curve below, a readout in the status bar, faults
// in a message bar instead of dialogs.
#pragma once

#include "views/capture_list.hpp"
#include "views/selection.hpp"

#include <QMainWindow>

#include <memory>

class QCheckBox;
class QComboBox;
class QLabel;

namespace kvviz::views {

class CurveView;
class MapView;

class MainWindow : public QMainWindow {
    Q_OBJECT

public:
    /// `layer` and `head` as numbers in the model; the first capture is shown.
    MainWindow(std::unique_ptr<CaptureList> captures, int layer, int head);
    ~MainWindow() override;

    [[nodiscard]] Selection* selection() const { return m_selection; }
    [[nodiscard]] MapView* mapView() const { return m_map; }
    [[nodiscard]] CurveView* curveView() const { return m_curve; }
    /// Nothing is being read: what is on screen is final.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] QString message() const;

private:
    void buildToolBar();
    void buildPage();
    void buildActions();
    void connectSelectors();
    void fillSelectors();
    void selectionChanged(Selection::Parts parts);
    void showMessage(const QString& message);
    void stepLayer(int by);
    void stepHead(int by);

    std::unique_ptr<CaptureList> m_captures;
    Selection* m_selection;
    QComboBox* m_captureBox;
    QComboBox* m_layerBox;
    QComboBox* m_headBox;
    QComboBox* m_poolingBox;
    QCheckBox* m_sinkBox;
    QCheckBox* m_logBox;
    QLabel* m_message;
    QLabel* m_readout;
    QLabel* m_about;
    MapView* m_map;
    CurveView* m_curve;
};

} // namespace kvviz::views
