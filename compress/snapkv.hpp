// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SnapKV: pooled attention of the last prompt queries, plus their own keys.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& snapkvInfo();
[[nodiscard]] std::unique_ptr<Method> makeSnapkv(Params params);

} // namespace kvviz::compress
