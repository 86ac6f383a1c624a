// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/capture_choice.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace kvviz::plot {

namespace {

std::string indexList(const std::vector<int>& values)
{
    const bool contiguous = !values.empty() && values.back() - values.front() + 1 == static_cast<int>(values.size());
    if (contiguous && values.size() > 2)
        return fmt::format("{} to {}", values.front(), values.back());
    return fmt::format("{}", fmt::join(values, ", "));
}

std::int64_t indexOf(const std::vector<int>& values, int wanted, std::string_view what, const std::string& name)
{
    const auto found = std::find(values.begin(), values.end(), wanted);
    if (found == values.end())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' holds no {} {}; it holds {}", name, what, wanted, indexList(values)));
    return found - values.begin();
}

/// Number in the model of the KV head behind a captured query head.
int kvHeadOf(const core::CaptureInfo& info, std::size_t slot)
{
    return info.kvHeads().at(static_cast<std::size_t>(info.headMap().kvHeadOf(static_cast<int>(slot))));
}

std::string markLabel(const core::Segment& segment)
{
    switch (segment.kind) {
    case core::SegmentKind::bos: return "";
    case core::SegmentKind::system: return "Sys";
    case core::SegmentKind::instruction: return "I";
    case core::SegmentKind::shot: return fmt::format("S{}", segment.index + 1);
    case core::SegmentKind::question: return "Q";
    case core::SegmentKind::answer: return "A";
    case core::SegmentKind::generated: return "G";
    }
    return "";
}

} // namespace

std::int64_t layerSlot(const core::CaptureInfo& info, int layer, const std::string& name)
{
    return layer < 0 ? std::ssize(info.layers) / 2 : indexOf(info.layers, layer, "layer", name);
}

int headOfGroup(int kvHead) { return -2 - kvHead; }
int groupOf(int head) { return head < kAllHeads ? -2 - head : -1; }

std::string headParameter(int head)
{
    return head >= 0             ? std::to_string(head)
           : head == kAllHeads ? "mean of all captured heads"
                               : fmt::format("mean of the heads of KV head {}", groupOf(head));
}

std::vector<std::int64_t> headSlots(const core::CaptureInfo& info, int head, const std::string& name)
{
    if (head >= 0)
        return {indexOf(info.heads, head, "head", name)};
    std::vector<std::int64_t> slots;
    for (std::size_t slot = 0; slot < info.heads.size(); ++slot)
        if (head == kAllHeads || kvHeadOf(info, slot) == groupOf(head))
            slots.push_back(static_cast<std::int64_t>(slot));
    if (slots.empty())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' holds no query head of KV head {}", name, groupOf(head)));
    return slots;
}

std::string headsText(const core::CaptureInfo& info, const std::vector<std::int64_t>& slots)
{
    if (slots.size() == 1)
        return fmt::format("head {}", info.heads.at(static_cast<std::size_t>(slots.front())));
    const bool part = slots.size() < info.heads.size();
    return fmt::format("mean of {} heads{}", slots.size(), part ? fmt::format(" (KV {})", kvHeadOf(info, static_cast<std::size_t>(slots.front()))) : "");
}

std::vector<SegmentMark> segmentMarks(const core::CaptureInfo& info)
{
    std::vector<SegmentMark> marks;
    for (const core::Segment& segment : info.segments)
        marks.push_back({markLabel(segment), segment.kind, segment.span});
    const bool hasGenerated = std::any_of(
        marks.begin(), marks.end(), [](const SegmentMark& mark) { return mark.kind == core::SegmentKind::generated; });
    if (!hasGenerated && info.nGenerated() > 0)
        marks.push_back({"G", core::SegmentKind::generated, {info.nPrompt(), info.nTokens()}});
    return marks;
}

Provenance provenanceOf(const core::CaptureSource& source)
{
    const core::CaptureInfo& info = source.info();
    return {source.name(),     "/",
            "capture",         info.model.name,
            info.model.sha256, info.prompt.task,
            info.prompt.id,    std::string(core::tierName(info.tier)),
            info.created,      info.creator,
            info.commandLine,  info.nPrompt(),
            info.nGenerated()};
}

} // namespace kvviz::plot
