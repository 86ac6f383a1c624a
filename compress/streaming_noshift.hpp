// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// StreamingLLM without position shift: sinks and recent tokens, as the prefill-only ports do it.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& streamingNoshiftInfo();
[[nodiscard]] std::unique_ptr<Method> makeStreamingNoshift(Params params);

} // namespace kvviz::compress
