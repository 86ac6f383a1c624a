// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/selection.hpp"

namespace kvviz::views {

void Selection::setState(const SelectionState& state)
{
    Parts parts = none;
    if (state.capture != m_state.capture)
        parts |= capture;
    if (state.layer != m_state.layer || state.head != m_state.head || state.pooling != m_state.pooling)
        parts |= map;
    if (state.queries != m_state.queries || state.keys != m_state.keys)
        parts |= range;
    if (state.withoutSinks != m_state.withoutSinks || state.sinkTokens != m_state.sinkTokens)
        parts |= sinks;
    if (state.logarithmic != m_state.logarithmic)
        parts |= colors;
    if (parts == Parts(none))
        return;
    m_state = state;
    Q_EMIT changed(parts);
}

void Selection::setCapture(int index)
{
    SelectionState next = m_state;
    if (next.capture == index)
        return;
    next.capture = index;
    next.queries = next.keys = {};
    setState(next);
}

void Selection::setLayer(int layer)
{
    SelectionState next = m_state;
    next.layer = layer;
    setState(next);
}

void Selection::setHead(int head)
{
    SelectionState next = m_state;
    next.head = head;
    setState(next);
}

void Selection::setVisible(core::Span queries, core::Span keys)
{
    SelectionState next = m_state;
    next.queries = queries;
    next.keys = keys;
    setState(next);
}

void Selection::setWithoutSinks(bool without)
{
    SelectionState next = m_state;
    next.withoutSinks = without;
    setState(next);
}

void Selection::setPooling(io::Pooling pooling)
{
    SelectionState next = m_state;
    next.pooling = pooling;
    setState(next);
}

void Selection::setLogarithmic(bool logarithmic)
{
    SelectionState next = m_state;
    next.logarithmic = logarithmic;
    setState(next);
}

} // namespace kvviz::views
