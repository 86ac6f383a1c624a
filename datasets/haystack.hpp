// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Endless plain text from our own templates: small events in a town, without names and without figures, so that
// nothing in it can be taken for a needle.
#pragma once

#include "datasets/random.hpp"

#include <string>
#include <vector>

namespace kvviz::datasets {

/// Sentences of at least `words` words in all.
[[nodiscard]] std::vector<std::string> makeHaystack(Random& random, std::int64_t words);

} // namespace kvviz::datasets
