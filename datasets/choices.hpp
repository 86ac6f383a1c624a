// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The form of multiple-choice questions that CommonsenseQA and MMLU share: the question, a line for each choice,
// "Answer:".
#pragma once

#include <string>
#include <vector>

namespace kvviz::datasets {

struct ChoiceQuestion {
    std::string question;
    std::vector<std::string> choices; ///< of A, B, ... in order
    char answer = 'A';
};

/// "What is x?\nA. one\nB. two\nAnswer:"
[[nodiscard]] std::string choiceText(const ChoiceQuestion& question);
/// The same with its answer and the blank line that ends a shot.
[[nodiscard]] std::string choiceShot(const ChoiceQuestion& question);

} // namespace kvviz::datasets
