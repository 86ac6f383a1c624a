// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Metadata keys tokenizer.ggml.* to a description.
#include "capture/gguf_tokenizer.hpp"

#include "capture/byte_fallback.hpp"
#include "capture/byte_level.hpp"
#include "capture/end_tokens.hpp"
#include "capture/gguf.hpp"
#include "capture/named_splits.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace kvviz::capture {
namespace {

// tokenizer.ggml.token_type
constexpr std::int64_t kNormal = 1;
constexpr std::int64_t kUnknown = 2;
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;
constexpr std::int64_t kByte = 6;

constexpr std::string_view kSpaceMark = "\u2581";

class Reader {
public:
    explicit Reader(const GgufFile& file) : m_file(file) { m_result.place = fmt::format("'{}'", file.path()); }

    TokenizerDescription run()
    {
        const std::string& model = m_file.string("tokenizer.ggml.model");
        if (model != "gpt2" && model != "llama")
            fail(fmt::format("the tokenizer model '{}' is not supported, only 'gpt2' (byte-level BPE) and 'llama' "
                             "(SentencePiece)",
                             core::displayBytes(model)));
        const bool byteLevel = model == "gpt2";
        const bool familyAddsBos = byteLevel ? readSplits() : true;
        readTypes();
        if (byteLevel) {
            readByteLevel();
            readMerges();
        } else {
            readSentencePiece();
        }
        readMarkers(familyAddsBos, byteLevel);
        m_result.chatTemplate = m_file.string("tokenizer.chat_template", "");
        return std::move(m_result);
    }

private:
    [[noreturn]] void fail(const std::string& what) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", m_file.path(), what));
    }

    /// Does the family add a BOS?
    bool readSplits()
    {
        try {
            NamedSplits named = namedSplits(m_file.string("tokenizer.ggml.pre", "default"));
            m_result.splits = std::move(named.steps);
            m_result.ignoreMerges = named.ignoresMerges;
            return named.addsBos;
        } catch (const core::Error& error) {
            fail(error.what());
        }
    }

