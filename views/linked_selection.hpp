// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The selection as one panel sees it: the window's own, or, once the panel is held, what was selected then, so that it
// can be compared with what is looked at next.
#pragma once

#include "views/selection.hpp"

namespace kvviz::views {

class LinkedSelection : public Selection {
    Q_OBJECT

public:
    /// `shared` must outlive it.
    explicit LinkedSelection(Selection* shared, QObject* parent = nullptr);

    [[nodiscard]] bool linked() const { return m_linked; }
    /// Linked again, it takes over what is shared; what is done in a held panel stays in it.
    void setLinked(bool linked);
    /// Holds the panel at a state.
    void hold(const SelectionState& state);

Q_SIGNALS:
    void linkedChanged(bool linked);

private:
    Selection* m_shared;
    bool m_linked = true;
};

} // namespace kvviz::views
