// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Puts a prompt together piece by piece, so that segments cover the text exactly by construction.
#pragma once

#include "datasets/prompt.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::datasets {

class PromptBuilder {
public:
    PromptBuilder(std::string task, std::string id);

    /// Appends `text` as one segment, numbered within its kind; an empty text adds nothing. Without a label, a shot is
    /// called "shot 1", "shot 2", ..., any other segment like its kind.
    PromptBuilder& add(core::SegmentKind kind, std::string_view text, std::string label = {});

    [[nodiscard]] Prompt finish(std::string target, std::string answer, std::vector<std::string> stops);

private:
    Prompt m_prompt;
    std::map<core::SegmentKind, int> m_counts;
};

} // namespace kvviz::datasets
