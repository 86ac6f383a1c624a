// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The text of the token strip: wrapped lines that scroll, a tint behind every token, segments in the margin. Only the
// lines in sight are drawn, so the length of the prompt does not matter.
#pragma once

#include "views/figure_data.hpp"
#include "views/token_lines.hpp"
#include "views/token_values.hpp"

#include <QAbstractScrollArea>
#include <QStringList>

#include <functional>
#include <memory>

namespace kvviz::views {

/// Everything about a capture's tokens that layout needs; measured off the GUI thread.
struct TokenTexts {
    QStringList texts;                ///< [T] as they are displayed
    std::vector<float> widths;        ///< [T] of the texts with their padding
    std::vector<std::uint8_t> breaks; ///< [T] 1: ends in a newline
    std::vector<plot::SegmentMark> segments;
};
[[nodiscard]] std::shared_ptr<const TokenTexts> measureTokens(const core::CaptureInfo& info,
                                                              const plot::PlotStyle& style);

class TokenArea : public QAbstractScrollArea {
    Q_OBJECT

public:
    explicit TokenArea(QWidget* parent = nullptr);

    void setTokens(std::shared_ptr<const TokenTexts> tokens, const plot::PlotStyle& style);
    void setValues(plot::TokenValues values);
    /// The token of the crosshair; -1: none. Scrolls to it when it is not in sight.
    void setCurrent(std::int64_t token);
    /// Tokens that are outlined as found; `current` (an index, -1: none) is shown and stands out.
    void setMatches(std::vector<core::Span> matches, int current);

    [[nodiscard]] const plot::TokenLayout& tokenLayout() const { return m_layout; }
    /// Where a token stands in the viewport now.
    [[nodiscard]] QRectF tokenRect(std::int64_t token) const;
    [[nodiscard]] std::int64_t tokenAt(QPointF position) const; ///< -1: none
    [[nodiscard]] QSize sizeHint() const override { return {420, 220}; }

Q_SIGNALS:
    void tokenHovered(qint64 token); ///< -1: left
    void tokenChosen(qint64 token);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    bool viewportEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void arrange();
    void reveal(std::int64_t token);
    [[nodiscard]] double gutter() const;
    [[nodiscard]] double lineHeight() const;
    [[nodiscard]] std::int64_t tokens() const { return m_tokens ? m_tokens->texts.size() : 0; }
    [[nodiscard]] QRectF rectInLine(const plot::TokenLine& line, std::int64_t token) const;
    void paintLine(QPainter& painter, const plot::TokenLine& line) const;
    void paintGutter(QPainter& painter, const plot::TokenLine& line) const;
    void paintToken(QPainter& painter, const QRectF& rect, std::int64_t token) const;
    void paintFrames(QPainter& painter, const plot::TokenLine& line) const;
    [[nodiscard]] std::int64_t besideLine(int lines) const; ///< from the current token, up or down

    std::shared_ptr<const TokenTexts> m_tokens;
    plot::TokenLayout m_layout;
    plot::TokenValues m_values;
    plot::PlotStyle m_style;
    std::int64_t m_current = -1;
    std::vector<core::Span> m_matches;
    int m_match = -1;
};

} // namespace kvviz::views
