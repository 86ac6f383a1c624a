// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The vocabulary, merges and added tokens of a tokenizer.json, and how its stages fit together.
#include "capture/tokenizer_json.hpp"

#include "capture/added_tokens.hpp"
#include "capture/byte_level.hpp"
#include "capture/end_tokens.hpp"
#include "capture/json_fields.hpp"
#include "capture/tokenizer_json_steps.hpp"
#include "core/text.hpp"

#include <unordered_map>

namespace kvviz::capture {
namespace {

using Json = nlohmann::json;

std::string shown(const std::string& text) { return core::displayBytes(text.substr(0, 60)); }

/// A decoder can lengthen each token of the file.
constexpr std::size_t kMostBytes = 1 << 28;

class Reader {
public:
    explicit Reader(const std::filesystem::path& path)
    {
        Json root = JsonFields::ofFile(path).take();
        m_place = fmt::format("'{}'", path.string());
        m_result.place = m_place;
        // The large parts are taken out: what is left is copied freely.
        if (root.contains("model") && root["model"].is_object()) {
            m_vocabulary = take(root["model"], "vocab");
            m_merges = take(root["model"], "merges");
        }
        m_added = take(root, "added_tokens");
        m_root.emplace(std::move(root), m_place);
        if (!m_root->has("model"))
            refuse("'model' is missing; is this a tokenizer.json?");
        m_model.emplace(m_root->object("model"));
    }

    TokenizerDescription run()
    {
        m_result.normalizer = readNormalizer(*m_root);
        SplitReading splits = readPreTokenizer(*m_root);
        m_result.splits = std::move(splits.steps);
        m_result.byteLevel = splits.byteLevel;
        if (const std::optional<DecoderReading> decoder = readDecoder(*m_root)) {
            m_result.decoder = decoder->decoder;
            m_result.trim = decoder->trim;
        } else {
            guessDecoder();
        }
        if (m_result.decoder.byteLevel != m_result.byteLevel)
            refuse(m_result.byteLevel ? "the pre_tokenizer is byte-level (ByteLevel), but the decoder is not"
                                      : "the decoder is byte-level (ByteLevel), but the pre_tokenizer is not");
        m_result.decoder.place = m_place;
        readModel();
        readAdded();
        readPrefix();
        tidyEnds(m_result.ends);
        return std::move(m_result);
    }

private:
    [[noreturn]] void refuse(const std::string& why) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", m_place, why));
    }
    static Json take(Json& object, const char* key)
    {
        if (!object.contains(key))
            return nullptr;
        Json part = std::move(object[key]);
        object[key] = nullptr;
        return part;
    }

    /// A file without a decoder: spaces that a stage changed are changed back.
    void guessDecoder()
    {
        m_result.decoder.byteLevel = m_result.byteLevel;
        for (const NormalizerStep& step : m_result.normalizer)
            if (step.kind == NormalizerStep::Kind::replace && step.pattern == " " && !step.content.empty())
                m_result.decoder.replacements.push_back({step.content, " "});
        for (const SplitStep& step : m_result.splits)
            if (step.kind == SplitStep::Kind::metaspace)
                m_result.decoder.replacements.push_back({step.pattern, " "});
    }

    void readModel()
    {
        const std::string type = m_model->text("type", m_merges.is_array() ? "BPE" : "");
        m_result.byteFallback = m_model->boolean("byte_fallback", false);
        if (type == "BPE") {
            readBpe();
        } else if (type == "Unigram") {
            readUnigram();
        } else {
            m_model->refuse(fmt::format("the type '{}' is not supported, only BPE and Unigram", shown(type)));
        }
    }

    void makeRoom(std::size_t size)
    {
        m_result.pieces.resize(std::max(size, m_result.pieces.size()));
        m_result.bytes.resize(m_result.pieces.size());
    }

    void setPiece(std::size_t id, const std::string& text)
    {
        m_result.bytes[id] = m_result.decoder.bytesOf(text);
        m_byteCount += m_result.bytes[id].size();
        if (m_byteCount > kMostBytes)
            refuse(fmt::format("the tokens stand for more than {} bytes together", kMostBytes));
        m_result.pieces[id] = m_result.byteLevel ? bytesOfByteLevel(text).value_or("") : text;
    }

    [[nodiscard]] std::optional<std::int32_t> idOf(const std::string& text) const
    {
        const auto found = m_ids.find(text);
        return found == m_ids.end() ? std::nullopt : std::optional(found->second);
    }

    void readBpe()
    {
        if (!m_vocabulary.is_object() || m_vocabulary.empty())
            m_model->refuse("'vocab' is missing, empty or no object");
        if (m_model->has("dropout")
            && (!m_model->json().at("dropout").is_number() || m_model->json().at("dropout").get<double>() != 0))
            m_model->refuse("'dropout' is set: the tokens of a text would be left to chance");
        for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
            if (!m_model->text(key, "").empty())
                m_model->refuse(fmt::format("'{}' is not supported", key));
        m_result.kind = TokenModelKind::mergeRanks;
        m_result.fuseUnknown = m_model->boolean("fuse_unk", false);
        m_result.ignoreMerges = m_model->boolean("ignore_merges", false);
        readVocabulary();
        if (const std::string unknown = m_model->text("unk_token", ""); !unknown.empty()) {
            m_result.unknown = idOf(unknown);
            if (!m_result.unknown)
                m_model->refuse(fmt::format("'unk_token' is '{}', which the vocabulary does not have", shown(unknown)));
        }
        readMerges();
    }

