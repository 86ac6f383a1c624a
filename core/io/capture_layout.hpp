// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The arrays of format 1.1 as a table: path, axes, scales, tier. Writer, reader and verifier all ask this one table;
// docs/format.md says the same in words.
#pragma once

#include "core/capture_info.hpp"

#include <string>
#include <vector>

namespace kvviz::io {

inline constexpr const char* kCaptureFormat = "kvviz-capture";
inline constexpr const char* kPackFormat = "kvviz-pack";
inline constexpr const char* kResultsFormat = "kvviz-results";
inline constexpr const char* kTableFormat = "kvviz-table";
inline constexpr const char* kFormatVersion = "1.3";
inline constexpr int kFormatMajor = 1;

/// Every extent of a capture.
struct Sizes {
    std::int64_t layers = 0, heads = 0, kvHeads = 0; // L, H, G
    std::int64_t n = 0, t = 0, window = 0;           // prompt tokens, decode steps, W
    std::int64_t headDim = 0;                        // d
    std::vector<std::int64_t> fullQueries;           ///< queries on the row axis of /map/full
    std::vector<std::int64_t> levelCells;            ///< cells a side of each pyramid level
    std::int64_t topK = 0;                           ///< 0: no /logits/top_*
    std::int64_t candidates = 0;                     ///< c of /readout; 0: none
    std::int64_t segments = 0;                       // S

    [[nodiscard]] std::int64_t total() const { return n + t; }
};

[[nodiscard]] Sizes sizesOf(const core::CaptureInfo& info);

struct Axis {
    std::string label; ///< layer, head, kv_head, query, key, token, channel, segment, row, column, rank
    std::string scale; ///< name below /scales; empty: none
    std::int64_t size = 0;
};

struct ArraySpec {
    std::string path; ///< "stats/received"
    std::vector<Axis> axes;
    core::Tier tier = core::Tier::stats; ///< the first that promises it
    int sinceMinor = 0;                  ///< 1: came with format 1.1, so a sound file of format 1.0 has none
    bool optional = false;               ///< no tier promises it

    [[nodiscard]] std::vector<unsigned long long> shape() const; ///< as hsize_t
};

/// Paths of arrays that code asks for by name.
namespace path {
inline constexpr const char* received = "stats/received";
inline constexpr const char* receivedWindow = "stats/received_window";
inline constexpr const char* receivedSq = "stats/received_sq";
inline constexpr const char* receivedSqFar = "stats/received_sq_far";
inline constexpr const char* queryMean = "stats/query_mean";
inline constexpr const char* queryCovariance = "stats/query_covariance";
inline constexpr const char* entropy = "stats/entropy";
inline constexpr const char* sinkMass = "stats/sink_mass";
inline constexpr const char* windowRows = "rows/window";
inline constexpr const char* decodeRows = "rows/decode";
inline constexpr const char* key = "cache/key";
inline constexpr const char* value = "cache/value";
inline constexpr const char* query = "cache/query";
inline constexpr const char* readout = "readout/gradient";
inline constexpr const char* written = "readout/written";
inline constexpr const char* readoutIds = "readout/id";
inline constexpr const char* readoutLogprob = "readout/logprob";
inline constexpr const char* full = "map/full";
[[nodiscard]] std::string level(int index, const char* pooling); ///< "map/level_2/max"
} // namespace path

/// Every array that a capture of these sizes can have (a tier leaves some out); arrays without elements are not listed.
[[nodiscard]] std::vector<ArraySpec> captureArrays(const Sizes& sizes);
/// One of them. Throws Error(failure) for a path that is none.
[[nodiscard]] ArraySpec captureArray(const Sizes& sizes, const std::string& path);

/// Name below /scales and values of every dimension scale.
struct Scale {
    std::string name;
    std::vector<std::int64_t> values;
};
[[nodiscard]] std::vector<Scale> captureScales(const core::CaptureInfo& info, const Sizes& sizes);

} // namespace kvviz::io
