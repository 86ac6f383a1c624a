// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "datasets/published_line.hpp"

#include "datasets/published.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string_view>
#include <tuple>

namespace kvviz::datasets {
namespace {

constexpr std::int64_t kManyShots = 16; // as the figure of many-shot prompts counts them
constexpr std::string_view kManyShotBenchmark = "many-shot AR";
/// The model of most tables: between names that are as like the measured one it goes first.
constexpr std::string_view kMainModel = "LLaMA-3.1-8B-Instruct";

/// "shots=8; w/ instruct": 8; -1 where none is printed.
std::int64_t printedShots(std::string_view setting)
{
    constexpr std::string_view kKey = "shots=";
    const std::size_t place = setting.find(kKey);
    std::int64_t shots = -1;
    if (place != std::string_view::npos)
        std::from_chars(setting.data() + place + kKey.size(), setting.data() + setting.size(), shots);
    return shots;
}

/// Runs of letters and digits of a model's name in lower case.
std::set<std::string> wordsOf(std::string_view name)
{
    std::set<std::string> words;
    std::string word;
    for (const char c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            continue;
        }
        words.insert(word);
        word.clear();
    }
    words.insert(word);
    words.erase("");
    return words;
}

/// Share of words that two names have in common, of all that either has.
double likeness(std::string_view a, std::string_view b)
{
    const std::set<std::string> first = wordsOf(a), second = wordsOf(b);
    const auto common =
        std::count_if(first.begin(), first.end(), [&](const std::string& word) { return second.contains(word); });
    const auto all = first.size() + second.size() - static_cast<std::size_t>(common);
    return all == 0 ? 0.0 : static_cast<double>(common) / static_cast<double>(all);
}

bool fits(const PublishedScore& row, const PublishedWish& wish)
{
    if (row.ratio >= 1 || !std::isfinite(row.change))
        return false;
    const std::int64_t shots = printedShots(row.setting);
    if (wish.sameShots)
        return shots == wish.shots && shots >= 0;
    return shots < 0 || (row.benchmark == kManyShotBenchmark) == (wish.shots >= kManyShots);
}

/// Smaller is nearer; the order of the tables decides between equals.
auto distance(const PublishedScore& row, const PublishedWish& wish)
{
    const std::int64_t shots = printedShots(row.setting);
    const bool known = shots >= 0 && wish.shots >= 0;
    return std::tuple(-likeness(row.model, wish.model), row.model != kMainModel,
                      known ? std::abs(shots - wish.shots) : std::int64_t{0}, row.setting.size());
}

} // namespace

std::optional<PublishedLine> publishedLine(const PublishedWish& wish)
{
    PublishedQuery query;
    query.category = wish.category;
    query.method = publishedName(wish.method);
    if (query.method.empty() || query.category.empty())
        return std::nullopt;
    std::vector<const PublishedScore*> rows = findPublished(query);
    std::erase_if(rows, [&](const PublishedScore* row) { return !fits(*row, wish); });
    if (rows.empty())
        return std::nullopt;
    const PublishedScore& best = **std::min_element(rows.begin(), rows.end(), [&](const auto* a, const auto* b) {
        return distance(*a, wish) < distance(*b, wish);
    });
    PublishedLine line{best.model, best.benchmark, best.setting, best.base, {}};
    for (const PublishedScore* row : rows)
        if (row->model == best.model && row->benchmark == best.benchmark && row->setting == best.setting)
            line.points.push_back({row->ratio, row->fraction, row->change, row->table, row->flags});
    std::stable_sort(line.points.begin(), line.points.end(),
                     [](const PublishedPoint& a, const PublishedPoint& b) { return a.ratio < b.ratio; });
    return line;
}

bool isMisprint(const PublishedPoint& point)
{
    return std::any_of(point.flags.begin(), point.flags.end(), [](const std::string& flag) {
        return flag == "delta_mismatch" || flag == "label_conflict" || flag == "nonmonotone_10_vs_30"
            || flag.starts_with("identical_to");
    });
}

} // namespace kvviz::datasets
