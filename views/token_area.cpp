// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_area.hpp"

#include "views/capture_choice.hpp"
#include "views/text_block.hpp"

#include <QFontMetricsF>
#include <QHash>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kPaddingPt = 1.2; // at both sides of a token's text
constexpr double kLeastLine = 24;  // a token is something to click
constexpr double kLabelScale = 0.9;

} // namespace

std::shared_ptr<const TokenTexts> measureTokens(const core::CaptureInfo& info, const plot::PlotStyle& style)
{
    auto result = std::make_shared<TokenTexts>();
    const QFontMetricsF metrics(style.font());
    const double padding = 2 * style.units(kPaddingPt);
    QHash<QString, float> known; // most tokens occur more than once
    for (std::int64_t token = 0; token < info.tokens.size(); ++token) {
        const QString text = QString::fromStdString(info.tokens.displayText(token));
        auto width = known.find(text);
        if (width == known.end())
            width = known.insert(text, static_cast<float>(metrics.horizontalAdvance(text) + padding));
        result->texts.append(text);
        result->widths.push_back(*width);
        result->breaks.push_back(info.tokens.bytesOf(token).find('\n') != std::string_view::npos);
    }
    result->segments = plot::segmentMarks(info);
    return result;
}

TokenArea::TokenArea(QWidget* parent) : QAbstractScrollArea(parent)
{
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setFocusPolicy(Qt::StrongFocus);
    viewport()->setMouseTracking(true);
}

void TokenArea::setTokens(std::shared_ptr<const TokenTexts> tokens, const plot::PlotStyle& style)
{
    m_tokens = std::move(tokens);
    m_style = style;
    m_matches.clear();
    m_match = -1;
    arrange();
}

void TokenArea::setValues(plot::TokenValues values)
{
    m_values = std::move(values);
    viewport()->update();
}

void TokenArea::setCurrent(std::int64_t token)
{
    if (token == m_current)
        return;
    m_current = token;
    reveal(token);
    viewport()->update();
}

void TokenArea::setMatches(std::vector<core::Span> matches, int current)
{
    m_matches = std::move(matches);
    m_match = current;
    if (current >= 0 && current < std::ssize(m_matches))
        reveal(m_matches[static_cast<std::size_t>(current)].begin);
    viewport()->update();
}

double TokenArea::lineHeight() const { return std::max(kLeastLine, std::round(m_style.lineHeight() * 1.35)); }

double TokenArea::gutter() const
{
    double widest = 0;
    if (m_tokens)
        for (const plot::SegmentMark& mark : m_tokens->segments)
            widest = std::max(widest, m_style.textWidth(QString::fromStdString(mark.label), kLabelScale, true));
    return std::round(widest + m_style.units(12));
}

void TokenArea::arrange()
{
    if (!m_tokens)
        return;
    // The line at the top stays, so that a resize does not lose the place.
    const bool placed = !m_layout.lines.empty();
    const std::int64_t top =
        placed ? m_layout.lines[plot::lineAt(m_layout, verticalScrollBar()->value())].tokens.begin : 0;
    std::vector<core::Span> spans;
    for (const plot::SegmentMark& mark : m_tokens->segments)
        spans.push_back(mark.span);
    plot::LineOptions options;
    options.width = std::max(40.0, viewport()->width() - gutter() - m_style.units(4));
    options.lineHeight = lineHeight();
    options.segmentGap = m_style.units(5);
    m_layout = plot::breakLines(m_tokens->widths, m_tokens->breaks, spans, options);
    verticalScrollBar()->setRange(0, std::max(0, static_cast<int>(std::ceil(m_layout.height)) - viewport()->height()));
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setSingleStep(static_cast<int>(lineHeight()));
    if (placed && top > 0 && top < tokens())
        verticalScrollBar()->setValue(static_cast<int>(m_layout.lines[plot::lineOfToken(m_layout, top)].top));
    viewport()->update();
}

void TokenArea::reveal(std::int64_t token)
{
    if (token < 0 || token >= tokens() || m_layout.lines.empty())
        return;
    const plot::TokenLine& line = m_layout.lines[plot::lineOfToken(m_layout, token)];
    const double top = verticalScrollBar()->value(), bottom = top + viewport()->height() - lineHeight();
    if (line.top < top || line.top > bottom)
        verticalScrollBar()->setValue(static_cast<int>(line.top - viewport()->height() / 3.0));
}

