// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Numbers of matrices and bars for the sidecar.
#pragma once

#include "views/figure_data.hpp"

#include <nlohmann/json.hpp>

namespace kvviz::plot {

/// Row by row; what is not finite is null.
[[nodiscard]] nlohmann::ordered_json matrixJson(const MatrixPanel& panel);
[[nodiscard]] nlohmann::ordered_json barsJson(const BarPanel& panel);

} // namespace kvviz::plot
