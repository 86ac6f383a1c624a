// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds tokens by text (also across tokens), by position ("#123") and by segment ("S3"). No widgets.
#pragma once

#include "views/figure_data.hpp"

#include <QStringList>

#include <vector>

namespace kvviz::plot {

/// Tokens of every match, ascending. Upper and lower case are the same; matches do not overlap. "#123" is one token (or
/// none), the label of a segment with a number ("S3") its tokens.
[[nodiscard]] std::vector<core::Span> findTokens(const QStringList& texts, const std::vector<SegmentMark>& segments,
                                                 const QString& wanted);

} // namespace kvviz::plot
