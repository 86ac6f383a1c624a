// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The SHA-256 of a large model takes longer than opening it, and array jobs ask for it again and again. It is remembered
// with what the file system says of the files: a sum counts as long as none of that has changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace kvviz::app {

/// Where sums are kept: $XDG_CACHE_HOME/kvviz/sums, else ~/.cache/kvviz/sums; empty when neither is known.
[[nodiscard]] std::filesystem::path sumFolder();

/// compute(), or what it returned earlier for files of the same paths, sizes, inodes and times of change. Sums are kept for
/// files of `least` bytes together, unless they were changed within the last seconds; a folder that cannot be written is
/// no fault.
[[nodiscard]] std::string rememberedSum(const std::vector<std::filesystem::path>& files,
                                        const std::function<std::string()>& compute,
                                        const std::filesystem::path& folder = sumFolder(),
                                        std::uint64_t least = std::uint64_t{1} << 30);

} // namespace kvviz::app
