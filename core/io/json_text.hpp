// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON of files that are not ours, read so that no file can do harm: with a bound on its depth, and no key twice.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace kvviz::io {

/// Levels of lists and objects. Values are copied, printed and freed level by level, on the stack; no model's file and no
/// header comes near it.
inline constexpr std::size_t kDeepestJson = 64;

/// The value of a whole text. Time grows with its length alone, whatever it holds. Throws Error(badInput) that begins with
/// `place`, "'config.json'" say: no JSON ("is no JSON", with the byte), more than kDeepestJson levels, a key that an object
/// has twice (readers keep one of its values, and not all the same one).
[[nodiscard]] nlohmann::json parseJson(std::string_view text, const std::string& place);

} // namespace kvviz::io
