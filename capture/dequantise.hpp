// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The block layouts of ggml's tensor types: sizes and names. The conversion itself is declared in capture/gguf.hpp.
#pragma once

#include "capture/gguf.hpp"

namespace kvviz::capture {

struct TensorTypeLayout {
    TensorType type;
    const char* name;            ///< "Q4_1"
    std::int64_t blockElements;  ///< values in one block
    std::int64_t blockBytes;
};

/// nullptr for a number that kvviz cannot dequantise.
[[nodiscard]] const TensorTypeLayout* tensorTypeLayout(std::uint32_t number);
/// "F32, F16, Q4_0, ..."
[[nodiscard]] std::string supportedTensorTypes();

} // namespace kvviz::capture
