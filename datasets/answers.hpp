// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a model's free text says: numbers, choice letters, words. Rules follow lm-evaluation-harness where it has one;
// each difference is named.
#pragma once

#include "datasets/prompt.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::datasets {

/// The continuation up to the first of the prompt's stops (a runtime may have generated past it).
[[nodiscard]] std::string_view untilStop(std::string_view continuation, const std::vector<std::string>& stops);

/// Plain decimal form for comparison: "$1,200.50" -> "1200.5", "-0" -> "0"; nullopt if it is not one number.
[[nodiscard]] std::optional<std::string> normalizedNumber(std::string_view text);

/// The number right after the first "The answer is" that has one (any case, a currency sign may stand before it), else
/// the last number of the text. Unlike the harness's regex, the number may end the text. A minus sign
/// counts only where no letter or digit stands right before it ("5-3" holds 5 and 3). In all rules for numbers and
/// choices, what stands right after the word "not" does not count ("not 5 but 6" holds 6).
[[nodiscard]] std::optional<std::string> extractAnswerNumber(std::string_view text);

/// The first number of the text.
[[nodiscard]] std::optional<std::string> extractFirstNumber(std::string_view text);

/// The letter, 'A' up to `last`, that a multiple-choice output names: the one right after the first "answer is" that
/// has one, else the first capital letter that stands alone ("B", "(B)", "B."). An "A" that is an article ("A bank")
/// does not count; before "is", "and", "or" and "because" it is none.
[[nodiscard]] std::optional<char> extractChoice(std::string_view text, char last);

/// The last number of the text.
[[nodiscard]] std::optional<std::string> lastNumber(std::string_view text);

/// Letters, digits and the bytes of characters beyond ASCII.
[[nodiscard]] bool isWordByte(char c);
/// ASCII letters made small.
[[nodiscard]] std::string lowered(std::string_view text);
/// Typographic quotes, dashes, minus signs and spaces made ASCII; all rules of this file read texts in this form.
[[nodiscard]] std::string plainText(std::string_view text);
/// Without white space at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// True if the text begins with the words of `answer`, in any case; punctuation and an article ("a", "an", "the") may
/// stand before them, and no letter or digit right after.
[[nodiscard]] bool beginsWith(std::string_view text, std::string_view answer);

/// True if the text says what the prompt's target says up to its answer (which ends it but for punctuation) and then
/// begins with the answer, or begins with the answer at once: "The capital of France is Paris" and "Paris", but not
/// "The capital of Italy is Paris".
[[nodiscard]] bool completes(std::string_view text, const Prompt& prompt);

/// The words of a text as SQuAD and LongBench compare them: small letters, no punctuation, no articles.
[[nodiscard]] std::vector<std::string> answerWords(std::string_view text);
/// True if the words of `answer` (at least one) stand in the text, side by side.
[[nodiscard]] bool containsAnswer(std::string_view text, std::string_view answer);
/// Harmonic mean of precision and recall over the words of both, each word counted as often as it occurs; 0 to 1.
[[nodiscard]] double answerF1(std::string_view text, std::string_view answer);

/// Whichever of `words` (lower case) comes first in the text as a whole word, in any case and not after "not".
[[nodiscard]] std::optional<std::string> firstOf(std::string_view text, const std::vector<std::string>& words);

} // namespace kvviz::datasets
