// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Values of Jinja's expressions and what chat templates do with them. What is not known here has an unknown value,
// which may stand where it does not matter (in a branch for tools) and stops the reading where it does: no guess gets
// into a prompt.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kvviz::capture {

struct JinjaValue;
struct JinjaUnknown {};
struct JinjaUndefined {};
struct JinjaNone {};
using JinjaList = std::shared_ptr<std::vector<JinjaValue>>;
using JinjaMap = std::shared_ptr<std::map<std::string, JinjaValue>>; // shared, because a namespace is changed in place
struct JinjaValue {
    std::variant<JinjaUndefined, JinjaUnknown, JinjaNone, bool, std::int64_t, std::string, JinjaList, JinjaMap> is;
};
using JinjaNames = std::map<std::string, JinjaValue>;

inline const JinjaValue kJinjaUnknown{JinjaUnknown{}};

/// Thrown where a template needs what is not known here.
struct JinjaUnreadable {};

/// Throws JinjaUnreadable for an unknown value.
[[nodiscard]] bool jinjaTruth(const JinjaValue& value);
[[nodiscard]] JinjaValue jinjaNot(const JinjaValue& value);
[[nodiscard]] JinjaValue jinjaEqual(const JinjaValue& left, const JinjaValue& right);
[[nodiscard]] JinjaValue jinjaIn(const JinjaValue& part, const JinjaValue& whole);
/// left + right, and so on; `~` joins texts.
[[nodiscard]] JinjaValue jinjaComputed(const std::string& sign, const JinjaValue& left, const JinjaValue& right);
[[nodiscard]] JinjaValue jinjaItem(const JinjaValue& whole, const JinjaValue& key);
/// list[a:b], or [::-1]; a missing bound is undefined.
[[nodiscard]] JinjaValue jinjaSlice(const JinjaValue& whole, const std::array<JinjaValue, 3>& bounds);
[[nodiscard]] JinjaValue jinjaFiltered(const std::string& name, const JinjaValue& value,
                                       const std::vector<JinjaValue>& arguments);
/// value is name
[[nodiscard]] JinjaValue jinjaTested(const std::string& name, const JinjaValue& value);
[[nodiscard]] JinjaValue jinjaMethod(const JinjaValue& of, const std::string& name,
                                     const std::vector<JinjaValue>& arguments);
/// What Python's str.strip() takes away is all of Unicode's white space.
[[nodiscard]] std::string_view strippedLikePython(std::string_view text, bool left = true, bool right = true);

} // namespace kvviz::capture