    void readVocabulary()
    {
        const std::int64_t most = std::ssize(m_vocabulary) + kMostUnusedIds;
        m_ids.reserve(m_vocabulary.size());
        for (const auto& [text, id] : m_vocabulary.items()) {
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(most))
                m_model->refuse(
                    fmt::format("'vocab': the id of '{}' is no whole number from 0 to {}", shown(text), most - 1));
            const auto index = id.get<std::size_t>();
            makeRoom(index + 1);
            if (!m_result.bytes[index].empty())
                m_model->refuse(fmt::format("'vocab': '{}' and '{}' both have the id {}", shown(text),
                                            core::displayBytes(m_result.bytes[index]), index));
            setPiece(index, text);
            m_ids.emplace(text, static_cast<std::int32_t>(index));
        }
        m_vocabulary = nullptr;
    }

    /// "a b" or ["a", "b"].
    [[nodiscard]] std::pair<std::string, std::string> readMerge(const Json& merge, std::size_t number) const
    {
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
            return {merge[0].get<std::string>(), merge[1].get<std::string>()};
        if (merge.is_string()) {
            const auto& text = merge.get_ref<const std::string&>();
            const std::size_t space = text.find(' ');
            if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
                return {text.substr(0, space), text.substr(space + 1)};
        }
        m_model->refuse(fmt::format("merge {} of 'merges' is not two tokens", number));
    }

    void readMerges()
    {
        if (!m_merges.is_array())
            m_model->refuse("'merges' is missing or no list");
        m_result.merges.reserve(m_merges.size());
        std::size_t number = 0;
        for (const Json& merge : m_merges) {
            const auto [left, right] = readMerge(merge, number);
            const auto need = [&](const std::string& text) {
                const std::optional<std::int32_t> id = idOf(text);
                if (!id)
                    m_model->refuse(fmt::format("merge {} of 'merges' needs the token '{}', which the vocabulary does "
                                                "not have",
                                                number, shown(text)));
                return *id;
            };
            const std::int32_t leftId = need(left), rightId = need(right);
            m_result.merges.push_back({leftId, rightId, need(left + right)});
            ++number;
        }
        m_merges = nullptr;
    }

    void readUnigram()
    {
        if (!m_vocabulary.is_array() || m_vocabulary.empty())
            m_model->refuse("'vocab' is missing, empty or no list");
        m_result.kind = TokenModelKind::unigram;
        if (m_result.byteLevel)
            m_model->refuse("a Unigram over bytes (ByteLevel) is not supported");
        makeRoom(m_vocabulary.size());
        for (std::size_t i = 0; i < m_vocabulary.size(); ++i) {
            const Json& entry = m_vocabulary[i];
            if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()
                || !std::isfinite(entry[1].get<double>()))
                m_model->refuse(fmt::format("entry {} of 'vocab' is not a text and a score", i));
            const auto& text = entry[0].get_ref<const std::string&>();
            setPiece(i, text);
            m_result.scores.push_back(entry[1].get<double>());
            m_ids.insert_or_assign(text, static_cast<std::int32_t>(i));
        }
        if (m_model->has("unk_id")) {
            const std::int64_t unknown = m_model->integer("unk_id", std::nullopt, 0);
            if (unknown >= std::ssize(m_result.pieces))
                m_model->refuse(
                    fmt::format("'unk_id' is {}, but the vocabulary has {} tokens", unknown, m_result.pieces.size()));
            m_result.unknown = static_cast<std::int32_t>(unknown);
        }
        m_vocabulary = nullptr;
    }

    void readAdded()
    {
        if (m_added.is_null())
            return;
        if (!m_added.is_array())
            refuse("'added_tokens' is no list");
        AddedTokens added(m_result, m_added.size());
        std::size_t number = 0;
        for (const Json& token : m_added) {
            const std::string place = fmt::format("{}: added_tokens[{}]", m_place, number++);
            const JsonFields fields(token, place);
            const std::int64_t id = fields.integer("id", std::nullopt, 0);
            const std::optional<std::int32_t> known = idOf(fields.text("content", ""));
            if (known && *known != id)
                fields.refuse(fmt::format("'{}' has the id {} here and {} in the vocabulary",
                                          shown(fields.text("content", "")), id, *known));
            added.add(token, id, place);
        }
    }

    void readPrefix()
    {
        const std::vector<std::int64_t> ids = readPrefixIds(*m_root);
        if (ids.size() > 1)
            refuse(
                fmt::format("post_processor: {} tokens are put in front of a text; only one is supported", ids.size()));
        if (ids.empty())
            return;
        if (ids[0] >= std::ssize(m_result.bytes))
            refuse(
                fmt::format("post_processor: the token {} is put in front of a text, but the vocabulary has {} tokens",
                            ids[0], m_result.bytes.size()));
        m_result.bos = static_cast<std::int32_t>(ids[0]);
        m_result.addsBos = true;
    }

    std::string m_place;
    Json m_vocabulary, m_merges, m_added;
    std::optional<JsonFields> m_root, m_model;
    std::size_t m_byteCount = 0; ///< that the tokens stand for
    std::unordered_map<std::string, std::int32_t> m_ids;
    TokenizerDescription m_result;
};

} // namespace

TokenizerDescription describeTokenizerJson(const std::filesystem::path& path)
{
    try {
        return Reader(path).run();
    } catch (const Json::exception& error) { // a wrong type that no check of ours named
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path.string(), error.what()));
    }
}

} // namespace kvviz::capture
