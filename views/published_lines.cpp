// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/published_lines.hpp"

#include "datasets/published.hpp"
#include "views/eval_names.hpp"
#include "views/method_family.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string_view>
#include <tuple>

namespace kvviz::plot {

namespace {

using datasets::PublishedScore;

constexpr std::int64_t kManyShots = 20;
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

bool fits(const PublishedScore& row, const io::EvalRecord& record, bool sameShots)
{
    if (row.ratio >= 1 || !std::isfinite(row.change))
        return false;
    const std::int64_t shots = printedShots(row.setting), measured = shotsOf(record);
    if (sameShots)
        return shots == measured && shots >= 0;
    return shots < 0 || (row.benchmark == kManyShotBenchmark) == (measured >= kManyShots);
}

/// Smaller is nearer; the order of the tables decides between equals.
auto distance(const PublishedScore& row, const io::EvalRecord& record)
{
    const std::int64_t shots = printedShots(row.setting), measured = shotsOf(record);
    const bool known = shots >= 0 && measured >= 0;
    return std::tuple(-likeness(row.model, record.modelName), row.model != kMainModel,
                      known ? std::abs(shots - measured) : std::int64_t{0}, row.setting.size());
}

} // namespace

std::optional<PublishedLine> publishedLine(const io::EvalRecord& record, bool sameShots)
{
    const std::string name = datasets::publishedName(methodSpecification(record));
    if (name.empty() || record.category.empty())
        return std::nullopt;
    datasets::PublishedQuery query;
    query.category = record.category;
    query.method = name;
    std::vector<const PublishedScore*> rows = datasets::findPublished(query);
    std::erase_if(rows, [&](const PublishedScore* row) { return !fits(*row, record, sameShots); });
    if (rows.empty())
        return std::nullopt;
    const PublishedScore& best = **std::min_element(rows.begin(), rows.end(), [&](const auto* a, const auto* b) {
        return distance(*a, record) < distance(*b, record);
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

} // namespace kvviz::plot
