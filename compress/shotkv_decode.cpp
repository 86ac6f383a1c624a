// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Places in the live set: the kept prompt first, the surviving generated keys after it.
#include "compress/shotkv_decode.hpp"

#include "compress/kept_sets.hpp"
#include "compress/top_k.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {

std::int64_t decodeKeepCount(std::int64_t generated, double ratio)
{
    const auto wanted = static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(generated) - 1e-9));
    return std::max<std::int64_t>(1, wanted);
}

StepRules shotDecodeRules(std::int64_t keptPrompt, double ratio)
{
    return {{[keptPrompt, ratio](const OnlineStep& step) {
        std::vector<double> scores(step.live.size() - static_cast<std::size_t>(keptPrompt), 0.0);
        for (const std::vector<double>& row : step.rows)
            std::transform(scores.begin(), scores.end(), row.begin() + keptPrompt, scores.begin(), std::plus<>());
        std::vector<std::int32_t> places = positionRange(0, keptPrompt);
        for (const std::int32_t place : topK(scores, decodeKeepCount(step.step + 1, ratio)).positions)
            places.push_back(static_cast<std::int32_t>(keptPrompt) + place);
        return places;
    }}};
}

std::vector<std::uint8_t> shotRecallMask(const core::LayerData& data, std::span<const std::int32_t> keptPrompt,
                                         double ratio)
{
    const std::int64_t total = data.total();
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.t * total), 0);
    std::vector<std::int32_t> chosen; // among the generated keys
    for (std::int64_t step = 0; step < data.t; ++step) {
        std::uint8_t* const visible = mask.data() + step * total;
        for (const std::int32_t key : keptPrompt)
            visible[key] = 1;
        for (const std::int32_t key : chosen)
            visible[data.n + key] = 1;
        visible[data.n + step] = 1;
        std::vector<double> scores(static_cast<std::size_t>(step + 1), 0.0);
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            std::transform(scores.begin(), scores.end(), data.decodeRow(head, step) + data.n, scores.begin(),
                           std::plus<>());
        chosen = topK(scores, decodeKeepCount(step + 1, ratio)).positions;
    }
    return mask;
}

} // namespace kvviz::compress
