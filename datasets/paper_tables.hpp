// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The files of resources/paper as text; compiled in, so that an installed program needs no folder for them.
#pragma once

#include <string_view>

namespace kvviz::datasets {

[[nodiscard]] std::string_view paperScoresCsv();
[[nodiscard]] std::string_view paperLatencyCsv();
[[nodiscard]] std::string_view paperDatasetsCsv();

} // namespace kvviz::datasets
