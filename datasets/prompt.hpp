// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A prompt as pure data: text, the byte spans of its segments, the reference continuation. The same task, index and
// seed always give the same bytes.
#pragma once

#include "core/segments.hpp"

#include <string>
#include <vector>

namespace kvviz::datasets {

struct Prompt {
    std::string task;     ///< "gsm8k", "addition", ...
    std::string id;       ///< unique within the task, usable in a file name: [A-Za-z0-9_-]+
    std::string text;     ///< UTF-8
    std::vector<core::Segment> segments; ///< byte spans; ordered, disjoint, together covering the whole text
    std::string target;   ///< reference continuation (worked answer), starts exactly where the text ends
    std::string answer;   ///< the short gold answer that scoring compares
    std::vector<std::string> stops; ///< generation ends before any of these
};

} // namespace kvviz::datasets
