// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ChunkKV: whole chunks by the attention of the last prompt queries; one set for all heads of a layer.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

[[nodiscard]] const MethodInfo& chunkkvInfo();
[[nodiscard]] std::unique_ptr<Method> makeChunkkv(Params params);

} // namespace kvviz::compress
