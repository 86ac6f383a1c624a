// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pre-tokenizers that go by a name: those of GGUF files, and GPT-2's, which tokenizer.json calls ByteLevel.
#pragma once

#include "capture/tokenizer_description.hpp"

#include <string>
#include <vector>

namespace kvviz::capture {

struct NamedSplits {
    std::vector<SplitStep> steps;
    bool ignoresMerges = false; ///< a piece that is a token as a whole is taken as it is (Llama 3)
    bool addsBos = false;       ///< what the family does when the file does not say
};

/// A name of "tokenizer.ggml.pre". Throws Error(badInput) for another name (lists those supported).
[[nodiscard]] NamedSplits namedSplits(const std::string& name);
[[nodiscard]] SplitStep gpt2Split();

} // namespace kvviz::capture
