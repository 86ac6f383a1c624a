// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Objects with a "type", alone or in a Sequence.
#include "capture/tokenizer_json_steps.hpp"

#include "capture/base64.hpp"
#include "capture/chars_map.hpp"
#include "capture/foreign_pattern.hpp"
#include "capture/named_splits.hpp"
#include "capture/pattern.hpp"
#include "capture/utf8.hpp"
#include "core/text.hpp"

#include <functional>
#include <optional>

namespace kvviz::capture {
namespace {

using Json = nlohmann::json;

constexpr const char* kSpaceMark = "\u2581";

[[noreturn]] void refuseType(const JsonFields& step, const std::string& type, const char* known)
{
    step.refuse(fmt::format("the type '{}' is not supported, only {}", core::displayBytes(type.substr(0, 60)), known));
}

/// Calls use(type, step) for the stage, or for each of a Sequence (also one within another).
void forEachStep(const JsonFields& stage, const char* listKey,
                 const std::function<void(const std::string&, const JsonFields&)>& use)
{
    const std::string type = stage.text("type", "");
    if (type != "Sequence")
        return use(type, stage);
    if (!stage.has(listKey) || !stage.json().at(listKey).is_array())
        stage.refuse(fmt::format("a Sequence needs a list '{}'", listKey));
    std::size_t number = 0;
    for (const Json& step : stage.json().at(listKey))
        forEachStep(JsonFields(step, fmt::format("{}[{}]", stage.place(), number++)), listKey, use);
}

/// A text that must be there.
std::string needText(const JsonFields& step, const char* key)
{
    if (!step.has(key))
        step.refuse(fmt::format("'{}' is missing", key));
    return step.text(key, "");
}

/// {"String": ...} or {"Regex": ...}.
struct PatternReading {
    std::string text;
    bool isExpression = false;
};

PatternReading readPattern(const JsonFields& step)
{
    if (!step.has("pattern") || !step.json().at("pattern").is_object())
        step.refuse("'pattern' is missing or no object");
    const JsonFields pattern = step.object("pattern");
    if (pattern.has("String"))
        return {needText(pattern, "String"), false};
    if (!pattern.has("Regex"))
        pattern.refuse("expected 'String' or 'Regex'");
    // Refused here, where the key is known and the expression is still as the file writes it.
    const std::string expression = needText(pattern, "Regex");
    const auto refuse = [&](const std::string& why) {
        pattern.refuse(fmt::format("the expression '{}' cannot be used: {}",
                                   core::displayBytes(expression.substr(0, 80)), why));
    };
    PatternReading result{"", true};
    try {
        result.text = fromOniguruma(expression);
    } catch (const core::Error& error) {
        refuse(error.what());
    }
    if (const auto fault = Pattern::faultOf(result.text))
        refuse(*fault);
    return result;
}

NormalizerStep normalizerStep(const std::string& type, const JsonFields& step)
{
    using Kind = NormalizerStep::Kind;
    NormalizerStep result;
    if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
        result.kind = type == "NFC" ? Kind::nfc : type == "NFD" ? Kind::nfd : type == "NFKC" ? Kind::nfkc : Kind::nfkd;
    } else if (type == "Lowercase") {
        result.kind = Kind::lowercase;
    } else if (type == "StripAccents") {
        result.kind = Kind::stripAccents;
    } else if (type == "Prepend") {
        result.kind = Kind::prepend;
        result.content = needText(step, "prepend");
    } else if (type == "Replace") {
        result.kind = Kind::replace;
        result.content = needText(step, "content");
        PatternReading pattern = readPattern(step);
        result.pattern = std::move(pattern.text);
        result.isExpression = pattern.isExpression;
    } else if (type == "Strip") {
        result.kind = Kind::strip;
        result.left = step.boolean("strip_left", true);
        result.right = step.boolean("strip_right", true);
    } else if (type == "Precompiled") {
        result.kind = Kind::charsMap;
        const std::optional<std::string> bytes = fromBase64(needText(step, "precompiled_charsmap"));
        if (!bytes)
            step.refuse("'precompiled_charsmap' is not base64");
        result.content = *bytes;
        try {
            (void)CharsMap(result.content);
        } catch (const core::Error& error) {
            step.refuse(error.what());
        }
    } else {
        refuseType(step, type,
                   "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Prepend, Replace, Strip, Precompiled, "
                   "Sequence");
    }
    return result;
}

SplitStep::Behavior readBehavior(const JsonFields& step, const char* fallback)
{
    using Behavior = SplitStep::Behavior;
    const std::string name = step.text("behavior", fallback);
    if (name == "Isolated")
        return Behavior::isolated;
    if (name == "Removed")
        return Behavior::removed;
    if (name == "MergedWithPrevious")
        return Behavior::mergedWithPrevious;
    if (name == "MergedWithNext")
        return Behavior::mergedWithNext;
    if (name == "Contiguous")
        return Behavior::contiguous;
    step.refuse(fmt::format("'behavior' is '{}', expected Isolated, Removed, MergedWithPrevious, MergedWithNext or "
                            "Contiguous",
                            core::displayBytes(name.substr(0, 60))));
}

SplitStep splitOf(std::string pattern, SplitStep::Behavior behavior, bool invert = false)
{
    SplitStep step;
    step.pattern = std::move(pattern);
    step.foreign = true;
    step.behavior = behavior;
    step.invert = invert;
    return step;
}

void addMetaspace(const JsonFields& step, std::vector<SplitStep>& steps)
{
    SplitStep metaspace;
    metaspace.kind = SplitStep::Kind::metaspace;
    metaspace.pattern = step.text("replacement", kSpaceMark);
    const std::string scheme = step.text("prepend_scheme", step.boolean("add_prefix_space", true) ? "always" : "never");
    if (metaspace.pattern.empty() || characterLength(metaspace.pattern) != metaspace.pattern.size())
        step.refuse("'replacement' is not one character");
    if (scheme != "always" && scheme != "never" && scheme != "first")
        step.refuse("'prepend_scheme' is none of always, first, never");
    metaspace.prefix = scheme == "always"  ? SplitStep::Prefix::always
                       : scheme == "first" ? SplitStep::Prefix::first
                                           : SplitStep::Prefix::never;
    steps.push_back(metaspace);
    if (step.boolean("split", true))
        steps.push_back(splitOf(quotedPattern(metaspace.pattern), SplitStep::Behavior::mergedWithNext));
}

void addSplit(const std::string& type, const JsonFields& step, SplitReading& result)
{
    using Behavior = SplitStep::Behavior;
    constexpr const char* kPunctuation = R"([\p{P}$+<=>^`|~])";
    std::vector<SplitStep>& steps = result.steps;
    if (result.byteLevel)
        step.refuse("a step after ByteLevel is not supported");
    if (type == "Split") {
        const PatternReading pattern = readPattern(step);
        steps.push_back(splitOf(pattern.isExpression ? pattern.text : quotedPattern(pattern.text),
                                readBehavior(step, "Isolated"), step.boolean("invert", false)));
    } else if (type == "Digits") {
        steps.push_back(
            splitOf(R"(\p{N})", step.boolean("individual_digits", false) ? Behavior::isolated : Behavior::contiguous));
    } else if (type == "ByteLevel") {
        result.byteLevel = true;
        if (step.boolean("add_prefix_space", true))
            steps.emplace_back().kind = SplitStep::Kind::prefixSpace;
        if (step.boolean("use_regex", true))
            steps.push_back(gpt2Split());
    } else if (type == "Metaspace") {
        addMetaspace(step, steps);
    } else if (type == "Whitespace") {
        const std::string word = wordPattern();
        const std::string neither = fmt::format("[^{}\\p{{White_Space}}]", word.substr(1, word.size() - 2));
        steps.push_back(splitOf(fmt::format("{}+|{}+", word, neither), Behavior::removed, true));
    } else if (type == "WhitespaceSplit") {
        steps.push_back(splitOf(R"(\p{White_Space})", Behavior::removed));
    } else if (type == "Punctuation") {
        steps.push_back(splitOf(kPunctuation, readBehavior(step, "Isolated")));
    } else if (type == "BertPreTokenizer") {
        steps.push_back(splitOf(R"(\p{White_Space})", Behavior::removed));
        steps.push_back(splitOf(kPunctuation, Behavior::isolated));
    } else if (type == "CharDelimiterSplit") {
        steps.push_back(splitOf(quotedPattern(needText(step, "delimiter")), Behavior::removed));
    } else {
        refuseType(step, type,
                   "Split, Digits, ByteLevel, Metaspace, Whitespace, WhitespaceSplit, Punctuation, "
                   "BertPreTokenizer, CharDelimiterSplit, Sequence");
    }
}

void addDecoder(const std::string& type, const JsonFields& step, DecoderReading& result)
{
    if (type == "ByteLevel") {
        result.decoder.byteLevel = true;
    } else if (type == "ByteFallback") {
        result.decoder.byteFallback = true;
    } else if (type == "Replace") {
        const PatternReading pattern = readPattern(step);
        if (pattern.isExpression || pattern.text.empty())
            step.refuse("only a Replace of a text is supported in a decoder");
        result.decoder.replacements.push_back({pattern.text, needText(step, "content")});
    } else if (type == "Strip") {
        const std::int64_t start = step.integer("start", 0, 0), stop = step.integer("stop", 0, 0);
        if (needText(step, "content") != " " || start > 1 || stop != 0)
            step.refuse("only the Strip of one space at the start is supported");
        result.trim = start == 1 ? DecodeTrim::oneSpace : result.trim;
    } else if (type == "Metaspace") {
        const std::string mark = step.text("replacement", kSpaceMark);
        if (mark.empty() || characterLength(mark) != mark.size())
            step.refuse("'replacement' is not one character");
        const std::string scheme =
            step.text("prepend_scheme", step.boolean("add_prefix_space", true) ? "always" : "never");
        result.decoder.replacements.push_back({mark, " ", scheme != "never"});
    } else if (type != "Fuse") {
        refuseType(step, type, "ByteLevel, ByteFallback, Replace, Strip, Metaspace, Fuse, Sequence");
    }
}

/// The ids before the text in a TemplateProcessing.
void addTemplate(const JsonFields& step, std::vector<std::int64_t>& ids)
{
    if (!step.has("single") || !step.json().at("single").is_array())
        step.refuse("'single' is missing or no list");
    for (const Json& part : step.json().at("single")) {
        if (part.is_object() && part.contains("Sequence"))
            return;
        if (!part.is_object() || !part.contains("SpecialToken"))
            step.refuse("'single' holds something else than SpecialToken and Sequence");
        const std::string name =
            needText(JsonFields(part.at("SpecialToken"), step.place() + ": single: SpecialToken"), "id");
        if (!step.has("special_tokens") || !step.json().at("special_tokens").is_object()
            || !step.json().at("special_tokens").contains(name))
            step.refuse(fmt::format("'special_tokens' lacks '{}', which 'single' names", core::displayBytes(name)));
        const JsonFields token(step.json().at("special_tokens").at(name), step.place() + ": special_tokens");
        if (!token.has("ids") || !token.json().at("ids").is_array())
            token.refuse("'ids' is missing or no list");
        for (const Json& id : token.json().at("ids")) {
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT32_MAX)
                token.refuse("'ids' holds something else than token ids");
            ids.push_back(id.get<std::int64_t>());
        }
    }
}

} // namespace

