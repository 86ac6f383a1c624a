// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Element types of arrays in files that are not ours (safetensors, npz), and their values as floats and integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvviz::io {

enum class ElementType : std::uint8_t {
    f64, f32, f16, bf16, f8_e4m3, f8_e5m2, i64, i32, i16, i8, u64, u32, u16, u8, boolean,
    text ///< of npz only: 4 bytes a character, as many as the array says
};

/// "F32", as safetensors names it; "text" for text.
[[nodiscard]] std::string_view elementTypeName(ElementType type);
/// The type of a name in a safetensors header.
[[nodiscard]] std::optional<ElementType> elementTypeFromName(std::string_view name);
/// Bytes of an element; 0 for text.
[[nodiscard]] std::size_t elementBytes(ElementType type);
[[nodiscard]] bool isReal(ElementType type);    ///< f64, f32, f16, bf16: what toFloats takes
[[nodiscard]] bool isInteger(ElementType type); ///< i64 ... u8: what toIntegers takes

/// `count` little-endian elements as float32; isReal types only.
void toFloats(ElementType type, const std::byte* from, std::size_t count, float* to);
/// The same for isInteger types; a u64 beyond the range of int64 comes out negative.
void toIntegers(ElementType type, const std::byte* from, std::size_t count, std::int64_t* to);

} // namespace kvviz::io
