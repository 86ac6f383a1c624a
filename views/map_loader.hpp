// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window's heatmap shows, made off the GUI thread: the coarse whole first, then the cells of what is visible;
// of one capture, or of the difference of two.
#pragma once

#include "views/map_data.hpp"
#include "views/tile_cache.hpp"

#include <functional>
#include <memory>
#include <string>

namespace kvviz::plot {

/// Cells of what is visible, and coarse ones of everything for where those end while somebody pans.
struct MapCells {
    io::MapTile prompt, decode;
    io::MapTile wholePrompt, wholeDecode;
};

struct MapJob {
    std::shared_ptr<const io::CaptureReader> reader, other; ///< other: B of A - B, or null
    std::string name, otherName;                            ///< of the captures, for the small print
    MapRequest request;
    double pixelsWide = 600, pixelsHigh = 600; ///< of the prompt part
};

struct LoadedMap {
    std::shared_ptr<const io::CaptureReader> reader, other;
    MapRequest request;
    MapPanel panel;     ///< without prompt and decode tiles: those are in `cells`
    MapCells cells;     ///< what is shown: of the capture, or the difference
    MapCells a, b;      ///< of a difference, each alone; else empty
    ColorScale scale;
    ColorScale aloneScale; ///< of a and b: one for both, so that switching shows change only
    core::Span allQueries, allKeys; ///< as far as one can pan
    CellSize cell;
};

class MapLoader {
public:
    using Stopped = TileCache::Stopped;
    using Show = std::function<void(std::shared_ptr<const LoadedMap>)>;

    /// Null when stopped. `early`, if given, gets the coarse whole when the cells must be read first. Throws Error: usage
    /// for what a capture does not hold or two cannot be compared in, badInput for files that cannot be read.
    [[nodiscard]] std::shared_ptr<const LoadedMap> load(const MapJob& job, const Stopped& stopped = {},
                                                        const Show& early = {});

    [[nodiscard]] const TileCache& cache() const { return m_cache; }

private:
    struct Plan;
    [[nodiscard]] Plan makePlan(const MapJob& job) const;
    [[nodiscard]] std::shared_ptr<LoadedMap> assemble(const MapJob& job, const Plan& plan, bool coarse,
                                                      const Stopped& stopped);
    /// False when stopped.
    [[nodiscard]] bool fill(MapCells& cells, const MapSource& source, const Plan& plan, bool coarse,
                            const Stopped& stopped);

    TileCache m_cache;
};

/// A piece of decode rows over `keys`, cells of so many keys.
[[nodiscard]] io::MapTile decodePiece(const io::MapTile& rows, std::int64_t steps, core::Span keys,
                                      std::int64_t keysPerCell, io::Pooling pooling);

/// The panel with its cells, cut to what is visible: for export.
[[nodiscard]] MapPanel visiblePanel(const MapPanel& panel, const MapCells& cells);

} // namespace kvviz::plot
