// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which file, and what stands beside it.
#include "capture/tokenizer_files.hpp"

#include "capture/added_tokens.hpp"
#include "capture/end_tokens.hpp"
#include "capture/gguf.hpp"
#include "capture/json_fields.hpp"
#include "capture/sentencepiece_model.hpp"
#include "capture/tokenizer_description.hpp"
#include "capture/tokenizer_json.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <charconv>

namespace kvviz::capture {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

std::optional<JsonFields> fieldsOf(const fs::path& path)
{
    if (!core::nameExists(path))
        return std::nullopt;
    return JsonFields::ofFile(path);
}

/// The token with this text: an added one before one of the vocabulary.
std::optional<std::int32_t> idOfText(const TokenizerDescription& description, const std::string& text)
{
    for (const AddedToken& token : description.added)
        if (token.text == text)
            return token.id;
    const auto found = std::find(description.pieces.begin(), description.pieces.end(), text);
    if (text.empty() || found == description.pieces.end())
        return std::nullopt;
    return static_cast<std::int32_t>(found - description.pieces.begin());
}

/// "bos_token": "<s>" or {"content": "<s>", ...}; null and a text that is no token give nothing.
std::optional<std::int32_t> namedToken(const JsonFields& fields, const char* key,
                                       const TokenizerDescription& description)
{
    if (!fields.has(key))
        return std::nullopt;
    const bool object = fields.json().at(key).is_object();
    return idOfText(description, object ? fields.object(key).text("content", "") : fields.text(key, ""));
}

/// "eos_token_id": 2 or [1, 106]. Ids beyond the vocabulary are those of another tokenizer: refused.
std::vector<std::int32_t> numberedTokens(const JsonFields& fields, const char* key,
                                         const TokenizerDescription& description)
{
    std::vector<std::int32_t> ids;
    if (!fields.has(key))
        return ids;
    const Json& value = fields.json().at(key);
    for (const Json& id : value.is_array() ? value : Json::array({value})) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= description.bytes.size())
            fields.refuse(fmt::format("'{}' holds {}, expected token ids below {}", key,
                                      id.is_number() ? id.dump() : "something else than a number",
                                      description.bytes.size()));
        ids.push_back(id.get<std::int32_t>());
    }
    return ids;
}

/// "chat_template": a text, or a list of named ones of which "default" counts.
std::string chatTemplateOf(const JsonFields& fields)
{
    if (!fields.has("chat_template"))
        return {};
    const Json& value = fields.json().at("chat_template");
    if (!value.is_array())
        return fields.text("chat_template", "");
    for (const Json& entry : value) {
        const JsonFields named(entry, fields.place() + ": chat_template");
        if (named.text("name", "") == "default")
            return named.text("template", "");
    }
    return {};
}

void addFurtherTokens(const JsonFields& config, TokenizerDescription& description)
{
    if (!config.has("added_tokens_decoder"))
        return;
    const std::string place = config.place() + ": added_tokens_decoder";
    const JsonFields tokens = config.object("added_tokens_decoder");
    AddedTokens added(description, tokens.json().size());
    for (const auto& [key, token] : tokens.json().items()) {
        std::int64_t id = -1;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
        if (error != std::errc() || end != key.data() + key.size())
            tokens.refuse(fmt::format("'{}' is no token id", core::displayBytes(key.substr(0, 60))));
        const std::string text = JsonFields(token, place).text("content", "");
        if (!added.has(text))
            added.add(token, id, fmt::format("{}: {}", place, id));
    }
}

/// added_tokens.json of old folders: {"text": id}.
void addOldTokens(const JsonFields& tokens, TokenizerDescription& description)
{
    AddedTokens added(description, tokens.json().size());
    for (const auto& [text, id] : tokens.json().items()) {
        const std::int64_t number = tokens.integer(text.c_str(), std::nullopt, 0);
        if (!idOfText(description, text))
            added.add({{"content", text}, {"special", true}}, number, tokens.place());
    }
}

void readBeside(const fs::path& folder, TokenizerDescription& description)
{
    const std::optional<JsonFields> config = fieldsOf(folder / "tokenizer_config.json");
    const std::optional<JsonFields> map = fieldsOf(folder / "special_tokens_map.json");
    const std::optional<JsonFields> generation = fieldsOf(folder / "generation_config.json");
    const std::optional<JsonFields> model = fieldsOf(folder / "config.json");
    if (const auto old = fieldsOf(folder / "added_tokens.json"))
        addOldTokens(*old, description);
    if (config)
        addFurtherTokens(*config, description);
    for (const auto* fields : {&config, &map})
        if (*fields) {
            if (!description.bos)
                description.bos = namedToken(**fields, "bos_token", description);
            if (const auto eos = namedToken(**fields, "eos_token", description))
                description.ends.push_back(*eos);
        }
    for (const auto* fields : {&generation, &model})
        if (*fields) {
            for (const std::int32_t id : numberedTokens(**fields, "eos_token_id", description))
                description.ends.push_back(id);
            if (const auto ids = numberedTokens(**fields, "bos_token_id", description);
                !description.bos && !ids.empty())
                description.bos = ids.front();
        }
    if (config && config->has("add_bos_token")) {
        description.addsBos = config->boolean("add_bos_token", false);
        if (description.addsBos && !description.bos)
            config->refuse("'add_bos_token' asks for a BOS token, but 'bos_token' is none of the vocabulary");
    }
    if (config)
        description.chatTemplate = chatTemplateOf(*config);
    tidyEnds(description.ends);
}

void readTemplateFile(const fs::path& path, TokenizerDescription& description)
{
    if (!core::nameExists(path))
        return;
    description.chatTemplate = core::readInputText(path);
}

Tokenizer finished(TokenizerDescription description, const fs::path& folder)
{
    readBeside(folder, description);
    readTemplateFile(folder / "chat_template.jinja", description);
    const std::string place = description.place;
    try {
        return Tokenizer(std::move(description));
    } catch (const core::Error& error) {
        throw core::Error(error.code(), fmt::format("{}: {}", place, error.what()));
    }
}

Tokenizer ofFolder(const fs::path& folder)
{
    if (core::nameExists(folder / "tokenizer.json"))
        return finished(describeTokenizerJson(folder / "tokenizer.json"), folder);
    if (core::nameExists(folder / "tokenizer.model"))
        return finished(describeSentencePiece(folder / "tokenizer.model"), folder);
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("'{}' has neither tokenizer.json nor tokenizer.model; other forms (vocab.json with "
                                  "merges.txt, tekken.json) are not read: save the tokenizer anew with transformers' "
                                  "save_pretrained",
                                  folder.string()));
}

} // namespace

bool hasTokenizer(const fs::path& folder)
{
    return core::nameExists(folder / "tokenizer.json") || core::nameExists(folder / "tokenizer.model")
           || core::nameExists(folder / "vocab.json"); // read by none of us, but the refusal says what to do
}

Tokenizer loadTokenizer(const fs::path& path)
{
    std::error_code ignored;
    if (fs::is_directory(path, ignored))
        return ofFolder(path);
    const std::string name = path.filename().string();
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    if (path.extension() == ".safetensors" || name == "config.json" || name.ends_with(".index.json"))
        return ofFolder(folder);
    if (path.extension() == ".json")
        return finished(describeTokenizerJson(path), folder);
    if (path.extension() == ".model")
        return finished(describeSentencePiece(path), folder);
    return Tokenizer(GgufFile(path));
}

} // namespace kvviz::capture