void TokenArea::resizeEvent(QResizeEvent* event)
{
    QAbstractScrollArea::resizeEvent(event);
    arrange();
}

QRectF TokenArea::rectInLine(const plot::TokenLine& line, std::int64_t token) const
{
    double left = gutter();
    for (std::int64_t i = line.tokens.begin; i < token; ++i)
        left += static_cast<double>(m_tokens->widths[static_cast<std::size_t>(i)]);
    const double width =
        std::min(static_cast<double>(m_tokens->widths[static_cast<std::size_t>(token)]), viewport()->width() - left);
    return {left, line.top - verticalScrollBar()->value(), width, lineHeight()};
}

QRectF TokenArea::tokenRect(std::int64_t token) const
{
    if (token < 0 || token >= tokens() || m_layout.lines.empty())
        return {};
    return rectInLine(m_layout.lines[plot::lineOfToken(m_layout, token)], token);
}

std::int64_t TokenArea::tokenAt(QPointF position) const
{
    const double y = position.y() + verticalScrollBar()->value();
    if (m_layout.lines.empty() || y < 0 || y >= m_layout.height || position.x() < gutter())
        return -1;
    const plot::TokenLine& line = m_layout.lines[plot::lineAt(m_layout, y)];
    if (y >= line.top + lineHeight())
        return -1;
    double left = gutter();
    for (std::int64_t token = line.tokens.begin; token < line.tokens.end; ++token) {
        left += static_cast<double>(m_tokens->widths[static_cast<std::size_t>(token)]);
        if (position.x() < left)
            return token;
    }
    return -1;
}

void TokenArea::paintEvent(QPaintEvent*)
{
    QPainter painter(viewport());
    painter.fillRect(viewport()->rect(), m_style.background);
    if (m_layout.lines.empty())
        return;
    const double top = verticalScrollBar()->value(), bottom = top + viewport()->height();
    const std::size_t first = plot::lineAt(m_layout, top);
    std::size_t last = first;
    for (; last < m_layout.lines.size() && m_layout.lines[last].top < bottom; ++last)
        paintLine(painter, m_layout.lines[last]);
    for (std::size_t i = first; i < last; ++i) // frames lie over the neighbours' tints
        paintFrames(painter, m_layout.lines[i]);
}

void TokenArea::paintGutter(QPainter& painter, const plot::TokenLine& line) const
{
    if (line.segment < 0)
        return;
    const double top = line.top - verticalScrollBar()->value();
    const QColor tones[2] = {m_style.boundary, m_style.grid};
    painter.fillRect(QRectF(gutter() - m_style.units(4.5), top, m_style.units(2), lineHeight()),
                     tones[line.segment % 2]);
    if (!line.startsSegment)
        return;
    const plot::SegmentMark& mark = m_tokens->segments[static_cast<std::size_t>(line.segment)];
    painter.setFont(m_style.font(kLabelScale, true));
    painter.setPen(m_style.text);
    painter.drawText(QRectF(0, top, gutter() - m_style.units(6.5), lineHeight()), Qt::AlignRight | Qt::AlignVCenter,
                     QString::fromStdString(mark.label));
    painter.setPen(m_style.pen(m_style.grid, 0.75));
    const double rule = std::floor(top - m_style.units(2.5)) + 0.5;
    if (line.top > 0)
        painter.drawLine(QPointF(m_style.units(3), rule), QPointF(viewport()->width() - m_style.units(3), rule));
}

void TokenArea::paintLine(QPainter& painter, const plot::TokenLine& line) const
{
    paintGutter(painter, line);
    const double top = line.top - verticalScrollBar()->value();
    double left = gutter();
    for (std::int64_t token = line.tokens.begin; token < line.tokens.end; ++token) {
        const auto width = static_cast<double>(m_tokens->widths[static_cast<std::size_t>(token)]);
        paintToken(painter, QRectF(left, top, std::min(width, viewport()->width() - left), lineHeight()), token);
        left += width;
    }
}

