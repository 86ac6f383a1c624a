// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the tints of the token strip mean: a sentence and the scale below it.
#pragma once

#include "views/scale_bar.hpp"

#include <QWidget>

#include <optional>

class QLabel;

namespace kvviz::views {

class TokenLegend : public QWidget {
    Q_OBJECT

public:
    explicit TokenLegend(QWidget* parent = nullptr);

    /// Without a scale (nothing is tinted) only the sentence is there.
    void setLegend(const QString& sentence, const std::optional<plot::ScaleBar>& bar, const plot::PlotStyle& style);
    [[nodiscard]] QString sentence() const;

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void showSentence();

    QString m_whole;
    QLabel* m_sentence;
    std::optional<plot::ScaleBar> m_bar;
    plot::PlotStyle m_style;
};

} // namespace kvviz::views
