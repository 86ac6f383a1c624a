// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Multiple-choice questions as text.
#include "datasets/choices.hpp"

namespace kvviz::datasets {

std::string choiceText(const ChoiceQuestion& question)
{
    std::string text = question.question + "\n";
    char letter = 'A';
    for (const std::string& choice : question.choices) {
        text += letter++;
        text += ". " + choice + "\n";
    }
    return text + "Answer:";
}

std::string choiceShot(const ChoiceQuestion& question)
{
    return choiceText(question) + " " + question.answer + "\n\n";
}

} // namespace kvviz::datasets
