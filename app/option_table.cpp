// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Checks run on the text as typed, before CLI11 converts it, so that every message says what was expected.
#include "app/option_table.hpp"

#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kvviz::app {
namespace {

/// A validator whose text does not show up in the type column of the help.
CLI::Validator silent(std::function<std::string(std::string&)> check)
{
    return CLI::Validator(std::move(check), "");
}

template <typename T>
std::optional<T> fromText(const std::string& text)
{
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

template <typename T>
CLI::Validator wholeNumber(T least)
{
    return silent([least](std::string& text) -> std::string {
        const std::optional<T> value = fromText<T>(text);
        if (!value)
            return fmt::format("'{}' is not a whole number (from {} on)", core::shown(text), least);
        return *value < least ? fmt::format("{} is too small, the least is {}", core::shown(text), least) : std::string();
    });
}

} // namespace

CLI::Validator notEmpty()
{
    return silent([](std::string& text) -> std::string {
        return text.empty() ? "the value is empty (from a variable that is not set?); leave the option out to have its default"
                            : "";
    });
}

OptionTable& OptionTable::group(const std::string& name)
{
    m_group = name;
    return *this;
}

CLI::Option& OptionTable::finish(CLI::Option* option, const std::string& type, const std::string& shownDefault)
{
    option->type_name(type)->group(m_group);
    if (option->get_items_expected_max() == 1)
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (!shownDefault.empty())
        option->default_str(shownDefault);
    return *option;
}

CLI::Option& OptionTable::text(const std::string& names, std::string& target, const std::string& type,
                               const std::string& help)
{
    return finish(m_app.add_option(names, target, help), type, target);
}

CLI::Option& OptionTable::choice(const std::string& names, std::string& target,
                                 const std::vector<std::string>& choices, const std::string& help)
{
    CLI::Option* option = m_app.add_option(names, target, help);
    option->check(silent([choices](std::string& text) -> std::string {
        if (std::find(choices.begin(), choices.end(), text) != choices.end())
            return {};
        const std::string nearest = core::nearestName(text, choices);
        return fmt::format("'{}' is not one of {}{}", core::shown(text), fmt::join(choices, ", "),
                           nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest));
    }));
    return finish(option, fmt::format("{}", fmt::join(choices, "|")), target);
}

CLI::Option& OptionTable::flag(const std::string& names, bool& target, const std::string& help)
{
    CLI::Option* option = m_app.add_flag(names, target, help);
    option->group(m_group);
    return *option;
}

CLI::Option& OptionTable::list(const std::string& names, std::vector<std::string>& target, const std::string& type,
                               const std::string& help)
{
    CLI::Option* option = m_app.add_option(names, target, help);
    if (names.front() == '-')
        option->allow_extra_args(false); // one value an option, so that positionals may follow it
    return finish(option, type, "");
}

CLI::Option& OptionTable::integer(const std::string& names, int& target, int least, const std::string& help)
{
    CLI::Option* option = m_app.add_option(names, target, help);
    option->check(wholeNumber<int>(least));
    return finish(option, "N", target < least ? "" : std::to_string(target));
}

CLI::Option& OptionTable::integer(const std::string& names, std::int64_t& target, std::int64_t least,
                                  const std::string& help)
{
    CLI::Option* option = m_app.add_option(names, target, help);
    option->check(wholeNumber<std::int64_t>(least));
    return finish(option, "N", target < least ? "" : std::to_string(target));
}

CLI::Option& OptionTable::integer(const std::string& names, std::optional<std::int64_t>& target, std::int64_t least,
                                  const std::string& help)
{
    CLI::Option* option =
        m_app.add_option_function<std::int64_t>(names, [&target](const std::int64_t& value) { target = value; }, help);
    option->check(wholeNumber<std::int64_t>(least));
    return finish(option, "N", "");
}

CLI::Option& OptionTable::seed(std::uint64_t& target)
{
    CLI::Option* option = m_app.add_option("--seed", target, "seed of everything random");
    option->check(wholeNumber<std::uint64_t>(0));
    return finish(option, "N", std::to_string(target));
}

CLI::Option& OptionTable::real(const std::string& names, double& target, double low, double high,
                               const std::string& type, const std::string& help)
{
    CLI::Option* option = m_app.add_option(names, target, help);
    option->check(silent([low, high](std::string& text) -> std::string {
        const std::optional<double> value = fromText<double>(text);
        if (!value || !std::isfinite(*value))
            return fmt::format("'{}' is not a number", core::shown(text));
        if (*value < low || *value > high)
            return fmt::format("{} is outside {} to {}", core::shown(text), low, high);
        return {};
    }));
    return finish(option, type, target < low || target > high ? "" : fmt::format("{}", target));
}

std::vector<OptionDoc> describeOptions(const CLI::App& app)
{
    std::vector<OptionDoc> result;
    for (const CLI::Option* option : app.get_options()) {
        OptionDoc doc;
        doc.positional = option->get_positional();
        if (!option->get_lnames().empty())
            doc.longName = "--" + option->get_lnames().front();
        if (!option->get_snames().empty())
            doc.shortName = "-" + option->get_snames().front();
        if (doc.positional)
            doc.longName = option->get_name(true);
        doc.type = option->get_items_expected_max() == 0 ? "" : option->get_type_name();
        doc.help = option->get_description();
        doc.defaultText = option->get_default_str();
        doc.group = option->get_group();
        doc.required = option->get_required();
        doc.many = option->get_expected_max() > 1;
        result.push_back(doc);
    }
    // CLI11 makes --help before anything else; it reads best at the end of the common options.
    if (app.get_help_ptr() != nullptr && !result.empty())
        std::rotate(result.begin(), result.begin() + 1, result.end());
    return result;
}

} // namespace kvviz::app
