// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Values that options share: lists of indices and numbers, sizes in bytes (declared in app/console.hpp).
#include "app/console.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>

namespace kvviz::app {
namespace {

constexpr std::size_t kMostValues = 10000;

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

std::string_view trimmed(std::string_view text) { return core::trimmed(text, " \t\n"); }

std::vector<std::string_view> splitAt(std::string_view text, char separator)
{
    std::vector<std::string_view> result = core::splitAt(text, separator);
    std::transform(result.begin(), result.end(), result.begin(), trimmed);
    return result;
}

std::vector<std::string_view> splitAtCommas(std::string_view text) { return splitAt(text, ','); }

template <typename T>
bool parseWhole(std::string_view text, T& value)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

int parseIndex(std::string_view text, int count, std::string_view what)
{
    int value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9' || !parseWhole(text, value))
        usage(fmt::format("{}: '{}' is not a number or range; expected a list such as 0-3,7", what, core::shown(text)));
    if (value >= count)
        usage(fmt::format("{}: {} is out of range, the last one is {}", what, value, count - 1));
    return value;
}

double parseNumber(std::string_view text, std::string_view what)
{
    double value = 0;
    if (!parseWhole(text, value) || !std::isfinite(value))
        usage(fmt::format("{}: '{}' is not a number; expected a list such as 0.9,0.5 or 0.9,...,0.1", what,
                          core::shown(text)));
    return value;
}

int decimals(std::string_view number)
{
    const std::size_t point = number.find('.');
    const std::string_view digits = point == std::string_view::npos ? "" : number.substr(point + 1);
    return static_cast<int>(std::min(digits.find_first_not_of("0123456789"), digits.size()));
}

/// Rounded to the decimals as typed, so that 0.9,...,0.1 holds exactly the 0.3 that "0.3" would give.
double rounded(double value, int places)
{
    return parseNumber(fmt::format("{:.{}f}", value, places), "");
}

/// The values between `values.back()` and `last`. The step is the one between the two numbers before the dots, or one
/// unit of the last decimal place written.
void fillUp(std::vector<double>& values, std::string_view lastText, int places, std::string_view what)
{
    const double last = parseNumber(lastText, what);
    const double first = values.back();
    double step = std::pow(10.0, -places) * (last < first ? -1.0 : 1.0);
    if (values.size() >= 2)
        step = first - values[values.size() - 2];
    const double count = (last - first) / step;
    if (step == 0 || !(count > 0.5) || std::abs(count - std::round(count)) > 1e-6)
        usage(fmt::format("{}: equal steps of {:.{}f} from {} do not reach {}", what, step, places, first,
                          core::shown(lastText)));
    if (count > static_cast<double>(kMostValues))
        usage(fmt::format("{}: more than {} values", what, kMostValues));
    for (int i = 1; i <= static_cast<int>(std::lround(count)); ++i)
        values.push_back(rounded(first + i * step, places));
}

} // namespace

std::vector<int> parseIndexList(std::string_view text, int count, std::string_view what)
{
    if (trimmed(text).empty()) {
        std::vector<int> all(static_cast<std::size_t>(std::max(count, 0)));
        std::iota(all.begin(), all.end(), 0);
        return all;
    }
    std::set<int> result;
    for (const std::string_view item : splitAtCommas(text)) {
        const std::size_t dash = item.find('-');
        const int first = parseIndex(trimmed(item.substr(0, dash)), count, what);
        const int last =
            dash == std::string_view::npos ? first : parseIndex(trimmed(item.substr(dash + 1)), count, what);
        if (last < first)
            usage(fmt::format("{}: the range '{}' runs backwards", what, core::shown(item)));
        for (int i = first; i <= last; ++i)
            result.insert(i);
    }
    return {result.begin(), result.end()};
}

std::vector<double> parseNumberList(std::string_view text, std::string_view what)
{
    const std::vector<std::string_view> items = splitAtCommas(text);
    int places = 0;
    for (const std::string_view item : items)
        if (item != "...")
            places = std::max(places, decimals(item));
    std::vector<double> result;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i] != "...") {
            result.push_back(parseNumber(items[i], what));
            continue;
        }
        if (result.empty() || i + 1 == items.size() || items[i + 1] == "...")
            usage(fmt::format("{}: '...' needs a number before and after it", what));
        fillUp(result, items[++i], places, what);
    }
    return result;
}

std::vector<std::string> splitMethods(std::string_view text)
{
    std::vector<std::string> result;
    for (const std::string_view part : splitAt(text, ';')) {
        // A comma inside a specification belongs to its parameters, which always follow a colon.
        const bool plain = part.find(':') == std::string_view::npos;
        for (const std::string_view name : plain ? splitAtCommas(part) : std::vector<std::string_view>{part})
            if (!name.empty())
                result.emplace_back(name);
    }
    if (result.empty())
        usage("--methods: no method given; 'kvviz methods' lists them");
    return result;
}

std::uint64_t parseByteSize(std::string_view text, std::string_view what)
{
    static constexpr std::array<std::pair<std::string_view, double>, 17> kUnits{
        {{"", 1}, {"B", 1}, {"K", 1e3}, {"KB", 1e3}, {"KIB", 1024.0}, {"M", 1e6}, {"MB", 1e6},
         {"MIB", 1048576.0}, {"G", 1e9}, {"GB", 1e9}, {"GIB", 1073741824.0}, {"T", 1e12}, {"TB", 1e12},
         {"TIB", 1099511627776.0}, {"P", 1e15}, {"PB", 1e15}, {"PIB", 1125899906842624.0}}};
    const std::string_view whole = trimmed(text);
    double value = 0;
    const auto [end, error] =
        std::from_chars(whole.data(), whole.data() + whole.size(), value, std::chars_format::fixed);
    std::string unit(trimmed(whole.substr(static_cast<std::size_t>(end - whole.data()))));
    for (char& c : unit)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    const auto found =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& known) { return known.first == unit; });
    const bool good = error == std::errc{} && std::isfinite(value) && value >= 0 && found != kUnits.end();
    if (!good || value * found->second > 9e18)
        usage(fmt::format("{}: '{}' is not a size in bytes; expected a number from 0 on and a unit, such as 500M, 2GB or "
                          "1.5GiB", what, core::shown(text)));
    return static_cast<std::uint64_t>(std::llround(value * found->second));
}

} // namespace kvviz::app