    void readTypes()
    {
        const std::size_t tokens = texts().size();
        if (tokens == 0 || tokens > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
            fail(fmt::format("the vocabulary (tokenizer.ggml.tokens) has {} tokens", tokens));
        m_types.assign(tokens, kNormal);
        if (m_file.has("tokenizer.ggml.token_type"))
            m_types = m_file.integers("tokenizer.ggml.token_type");
        if (m_types.size() != tokens)
            fail(fmt::format("metadata key 'tokenizer.ggml.token_type' has {} entries for {} tokens", m_types.size(),
                             tokens));
        m_result.pieces.resize(tokens);
        m_result.bytes.resize(tokens);
        for (std::size_t i = 0; i < tokens; ++i)
            if (isAdded(i)) {
                m_result.bytes[i] = texts()[i];
                m_result.added.push_back({.text = texts()[i], .id = static_cast<std::int32_t>(i)});
                if (m_types[i] == kControl && isEndText(texts()[i]))
                    m_result.ends.push_back(static_cast<std::int32_t>(i));
            }
    }

    [[nodiscard]] const std::vector<std::string>& texts() const { return m_file.strings("tokenizer.ggml.tokens"); }
    [[nodiscard]] bool isAdded(std::size_t i) const { return m_types[i] == kControl || m_types[i] == kUserDefined; }

    void readByteLevel()
    {
        m_result.kind = TokenModelKind::mergeRanks;
        m_result.byteLevel = true;
        for (std::size_t i = 0; i < texts().size(); ++i) {
            if (isAdded(i))
                continue;
            if (std::optional<std::string> decoded = bytesOfByteLevel(texts()[i])) {
                m_result.bytes[i] = *decoded;
                m_result.pieces[i] = std::move(*decoded);
            } else {
                m_result.bytes[i] = texts()[i];
            }
        }
    }

    void readMerges()
    {
        std::unordered_map<std::string_view, std::int32_t> ids;
        for (std::size_t i = 0; i < m_result.pieces.size(); ++i)
            if (!m_result.pieces[i].empty())
                ids.try_emplace(m_result.pieces[i], static_cast<std::int32_t>(i));
        const std::vector<std::string>& merges = m_file.strings("tokenizer.ggml.merges");
        for (std::size_t i = 0; i < merges.size(); ++i) {
            const std::string& merge = merges[i];
            const auto failMerge = [&](const std::string& what) {
                fail(fmt::format("merge {} ('{}') of tokenizer.ggml.merges {}", i, core::displayBytes(merge), what));
            };
            const std::size_t space = merge.find(' ');
            if (space == std::string::npos || space == 0 || space + 1 == merge.size())
                failMerge("is not two tokens with a space between them");
            const auto idOf = [&](const std::string& text) {
                const std::optional<std::string> word = bytesOfByteLevel(text);
                const auto found = word ? ids.find(*word) : ids.end();
                if (found == ids.end())
                    failMerge(fmt::format("needs the token '{}', which the vocabulary does not have",
                                          core::displayBytes(text)));
                return found->second;
            };
            const std::string left = merge.substr(0, space), right = merge.substr(space + 1);
            const std::int32_t leftId = idOf(left), rightId = idOf(right);
            m_result.merges.push_back({leftId, rightId, idOf(left + right)});
        }
    }

    void readScores()
    {
        const auto found = m_file.metadata().find("tokenizer.ggml.scores");
        const auto* const scores =
            found == m_file.metadata().end() ? nullptr : std::get_if<std::vector<double>>(&found->second);
        if (scores == nullptr)
            fail(
                "metadata key 'tokenizer.ggml.scores' is missing or no list of numbers; a 'llama' vocabulary needs it");
        if (scores->size() != texts().size())
            fail(fmt::format("metadata key 'tokenizer.ggml.scores' has {} entries for {} tokens", scores->size(),
                             texts().size()));
        if (!std::all_of(scores->begin(), scores->end(), [](double score) { return std::isfinite(score); }))
            fail("metadata key 'tokenizer.ggml.scores' holds a value that is no number");
        m_result.scores = *scores;
    }

    void readSentencePiece()
    {
        readScores();
        m_result.kind = TokenModelKind::mergeScores;
        m_result.fuseUnknown = true;
        for (std::size_t i = 0; i < texts().size(); ++i) {
            if (isAdded(i))
                continue;
            const std::string& text = texts()[i];
            m_result.bytes[i] = text;
            if (m_types[i] == kUnknown)
                continue;
            m_result.pieces[i] = text;
            const std::optional<unsigned char> byte = m_types[i] == kByte ? namedByte(text) : std::nullopt;
            if (m_types[i] == kByte && !byte)
                fail(fmt::format("token {} ('{}') is marked as a byte but is not named <0x00> to <0xFF>", i,
                                 core::displayBytes(text)));
            if (byte)
                m_result.bytes[i] = {static_cast<char>(*byte)};
            else
                m_result.bytes[i] = replacedAll(text, kSpaceMark, " ").value_or(text);
            m_result.byteFallback = m_result.byteFallback || byte;
        }
        if (m_file.boolean("tokenizer.ggml.add_space_prefix", true)) {
            m_result.normalizer.push_back({.kind = NormalizerStep::Kind::prepend, .content = " "});
            m_result.trim = DecodeTrim::oneSpace;
        }
        m_result.normalizer.push_back(
            {.kind = NormalizerStep::Kind::replace, .content = std::string(kSpaceMark), .pattern = " "});
    }

    /// The token id under a metadata key, inside the vocabulary.
    [[nodiscard]] std::optional<std::int32_t> tokenId(const std::string& key) const
    {
        if (!m_file.has(key))
            return std::nullopt;
        const std::int64_t id = m_file.integer(key);
        if (id < 0 || id >= std::ssize(m_result.bytes))
            fail(fmt::format("metadata key '{}' is {}, but the vocabulary has {} tokens", key, id,
                             m_result.bytes.size()));
        return static_cast<std::int32_t>(id);
    }

    void readMarkers(bool familyAddsBos, bool byteLevel)
    {
        m_result.bos = tokenId("tokenizer.ggml.bos_token_id");
        if (!byteLevel) {
            m_result.unknown = tokenId("tokenizer.ggml.unknown_token_id");
            for (std::size_t i = 0; i < m_types.size() && !m_result.unknown; ++i)
                if (m_types[i] == kUnknown)
                    m_result.unknown = static_cast<std::int32_t>(i);
        }
        m_result.addsBos = m_file.boolean("tokenizer.ggml.add_bos_token", m_result.bos && familyAddsBos);
        if (m_result.addsBos && !m_result.bos)
            fail("'tokenizer.ggml.add_bos_token' asks for a BOS token but 'tokenizer.ggml.bos_token_id' is missing");
        for (const char* name : {"eos", "eot", "eom"})
            if (const auto id = tokenId(fmt::format("tokenizer.ggml.{}_token_id", name)))
                m_result.ends.push_back(*id);
        tidyEnds(m_result.ends);
    }

    const GgufFile& m_file;
    TokenizerDescription m_result;
    std::vector<std::int64_t> m_types;
};

} // namespace

TokenizerDescription describeGguf(const GgufFile& file) { return Reader(file).run(); }

} // namespace kvviz::capture
