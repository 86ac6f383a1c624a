// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// On which queries of a capture plans are judged, and its layers as methods and metrics see them. A replay and the
// sessions of a window ask the same questions, so that they give the same numbers.
#pragma once

#include "compress/layer_prep.hpp"
#include "compress/metrics.hpp"

#include <optional>
#include <string>

namespace kvviz::compress {

/// Keeps a reference to the capture.
class JudgedCapture {
public:
    /// Decode rows if there are any, else (not at depth decode) the later half of the window rows. Throws
    /// Error(badInput) when the capture has neither, or lacks the values that this depth needs.
    JudgedCapture(const core::CaptureSource& capture, Depth depth);

    [[nodiscard]] Depth depth() const noexcept { return m_depth; }
    /// Arrays that methods may ask for: sums over later queries that cannot be taken out again would look into the
    /// future, so a capture judged on its window has none of them.
    [[nodiscard]] core::Need available() const noexcept { return m_available; }
    [[nodiscard]] std::int64_t nPrompt() const noexcept { return m_nPrompt; }   ///< n of the arrays
    [[nodiscard]] std::int64_t nQueries() const noexcept { return m_nQueries; } ///< t of the arrays
    /// "64 decode queries" or "the last 16 of 32 window queries (no decode rows); prompt cut at 240"
    [[nodiscard]] const std::string& evaluatedOn() const noexcept { return m_evaluatedOn; }
    [[nodiscard]] bool judgedOnWindow() const noexcept { return m_split.has_value(); }

    /// Why a method cannot run on this capture with these tables (null: none), as half a sentence; empty: it can.
    [[nodiscard]] std::string reasonAgainst(const Method& method, const core::ModelTables* tables) const;
    /// What is predicted of log-probabilities is a sum over all layers and heads of the model: nothing for captures of
    /// some of them, and below depth output.
    [[nodiscard]] std::optional<core::ReadoutTokens> readout() const;

    /// The layer with rows that sum to 1, split where there are no decode rows. One call at a time.
    [[nodiscard]] core::LayerData load(std::int64_t slot, core::Need needs);
    /// Largest |row sum - 1| of the layers loaded so far, before they were made to sum to 1.
    [[nodiscard]] double maxRowDeviation() const noexcept { return m_maxRowDeviation; }

private:
    const core::CaptureSource& m_capture;
    Depth m_depth;
    core::Need m_available;
    std::optional<WindowSplit> m_split;
    std::int64_t m_nPrompt = 0, m_nQueries = 0;
    std::string m_evaluatedOn;
    double m_maxRowDeviation = 0;
};

/// Output errors when the capture holds values, else attention mass.
[[nodiscard]] Depth deepestFor(const core::CaptureSource& capture);

} // namespace kvviz::compress
