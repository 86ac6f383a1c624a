// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The attention kernels as an AttentionReducer: started on the current stream of the tensors' device.
#pragma once

#include "capture/device/attention_reducer.hpp"

namespace kvviz::capture {

/// Its functions throw Error(device) when a kernel does not start.
[[nodiscard]] const AttentionReducer& cudaReducer();

} // namespace kvviz::capture
