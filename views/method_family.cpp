// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_family.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
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
std::vector<std::string> specificationsIn(const std::vector<ReplayRecord>& records)
{
    std::vector<std::string> found;
    std::set<std::string> seen;
    for (const ReplayRecord& record : records)
        if (std::string specification = methodSpecification(record); seen.insert(specification).second)
            found.push_back(std::move(specification));
    return found;
}

[[noreturn]] void refuse(const std::string& specification, const std::vector<std::string>& held)
{
    const std::string near = core::nearestName(specification, held);
    std::string list;
    for (const std::string& name : held)
        list += (list.empty() ? "" : "; ") + name;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--methods: the results hold no replay of '{}'{}; they hold {}", specification,
                                  near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), list));
}

/// Name and values of a specification that is written otherwise than the results have it ("kivi:bits=4,group=32").
bool meansThis(const std::string& specification, const ReplayRecord& record)
{
    try {
        const std::unique_ptr<compress::Method> method = compress::makeMethod(specification);
        return method->info().name == record.method && method->params().json() == record.params;
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

MethodFamily familyOf(const ReplayRecord& record)
{
    if (const auto named = kByName.find(record.method); named != kByName.end())
        return named->second;
    if (partsOf(record.method).size() > 1)
        return MethodFamily::quantized;
    if (isOracle(record))
        return MethodFamily::bounds;
    const compress::MethodInfo* info = infoOf(record.method);
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

std::string methodLabel(const ReplayRecord& record)
{
    const std::vector<std::string> names = partsOf(record.method);
    if (names.size() == 1)
        return labelOf(record.method, record.variant);
    const std::vector<std::string> variants = partsOf(record.variant);
    std::string label;
    for (std::size_t i = 0; i < names.size(); ++i)
        label += (i > 0 ? " + " : "") + labelOf(names[i], i < variants.size() ? variants[i] : "");
    return label;
}

std::string methodSpecification(const ReplayRecord& record)
{
    return compress::specificationOf(record.method, record.variant);
}

bool isOracle(const ReplayRecord& record) { return record.method.starts_with("oracle"); }

std::vector<ReplayRecord> recordsOf(const std::vector<ReplayRecord>& records,
                                    const std::vector<std::string>& specifications)
{
    const bool all = std::find(specifications.begin(), specifications.end(), "all") != specifications.end();
    if (all || specifications.empty())
        return records;
    const std::vector<std::string> held = specificationsIn(records);
    std::vector<ReplayRecord> chosen;
    std::set<std::string> taken;
    for (const std::string& specification : specifications) {
        const bool exact = std::find(held.begin(), held.end(), specification) != held.end();
        bool found = false;
        for (const std::string& name : held) {
            const auto first = std::find_if(records.begin(), records.end(), [&](const ReplayRecord& record) {
                return methodSpecification(record) == name;
            });
            if (exact ? name != specification : !meansThis(specification, *first))
                continue;
            found = true;
            if (!taken.insert(name).second)
                continue;
            for (const ReplayRecord& record : records)
                if (methodSpecification(record) == name)
                    chosen.push_back(record);
        }
        if (!found)
            refuse(specification, held);
    }
    return chosen;
}

} // namespace kvviz::plot
