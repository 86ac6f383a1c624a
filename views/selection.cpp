// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/selection.hpp"

#include <tuple>

namespace kvviz::views {

Selection::Parts partsBetween(const SelectionState& a, const SelectionState& b)
{
    Selection::Parts parts = Selection::none;
    const auto compare = [&](Selection::Part part, auto&& fields) {
        if (fields(a) != fields(b))
            parts |= part;
    };
    using S = SelectionState;
    compare(Selection::capture, [](const S& s) { return std::tie(s.capture, s.other); });
    compare(Selection::map, [](const S& s) { return std::tie(s.layer, s.head, s.pooling); });
    compare(Selection::range, [](const S& s) { return std::tie(s.queries, s.keys); });
    compare(Selection::sinks, [](const S& s) { return std::tie(s.withoutSinks, s.sinkTokens); });
    compare(Selection::colors, [](const S& s) { return std::tie(s.logarithmic, s.colorRange, s.rangeLow, s.rangeHigh); });
    compare(Selection::cursor, [](const S& s) { return std::tie(s.query, s.key); });
    compare(Selection::tokens, [](const S& s) { return std::tie(s.tokenColor); });
    compare(Selection::method, [](const S& s) { return std::tie(s.method, s.ratio, s.budgetTokens); });
    compare(Selection::curves, [](const S& s) { return std::tie(s.curvesOf, s.curvesLogarithmic); });
    compare(Selection::overlay, [](const S& s) { return std::tie(s.overlay); });
    compare(Selection::step, [](const S& s) { return std::tie(s.decodeStep); });
    return parts;
}

void Selection::setState(const SelectionState& state)
{
    const Parts parts = partsBetween(m_state, state);
    if (parts == Parts(none))
        return;
    m_state = state;
    Q_EMIT changed(parts);
}

void Selection::setCapture(int index)
{
    if (index == m_state.capture)
        return;
    change([index](SelectionState& next) {
        next.capture = index;
        next.other = -1;
        next.queries = next.keys = {};
        next.query = next.key = -1;
        next.decodeStep = -1;
    });
}

void Selection::setVisible(core::Span queries, core::Span keys)
{
    change([&](SelectionState& next) {
        next.queries = queries;
        next.keys = keys;
    });
}

} // namespace kvviz::views
