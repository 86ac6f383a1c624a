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

/// Adds a token as files beside a tokenizer name them ({"content": ..., "lstrip": ...}). `object` may be of any type.
/// Throws Error(badInput) for one that contradicts the vocabulary.
void addToken(TokenizerDescription& description, const nlohmann::json& object, std::int64_t id,
              const std::string& place);

} // namespace kvviz::capture
