// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds and reads the tokenizer of a model, whatever form the model has.
#pragma once

#include "capture/tokenizer.hpp"

#include <filesystem>

namespace kvviz::capture {

/// `path`: a GGUF file; a model folder, or its config.json, *.safetensors or index file; a tokenizer.json; a
/// tokenizer.model. In a folder tokenizer.json comes before tokenizer.model, and the files beside them
/// (tokenizer_config.json, special_tokens_map.json, generation_config.json, config.json, chat_template.jinja) say what
/// they leave open: BOS, ends, further added tokens, the chat template. Throws Error(badInput) naming file and key.
[[nodiscard]] Tokenizer loadTokenizer(const std::filesystem::path& path);

/// Does a model folder hold one?
[[nodiscard]] bool hasTokenizer(const std::filesystem::path& folder);

} // namespace kvviz::capture
