// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The methods of kvviz, one line each, and the specification syntax "name:preset,parameter=value".
#include "compress/chunkkv.hpp"
#include "compress/fullkv.hpp"
#include "compress/h2o.hpp"
#include "compress/method.hpp"
#include "compress/oracle_mass.hpp"
#include "compress/random.hpp"
#include "compress/shotkv.hpp"
#include "compress/snapkv.hpp"
#include "compress/streaming_noshift.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

struct Entry {
    const MethodInfo& (*info)();
    std::unique_ptr<Method> (*make)(Params);
};

constexpr std::array kEntries{
    Entry{fullkvInfo, makeFullkv},
    Entry{streamingNoshiftInfo, makeStreamingNoshift},
    Entry{h2oInfo, makeH2o},
    Entry{snapkvInfo, makeSnapkv},
    Entry{chunkkvInfo, makeChunkkv},
    Entry{shotkvInfo, makeShotkv},
    Entry{randomInfo, makeRandom},
    Entry{oracleMassInfo, makeOracleMass},
};

const Entry& entryOf(const std::string& name)
{
    const auto found = std::find_if(kEntries.begin(), kEntries.end(),
                                    [&](const Entry& entry) { return entry.info().name == name; });
    if (found != kEntries.end())
        return *found;
    std::vector<std::string> known;
    for (const Entry& entry : kEntries)
        known.push_back(entry.info().name);
    const std::string near = core::nearestName(name, known);
    const std::string hint = near.empty() ? "'kvviz methods' lists all" : fmt::format("did you mean '{}'?", near);
    throw core::Error(core::ErrorCode::usage, fmt::format("unknown method '{}'; {}", name, hint));
}

std::vector<std::string> splitAt(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (std::size_t to = text.find(separator); to != std::string::npos; to = text.find(separator, from)) {
        parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    parts.push_back(text.substr(from));
    return parts;
}

} // namespace

const std::vector<MethodInfo>& methodList()
{
    static const std::vector<MethodInfo> list = [] {
        std::vector<MethodInfo> all;
        for (const Entry& entry : kEntries)
            all.push_back(entry.info());
        return all;
    }();
    return list;
}

const MethodInfo& methodInfo(const std::string& name) { return entryOf(name).info(); }

std::unique_ptr<Method> makeMethod(const std::string& specification)
{
    const std::size_t colon = specification.find(':');
    const Entry& entry = entryOf(specification.substr(0, colon));
    std::string preset;
    std::map<std::string, std::string> overrides;
    if (colon != std::string::npos) {
        const std::vector<std::string> parts = splitAt(specification.substr(colon + 1), ',');
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const std::size_t equals = parts[i].find('=');
            if (equals == std::string::npos && i == 0 && !parts[i].empty())
                preset = parts[i];
            else if (equals == std::string::npos || equals == 0)
                throw core::Error(core::ErrorCode::usage,
                                  fmt::format("'{}' is not a method; expected NAME, NAME:PRESET or "
                                              "NAME:PRESET,PARAMETER=VALUE,... as in snapkv:factory,window=16",
                                              specification));
            else
                overrides[parts[i].substr(0, equals)] = parts[i].substr(equals + 1);
        }
    }
    return entry.make(Params(entry.info(), preset, overrides));
}

std::vector<std::string> defaultReplaySet()
{
    // ShotKV's paper does not say which queries accumulate: the window reading is always shown beside the default. Its
    // prefill-only form is the paper's own ablation.
    return {"fullkv", "streaming_noshift", "h2o",           "snapkv", "chunkkv", "shotkv", "shotkv:window",
            "shotkv:prefill_only", "random", "oracle_mass"};
}

} // namespace kvviz::compress
