// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Text to tokens, with every limit checked before the model runs.
#include "capture/tokenized_prompt.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;

void fillFromText(const PromptSource& source, const Tokenizer& tokenizer, TokenizedPrompt& prompt)
{
    std::vector<std::int64_t> begins;
    const std::int64_t first = tokenizer.addsBos() && tokenizer.bos() ? 1 : 0;
    if (first == 1) {
        prompt.ids.push_back(*tokenizer.bos());
        begins.push_back(0);
    }
    const std::vector<Token> tokens = tokenizer.encode(source.text);
    if (tokens.empty())
        prompt.ids.clear(); // a BOS alone is no prompt
    for (const Token& token : tokens) {
        prompt.ids.push_back(token.id);
        begins.push_back(token.begin);
    }
    prompt.segments = core::toTokenSegments(source.segments, begins, first);
    if (first == 1)
        prompt.segments.insert(prompt.segments.begin(), {core::SegmentKind::bos, 0, {0, 1}, "BOS"});
}

/// Every id must have both a row in the model and bytes in the tokenizer; files exist where the two counts differ.
void requireKnown(const std::vector<std::int32_t>& ids, const Tokenizer& tokenizer, const core::ModelInfo& model,
                  const std::string& name)
{
    const std::int32_t vocabulary = std::min<std::int32_t>(model.vocabSize, tokenizer.vocabSize());
    for (const std::int32_t id : ids)
        if (id < 0 || id >= vocabulary)
            throw Error(ErrorCode::badInput, fmt::format("{}: token id {} is outside the vocabulary of {} tokens of {}",
                                                         name, id, vocabulary, model.name));
}

} // namespace

std::string_view continuationName(Continuation kind)
{
    return kind == Continuation::none ? "none" : kind == Continuation::gold ? "gold" : "greedy";
}

TokenizedPrompt tokenizePrompt(const PromptSource& source, const Tokenizer& tokenizer, const core::ModelInfo& model,
                               Continuation continuation, std::int64_t generate)
{
    const std::string name = source.id.empty() ? "the prompt" : fmt::format("prompt {}", source.id);
    TokenizedPrompt prompt;
    if (source.tokenIds.empty()) {
        fillFromText(source, tokenizer, prompt);
    } else {
        prompt.ids = source.tokenIds;
        prompt.segments = {{core::SegmentKind::question, 0, {0, std::ssize(prompt.ids)}, "tokens"}};
    }
    if (prompt.ids.empty())
        throw Error(ErrorCode::badInput, name + " is empty: it has no tokens");
    requireKnown(prompt.ids, tokenizer, model, name);
    const std::int64_t context = model.contextLength;
    if (prompt.size() > context)
        throw Error(ErrorCode::badInput, fmt::format("{} has {} tokens, more than the context of {} tokens of {}", name,
                                                     prompt.size(), context, model.name));
    prompt.mostGenerated = continuation == Continuation::none ? 0 : generate;
    if (continuation == Continuation::gold) {
        if (source.target.empty())
            throw Error(ErrorCode::usage, name + " has no reference continuation; use --continuation greedy or none");
        for (const Token& token : tokenizer.encode(source.target))
            prompt.goldIds.push_back(token.id);
        requireKnown(prompt.goldIds, tokenizer, model, name);
        prompt.mostGenerated = std::min(generate, std::ssize(prompt.goldIds));
    }
    if (prompt.mostGenerated > context - prompt.size()) {
        prompt.mostGenerated = context - prompt.size();
        prompt.note = fmt::format("the continuation is cut to {} tokens: the context of {} ends there",
                                  prompt.mostGenerated, context);
    }
    return prompt;
}

} // namespace kvviz::capture
