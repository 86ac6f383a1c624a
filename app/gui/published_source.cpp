// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "app/gui/published_source.hpp"

#include "datasets/published_line.hpp"
#include "views/eval_names.hpp"
#include "views/method_family.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

constexpr const char* kPaper = "arXiv 2502.01941v4";

plot::PublishedValues valuesOf(const datasets::PublishedLine& line)
{
    plot::PublishedValues values;
    values.paper = kPaper;
    values.model = line.model;
    values.block = line.setting.empty() ? line.benchmark : fmt::format("{} ({})", line.benchmark, line.setting);
    values.base = line.base;
    values.misprints = std::any_of(line.points.begin(), line.points.end(), datasets::isMisprint);
    for (const datasets::PublishedPoint& point : line.points) {
        values.ratio.push_back(point.ratio);
        values.score.push_back(point.score);
        values.change.push_back(point.change);
        std::string remark = fmt::format("table {}", point.table);
        for (const std::string& flag : point.flags)
            remark += "; " + flag;
        values.remarks.push_back(remark);
    }
    return values;
}

} // namespace

plot::PublishedSource publishedSource()
{
    return [](const io::EvalRecord& record, bool sameShots) -> std::optional<plot::PublishedValues> {
        datasets::PublishedWish wish;
        wish.category = record.category;
        wish.method = plot::methodSpecification(record);
        wish.model = record.modelName;
        wish.shots = plot::shotsOf(record);
        wish.sameShots = sameShots;
        const auto line = datasets::publishedLine(wish);
        return line ? std::optional(valuesOf(*line)) : std::nullopt;
    };
}

} // namespace kvviz::app