void TokenArea::paintToken(QPainter& painter, const QRectF& rect, std::int64_t token) const
{
    const auto index = static_cast<std::size_t>(token);
    const double value = index < m_values.values.size() ? static_cast<double>(m_values.values[index]) : std::nan("");
    const auto fate = index < m_values.fates.size() ? m_values.fates[index] : plot::TokenFate::kept;
    const QRectF box = rect.adjusted(0, m_style.units(1.5), -1, -m_style.units(1.5));
    QColor text = m_style.text;
    if (std::isfinite(value)) {
        const QColor tint = plot::tokenTint(m_values, value, m_style);
        painter.fillRect(box, tint);
        text = plot::textOn(tint);
    }
    QFont font = m_style.font();
    if (fate == plot::TokenFate::evicted) {
        font.setStrikeOut(true);
        text = m_style.subtle;
    } else if (fate == plot::TokenFate::later) {
        text = m_style.boundary;
        font.setItalic(true);
    }
    painter.setFont(font);
    painter.setPen(text);
    painter.drawText(rect.adjusted(m_style.units(kPaddingPt), 0, 0, 0),
                     Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, m_tokens->texts.at(token));
}

void TokenArea::paintFrames(QPainter& painter, const plot::TokenLine& line) const
{
    const auto frame = [&](std::int64_t token, const QColor& color, double width) {
        QPen pen(color, width);
        pen.setJoinStyle(Qt::MiterJoin);
        painter.setPen(pen);
        painter.drawRect(rectInLine(line, token).adjusted(0, m_style.units(0.5), -1, -m_style.units(0.5)));
    };
    painter.setBrush(Qt::NoBrush);
    const auto from = std::lower_bound(m_matches.begin(), m_matches.end(), line.tokens.begin,
                                       [](const core::Span& match, std::int64_t token) { return match.end <= token; });
    for (auto match = from; match != m_matches.end() && match->begin < line.tokens.end; ++match) {
        const bool current = match - m_matches.begin() == m_match;
        const std::int64_t end = std::min(match->end, line.tokens.end);
        for (std::int64_t token = std::max(match->begin, line.tokens.begin); token < end && end - token < 200; ++token)
            frame(token, current ? m_style.sink : m_style.subtle, current ? 2 : 1);
    }
    if (line.tokens.contains(m_current))
        frame(m_current, m_style.text, 2);
}

void TokenArea::mouseMoveEvent(QMouseEvent* event) { Q_EMIT tokenHovered(tokenAt(event->position())); }

void TokenArea::mousePressEvent(QMouseEvent* event)
{
    const std::int64_t token = tokenAt(event->position());
    if (event->button() == Qt::LeftButton && token >= 0)
        Q_EMIT tokenChosen(token);
}

bool TokenArea::viewportEvent(QEvent* event)
{
    if (event->type() == QEvent::Leave)
        Q_EMIT tokenHovered(-1);
    return QAbstractScrollArea::viewportEvent(event);
}

std::int64_t TokenArea::besideLine(int lines) const
{
    const QRectF here = tokenRect(m_current);
    const auto line = static_cast<std::ptrdiff_t>(plot::lineOfToken(m_layout, m_current)) + lines;
    const auto wanted = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(line, 0, std::ssize(m_layout.lines) - 1));
    const double x = here.center().x();
    const core::Span span = m_layout.lines[wanted].tokens;
    for (std::int64_t token = span.begin; token < span.end; ++token)
        if (rectInLine(m_layout.lines[wanted], token).right() > x)
            return token;
    return span.end - 1;
}

void TokenArea::keyPressEvent(QKeyEvent* event)
{
    const bool plain = (event->modifiers() & ~Qt::KeypadModifier) == Qt::NoModifier;
    if (tokens() == 0 || !plain) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    const int page = std::max(1, static_cast<int>(viewport()->height() / lineHeight()) - 1);
    std::int64_t next = -1;
    switch (event->key()) {
    case Qt::Key_Left:
        next = m_current - 1;
        break;
    case Qt::Key_Right:
        next = m_current + 1;
        break;
    case Qt::Key_Up:
        next = m_current < 0 ? 0 : besideLine(-1);
        break;
    case Qt::Key_Down:
        next = m_current < 0 ? 0 : besideLine(1);
        break;
    case Qt::Key_PageUp:
        next = m_current < 0 ? 0 : besideLine(-page);
        break;
    case Qt::Key_PageDown:
        next = m_current < 0 ? 0 : besideLine(page);
        break;
    case Qt::Key_Home:
        next = 0;
        break;
    case Qt::Key_End:
        next = tokens() - 1;
        break;
    default:
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    Q_EMIT tokenChosen(std::clamp<std::int64_t>(next, 0, tokens() - 1));
}

} // namespace kvviz::views
