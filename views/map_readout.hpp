// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a map says in words: of a cell, a token, a piece of the prompt, a measured range of keys.
#pragma once

#include "views/map_loader.hpp"

#include <string>

namespace kvviz::plot {

/// "69 “the”"; outside of the tokens the number alone.
[[nodiscard]] std::string tokenName(const core::CaptureInfo& info, std::int64_t token);

/// Query, key, their texts and the value; of a difference also both values; what the method does to the key.
[[nodiscard]] std::string cellReadout(const LoadedMap& map, const KeptMarks& kept, double query, double key);

/// Of a query, what is drawn of these keys: headings, then a cell a line with its first and last key, the text of the
/// first and the value; of a difference those of both captures, too. Separated by tabs; masked cells have no value.
[[nodiscard]] std::string rowTable(const LoadedMap& map, std::int64_t query, core::Span keys);

/// "S2 (shot 2), tokens 40 to 79: ..." with the beginning of its text, blanks made visible.
[[nodiscard]] std::string segmentReadout(const core::CaptureInfo& info, const SegmentMark& mark);

/// Attention of a query on a range of keys, mean over the source's heads.
struct RowShare {
    double share = 0;
    core::Span averaged; ///< queries that the number is a mean of, where the capture holds pooled rows only; else empty
};
/// `query` may be a decode step. Throws Error for a row that the capture does not hold.
[[nodiscard]] RowShare rowShare(const MapSource& source, std::int64_t query, core::Span keys);
[[nodiscard]] std::string shareText(const RowShare& share, core::Span keys);

} // namespace kvviz::plot
