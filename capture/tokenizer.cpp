// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The stages of a tokenizer, put together.
#include "capture/tokenizer.hpp"

#include "capture/bpe.hpp"
#include "capture/gguf_tokenizer.hpp"
#include "capture/pre_tokenizer.hpp"
#include "capture/sentencepiece_model.hpp"
#include "capture/special_tokens.hpp"
#include "capture/text_normalizer.hpp"
#include "capture/unigram.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

std::unique_ptr<TokenModel> makeModel(const TokenizerDescription& description)
{
    if (description.kind == TokenModelKind::sentencePiece)
        return makeSentencePieceModel(description);
    if (description.kind == TokenModelKind::unigram)
        return std::make_unique<UnigramEncoder>(description);
    return std::make_unique<BytePairEncoder>(description);
}

} // namespace

struct Tokenizer::Impl {
    TokenizerDescription description;
    TextNormalizer normalizer;
    PreTokenizer preTokenizer;
    SpecialTokens rawAdded, normalizedAdded; ///< looked for before and after the normalizer
    std::unique_ptr<TokenModel> model;       ///< looks into `description`

    /// What one call of encode() works with.
    struct Work {
        TextArena arena;
        EncodeWorkspace workspace;
        std::vector<TextPiece> pieces;
        std::vector<Token> tokens;
    };

    explicit Impl(TokenizerDescription&& given)
        : description(std::move(given)),
          normalizer(description.normalizer),
          preTokenizer(description.splits),
          model(makeModel(description))
    {
        TextArena arena;
        for (const AddedToken& token : description.added) {
            if (token.normalized)
                normalizedAdded.add(normalizer.apply({token.text}, arena).text, token);
            else
                rawAdded.add(token.text, token);
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void encodeWords(const TextPiece& text, Work& work) const;
    void encodeRun(const TextPiece& text, Work& work) const;
    void encodeText(std::string_view text, std::int64_t offset, Work& work) const;
    /// As the file writes the token.
    [[nodiscard]] const std::string& textOf(std::int32_t id) const
    {
        const auto added = std::find_if(description.added.begin(), description.added.end(),
                                        [id](const AddedToken& token) { return token.id == id; });
        return added != description.added.end() ? added->text : description.pieces[static_cast<std::size_t>(id)];
    }
};

/// Normalised text without added tokens.
void Tokenizer::Impl::encodeWords(const TextPiece& text, Work& work) const
{
    work.pieces.clear();
    preTokenizer.cut(text, work.arena, work.pieces);
    for (const TextPiece& piece : work.pieces)
        model->encode(piece, work.workspace, work.tokens);
}

/// Well-formed text as given, between added tokens and stray bytes.
void Tokenizer::Impl::encodeRun(const TextPiece& text, Work& work) const
{
    const TextPiece normal = normalizer.apply(text, work.arena);
    std::size_t done = 0;
    for (const SpecialTokens::Match& added : normalizedAdded.findAll(normal.text)) {
        if (added.begin > done)
            encodeWords(normal.part(done, added.begin - done), work);
        work.tokens.push_back({added.id, normal.at(added.begin), 0});
        done = added.begin + added.length;
    }
    if (done < normal.text.size())
        encodeWords(normal.part(done, normal.text.size() - done), work);
}

void Tokenizer::Impl::encodeText(std::string_view text, std::int64_t offset, Work& work) const
{
    work.arena.clear();
    const auto piece = [&](std::size_t begin, std::size_t end) {
        return TextPiece{text.substr(begin, end - begin), nullptr, offset + static_cast<std::int64_t>(begin),
                         begin > 0};
    };
    std::size_t runBegin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = characterLength(text.substr(i));
        if (length == 0) {
            encodeRun(piece(runBegin, i), work);
            model->encode(piece(i, i + 1), work.workspace, work.tokens);
            runBegin = i + 1;
        }
        i += std::max<std::size_t>(length, 1);
    }
    encodeRun(piece(runBegin, text.size()), work);
}

Tokenizer::Tokenizer(TokenizerDescription description) : m_impl(std::make_unique<Impl>(std::move(description))) {}

Tokenizer::Tokenizer(const GgufFile& file) : Tokenizer(describeGguf(file)) {}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<Token> Tokenizer::encode(std::string_view text) const
{
    if (!noText().empty())
        throw core::Error(core::ErrorCode::badInput, noText());
    Impl::Work work;
    std::size_t done = 0;
    const auto encodeUpTo = [&](std::size_t end) {
        if (end > done)
            m_impl->encodeText(text.substr(done, end - done), static_cast<std::int64_t>(done), work);
    };
    for (const SpecialTokens::Match& added : m_impl->rawAdded.findAll(text)) {
        encodeUpTo(added.begin);
        work.tokens.push_back({added.id, static_cast<std::int64_t>(added.begin), 0});
        done = added.begin + added.length;
    }
    encodeUpTo(text.size());
    std::vector<Token> tokens = std::move(work.tokens);
    if (tokens.empty())
        return tokens;
    // Each token reaches to the next, so the ranges cover the text even where a byte has no token.
    tokens.front().begin = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        tokens[i + 1].begin = std::max(tokens[i + 1].begin, tokens[i].begin);
        tokens[i].end = tokens[i + 1].begin;
    }
    tokens.back().end = static_cast<std::int64_t>(text.size());
    return tokens;
}

const std::string& Tokenizer::noText() const { return m_impl->description.noText; }

std::string_view Tokenizer::bytesOf(std::int32_t id) const
{
    if (id < 0 || id >= vocabSize())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("token id {} is outside the vocabulary (0 to {})", id, vocabSize() - 1));
    return m_impl->description.bytes[static_cast<std::size_t>(id)];
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids) const
{
    const TokenizerDescription& description = m_impl->description;
    std::string text, first;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        std::string_view bytes = bytesOf(ids[i]);
        if (i == 0 && description.decoder.treatsFirst()) {
            first = description.decoder.bytesOf(m_impl->textOf(ids[i]), true);
            bytes = first;
        }
        const bool trims = i == 0 ? description.trim != DecodeTrim::none
                                  : description.trim == DecodeTrim::spaceOfEachToken && text.empty();
        if (trims && bytes.starts_with(' '))
            bytes.remove_prefix(1);
        text += bytes;
    }
    return text;
}

std::int32_t Tokenizer::vocabSize() const { return static_cast<std::int32_t>(m_impl->description.bytes.size()); }

std::optional<std::int32_t> Tokenizer::bos() const { return m_impl->description.bos; }

bool Tokenizer::addsBos() const { return m_impl->description.addsBos; }

const std::vector<std::int32_t>& Tokenizer::endTokens() const { return m_impl->description.ends; }

const std::string& Tokenizer::chatTemplate() const { return m_impl->description.chatTemplate; }

bool Tokenizer::isLossless() const
{
    const TokenizerDescription& description = m_impl->description;
    const auto changes = [](const SplitStep& step) {
        return step.kind != SplitStep::Kind::split || step.behavior == SplitStep::Behavior::removed;
    };
    return description.byteLevel && description.normalizer.empty()
           && std::none_of(description.splits.begin(), description.splits.end(), changes)
           && std::none_of(description.added.begin(), description.added.end(),
                           [](const AddedToken& token) { return token.leftStrip || token.rightStrip; });
}

} // namespace kvviz::capture
