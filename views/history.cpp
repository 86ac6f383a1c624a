// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/history.hpp"

namespace kvviz::views {

namespace {

/// What a mouse changes many times a second. The crosshair comes along with any of them.
bool isDragged(Selection::Parts parts)
{
    const Selection::Parts dragged = Selection::range | Selection::method | Selection::cursor | Selection::step
                                     | Selection::colors;
    return (parts & ~dragged) == Selection::Parts(Selection::none);
}

} // namespace

History::History(Selection* selection, QObject* parent)
    : QObject(parent), m_selection(selection), m_now(selection->state())
{
    connect(selection, &Selection::changed, this, &History::record);
}

void History::record(Selection::Parts parts)
{
    const SelectionState before = std::exchange(m_now, m_selection->state());
    if (m_moving)
        return;
    const bool sameStep = !m_back.empty() && parts == m_lastParts && isDragged(parts) && m_sinceLast.isValid()
                          && m_sinceLast.elapsed() < kOneStepMs;
    m_lastParts = parts;
    m_sinceLast.start();
    m_forward.clear();
    if (!sameStep) {
        m_back.push_back(before);
        if (m_back.size() > kMostSteps)
            m_back.erase(m_back.begin());
    }
    Q_EMIT changed();
}

void History::go(std::vector<SelectionState>& from, std::vector<SelectionState>& to)
{
    if (from.empty())
        return;
    const SelectionState target = from.back();
    from.pop_back();
    to.push_back(m_now);
    m_sinceLast.invalidate(); // what comes next is a step of its own
    m_moving = true;
    m_selection->setState(target);
    m_moving = false;
    Q_EMIT changed();
}

void History::back() { go(m_back, m_forward); }

void History::forward() { go(m_forward, m_back); }

void History::clear()
{
    m_back.clear();
    m_forward.clear();
    m_now = m_selection->state();
    m_sinceLast.invalidate();
    Q_EMIT changed();
}

} // namespace kvviz::views
