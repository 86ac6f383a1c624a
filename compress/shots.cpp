// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Selection of whole shots.
#include "compress/shots.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::compress {

PromptUnits promptUnits(const std::vector<core::Segment>& segments, std::int64_t n)
{
    PromptUnits units;
    std::vector<bool> taken(static_cast<std::size_t>(n), false);
    for (const core::Segment& segment : segments) {
        if (segment.kind != core::SegmentKind::shot)
            continue;
        Unit unit;
        const std::int64_t end = std::min(segment.span.end, n);
        for (std::int64_t token = std::max<std::int64_t>(0, segment.span.begin); token < end; ++token) {
            if (taken[static_cast<std::size_t>(token)])
                continue;
            taken[static_cast<std::size_t>(token)] = true;
            unit.push_back(static_cast<std::int32_t>(token));
        }
        if (!unit.empty())
            units.shots.push_back(std::move(unit));
    }
    for (std::int64_t token = 0; token < n; ++token)
        if (!taken[static_cast<std::size_t>(token)])
            units.frame.push_back(static_cast<std::int32_t>(token));
    return units;
}

std::vector<double> unitScores(const std::vector<Unit>& units, std::span<const double> tokenScores)
{
    std::vector<double> scores;
    for (const Unit& unit : units) {
        double total = 0;
        for (const std::int32_t token : unit)
            total += tokenScores[static_cast<std::size_t>(token)];
        scores.push_back(total / static_cast<double>(unit.size()));
    }
    return scores;
}

UnitChoice chooseUnits(std::span<const double> scores, const std::vector<Unit>& units, std::int64_t room, bool skip)
{
    std::vector<std::size_t> order(units.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    UnitChoice choice;
    for (const std::size_t unit : order) {
        const std::int64_t size = std::ssize(units[unit]);
        if (choice.tokens + size <= room) {
            choice.chosen.push_back(unit);
            choice.tokens += size;
        } else if (!skip) {
            break;
        }
    }
    if (!choice.chosen.empty() && choice.chosen.size() < units.size()) {
        const double last = scores[choice.chosen.back()];
        const auto all = std::count(scores.begin(), scores.end(), last);
        const auto kept = std::count_if(choice.chosen.begin(), choice.chosen.end(),
                                        [&](std::size_t unit) { return scores[unit] == last; });
        choice.tiesAtCut = all > kept ? all : 0;
    }
    std::sort(choice.chosen.begin(), choice.chosen.end());
    return choice;
}

} // namespace kvviz::compress
