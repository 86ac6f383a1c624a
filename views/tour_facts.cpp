// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/tour_facts.hpp"

#include "core/curves.hpp"
#include "core/text.hpp"
#include "views/capture_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr const char* kEllipsis = "\u2026";
constexpr int kBytesPerNumber = 2; // half precision

std::string percent(double share)
{
    return share > 0 && share < 0.1 ? fmt::format("{:.1f} %", 100 * share) : fmt::format("{:.0f} %", 100 * share);
}

/// Attention that each prompt key receives, mean over the heads. [n]
std::vector<float> receivedByKeys(const core::LayerData& layer, const std::vector<std::int64_t>& heads)
{
    std::vector<float> received(static_cast<std::size_t>(layer.n), 0.0F);
    for (const std::int64_t head : heads)
        for (std::int64_t key = 0; key < layer.n; ++key)
            received[static_cast<std::size_t>(key)] +=
                layer.received[static_cast<std::size_t>(head * layer.total() + key)] / float(heads.size());
    return received;
}

/// Calls onText for what stands between names in braces and onName for these.
template <typename OnText, typename OnName>
void scan(std::string_view text, OnText&& onText, OnName&& onName)
{
    while (!text.empty()) {
        const std::size_t open = text.find('{');
        const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
        onText(text.substr(0, close == std::string_view::npos ? text.size() : open));
        if (close == std::string_view::npos)
            return;
        onName(text.substr(open + 1, close - open - 1));
        text.remove_prefix(close + 1);
    }
}

} // namespace

const std::vector<std::string>& tourFactNames()
{
    static const std::vector<std::string> names{"prompt",      "generated", "layers",      "heads",      "kv_heads",
                                                "head_dim",    "shots",     "cache_bytes", "long_bytes", "sink_share",
                                                "sink_tokens", "top_key",   "top_share",   "keys90",     "keys90_all",
                                                "kept",        "ratio"};
    return names;
}

TourFacts tourFacts(const io::CaptureReader& reader, const SelectionState& state)
{
    const core::CaptureInfo& info = reader.info();
    const std::int64_t slot = plot::layerSlot(info, state.layer, reader.name());
    const core::LayerData layer = reader.loadLayer(slot, core::Need::stats);
    const std::vector<float> received = receivedByKeys(layer, plot::headSlots(info, state.head, reader.name()));
    const auto n = double(info.nPrompt());
    const core::ScoreCurve all = core::scoreCurve(received), rest = core::scoreCurve(received, state.sinkTokens);
    const auto sinks = std::min<std::int64_t>(state.sinkTokens, info.nPrompt());
    const auto top = std::max_element(received.begin(), received.end()) - received.begin();
    const auto cacheBytes = [&](double tokens) {
        return core::humanBytes(static_cast<std::uint64_t>(2.0 * info.model.nLayers * info.model.nKvHeads
                                                           * info.model.headDim * tokens * kBytesPerNumber));
    };
    const auto isShot = [](const core::Segment& s) { return s.kind == core::SegmentKind::shot; };
    return {{"prompt", std::to_string(info.nPrompt())},
            {"generated", std::to_string(info.nGenerated())},
            {"layers", std::to_string(info.model.nLayers)},
            {"heads", std::to_string(info.model.nHeads)},
            {"kv_heads", std::to_string(info.model.nKvHeads)},
            {"head_dim", std::to_string(info.model.headDim)},
            {"shots", std::to_string(std::count_if(info.segments.begin(), info.segments.end(), isShot))},
            {"cache_bytes", cacheBytes(n)},
            {"long_bytes", cacheBytes(info.model.contextLength)},
            {"sink_tokens", std::to_string(sinks)},
            {"sink_share", percent(sinks > 0 ? core::shareAt(all.positional, sinks) : 0)},
            {"top_key", std::to_string(top)},
            {"top_share", percent(all.total > 0 ? received[static_cast<std::size_t>(top)] / all.total : 0)},
            {"keys90", percent(double(core::keysForShare(rest.sorted, 0.9)) / std::max(1.0, n - double(sinks)))},
            {"keys90_all", percent(double(core::keysForShare(all.sorted, 0.9)) / n)},
            {"ratio", percent(state.ratio)},
            {"kept", std::to_string(static_cast<std::int64_t>(std::floor(n * state.ratio + 1e-9)))}};
}

std::string withFacts(std::string_view text, const TourFacts& facts)
{
    std::string result;
    scan(
        text, [&](std::string_view part) { result += part; },
        [&](std::string_view name) {
            const auto found = facts.find(name);
            result += found == facts.end() ? kEllipsis : found->second;
        });
    return result;
}

std::vector<std::string> factsIn(std::string_view text)
{
    std::vector<std::string> names;
    scan(
        text, [](std::string_view) {}, [&](std::string_view name) { names.emplace_back(name); });
    return names;
}

} // namespace kvviz::views
