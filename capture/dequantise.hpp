// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The block layouts of tensor types: sizes and names. The conversion itself is declared in capture/tensor.hpp.
#pragma once

#include "capture/tensor.hpp"

namespace kvviz::capture {

struct TensorTypeLayout {
    TensorType type;
    const char* name;            ///< "Q4_1"
    std::int64_t blockElements;  ///< values in one block
    std::int64_t blockBytes;
};

/// Numbers from here on are ours, not ggml's: no GGUF file may use them.
inline constexpr std::uint32_t kFirstOwnType = 1000;

/// nullptr for a number of ggml's that kvviz cannot convert.
[[nodiscard]] const TensorTypeLayout* tensorTypeLayout(std::uint32_t number);
/// Of ggml's: "F32, F16, Q4_0, ..."
[[nodiscard]] std::string supportedTensorTypes();

} // namespace kvviz::capture
