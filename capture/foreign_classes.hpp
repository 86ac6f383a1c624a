// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Oniguruma's named sets of characters, as what stands between the brackets of a PCRE2 class.
#pragma once

#include <string>
#include <string_view>

namespace kvviz::capture {

/// \w within a class.
inline constexpr std::string_view kForeignWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
/// \w on its own: Oniguruma looks the first 256 characters up in another table, which has some numbers more.
inline constexpr std::string_view kForeignBareWord =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}\x{bd}\x{be})";

/// [:name:] (`negated`: [:^name:]). Empty: no such set, or none that can be said within a class.
[[nodiscard]] std::string_view foreignPosixSet(std::string_view name, bool negated);

/// \p{name} without braces' content changed in any other way than PCRE2 needs: \p{...}. `negated`: \P{name}. Empty: not
/// supported. Names of scripts mean the script itself.
[[nodiscard]] std::string foreignProperty(std::string_view name, bool negated);

/// Does the set named so hold one case only? Where case is ignored, Oniguruma adds the other one to a class.
[[nodiscard]] bool isOfOneCase(std::string_view name);

} // namespace kvviz::capture
