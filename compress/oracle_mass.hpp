// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The mass oracle: looks at the future and keeps what will be attended most; a bound, not a method.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& oracleMassInfo();
[[nodiscard]] std::unique_ptr<Method> makeOracleMass(Params params);

} // namespace kvviz::compress
