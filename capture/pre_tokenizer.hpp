// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cuts a text into the pieces that byte-pair encoding may not merge across: words, numbers, punctuation, spaces.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class PreTokenizer {
public:
    /// A name of "tokenizer.ggml.pre". Throws Error(badInput) for another name (lists those supported).
    explicit PreTokenizer(const std::string& name);
    ~PreTokenizer();
    PreTokenizer(PreTokenizer&&) noexcept;
    PreTokenizer& operator=(PreTokenizer&&) noexcept;

    /// Appends the pieces of `text` to `pieces`; put together they are the text. Bytes that are not UTF-8 become
    /// pieces of one byte.
    void split(std::string_view text, std::vector<std::string_view>& pieces) const;
    /// A piece that is a token as a whole is taken as it is (Llama 3).
    [[nodiscard]] bool ignoresMerges() const;
    /// What the model family does when the file does not say.
    [[nodiscard]] bool addsBosByDefault() const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace kvviz::capture
