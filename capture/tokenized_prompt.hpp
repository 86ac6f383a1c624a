// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A prompt in tokens: ids, segments as token spans, the reference continuation, what fits into the context.
#pragma once

#include "capture/tokenizer.hpp"
#include "core/capture_info.hpp"

#include <functional>
#include <string>
#include <vector>

namespace kvviz::capture {

enum class Continuation : std::uint8_t { none, greedy, gold };
[[nodiscard]] std::string_view continuationName(Continuation kind);

/// What a prompt is made from; filled from a data set's prompt or from the command line.
struct PromptSource {
    std::string task, id, text;
    std::vector<core::Segment> segments; ///< byte spans of the text
    std::string target, answer;
    std::vector<std::string> stops;      ///< greedy generation ends before any of these
    std::vector<std::int32_t> tokenIds;  ///< in place of the text
    std::function<bool(const std::string& continuation)> isCorrect; ///< the task's rule; empty: none
};

struct TokenizedPrompt {
    std::vector<std::int32_t> ids;     ///< prompt, with BOS where the model wants one
    std::vector<std::int32_t> goldIds; ///< reference continuation, for Continuation::gold
    std::vector<core::Segment> segments; ///< token spans over the prompt
    std::int64_t mostGenerated = 0;    ///< longest continuation that fits
    std::string note;                  ///< something the user should know, or empty

    [[nodiscard]] std::int64_t size() const { return std::ssize(ids); }
};

/// Throws Error(badInput) for an empty prompt, one longer than the context, or ids outside the vocabulary; Error(usage)
/// when a gold continuation is asked for and there is none.
[[nodiscard]] TokenizedPrompt tokenizePrompt(const PromptSource& source, const Tokenizer& tokenizer,
                                             const core::ModelInfo& model, Continuation continuation,
                                             std::int64_t generate);

} // namespace kvviz::capture
