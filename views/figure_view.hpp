// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A view of any figure that `kvviz figure` draws: made off the GUI thread, laid out for the widget's size. For pictures
// that are read rather than explored (accuracy, predictions).
#pragma once

#include "views/figure_scene.hpp"
#include "views/view.hpp"

#include <QPixmap>

#include <functional>
#include <memory>

class QScrollBar;

namespace kvviz::views {

class FigureView : public View {
    Q_OBJECT

public:
    /// Runs off the GUI thread; may throw.
    using Build = std::function<plot::Figure()>;

    /// `empty`: what to say while there is nothing to show.
    FigureView(const ViewContext& context, const QString& name, const QString& empty, QWidget* parent = nullptr);

    /// Shows what `build` makes; nothing to show without it.
    void setBuild(Build build);
    [[nodiscard]] std::optional<plot::Figure> figure() const override { return m_figure; }
    [[nodiscard]] QSize sizeHint() const override { return {480, 360}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void styleChanged() override;
    void wheelEvent(QWheelEvent* event) override;

private:
    void draw();
    [[nodiscard]] QSize pictureSize() const;

    QString m_empty;
    QScrollBar* m_scroll; ///< for figures that need more height
    std::optional<plot::Figure> m_figure;
    QPixmap m_picture;
};

} // namespace kvviz::views
