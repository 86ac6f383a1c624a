// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The methods of kvviz, one line each, and the specification syntax "name:preset,parameter=value+name:...".
#include "compress/composed.hpp"
#include "compress/methods/entries.hpp"
#include "compress/specification.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// In the order of `kvviz methods`.
const std::vector<MethodEntry>& entries()
{
    static const std::vector<MethodEntry> list{
        fullkvEntry(),
        streamingNoshiftEntry(),
        streamingEntry(),
        h2oEntry(),
        h2oOnlineEntry(),
        observedAttentionEntry(),
        tovaEntry(),
        tovaOnlineEntry(),
        snapkvEntry(),
        pyramidkvEntry(),
        adakvEntry(),
        headkvEntry(),
        chunkkvEntry(),
        shotkvEntry(),
        pyramidinferEntry(),
        knormEntry(),
        keydiffEntry(),
        expectedAttentionEntry(),
        lagkvEntry(),
        dbudgetkvEntry(),
        kvcompressEntry(),
        randomEntry(),
        randomShotEntry(),
        oracleMassEntry(),
        oracleLayerEntry(),
        oracleGlobalEntry(),
        oracleTokenEntry(),
        oracleStepEntry(),
        oracleOutEntry(),
        oracleShotEntry(),
        kvsharerEntry(),
        minicacheEntry(),
        lorcEntry(),
        cskvEntry(),
        thinkEntry(),
        kiviEntry(),
        kvDistillEntry(),
        tokenScorerEntry(),
    };
    return list;
}

const MethodEntry& entryNamed(const std::string& name)
{
    const auto found = std::find_if(entries().begin(), entries().end(),
                                    [&](const MethodEntry& entry) { return entry.info().name == name; });
    if (found != entries().end())
        return *found;
    std::vector<std::string> known;
    for (const MethodEntry& entry : entries())
        known.push_back(entry.info().name);
    const std::string near = core::nearestName(name, known);
    const std::string hint = near.empty() ? "'kvviz methods' lists all" : fmt::format("did you mean '{}'?", near);
    throw core::Error(core::ErrorCode::usage, fmt::format("unknown method '{}'; {}", core::shown(name), hint));
}

/// One method without '+'.
std::unique_ptr<Method> makeSingle(std::string_view specification)
{
    const MethodEntry& entry = entryNamed(std::string(specification.substr(0, specification.find(':'))));
    const MethodPart part = parseMethodPart(specification);
    return entry.make(entry.info(), Params(entry.info(), part.preset, part.overrides));
}

} // namespace

const std::vector<MethodInfo>& methodList()
{
    static const std::vector<MethodInfo> list = [] {
        std::vector<MethodInfo> all;
        for (const MethodEntry& entry : entries())
            all.push_back(entry.info());
        return all;
    }();
    return list;
}

const MethodInfo& methodInfo(const std::string& name) { return entryNamed(name).info(); }

std::unique_ptr<Method> makeMethod(const std::string& specification)
{
    const std::vector<std::string_view> parts = core::splitAt(specification, '+');
    std::unique_ptr<Method> method = makeSingle(parts.front());
    for (std::size_t i = 1; i < parts.size(); ++i)
        method = compose(std::move(method), makeSingle(parts[i]));
    return method;
}

std::string specificationOf(const std::string& name, const std::string& variant)
{
    const auto names = core::splitAt(name, '+'), variants = core::splitAt(variant, '+'); // views into the arguments
    std::string result;
    for (std::size_t i = 0; i < names.size(); ++i) {
        result.append(i > 0 ? "+" : "").append(names[i]);
        if (i < variants.size() && !variants[i].empty())
            result.append(":").append(variants[i]);
    }
    return result;
}

core::Need replayNeeds(const Method& method)
{
    return changesCache(method.info()) ? method.needs() | core::Need::keys | core::Need::values | core::Need::queries
                                       : method.needs();
}

std::vector<std::string> defaultReplaySet()
{
    // Every method of the registry with its defaults, and the variants that answer a question of their own: ShotKV's
    // paper does not say which queries accumulate, so the window reading stands beside the default, and its prefill-only
    // form is the paper's ablation; quantization is shown at both of its widths and behind an eviction.
    static const std::map<std::string, std::vector<std::string>> kVariants{
        {"shotkv", {"window", "prefill_only"}}, {"random", {"protected"}}, {"kivi", {"bits4"}},
        {"dbudgetkv", {"paper"}}};
    std::vector<std::string> set;
    for (const MethodEntry& entry : entries()) {
        const std::string& name = entry.info().name;
        set.push_back(name);
        if (const auto found = kVariants.find(name); found != kVariants.end())
            for (const std::string& variant : found->second)
                set.push_back(fmt::format("{}:{}", name, variant));
    }
    set.insert(set.end(), {"snapkv+kivi", "snapkv+think"});
    return set;
}

} // namespace kvviz::compress
