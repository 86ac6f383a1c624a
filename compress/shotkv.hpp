// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV: whole few-shot examples during prefill, single tokens during decoding.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& shotkvInfo();
[[nodiscard]] std::unique_ptr<Method> makeShotkv(Params params);

} // namespace kvviz::compress
