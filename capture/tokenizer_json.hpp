// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// tokenizer.json of the tokenizers library.
#pragma once

#include "capture/tokenizer_description.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace kvviz::capture {

/// Models BPE (by bytes or by characters) and Unigram. Throws Error(badInput) naming the file and the key for anything
/// that is wrong, contradictory or not supported.
[[nodiscard]] TokenizerDescription describeTokenizerJson(const std::filesystem::path& path);

} // namespace kvviz::capture
