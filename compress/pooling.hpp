// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// 1-D pooling of scores over positions (methods.md 1.3): stride 1, padding kernel div 2.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace kvviz::compress {

enum class Pool { none, average, maximum };
/// "none", "avg", "max"; throws Error(usage) for any other text.
[[nodiscard]] Pool poolFromName(std::string_view name);

/// `average` pads with zeros and always divides by the kernel, so both ends are damped; `maximum` pads with minus
/// infinity. Throws Error(usage) unless the kernel is odd and positive.
[[nodiscard]] std::vector<double> pool1d(std::span<const double> scores, int kernel, Pool pool);

} // namespace kvviz::compress
