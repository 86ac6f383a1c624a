// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layout: size of the trie in bytes (32 bits, little endian), its units, the texts. A unit holds the label of its node
// in bits 0-7, "has a value" in bit 8, and the distance to its children in the bits above 9, shifted by 8 if bit 9 is
// set; a value unit holds the value in its lower 31 bits.
#include "capture/chars_map.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace kvviz::capture {
namespace {

std::uint32_t unitAt(std::string_view bytes, std::size_t at)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    return value;
}

std::uint32_t childDistance(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

} // namespace

CharsMap::CharsMap(std::string_view bytes)
{
    const std::size_t size = bytes.size() >= 4 ? unitAt(bytes, 0) : 0;
    if (size < 4 || size % 4 != 0 || size > bytes.size() - 4)
        throw core::Error(core::ErrorCode::badInput, "the compiled normalisation map is no such map, or is cut off");
    for (std::size_t i = 0; i < size; i += 4)
        m_units.push_back(unitAt(bytes, 4 + i));
    m_texts = bytes.substr(4 + size);
}

std::optional<std::string_view> CharsMap::find(std::string_view text) const
{
    std::size_t node = childDistance(m_units[0]);
    for (const char byte : text) {
        const auto label = static_cast<unsigned char>(byte);
        node ^= label;
        if (label == 0 || node >= m_units.size() || (m_units[node] & 0x800000ffu) != label)
            return std::nullopt;
        const bool hasValue = (m_units[node] >> 8 & 1u) != 0;
        node ^= childDistance(m_units[node]);
        if (!hasValue)
            continue;
        if (node >= m_units.size())
            return std::nullopt;
        const std::size_t begin = m_units[node] & 0x7fffffffu;
        if (begin >= m_texts.size())
            return std::nullopt;
        const std::string_view rest = std::string_view(m_texts).substr(begin);
        const std::string_view found = rest.substr(0, rest.find('\0'));
        return core::isUtf8(found) ? std::optional(found) : std::nullopt; // a wrong place may cut a character
    }
    return std::nullopt;
}

} // namespace kvviz::capture
