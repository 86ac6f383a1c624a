// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// FullKV: the control that keeps everything; all its losses are exactly 0.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& fullkvInfo();
[[nodiscard]] std::unique_ptr<Method> makeFullkv(Params params);

} // namespace kvviz::compress
