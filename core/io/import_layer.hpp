// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One layer of an import: checked, and turned into the arrays of a capture. Internal to core/io.
#pragma once

#include "core/io/import_description.hpp"

namespace kvviz::io {

/// Attention of a layer, [H, T, T]. What rounding did is put right: rows that sum to 1 within kRowTolerance are scaled
/// where they are off by more than our format allows, and are exactly 0 beyond the query.
struct ImportedRows {
    std::vector<float> rows;
    std::int64_t heads = 0, total = 0;
    std::int64_t scaled = 0; ///< rows that were

    [[nodiscard]] const float* row(std::int64_t head, std::int64_t query) const
    {
        return rows.data() + (head * total + query) * total;
    }
};

inline constexpr double kRowTolerance = 1e-2; ///< a sum of bfloat16 weights may be off by some 4e-3

/// Throws Error(badInput) that names layer, head, query and key: not finite, negative, above 1, a token attended to that
/// comes later or lies outside of the layer's window, a row that does not sum to 1.
[[nodiscard]] ImportedRows loadRows(const ImportDescription& description, std::int64_t layer, const std::string& place);
/// Values of another array of a layer. Throws Error(badInput) for what is not finite, or beyond float16 where that is
/// what will be stored.
[[nodiscard]] std::vector<float> loadFinite(const LayeredArray& array, std::int64_t layer, core::StorageType storage,
                                            const std::string& place);

/// The last `window` prompt rows, [H, W, n], and those of the continuation, [H, t, T].
[[nodiscard]] std::vector<float> windowRowsOf(const ImportedRows& rows, const core::CaptureInfo& info);
[[nodiscard]] std::vector<float> decodeRowsOf(const ImportedRows& rows, const core::CaptureInfo& info);
/// The queries of those rows, [H, W+t, d], out of all, [H, T, d].
[[nodiscard]] std::vector<float> cacheQueriesOf(const std::vector<float>& queries, const core::CaptureInfo& info);

/// Turns all queries [H, T, d] of a layer by their positions (sign 1) or back (-1), with the model's factor.
void turnQueries(std::vector<float>& queries, const core::CaptureInfo& info, int layer, int sign);

/// Mean [H, d] and covariance [H, d, d] of the prompt queries beyond the sinks.
struct QueryStatistics {
    std::vector<float> mean, covariance;
};
/// Of queries before rotation.
[[nodiscard]] QueryStatistics queryStatisticsOf(const std::vector<float>& queries, const core::CaptureInfo& info);

} // namespace kvviz::io
