// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The syntax "name:preset,parameter=value+name:..." taken apart and put together; what the names mean is the registry's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::compress {

/// One method of a specification.
struct MethodPart {
    std::string name, preset; ///< preset: empty for the defaults
    std::map<std::string, std::string> overrides;
    friend bool operator==(const MethodPart&, const MethodPart&) = default;
};

/// "snapkv:factory,window=16"; throws Error(usage) for text that has another form.
[[nodiscard]] MethodPart parseMethodPart(std::string_view text);
/// The parts of "snapkv:factory+kivi", at least one.
[[nodiscard]] std::vector<MethodPart> parseSpecification(std::string_view specification);
/// The inverse, overrides in the order of their names.
[[nodiscard]] std::string formatSpecification(const std::vector<MethodPart>& parts);

} // namespace kvviz::compress
