// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The numbers of a figure as a tidy table (CSV, RFC 4180), one value a row, for spreadsheets and other programs.
#pragma once

#include "views/figure_data.hpp"

#include <string>

namespace kvviz::plot {

/// Curves: panel,title,series,x,y,low,high,n,origin,remark, in the units of the axes; origin is "measured" or the paper
/// that printed the number. Maps: panel,title,part,query_begin,query_end,key_begin,key_end,value, a row for each cell
/// that is not masked, tokens half-open, part "prompt" or "decode". What is not known is empty.
[[nodiscard]] std::string figureCsv(const Figure& figure);

} // namespace kvviz::plot
