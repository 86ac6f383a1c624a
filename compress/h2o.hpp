// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// H2O at the end of prefill: accumulated attention, plus a protected tail.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& h2oInfo();
[[nodiscard]] std::unique_ptr<Method> makeH2o(Params params);

} // namespace kvviz::compress
