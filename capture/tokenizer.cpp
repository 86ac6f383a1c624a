// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The tokenizer: reads the vocabulary out of GGUF metadata, then special tokens, pre-tokenizer and byte-pair encoder
// one after the other.
#include "capture/tokenizer.hpp"

#include "capture/bpe.hpp"
#include "capture/byte_level.hpp"
#include "capture/gguf.hpp"
#include "capture/pre_tokenizer.hpp"
#include "capture/special_tokens.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace kvviz::capture {
namespace {

// tokenizer.ggml.token_type
constexpr std::int64_t kNormal = 1;
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

/// Control tokens that end a turn or a document in the supported families; files often name only one of them.
constexpr std::array<std::string_view, 5> kEndTexts{"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>",
                                                    "<|end_of_text|>"};

[[noreturn]] void fail(const GgufFile& file, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", file.path(), what));
}

std::string preTokenizerName(const GgufFile& file)
{
    const std::string& model = file.string("tokenizer.ggml.model");
    if (model != "gpt2")
        fail(file, fmt::format("the tokenizer model '{}' is not supported, only 'gpt2' (byte-level BPE)",
                               core::displayBytes(model)));
    return file.string("tokenizer.ggml.pre", "default");
}

PreTokenizer makePreTokenizer(const GgufFile& file)
{
    const std::string name = preTokenizerName(file);
    try {
        return PreTokenizer(name);
    } catch (const core::Error& error) {
        fail(file, error.what());
    }
}

std::vector<std::int64_t> tokenTypes(const GgufFile& file, std::size_t tokens)
{
    if (!file.has("tokenizer.ggml.token_type"))
        return std::vector<std::int64_t>(tokens, kNormal);
    std::vector<std::int64_t> types = file.integers("tokenizer.ggml.token_type");
    if (types.size() != tokens)
        fail(file, fmt::format("metadata key 'tokenizer.ggml.token_type' has {} entries for {} tokens", types.size(),
                               tokens));
    return types;
}

/// The token id under a metadata key, inside the vocabulary.
std::optional<std::int32_t> tokenId(const GgufFile& file, const std::string& key, std::size_t tokens)
{
    if (!file.has(key))
        return std::nullopt;
    const std::int64_t id = file.integer(key);
    if (id < 0 || id >= static_cast<std::int64_t>(tokens))
        fail(file, fmt::format("metadata key '{}' is {}, but the vocabulary has {} tokens", key, id, tokens));
    return static_cast<std::int32_t>(id);
}

} // namespace

struct Tokenizer::Impl {
    PreTokenizer preTokenizer;
    std::vector<std::string> bytes; ///< of each token
    BytePairEncoder encoder;
    SpecialTokens specials;
    std::optional<std::int32_t> bos;
    bool addsBos = false;
    std::vector<std::int32_t> ends;

    explicit Impl(const GgufFile& file) : preTokenizer(makePreTokenizer(file)) {}
    // The encoder looks into `bytes`.
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void readVocabulary(const GgufFile& file);
    void readMerges(const GgufFile& file);
    void readMarkers(const GgufFile& file);
    void encodeText(std::string_view text, std::int64_t offset, BytePairEncoder::Workspace& workspace,
                    std::vector<Token>& tokens) const;
};

void Tokenizer::Impl::readVocabulary(const GgufFile& file)
{
    const std::vector<std::string>& texts = file.strings("tokenizer.ggml.tokens");
    if (texts.empty() || texts.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        fail(file, fmt::format("the vocabulary (tokenizer.ggml.tokens) has {} tokens", texts.size()));
    const std::vector<std::int64_t> types = tokenTypes(file, texts.size());
    const auto isSpecial = [&types](std::size_t i) { return types[i] == kControl || types[i] == kUserDefined; };

    bytes.reserve(texts.size()); // no reallocation: the encoder keeps views
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        std::optional<std::string> decoded = bytesOfByteLevel(texts[i]);
        const bool inAlphabet = decoded.has_value();
        bytes.push_back(isSpecial(i) || !inAlphabet ? texts[i] : std::move(*decoded));
        if (isSpecial(i)) {
            specials.add(bytes.back(), id);
            if (types[i] == kControl && std::find(kEndTexts.begin(), kEndTexts.end(), texts[i]) != kEndTexts.end())
                ends.push_back(id);
        } else if (inAlphabet && !bytes.back().empty()) {
            encoder.addToken(bytes.back(), id);
        }
    }
}

