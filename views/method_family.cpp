// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_family.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <set>

namespace kvviz::plot {

namespace {

using io::ReplayRecord;

std::vector<std::string> partsOf(const std::string& text)
{
    std::vector<std::string> parts{""};
    for (const char c : text)
        if (c == '+')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

const compress::MethodInfo* infoOf(const std::string& name)
{
    for (const compress::MethodInfo& info : compress::methodList())
        if (info.name == name)
            return &info;
    return nullptr;
}

/// One pair of parentheses, also for a title that has its own.
std::string labelOf(const std::string& name, const std::string& variant)
{
    const compress::MethodInfo* info = infoOf(name);
    const std::string title = info ? info->title : name;
    if (variant.empty())
        return title;
    if (title.ends_with(')'))
        return title.substr(0, title.size() - 1) + ", " + variant + ")";
    return title + " (" + variant + ")";
}

bool isOracleName(const std::string& method) { return method.starts_with("oracle"); }

/// Where the class of a method does not tell.
const std::map<std::string, MethodFamily, std::less<>> kByName{
    {"fullkv", MethodFamily::bounds},
    {"random", MethodFamily::bounds},
    {"random_shot", MethodFamily::shots},
    {"oracle_shot", MethodFamily::shots},
    {"shotkv", MethodFamily::shots},
    {"chunkkv", MethodFamily::shots},
    {"knorm", MethodFamily::withoutAttention},
    {"keydiff", MethodFamily::withoutAttention},
    {"lagkv", MethodFamily::withoutAttention},
    {"expected_attention", MethodFamily::withoutAttention},
    {"token_scorer", MethodFamily::withoutAttention},
    {"pyramidkv", MethodFamily::unevenBudgets},
    {"adakv", MethodFamily::unevenBudgets},
    {"headkv", MethodFamily::unevenBudgets},
    {"dbudgetkv", MethodFamily::unevenBudgets},
    {"kvcompress", MethodFamily::unevenBudgets},
};

/// What the file holds, each once, in its order.
std::vector<std::string> eachOnce(const std::vector<std::string>& specifications)
{
    std::vector<std::string> found;
    std::set<std::string> seen;
    for (const std::string& specification : specifications)
        if (seen.insert(specification).second)
            found.push_back(specification);
    return found;
}

[[noreturn]] void refuse(const std::string& specification, const std::vector<std::string>& held)
{
    const std::string near = core::nearestName(specification, held);
    std::string list;
    for (const std::string& name : held)
        list += (list.empty() ? "" : "; ") + name;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--methods: the results hold nothing of '{}'{}; they hold {}", specification,
                                  near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), list));
}

/// Name and values of a specification that is written otherwise than the results have it ("kivi:bits=4,group=32").
bool meansThis(const std::string& specification, const MethodName& name)
{
    try {
        const std::unique_ptr<compress::Method> method = compress::makeMethod(specification);
        return method->info().name == name.method && method->params().json() == name.params;
    } catch (const core::Error&) {
        return false; // a method of another version may still be in the results, under the name it had
    }
}

} // namespace

std::string familyTitle(MethodFamily family)
{
    switch (family) {
    case MethodFamily::equalBudgets:
        return "Evicted once, equal budgets";
    case MethodFamily::unevenBudgets:
        return "Evicted once, uneven budgets";
    case MethodFamily::eachStep:
        return "Evicted at each step";
    case MethodFamily::shots:
        return "Whole shots and chunks";
    case MethodFamily::withoutAttention:
        return "Scored without attention";
    case MethodFamily::layersAndRank:
        return "Shared layers, low rank";
    case MethodFamily::quantized:
        return "Quantized, combined";
    case MethodFamily::bounds:
        return "Baselines and oracles";
    case MethodFamily::other:
        break;
    }
    return "Other methods";
}

MethodFamily familyOf(const MethodName& name)
{
    if (const auto named = kByName.find(name.method); named != kByName.end())
        return named->second;
    if (partsOf(name.method).size() > 1)
        return MethodFamily::quantized;
    if (isOracleName(name.method))
        return MethodFamily::bounds;
    const compress::MethodInfo* info = infoOf(name.method);
    if (!info)
        return MethodFamily::other;
    const std::string& klass = info->klass;
    if (klass.find('Q') != std::string::npos)
        return MethodFamily::quantized;
    if (klass.find_first_of("SR") != std::string::npos)
        return MethodFamily::layersAndRank;
    if (klass.find("E+") != std::string::npos)
        return MethodFamily::eachStep;
    return klass.find('T') != std::string::npos ? MethodFamily::withoutAttention : MethodFamily::equalBudgets;
}

std::string methodLabel(const MethodName& name)
{
    const std::vector<std::string> names = partsOf(name.method);
    if (names.size() == 1)
        return labelOf(name.method, name.variant);
    const std::vector<std::string> variants = partsOf(name.variant);
    std::string label;
    for (std::size_t i = 0; i < names.size(); ++i)
        label += (i > 0 ? " + " : "") + labelOf(names[i], i < variants.size() ? variants[i] : "");
    return label;
}

std::string methodSpecification(const MethodName& name) { return compress::specificationOf(name.method, name.variant); }

bool isOracle(const ReplayRecord& record) { return isOracleName(record.method); }

std::vector<std::size_t> placesOf(const std::vector<MethodName>& names, const std::vector<std::string>& specifications)
{
    std::vector<std::size_t> chosen(names.size());
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    const bool all = std::find(specifications.begin(), specifications.end(), "all") != specifications.end();
    if (all || specifications.empty())
        return chosen;
    std::vector<std::string> typed;
    std::transform(names.begin(), names.end(), std::back_inserter(typed), methodSpecification);
    const std::vector<std::string> held = eachOnce(typed);
    chosen.clear();
    std::set<std::string> taken;
    for (const std::string& specification : specifications) {
        const bool exact = std::find(held.begin(), held.end(), specification) != held.end();
        bool found = false;
        for (const std::string& one : held) {
            const auto first = static_cast<std::size_t>(std::find(typed.begin(), typed.end(), one) - typed.begin());
            if (exact ? one != specification : !meansThis(specification, names[first]))
                continue;
            found = true;
            if (!taken.insert(one).second)
                continue;
            for (std::size_t i = first; i < typed.size(); ++i)
                if (typed[i] == one)
                    chosen.push_back(i);
        }
        if (!found)
            refuse(specification, held);
    }
    return chosen;
}

} // namespace kvviz::plot
