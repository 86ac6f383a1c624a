// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Segments of a prompt, one after the other.
#include "datasets/prompt_builder.hpp"

#include <utility>

namespace kvviz::datasets {

PromptBuilder::PromptBuilder(std::string task, std::string id)
{
    m_prompt.task = std::move(task);
    m_prompt.id = std::move(id);
}

PromptBuilder& PromptBuilder::add(core::SegmentKind kind, std::string_view text, std::string label)
{
    if (text.empty())
        return *this;
    const int index = m_counts[kind]++;
    if (label.empty()) {
        label = core::segmentKindName(kind);
        if (kind == core::SegmentKind::shot)
            label += " " + std::to_string(index + 1);
    }
    const auto begin = static_cast<std::int64_t>(m_prompt.text.size());
    m_prompt.text += text;
    const auto end = static_cast<std::int64_t>(m_prompt.text.size());
    m_prompt.segments.push_back({kind, index, {begin, end}, std::move(label)});
    return *this;
}

Prompt PromptBuilder::finish(std::string target, std::string answer, std::vector<std::string> stops)
{
    m_prompt.target = std::move(target);
    m_prompt.answer = std::move(answer);
    m_prompt.stops = std::move(stops);
    return std::move(m_prompt);
}

} // namespace kvviz::datasets
