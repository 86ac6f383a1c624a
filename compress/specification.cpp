// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "compress/specification.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::compress {

MethodPart parseMethodPart(std::string_view text)
{
    const std::size_t colon = text.find(':');
    MethodPart part{std::string(text.substr(0, colon)), {}, {}};
    if (colon == std::string_view::npos)
        return part;
    const std::vector<std::string_view> pieces = core::splitAt(text.substr(colon + 1), ',');
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::size_t equals = pieces[i].find('=');
        if (equals == std::string_view::npos && i == 0 && !pieces[i].empty())
            part.preset = pieces[i];
        else if (equals == std::string_view::npos || equals == 0)
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("'{}' is not a method; expected NAME, NAME:PRESET or "
                                          "NAME:PRESET,PARAMETER=VALUE,... as in snapkv:factory,window=16",
                                          core::shown(text)));
        else
            part.overrides[std::string(pieces[i].substr(0, equals))] = pieces[i].substr(equals + 1);
    }
    return part;
}

std::vector<MethodPart> parseSpecification(std::string_view specification)
{
    std::vector<MethodPart> parts;
    for (const std::string_view text : core::splitAt(specification, '+'))
        parts.push_back(parseMethodPart(text));
    return parts;
}

std::string formatSpecification(const std::vector<MethodPart>& parts)
{
    std::string result;
    for (const MethodPart& part : parts) {
        result += (&part == &parts.front() ? "" : "+") + part.name;
        std::string variant = part.preset;
        for (const auto& [name, value] : part.overrides)
            variant += (variant.empty() ? "" : ",") + name + "=" + value;
        result += (variant.empty() ? "" : ":") + variant;
    }
    return result;
}

} // namespace kvviz::compress
