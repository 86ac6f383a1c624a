// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From a capture to the values of an attention map: pooled tile of the prompt rows, the decode rows, segments, token
// texts, colour range. No drawing.
#pragma once

#include "core/io/capture_reader.hpp"
#include "views/figure_data.hpp"

#include <optional>
#include <utility>

namespace kvviz::plot {

enum class AxisMode : std::uint8_t { automatic, token, position };

struct MapRequest {
    int layer = -1; ///< number in the model; -1: the middle captured layer
    int head = -1;  ///< query head; -1: mean over all captured heads
    io::Pooling pooling = io::Pooling::max;
    core::ColorMap colors = core::ColorMap::viridis;
    bool logarithmic = true;
    std::optional<std::pair<double, double>> range; ///< fixed colour range
    AxisMode axes = AxisMode::automatic;
    std::int64_t tokenTextLimit = 24; ///< most tokens on an axis that have room for their text
    int sinkTokens = 4;
    bool rangeWithoutSinks = false;          ///< sink columns do not count for the colour range
    bool rangePercentile = false;            ///< 1st to 99th percentile of what is visible, in place of all values
    std::optional<core::Span> queries, keys; ///< zoom
    std::int64_t maxCells = 512;             ///< cells a side that are read
};

/// Throws Error: usage for a layer, head or range that is not there, badInput when the capture holds no rows.
[[nodiscard]] MapPanel mapPanel(const io::CaptureReader& capture, const MapRequest& request);

/// Indices of the layer and the heads that a request means.
struct PanelChoice {
    std::int64_t slot = 0;
    std::vector<std::int64_t> heads;
};
/// Throws Error(usage) for what the capture does not hold.
[[nodiscard]] PanelChoice panelChoice(const io::CaptureReader& capture, const MapRequest& request);

/// A panel with everything but cells, texts of tokens and notes. Throws as mapPanel().
[[nodiscard]] MapPanel panelFrame(const io::CaptureReader& capture, const PanelChoice& choice,
                                  const MapRequest& request, bool withDecode);
/// Texts of the visible tokens and their neighbours, if the request wants them for so many.
void addTokenTexts(MapPanel& panel, const core::CaptureInfo& info, const MapRequest& request);
/// The small print of a panel that has its cells.
void addNotes(MapPanel& panel, const core::CaptureInfo& info, const PanelChoice& choice, const MapRequest& request);

/// Decode rows of a layer as a tile over `keys`, mean over `heads`; keys after a query are masked.
[[nodiscard]] io::MapTile decodeTile(const core::LayerData& layer, const std::vector<std::int64_t>& heads,
                                     core::Span keys, std::int64_t maxCells, io::Pooling pooling);

/// Prompt part of a map: the best source that the capture has; cells are of one size (the last one may reach past the
/// tokens it stands for). `queries` may come out smaller when only the window rows are there.
[[nodiscard]] io::MapTile promptTile(const io::CaptureReader& capture, std::int64_t slot,
                                     const std::vector<std::int64_t>& heads, core::Span queries, core::Span keys,
                                     const MapRequest& request);

/// Cell by cell mean of tiles of one shape. Masked where the first one is.
[[nodiscard]] io::MapTile meanTile(std::vector<io::MapTile> tiles);

/// One colour range for all panels: the fixed one, percentiles of what is visible, or one that holds every value in sight
/// (log: at most five decades, from about the 5th percentile up; linear: the largest value outside the sink columns).
[[nodiscard]] ColorScale colorScaleFor(const std::vector<MapPanel>& panels, const MapRequest& request);

[[nodiscard]] Figure heatmapFigure(const io::CaptureReader& capture, const MapRequest& request);
/// One panel a capture, titled with its task (or prompt id where the task repeats).
[[nodiscard]] Figure tasksFigure(const std::vector<const io::CaptureReader*>& captures, const MapRequest& request);

} // namespace kvviz::plot
