// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The selected method replayed on the selected layer while its ratio moves: computed off the GUI thread, coarse first,
// stale requests dropped. Views that show compression draw from these results and compute nothing themselves.
#pragma once

#include "views/capture_list.hpp"
#include "views/live_results.hpp"
#include "views/live_worker.hpp"
#include "views/selection.hpp"

#include <QObject>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::views {

class LiveReplay : public QObject {
    Q_OBJECT

public:
    LiveReplay(Selection* selection, CaptureList* captures, QObject* parent = nullptr);
    ~LiveReplay() override;

    /// Null before the first result, and when the selected method cannot be replayed on the selected capture. While a
    /// slider moves it may be of a budget before: `budget` says which.
    [[nodiscard]] std::shared_ptr<const LiveLayer> layer() const { return m_layer; }
    /// Why there is no layer(); empty: there is one, or there will be.
    [[nodiscard]] const std::string& obstacle() const { return m_obstacle; }
    [[nodiscard]] std::shared_ptr<const std::vector<LiveRow>> rows() const { return m_rows; }
    [[nodiscard]] std::shared_ptr<const std::vector<LiveCurve>> curves() const { return m_curves; }
    [[nodiscard]] std::shared_ptr<const LiveSurvey> survey() const { return m_survey; }
    /// Methods of table and curves, as specifications; the selected one is always among them.
    void setCompared(std::vector<std::string> methods);
    [[nodiscard]] const std::vector<std::string>& compared() const { return m_compared; }
    /// compared(), and the selected method at the end unless it is among them: lines, in the order of their colours.
    [[nodiscard]] std::vector<std::string> methods() const;
    /// Rows, curves and survey cost more than the layer: each is computed only while somebody wants it.
    enum Want : unsigned { wantRows = 1, wantCurves = 2, wantSurvey = 4 };
    void want(const QObject* who, unsigned wants);
    /// The captures have changed on disk or in the list: everything is computed again.
    void reload();
    [[nodiscard]] bool busy() const { return m_busy; }

Q_SIGNALS:
    void layerChanged();
    void rowsChanged();
    void curvesChanged();
    void surveyChanged();
    /// The methods to compare are others.
    void comparedChanged();
    void failed(const QString& message);
    void idle();

private:
    /// The last request of which each result is complete.
    struct Has {
        std::optional<LiveRequest> layer, rows, curves, survey;
    };
    void selectionChanged(Selection::Parts parts);
    void request();
    [[nodiscard]] LiveRequest scene() const;
    [[nodiscard]] LiveRequest wanted() const;
    void forget(bool captureToo);
    [[nodiscard]] LiveTold listeners();
    void takeLayer(const LiveRequest& of, const LiveTold::Layer& layer, const std::string& obstacle);
    void takeRows(const LiveRequest& of, const LiveTold::Rows& rows, bool complete);
    void takeCurves(const LiveRequest& of, const LiveTold::Curves& curves, bool complete);
    void takeSurvey(const LiveRequest& of, const LiveTold::Survey& survey, bool complete);
    void takeFailure(const LiveRequest& of, const std::string& message);
    void takeEnd(const LiveRequest& of);
    void updateSelectedRow();

    Selection* m_selection;
    CaptureList* m_captures;
    LiveTold::Layer m_layer;
    LiveTold::Rows m_rows;
    LiveTold::Curves m_curves;
    LiveTold::Survey m_survey;
    std::string m_obstacle;
    std::vector<std::string> m_compared;
    std::map<const QObject*, unsigned> m_wants;
    std::optional<LiveRequest> m_asked; ///< the last one, as it was sent
    Has m_has;
    int m_epoch = 0; ///< counts reloads
    QString m_failure; ///< told already
    bool m_busy = false;
    LiveWorker m_worker; ///< last: its thread ends first
};

} // namespace kvviz::views
