// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Chunks of consecutive tokens and their choice, apart from the method so that each rule can be tested alone.
#pragma once

#include "compress/top_k.hpp"

#include <span>

namespace kvviz::compress {

/// Paper rule: chunk score = sum of its tokens' scores; best chunks first, each taken whole while it fits into `room`
/// tokens; one that does not fit is skipped. Positions ascending.
[[nodiscard]] TopK fillWithChunks(std::span<const double> scores, std::int64_t chunkSize, std::int64_t room);

/// kvpress rule: chunk score = mean over its tokens (a last partial chunk over its own length); the best `chunks`.
[[nodiscard]] TopK bestChunks(std::span<const double> scores, std::int64_t chunkSize, std::int64_t chunks);

} // namespace kvviz::compress
