// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window looks at: one object that every view listens to. Views never call each other; they change the
// selection and are told.
#pragma once

#include "core/io/capture_reader.hpp"
#include "core/span.hpp"

#include <QObject>

namespace kvviz::views {

/// Plain state, so that it can be compared, saved and kept in a history.
struct SelectionState {
    int capture = 0;          ///< index into the open captures
    int layer = 0;            ///< number in the model
    int head = -1;            ///< query head; -1: mean over all
    core::Span queries, keys; ///< visible tokens; empty: everything
    bool withoutSinks = false;
    int sinkTokens = 4;
    io::Pooling pooling = io::Pooling::max;
    bool logarithmic = true;
    friend bool operator==(const SelectionState&, const SelectionState&) = default;
};

class Selection : public QObject {
    Q_OBJECT

public:
    enum Part : unsigned { none = 0, capture = 1, map = 2, range = 4, sinks = 8, colors = 16, all = 31 };
    Q_DECLARE_FLAGS(Parts, Part)

    using QObject::QObject;
    [[nodiscard]] const SelectionState& state() const { return m_state; }

    /// Another capture starts with everything visible.
    void setCapture(int index);
    void setLayer(int layer);
    void setHead(int head);
    void setVisible(core::Span queries, core::Span keys);
    void setWithoutSinks(bool without);
    void setPooling(io::Pooling pooling);
    void setLogarithmic(bool logarithmic);
    /// All at once; one signal with the parts that differ.
    void setState(const SelectionState& state);

Q_SIGNALS:
    /// Sent only when something is different.
    void changed(kvviz::views::Selection::Parts parts);

private:
    SelectionState m_state;
};

Q_DECLARE_OPERATORS_FOR_FLAGS(Selection::Parts)

} // namespace kvviz::views
