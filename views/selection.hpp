// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window looks at: one object that every view listens to. Views never call each other; they change the
// selection and are told.
#pragma once

#include "core/io/capture_reader.hpp"
#include "core/span.hpp"

#include <QObject>

#include <string>
#include <utility>

namespace kvviz::views {

/// From where to where the colours of a map reach.
enum class ColorRange : std::uint8_t {
    all,          ///< every value (log: at most five decades)
    percentile,   ///< 1st to 99th percentile of what is visible
    withoutSinks, ///< every value outside of the sink columns
    fixed         ///< rangeLow to rangeHigh, whatever is shown
};

/// What colours the text of the token strip.
enum class TokenColor : std::uint8_t { received, survival, logprob };

/// Whose cumulative curves are drawn.
enum class CurvesOf : std::uint8_t {
    capture, ///< the selected capture
    tasks    ///< all open captures, a line a task
};

/// Plain state, so that it can be compared, saved and kept in a history. A new field belongs into visitFields() below,
/// from which sessions and tests take their list, and into partsBetween().
struct SelectionState {
    int capture = 0;          ///< index into the open captures
    int other = -1;           ///< capture B of the difference A - B; -1: none
    int layer = 0;            ///< number in the model
    int head = -1;            ///< query head; -1: mean over all; below: of one KV head's, see plot::headOfGroup
    core::Span queries, keys; ///< visible tokens; empty: everything
    std::int64_t query = -1, key = -1; ///< where the crosshair was set; -1: nowhere
    bool withoutSinks = false;
    int sinkTokens = 4;
    io::Pooling pooling = io::Pooling::max;
    bool logarithmic = true;
    ColorRange colorRange = ColorRange::all;
    double rangeLow = 1e-5, rangeHigh = 1.0; ///< of ColorRange::fixed
    TokenColor tokenColor = TokenColor::received;
    CurvesOf curvesOf = CurvesOf::capture;
    bool curvesLogarithmic = true; ///< axis of the cumulative curves' keys
    bool overlay = true;           ///< shade what the method evicts
    std::string method = "snapkv"; ///< specification, see compress::makeMethod
    double ratio = 0.5;            ///< fraction of the prompt's cache that is kept
    std::int64_t budgetTokens = 0; ///< above 0: tokens a KV head, in place of the ratio
    std::int64_t decodeStep = -1;  ///< step of the continuation; -1: all of them
    friend bool operator==(const SelectionState&, const SelectionState&) = default;
};

/// Calls visit("name", field) for every field; the names are those of session files. `State` may be const.
template <typename State, typename Visit>
void visitFields(State& state, Visit&& visit)
{
    visit("capture", state.capture);
    visit("other", state.other);
    visit("layer", state.layer);
    visit("head", state.head);
    visit("queries", state.queries);
    visit("keys", state.keys);
    visit("query", state.query);
    visit("key", state.key);
    visit("without_sinks", state.withoutSinks);
    visit("sink_tokens", state.sinkTokens);
    visit("pooling", state.pooling);
    visit("logarithmic", state.logarithmic);
    visit("color_range", state.colorRange);
    visit("range_low", state.rangeLow);
    visit("range_high", state.rangeHigh);
    visit("token_color", state.tokenColor);
    visit("curves_of", state.curvesOf);
    visit("curves_logarithmic", state.curvesLogarithmic);
    visit("overlay", state.overlay);
    visit("method", state.method);
    visit("ratio", state.ratio);
    visit("budget_tokens", state.budgetTokens);
    visit("decode_step", state.decodeStep);
}

class Selection : public QObject {
    Q_OBJECT

public:
    enum Part : unsigned {
        none = 0,
        capture = 1, ///< capture, other
        map = 2,     ///< layer, head, pooling
        range = 4,   ///< visible tokens
        sinks = 8,
        colors = 16,
        cursor = 32,
        tokens = 64, ///< colour of the token strip
        method = 128, ///< method, budget
        overlay = 256,
        step = 512,
        curves = 1024, ///< whose, and their axis
        all = 2047
    };
    Q_DECLARE_FLAGS(Parts, Part)

    using QObject::QObject;
    [[nodiscard]] const SelectionState& state() const { return m_state; }

    /// All at once; one signal with the parts that differ.
    void setState(const SelectionState& state);
    /// `edit` changes a copy, which is then set: selection.change([](SelectionState& s) { s.layer = 3; });
    template <typename Edit>
    void change(Edit&& edit)
    {
        SelectionState next = m_state;
        std::forward<Edit>(edit)(next);
        setState(next);
    }
    /// Another capture starts with everything visible, without crosshair and difference.
    void setCapture(int index);
    void setVisible(core::Span queries, core::Span keys);

Q_SIGNALS:
    /// Sent only when something is different.
    void changed(kvviz::views::Selection::Parts parts);

private:
    SelectionState m_state;
};

Q_DECLARE_OPERATORS_FOR_FLAGS(Selection::Parts)

/// What differs between two states.
[[nodiscard]] Selection::Parts partsBetween(const SelectionState& a, const SelectionState& b);

} // namespace kvviz::views
