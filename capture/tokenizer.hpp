// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Text to tokens and back: added tokens, normalizer, pre-tokenizer and model one after the other, as a description of
// the model's own tokenizer says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class GgufFile;
struct TokenizerDescription;

struct Token {
    std::int32_t id = 0;
    std::int64_t begin = 0; ///< byte range of the input that this token stands for
    std::int64_t end = 0;
};

class Tokenizer {
public:
    /// Throws Error(badInput) for an expression or a map in it that cannot be used.
    explicit Tokenizer(TokenizerDescription description);
    /// As describeGguf().
    explicit Tokenizer(const GgufFile& file);
    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;

    /// Special tokens written out in the text are recognised. No BOS is added. The ranges cover the text exactly, also
    /// where a normalizer changed it; a token that stands for nothing in it (a space put in front) has an empty range.
    /// Bytes that are not UTF-8 are encoded byte by byte. A byte that the vocabulary has no token for (SmolLM2 lacks
    /// 21, such as 0xff) is left out, as the tokenizers library does; the range of a neighbour then covers it. Throws
    /// Error(badInput) with noText() where that is not empty.
    [[nodiscard]] std::vector<Token> encode(std::string_view text) const;
    /// Why no text can be encoded (there is no tokenizer, only numbers of tokens), and what to do; empty: it can.
    [[nodiscard]] const std::string& noText() const;
    /// Exact bytes of one token (special tokens give their text).
    [[nodiscard]] std::string_view bytesOf(std::int32_t id) const;
    /// The bytes of all, without the space that encode() puts in front of a text for some models.
    [[nodiscard]] std::string decode(const std::vector<std::int32_t>& ids) const;
    [[nodiscard]] std::int32_t vocabSize() const;
    [[nodiscard]] std::optional<std::int32_t> bos() const;
    [[nodiscard]] bool addsBos() const; ///< the model wants a BOS in front of every prompt
    /// Ids that end a generation (eos, eot), ascending.
    [[nodiscard]] const std::vector<std::int32_t>& endTokens() const;
    /// The model's own chat template (Jinja), empty if it has none.
    [[nodiscard]] const std::string& chatTemplate() const;
    /// Does decode() give every text back that has a token for each byte?
    [[nodiscard]] bool isLossless() const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace kvviz::capture
