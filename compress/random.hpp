// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Random: a uniform subset per layer and KV head, the baseline every score must beat.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& randomInfo();
[[nodiscard]] std::unique_ptr<Method> makeRandom(Params params);

} // namespace kvviz::compress
