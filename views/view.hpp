// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What every view of the window is: a widget that listens to the selection, reads off the GUI thread, says what it
// could not do, and gives what it shows as figure data for export.
#pragma once

#include "views/background_task.hpp"
#include "views/capture_list.hpp"
#include "views/figure_data.hpp"
#include "views/plot_style.hpp"
#include "views/selection.hpp"
#include "views/view_settings.hpp"

#include <QWidget>

#include <optional>

namespace kvviz::views {

class LiveReplay;

/// What views are made of. The window owns all of it and deletes the views first.
struct ViewContext {
    Selection* selection = nullptr;
    CaptureList* captures = nullptr;
    LiveReplay* live = nullptr; ///< what the selected method does to the selected layer
};

class View : public QWidget {
    Q_OBJECT

public:
    View(const ViewContext& context, QWidget* parent = nullptr);

    /// Something is being read or computed: what is on screen may not be final.
    [[nodiscard]] virtual bool busy() const { return m_task.busy(); }
    /// What the view shows now, for `Export`, with provenance and parameters; nothing while it shows nothing.
    [[nodiscard]] virtual std::optional<plot::Figure> figure() const { return std::nullopt; }
    /// Reads again what it shows: the files may have changed.
    virtual void reload() {}
    /// What is chosen in it beside the selection.
    [[nodiscard]] ViewSettings& settings() { return m_settings; }
    [[nodiscard]] const ViewSettings& settings() const { return m_settings; }

Q_SIGNALS:
    /// A sentence for the message bar.
    void failed(const QString& message);
    /// A readout for the status bar; empty when the cursor leaves.
    void hovered(const QString& text);
    /// The newest request is done (or failed).
    void idle();

protected:
    [[nodiscard]] const SelectionState& state() const { return m_context.selection->state(); }
    /// The style was made anew because palette or font changed: draw again.
    virtual void styleChanged() {}
    void changeEvent(QEvent* event) override;

    ViewContext m_context;
    plot::PlotStyle m_style;
    ViewSettings m_settings; ///< filled while the view is made
    BackgroundTask m_task; ///< its failures become failed(), its idle becomes idle()
};

} // namespace kvviz::views
