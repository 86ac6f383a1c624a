// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The tokenizer in the metadata of a GGUF file.
#pragma once

#include "capture/tokenizer_description.hpp"

namespace kvviz::capture {

class GgufFile;

/// tokenizer.ggml.model "gpt2" (byte-level BPE) or "llama" (SentencePiece's BPE). Throws Error(badInput) for another
/// one or an unknown pre-tokenizer (lists those supported: smollm, gpt-2, llama-bpe, qwen2), or contradictory metadata.
[[nodiscard]] TokenizerDescription describeGguf(const GgufFile& file);

} // namespace kvviz::capture
