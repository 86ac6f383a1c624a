// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON on standard output: one object with a schema version (docs: "CLI manners").
#pragma once

#include "app/output.hpp"

#include <nlohmann/json.hpp>

namespace kvviz::app {

inline constexpr int kJsonSchema = 1;
using Json = nlohmann::ordered_json;

/// An object that starts with schema_version and command.
[[nodiscard]] inline Json jsonReport(const char* command)
{
    return Json{{"schema_version", kJsonSchema}, {"command", command}};
}

/// Bytes that are not UTF-8 are replaced; numbers that are not finite come out as null.
inline void printJson(const Json& value)
{
    printOut(value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

} // namespace kvviz::app
