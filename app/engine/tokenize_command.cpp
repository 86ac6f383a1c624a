// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz tokenize MODEL: JSON lines with `text` in, with `text`, `ids`, `decoded` and `offsets` (byte ranges) out. JSON
// holds UTF-8 only, so bytes that are not UTF-8 show as U+FFFD; ids and offsets are those of the bytes as given.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/output.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <functional>
#include <iostream>

namespace kvviz::app {
namespace {

using Json = nlohmann::ordered_json;

/// False when the reader has left (| head): more lines would be for nobody. Each line is out before the next is read,
/// so that a program may talk with this one line by line.
bool writeLine(const Json& value)
{
    printOut(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    flushOut();
    return std::ferror(stdout) == 0;
}

/// The text of one input line; `number` counts from 1.
std::string textOfLine(const std::string& line, std::size_t number)
{
    const auto fail = [number](const std::string& what) {
        return core::Error(core::ErrorCode::badInput,
                           fmt::format("standard input, line {}: {}; expected an object such as "
                                       "{{\"text\": \"Hello\"}}", number, what));
    };
    Json object;
    try {
        object = Json::parse(line);
    } catch (const Json::exception&) {
        throw fail("this is not valid JSON");
    }
    if (!object.is_object() || !object.contains("text") || !object["text"].is_string())
        throw fail("there is no string \"text\"");
    return object["text"].get<std::string>();
}

/// Until `use` returns false.
void forEachText(const TokenizeOptions& options, const std::function<bool(const std::string&)>& use)
{
    for (const std::string& text : options.texts)
        if (!use(text))
            return;
    if (!options.texts.empty())
        return;
    std::string line;
    for (std::size_t number = 1; std::getline(std::cin, line); ++number)
        if (line.find_first_not_of(" \t\r") != std::string::npos && !use(textOfLine(line, number)))
            return;
    if (std::cin.bad() || std::ferror(stdin) != 0) // std::cin takes a read error of stdio for the end
        throw core::Error(core::ErrorCode::badInput, "the standard input could not be read to its end");
}

Json tokenized(const capture::Tokenizer& tokenizer, const std::string& text, const CommonOptions& common)
{
    Json offsets = Json::array();
    std::vector<std::int32_t> tokens;
    for (const capture::Token& token : tokenizer.encode(text)) {
        tokens.push_back(token.id);
        offsets.push_back({token.begin, token.end});
    }
    const std::string decoded = tokenizer.decode(tokens);
    if (decoded != text && tokenizer.isLossless())
        note(common, fmt::format("{} of {} bytes have no token in this vocabulary and are left out",
                                 text.size() - decoded.size(), text.size()));
    else if (decoded != text)
        note(common, "this tokenizer changes the text before it splits it: what it decodes to differs");
    return {{"text", text}, {"ids", std::move(tokens)}, {"decoded", decoded}, {"offsets", std::move(offsets)}};
}

} // namespace

int runTokenize(const TokenizeOptions& options, const CommonOptions& common)
{
    const capture::Tokenizer tokenizer = capture::loadTokenizer(options.model);
    if (!common.json) {
        forEachText(options, [&](const std::string& text) { return writeLine(tokenized(tokenizer, text, common)); });
        return 0;
    }
    Json texts = Json::array();
    forEachText(options, [&](const std::string& text) {
        texts.push_back(tokenized(tokenizer, text, common));
        return true;
    });
    writeLine({{"model", options.model}, {"vocabulary", tokenizer.vocabSize()}, {"texts", std::move(texts)}});
    return 0;
}

} // namespace kvviz::app