std::vector<NormalizerStep> readNormalizer(const JsonFields& root)
{
    std::vector<NormalizerStep> steps;
    if (root.has("normalizer"))
        forEachStep(root.object("normalizer"), "normalizers", [&](const std::string& type, const JsonFields& step) {
            steps.push_back(normalizerStep(type, step));
        });
    return steps;
}

SplitReading readPreTokenizer(const JsonFields& root)
{
    SplitReading result;
    if (root.has("pre_tokenizer"))
        forEachStep(root.object("pre_tokenizer"), "pretokenizers",
                    [&](const std::string& type, const JsonFields& step) { addSplit(type, step, result); });
    return result;
}

std::optional<DecoderReading> readDecoder(const JsonFields& root)
{
    if (!root.has("decoder"))
        return std::nullopt;
    DecoderReading result;
    forEachStep(root.object("decoder"), "decoders",
                [&](const std::string& type, const JsonFields& step) { addDecoder(type, step, result); });
    return result;
}

std::vector<std::int64_t> readPrefixIds(const JsonFields& root)
{
    std::vector<std::int64_t> ids;
    if (root.has("post_processor"))
        forEachStep(root.object("post_processor"), "processors", [&](const std::string& type, const JsonFields& step) {
            if (type == "TemplateProcessing")
                addTemplate(step, ids);
            else if (type != "ByteLevel")
                refuseType(step, type, "TemplateProcessing, ByteLevel, Sequence");
        });
    return ids;
}

} // namespace kvviz::capture
