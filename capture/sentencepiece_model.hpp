// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// tokenizer.model files, read and run by libsentencepiece.
#pragma once

#include "capture/token_model.hpp"
#include "capture/tokenizer_description.hpp"

#include <filesystem>
#include <memory>

namespace kvviz::capture {

/// Throws Error(badInput): no such file, or the library refuses it.
[[nodiscard]] TokenizerDescription describeSentencePiece(const std::filesystem::path& path);
/// The model of such a description.
[[nodiscard]] std::unique_ptr<TokenModel> makeSentencePieceModel(const TokenizerDescription& description);

} // namespace kvviz::capture
