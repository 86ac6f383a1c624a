// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The parameters of SnapKV's score, shared by the methods that build on it.
#pragma once

#include "compress/method.hpp"
#include "compress/window_scores.hpp"

namespace kvviz::compress {

/// window, kernel, pool, reduce, order with SnapKV's defaults.
[[nodiscard]] std::vector<ParamSpec> snapParams();
/// Their values, checked; throws Error(usage).
[[nodiscard]] SnapOptions snapOptions(const Params& params);

} // namespace kvviz::compress
