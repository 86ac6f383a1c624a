// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The KVFundaBench paper's numbers for figures.
#pragma once

#include "views/published_series.hpp"

namespace kvviz::app {

[[nodiscard]] plot::PublishedSource publishedSource();

} // namespace kvviz::app
