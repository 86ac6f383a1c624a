// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The header of numpy's .npy format, versions 1 to 3: a Python dictionary with descr, fortran_order and shape.
#pragma once

#include "core/io/array_source.hpp"

#include <string_view>

namespace kvviz::io {

inline constexpr std::string_view kNpyMagic{"\x93NUMPY", 6};
/// Bytes at the beginning of a file that say how long its header is, at least.
inline constexpr std::size_t kNpyPreamble = 12;
/// Where the elements begin, from the first kNpyPreamble bytes. Throws Error(badInput) that begins with `place`.
[[nodiscard]] std::size_t npyHeaderBytes(std::string_view preamble, const std::string& place);
/// The array that a whole header describes, without its name; an order or a type that is not read (big-endian, object,
/// complex, Fortran order) is its obstacle. Throws Error(badInput): no header, a shape that overflows.
[[nodiscard]] NamedArray parseNpyHeader(std::string_view header, const std::string& place);

} // namespace kvviz::io
