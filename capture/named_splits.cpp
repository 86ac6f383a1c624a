// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The patterns of the supported model families. "White space" is written out as Unicode's White_Space property, because
// PCRE2's \s also takes U+180E, which the tokenizers these models were trained with do not.
#include "capture/named_splits.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <array>

namespace kvviz::capture {
namespace {

#define KVVIZ_SPACE R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"
#define KVVIZ_SPACES_END "[" KVVIZ_SPACE "]+(?![^" KVVIZ_SPACE "])|[" KVVIZ_SPACE "]+"

constexpr const char* kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{L}\p{N})" KVVIZ_SPACE "]+|" KVVIZ_SPACES_END;

#define KVVIZ_CONTRACTION R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define KVVIZ_REST R"(| ?[^\p{L}\p{N})" KVVIZ_SPACE R"(]+[\r\n]*|[)" KVVIZ_SPACE R"(]*[\r\n]+|)" KVVIZ_SPACES_END

constexpr const char* kLlama3 = KVVIZ_CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})" KVVIZ_REST;
constexpr const char* kQwen2 = KVVIZ_CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" KVVIZ_REST;

struct Rule {
    std::string_view name;
    const char* pattern;
    bool digitsFirst; ///< each digit is a piece, before and apart from the pattern
    bool ignoresMerges;
    bool addsBos;
};

constexpr std::array<Rule, 4> kRules{{
    {"smollm", kGpt2, true, false, false},
    {"gpt-2", kGpt2, false, false, false},
    {"llama-bpe", kLlama3, false, true, true},
    {"qwen2", kQwen2, false, false, false},
}};

const Rule& ruleOf(const std::string& name)
{
    std::string_view wanted = name;
    if (name.empty() || name == "default") // files from before the key existed
        wanted = "gpt-2";
    if (name == "llama3" || name == "llama-v3")
        wanted = "llama-bpe";
    for (const Rule& rule : kRules)
        if (rule.name == wanted)
            return rule;
    std::string names;
    for (const Rule& rule : kRules)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", rule.name);
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("the pre-tokenizer '{}' is not supported, only {}", core::displayBytes(name), names));
}

SplitStep splitOf(const char* pattern)
{
    SplitStep step;
    step.pattern = pattern;
    return step;
}

} // namespace

SplitStep gpt2Split() { return splitOf(kGpt2); }

NamedSplits namedSplits(const std::string& name)
{
    const Rule& rule = ruleOf(name);
    NamedSplits result{{}, rule.ignoresMerges, rule.addsBos};
    if (rule.digitsFirst)
        result.steps.push_back(splitOf(R"(\p{N})"));
    result.steps.push_back(splitOf(rule.pattern));
    return result;
}

} // namespace kvviz::capture
