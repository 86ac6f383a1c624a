// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/linked_selection.hpp"

namespace kvviz::views {

LinkedSelection::LinkedSelection(Selection* shared, QObject* parent) : Selection(parent), m_shared(shared)
{
    setState(shared->state());
    connect(shared, &Selection::changed, this, [this] {
        if (m_linked)
            setState(m_shared->state());
    });
    connect(this, &Selection::changed, this, [this] {
        if (m_linked)
            m_shared->setState(state()); // does nothing when it came from there
    });
}

void LinkedSelection::setLinked(bool linked)
{
    if (linked == m_linked)
        return;
    m_linked = linked;
    Q_EMIT linkedChanged(linked);
    if (linked)
        setState(m_shared->state());
}

void LinkedSelection::hold(const SelectionState& state)
{
    setLinked(false);
    setState(state);
}

} // namespace kvviz::views
