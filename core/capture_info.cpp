// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names of tiers and types, token display, head maps of captures.
#include "core/capture_info.hpp"

#include "core/capture_source.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

namespace kvviz::core {
namespace {
constexpr std::array<std::string_view, 4> kTiers{"stats", "cache", "map", "full"};
constexpr std::array<std::string_view, 2> kTypes{"float16", "float32"};

template <typename Enum, std::size_t N>
std::optional<Enum> fromName(const std::array<std::string_view, N>& names, std::string_view name)
{
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
        return std::nullopt;
    return static_cast<Enum>(found - names.begin());
}
} // namespace

std::string_view tierName(Tier tier) { return kTiers.at(static_cast<std::size_t>(tier)); }
std::optional<Tier> tierFromName(std::string_view name) { return fromName<Tier>(kTiers, name); }
std::string_view storageTypeName(StorageType type) { return kTypes.at(static_cast<std::size_t>(type)); }
std::optional<StorageType> storageTypeFromName(std::string_view name) { return fromName<StorageType>(kTypes, name); }

int ModelInfo::widestWindow() const
{
    return slidingWindows.empty() ? 0 : *std::max_element(slidingWindows.begin(), slidingWindows.end());
}

void TokenTable::append(std::int32_t id, std::string_view piece)
{
    if (offsets.empty())
        offsets.push_back(0);
    ids.push_back(id);
    bytes.append(piece);
    offsets.push_back(std::ssize(bytes));
}

std::string TokenTable::displayText(std::int64_t token) const { return displayBytes(bytesOf(token)); }

HeadMap CaptureInfo::headMap() const
{
    return HeadMap(static_cast<int>(heads.size()), static_cast<int>(kvHeads().size()));
}

std::vector<int> CaptureInfo::kvHeads() const
{
    const HeadMap whole(model.nHeads, model.nKvHeads);
    std::vector<int> result;
    for (const int head : heads)
        if (const int group = whole.kvHeadOf(head); result.empty() || result.back() != group)
            result.push_back(group);
    return result;
}

std::string needNames(Need set)
{
    static constexpr std::array<std::pair<Need, std::string_view>, 9> kNeeds{
        {{Need::stats, "stats"}, {Need::windowRows, "window rows"}, {Need::decodeRows, "decode rows"},
         {Need::keys, "keys"}, {Need::values, "values"}, {Need::queries, "queries"},
         {Need::queryStats, "query statistics"}, {Need::farSquares, "squared sums of far queries"},
         {Need::readout, "readout"}}};
    std::string result;
    for (const auto& [need, name] : kNeeds)
        if (includes(set, need))
            result.append(result.empty() ? "" : ", ").append(name);
    return result.empty() ? "nothing" : result;
}

} // namespace kvviz::core
