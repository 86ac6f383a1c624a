// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Byte-level BPE as in GPT-2, from GGUF metadata (tokenizer.ggml.model = "gpt2").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class GgufFile;

struct Token {
    std::int32_t id = 0;
    std::int64_t begin = 0; ///< byte range of the input that this token stands for
    std::int64_t end = 0;
};

class Tokenizer {
public:
    /// Throws Error(badInput) for another tokenizer model or an unknown pre-tokenizer (lists those supported:
    /// smollm, gpt-2, llama-bpe, qwen2), or contradictory metadata.
    explicit Tokenizer(const GgufFile& file);
    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;

    /// Special tokens written out in the text are recognised. No BOS is added. The ranges cover the text exactly.
    /// Bytes that are not UTF-8 are encoded byte by byte. A byte that the vocabulary has no token for (SmolLM2 lacks
    /// 21, such as 0xff) is left out, as the tokenizers library does; the range of a neighbour then covers it.
    [[nodiscard]] std::vector<Token> encode(std::string_view text) const;
    /// Exact bytes of one token (special tokens give their text).
    [[nodiscard]] std::string_view bytesOf(std::int32_t id) const;
    [[nodiscard]] std::string decode(const std::vector<std::int32_t>& ids) const;
    [[nodiscard]] std::int32_t vocabSize() const;
    [[nodiscard]] std::optional<std::int32_t> bos() const;
    [[nodiscard]] bool addsBos() const; ///< the model wants a BOS in front of every prompt
    /// Ids that end a generation (eos, eot).
    [[nodiscard]] const std::vector<std::int32_t>& endTokens() const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace kvviz::capture
