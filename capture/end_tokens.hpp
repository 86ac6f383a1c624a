// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Control tokens that end a turn or a document in the supported families; files often name only one of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kvviz::capture {

[[nodiscard]] inline bool isEndText(std::string_view text)
{
    constexpr std::array<std::string_view, 7> kEndTexts{"<|im_end|>",      "<|endoftext|>", "<|eot_id|>", "<|eom_id|>",
                                                        "<|end_of_text|>", "<end_of_turn>", "<|end|>"};
    return std::find(kEndTexts.begin(), kEndTexts.end(), text) != kEndTexts.end();
}

/// Ascending, each once.
inline void tidyEnds(std::vector<std::int32_t>& ends)
{
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

} // namespace kvviz::capture
