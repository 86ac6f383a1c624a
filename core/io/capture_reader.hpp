// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reads captures of format 1.x, single files or members of a pack. Lazy: opening reads attributes and tokens only.
// HDF5 file locking is switched off, so a file on NFS or beside a running capture can be read.
#pragma once

#include "core/capture_source.hpp"
#include "core/pooling.hpp"

#include <filesystem>
#include <memory>

namespace kvviz::io {

/// A capture inside a file: the root of a .kvh5, or a member of a pack.
struct CaptureRef {
    std::filesystem::path file;
    std::string group = "/";
    friend bool operator==(const CaptureRef&, const CaptureRef&) = default;
};

/// All captures under the given files and folders (*.kvh5, packs included), sorted by name; .part files are ignored.
/// A folder without captures or a missing path throws Error(badInput).
[[nodiscard]] std::vector<CaptureRef> findCaptures(const std::vector<std::filesystem::path>& paths);

using core::Pooling;

/// A piece of an attention map, pooled. Cells wholly above the diagonal hold NaN (masked), not 0.
struct MapTile {
    std::int64_t rows = 0, columns = 0;
    std::vector<float> values; // [rows, columns]
    double queryBegin = 0, queryEnd = 0, keyBegin = 0, keyEnd = 0; ///< token ranges covered
    std::string source; ///< "full", "level 2", "window rows": said on the plot
};

struct OpenCapture;

class CaptureReader final : public core::CaptureSource {
public:
    /// Throws Error(badInput): not HDF5, truncated, foreign, newer major version, incomplete, wrong shape; the message
    /// names the file, the dataset path and what was expected.
    explicit CaptureReader(const CaptureRef& ref);
    explicit CaptureReader(const std::filesystem::path& file) : CaptureReader(CaptureRef{file, "/"}) {}
    ~CaptureReader() override;

    [[nodiscard]] const core::CaptureInfo& info() const override;
    [[nodiscard]] core::Need available() const override;
    [[nodiscard]] core::LayerData loadLayer(std::int64_t slot, core::Need needs) const override;
    [[nodiscard]] std::optional<core::ReadoutTokens> readoutTokens() const override;
    [[nodiscard]] std::string name() const override;

    /// Number of pyramid levels (0 without the map tier) and cells a side of a level.
    [[nodiscard]] int mapLevels() const;
    [[nodiscard]] std::int64_t mapCells(int level) const;
    [[nodiscard]] bool hasFullMap() const;
    /// One stored pyramid level of one head (slot = layer slot, head = index into info().heads).
    [[nodiscard]] MapTile mapLevel(std::int64_t slot, std::int64_t head, int level, Pooling pooling) const;
    /// Exact prompt rows of `queries` x `keys` from /map/full, read in bands and pooled to at most maxRows x maxColumns
    /// cells; the ragged last bin is kept. Falls back to the finest pyramid level (then the ranges are widened to its
    /// cells), then to the window rows; `source` says which. Throws Error(badInput) for a `stats` capture.
    [[nodiscard]] MapTile tile(std::int64_t slot, std::int64_t head, core::Span queries, core::Span keys,
                               std::int64_t maxRows, std::int64_t maxColumns, Pooling pooling) const;

    [[nodiscard]] std::vector<float> logprob() const; // [T]
    /// [T, k] ids and log-probabilities of the most likely next tokens; k = topK().
    [[nodiscard]] int topK() const;
    [[nodiscard]] std::vector<std::int32_t> topIds() const;
    [[nodiscard]] std::vector<float> topLogprobs() const;
    /// Bytes stored per top-level group, and of the file.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> storedBytes() const;

private:
    std::unique_ptr<OpenCapture> m_capture;
};

/// Checks the whole file against docs/format.md: every dataset's shape and type, every chunk readable, values finite
/// and in range, rows sum to 1. Returns the problems found, one sentence each; empty means sound.
[[nodiscard]] std::vector<std::string> verifyCapture(const CaptureRef& ref);

enum class PackKind : std::uint8_t {
    copied, ///< the pack holds everything
    linked  ///< the pack holds links to the captures, which stay where they are: small, and made at once
};
/// Joins captures into one file (`.part` + rename). Returns the number of members.
int packCaptures(const std::vector<CaptureRef>& captures, const std::filesystem::path& output, bool force,
                 PackKind kind = PackKind::copied);

} // namespace kvviz::io