void Tokenizer::Impl::readMerges(const GgufFile& file)
{
    const std::vector<std::string>& merges = file.strings("tokenizer.ggml.merges");
    for (std::size_t i = 0; i < merges.size(); ++i) {
        const std::string& merge = merges[i];
        const auto failMerge = [&](const std::string& what) {
            fail(file, fmt::format("merge {} ('{}') of tokenizer.ggml.merges {}", i, core::displayBytes(merge), what));
        };
        const std::size_t space = merge.find(' ');
        if (space == std::string::npos || space == 0 || space + 1 == merge.size())
            failMerge("is not two tokens with a space between them");
        const auto idOf = [&](const std::string& text) {
            const std::optional<std::string> word = bytesOfByteLevel(text);
            const std::int32_t id = word ? encoder.find(*word) : -1;
            if (id < 0)
                failMerge(fmt::format("needs the token '{}', which the vocabulary does not have",
                                      core::displayBytes(text)));
            return id;
        };
        const std::string left = merge.substr(0, space);
        const std::string right = merge.substr(space + 1);
        const std::int32_t leftId = idOf(left);
        const std::int32_t rightId = idOf(right);
        encoder.addMerge(leftId, rightId, idOf(left + right));
    }
}

void Tokenizer::Impl::readMarkers(const GgufFile& file)
{
    bos = tokenId(file, "tokenizer.ggml.bos_token_id", bytes.size());
    addsBos = file.boolean("tokenizer.ggml.add_bos_token", bos && preTokenizer.addsBosByDefault());
    if (addsBos && !bos)
        fail(file, "'tokenizer.ggml.add_bos_token' asks for a BOS token but 'tokenizer.ggml.bos_token_id' is missing");
    for (const char* name : {"eos", "eot", "eom"})
        if (const auto id = tokenId(file, fmt::format("tokenizer.ggml.{}_token_id", name), bytes.size()))
            ends.push_back(*id);
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

void Tokenizer::Impl::encodeText(std::string_view text, std::int64_t offset, BytePairEncoder::Workspace& workspace,
                                 std::vector<Token>& tokens) const
{
    std::vector<std::string_view> pieces;
    preTokenizer.split(text, pieces);
    for (const std::string_view piece : pieces) {
        const std::int64_t begin = offset + (piece.data() - text.data());
        const std::int32_t whole = preTokenizer.ignoresMerges() ? encoder.find(piece) : -1;
        if (whole >= 0)
            tokens.push_back({whole, begin, 0});
        else
            encoder.encode(piece, begin, workspace, tokens);
    }
}

Tokenizer::Tokenizer(const GgufFile& file) : m_impl(std::make_unique<Impl>(file))
{
    m_impl->readVocabulary(file);
    m_impl->readMerges(file);
    m_impl->readMarkers(file);
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<Token> Tokenizer::encode(std::string_view text) const
{
    std::vector<Token> tokens;
    BytePairEncoder::Workspace workspace;
    std::size_t done = 0;
    while (done < text.size()) {
        const auto special = m_impl->specials.find(text, done);
        const std::size_t end = special ? special->begin : text.size();
        m_impl->encodeText(text.substr(done, end - done), static_cast<std::int64_t>(done), workspace, tokens);
        done = end;
        if (special) {
            tokens.push_back({special->id, static_cast<std::int64_t>(done), 0});
            done += special->length;
        }
    }
    if (tokens.empty())
        return tokens;
    // Each token reaches to the next, so the ranges cover the text even where a byte has no token.
    tokens.front().begin = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
        tokens[i].end = tokens[i + 1].begin;
    tokens.back().end = static_cast<std::int64_t>(text.size());
    return tokens;
}

std::string_view Tokenizer::bytesOf(std::int32_t id) const
{
    if (id < 0 || id >= vocabSize())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("token id {} is outside the vocabulary (0 to {})", id, vocabSize() - 1));
    return m_impl->bytes[static_cast<std::size_t>(id)];
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids) const
{
    std::string text;
    for (const std::int32_t id : ids)
        text += bytesOf(id);
    return text;
}

std::int32_t Tokenizer::vocabSize() const
{
    return static_cast<std::int32_t>(m_impl->bytes.size());
}

std::optional<std::int32_t> Tokenizer::bos() const
{
    return m_impl->bos;
}

bool Tokenizer::addsBos() const
{
    return m_impl->addsBos;
}

const std::vector<std::int32_t>& Tokenizer::endTokens() const
{
    return m_impl->ends;
}

} // namespace kvviz::capture
