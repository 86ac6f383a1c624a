// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Each operation as Python has it for the kinds listed; of other kinds the outcome is unknown.
#include "capture/chat_value.hpp"

#include <algorithm>
#include <optional>

namespace kvviz::capture {
namespace {

constexpr std::size_t kLongestText = 1 << 14; // texts may double at each step of a loop

template <typename T>
const T* as(const JinjaValue& value)
{
    return std::get_if<T>(&value.is);
}
bool unknown(const JinjaValue& value) { return as<JinjaUnknown>(value) != nullptr; }

JinjaValue joined(const JinjaValue& left, const JinjaValue& right)
{
    const auto* a = as<std::string>(left);
    const auto* b = as<std::string>(right);
    return a && b && a->size() + b->size() <= kLongestText ? JinjaValue{*a + *b} : kJinjaUnknown;
}

} // namespace

JinjaValue jinjaEqual(const JinjaValue& left, const JinjaValue& right)
{
    if (unknown(left) || unknown(right))
        return kJinjaUnknown;
    const auto number = [](const JinjaValue& value) { return as<bool>(value) || as<std::int64_t>(value); };
    if (left.is.index() != right.is.index()) // Python: True == 1
        return number(left) && number(right) ? kJinjaUnknown : JinjaValue{false};
    if (as<JinjaList>(left) || as<JinjaMap>(left))
        return kJinjaUnknown;
    if (const auto* text = as<std::string>(left))
        return JinjaValue{*text == *as<std::string>(right)};
    if (const auto* whole = as<std::int64_t>(left))
        return JinjaValue{*whole == *as<std::int64_t>(right)};
    if (const auto* flag = as<bool>(left))
        return JinjaValue{*flag == *as<bool>(right)};
    return JinjaValue{true}; // both none or both undefined
}

JinjaValue jinjaNot(const JinjaValue& value) { return unknown(value) ? kJinjaUnknown : JinjaValue{!jinjaTruth(value)}; }

JinjaValue jinjaIn(const JinjaValue& part, const JinjaValue& whole)
{
    const auto* words = as<std::string>(part);
    if (const auto* text = as<std::string>(whole); text && words)
        return JinjaValue{text->find(*words) != std::string::npos};
    if (const auto* map = as<JinjaMap>(whole); map && words)
        return JinjaValue{(*map)->count(*words) > 0};
    const auto* list = as<JinjaList>(whole);
    if (!list || unknown(part))
        return kJinjaUnknown;
    bool found = false;
    for (const JinjaValue& item : **list) {
        const JinjaValue same = jinjaEqual(part, item);
        if (unknown(same))
            return kJinjaUnknown;
        found = found || jinjaTruth(same);
    }
    return JinjaValue{found};
}

JinjaValue jinjaComputed(const std::string& sign, const JinjaValue& left, const JinjaValue& right)
{
    const auto* a = as<std::int64_t>(left);
    const auto* b = as<std::int64_t>(right);
    constexpr std::int64_t kLargest = 1 << 30;
    if (sign == "~")
        return joined(left, right);
    if (!a || !b || *a > kLargest || *a < -kLargest || *b > kLargest || *b < -kLargest)
        return sign == "+" ? joined(left, right) : kJinjaUnknown;
    if (sign == "+" || sign == "-")
        return JinjaValue{sign == "+" ? *a + *b : *a - *b};
    if (sign == "%" && *a >= 0 && *b > 0)
        return JinjaValue{*a % *b};
    if (sign == "<" || sign == ">")
        return JinjaValue{sign == "<" ? *a < *b : *a > *b};
    if (sign == "<=" || sign == ">=")
        return JinjaValue{sign == "<=" ? *a <= *b : *a >= *b};
    return kJinjaUnknown;
}

JinjaValue jinjaItem(const JinjaValue& whole, const JinjaValue& key)
{
    if (const auto* map = as<JinjaMap>(whole))
        if (const auto* name = as<std::string>(key)) {
            const auto found = (*map)->find(*name);
            return found == (*map)->end() ? JinjaValue{} : found->second;
        }
    if (const auto* list = as<JinjaList>(whole))
        if (const auto* number = as<std::int64_t>(key)) {
            const auto size = static_cast<std::int64_t>((*list)->size());
            const std::int64_t at = *number < 0 ? *number + size : *number;
            return at < 0 || at >= size ? JinjaValue{} : (**list)[static_cast<std::size_t>(at)];
        }
    return kJinjaUnknown; // Jinja refuses an item of what is undefined
}

JinjaValue jinjaSlice(const JinjaValue& whole, const std::array<JinjaValue, 3>& bounds)
{
    const auto* list = as<JinjaList>(whole);
    if (!list)
        return kJinjaUnknown;
    const auto size = static_cast<std::int64_t>((*list)->size());
    const auto bound = [&](const JinjaValue& value, std::int64_t missing) -> std::optional<std::int64_t> {
        if (as<JinjaUndefined>(value))
            return missing;
        const auto* number = as<std::int64_t>(value);
        return number ? std::optional(std::clamp<std::int64_t>(*number < 0 ? *number + size : *number, 0, size))
                      : std::nullopt;
    };
    const auto begin = bound(bounds[0], 0);
    const auto end = bound(bounds[1], size);
    const auto* step = as<std::int64_t>(bounds[2]);
    const bool backwards = step && *step == -1 && as<JinjaUndefined>(bounds[0]) && as<JinjaUndefined>(bounds[1]);
    if (!begin || !end || (!backwards && !as<JinjaUndefined>(bounds[2])))
        return kJinjaUnknown;
    auto part =
        std::make_shared<std::vector<JinjaValue>>((*list)->begin() + *begin, (*list)->begin() + std::max(*begin, *end));
    if (backwards)
        std::reverse(part->begin(), part->end());
    return {part};
}

JinjaValue jinjaFiltered(const std::string& name, const JinjaValue& value, const std::vector<JinjaValue>& arguments)
{
    const auto* text = as<std::string>(value);
    const auto* list = as<JinjaList>(value);
    if (name == "trim" && text && arguments.empty())
        return {std::string(strippedLikePython(*text))};
    if ((name == "length" || name == "count") && list)
        return {static_cast<std::int64_t>((*list)->size())};
    if (name == "list" && list)
        return value;
    if (name == "string" && text)
        return value;
    if ((name == "default" || name == "d") && arguments.size() == 1 && !unknown(value))
        return as<JinjaUndefined>(value) ? arguments[0] : value;
    return kJinjaUnknown;
}

JinjaValue jinjaTested(const std::string& name, const JinjaValue& value)
{
    if (unknown(value))
        return kJinjaUnknown;
    const bool text = as<std::string>(value);
    const bool list = as<JinjaList>(value);
    const bool map = as<JinjaMap>(value);
    const bool undefined = as<JinjaUndefined>(value);
    const auto* flag = as<bool>(value);
    if (name == "defined" || name == "undefined")
        return {(name == "defined") != undefined};
    if (name == "none")
        return {as<JinjaNone>(value) != nullptr};
    if (name == "string")
        return {text};
    if (name == "mapping")
        return {map};
    if ((name == "iterable" || name == "sequence") && !undefined)
        return {text || list || map};
    if (name == "true" || name == "false")
        return {flag && *flag == (name == "true")};
    return kJinjaUnknown;
}

JinjaValue jinjaMethod(const JinjaValue& of, const std::string& name, const std::vector<JinjaValue>& arguments)
{
    const auto* text = as<std::string>(of);
    const auto* first = arguments.empty() ? nullptr : as<std::string>(arguments[0]);
    if (const auto* map = as<JinjaMap>(of); map && name == "get" && first && arguments.size() <= 2) {
        const auto found = (*map)->find(*first);
        if (found != (*map)->end())
            return found->second;
        return arguments.size() == 2 ? arguments[1] : JinjaValue{JinjaNone{}};
    }
    if (!text || arguments.size() > 1 || (!arguments.empty() && !first))
        return kJinjaUnknown;
    if (first && name == "startswith")
        return {text->starts_with(*first)};
    if (first && name == "endswith")
        return {text->ends_with(*first)};
    if (name == "strip" || name == "lstrip" || name == "rstrip") {
        const bool left = name != "rstrip";
        const bool right = name != "lstrip";
        if (!first)
            return {std::string(strippedLikePython(*text, left, right))};
        const std::size_t begin = left ? std::min(text->find_first_not_of(*first), text->size()) : 0;
        const std::size_t end = right ? text->find_last_not_of(*first) + 1 : text->size();
        return {end > begin ? text->substr(begin, end - begin) : std::string()};
    }
    return kJinjaUnknown;
}

bool jinjaTruth(const JinjaValue& value)
{
    if (unknown(value))
        throw JinjaUnreadable{};
    if (const auto* flag = as<bool>(value))
        return *flag;
    if (const auto* number = as<std::int64_t>(value))
        return *number != 0;
    if (const auto* text = as<std::string>(value))
        return !text->empty();
    if (const auto* list = as<JinjaList>(value))
        return !(*list)->empty();
    if (const auto* map = as<JinjaMap>(value))
        return !(*map)->empty();
    return false;
}

std::string_view strippedLikePython(std::string_view text, bool left, bool right)
{
    static constexpr std::array<std::string_view, 29> kSpaces{
        "\t",           "\n",           "\v",           "\f",           "\r",
        "\x1c",         "\x1d",         "\x1e",         "\x1f",         " ",
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    const auto spaceAt = [&](bool front) -> std::size_t {
        for (const std::string_view space : kSpaces)
            if (front ? text.starts_with(space) : text.ends_with(space))
                return space.size();
        return 0;
    };
    while (left && spaceAt(true) > 0)
        text.remove_prefix(spaceAt(true));
    while (right && spaceAt(false) > 0)
        text.remove_suffix(spaceAt(false));
    return text;
}

} // namespace kvviz::capture
