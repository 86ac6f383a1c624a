// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/label_text.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::plot {

namespace {

/// Of three bytes of UTF-8.
unsigned codePoint(std::string_view bytes)
{
    const auto low = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]) & 0x3FU; };
    return (static_cast<unsigned char>(bytes[0]) & 0x0FU) << 12 | low(1) << 6 | low(2);
}

bool isHidden(unsigned point)
{
    return (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E)
        || (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF || point >= 0xFFF0;
}

} // namespace

std::string labelText(std::string_view name)
{
    const std::string valid = core::displayBytes(name);
    std::string text;
    for (std::size_t i = 0; i < valid.size(); ++i) {
        const bool three = (static_cast<unsigned char>(valid[i]) & 0xF0U) == 0xE0U && i + 2 < valid.size();
        const unsigned point = three ? codePoint(std::string_view(valid).substr(i, 3)) : 0;
        if (!three || !isHidden(point)) {
            text += valid[i];
            continue;
        }
        text += fmt::format("<U+{:04X}>", point);
        i += 2;
    }
    return text;
}

std::string panelLetter(std::size_t index)
{
    const std::string last(1, static_cast<char>('a' + index % 26));
    return index < 26 ? last : panelLetter(index / 26 - 1) + last;
}

} // namespace kvviz::plot
