// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Whether two captures hold the same numbers, to the bit.
#pragma once

#include "core/io/capture_reader.hpp"

#include <fmt/format.h>

#include <cstring>

namespace kvviz::test {

/// Bits, not values: NaN equals NaN, and 0 is not -0.
[[nodiscard]] inline bool sameBits(const std::vector<float>& a, const std::vector<float>& b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Compares all numbers of two captures; names the first array that differs.
[[nodiscard]] inline std::string firstDifference(const std::string& a, const std::string& b)
{
    const io::CaptureReader left{std::filesystem::path(a)}, right{std::filesystem::path(b)};
    if (left.info().tokens != right.info().tokens || left.info().segments != right.info().segments
        || left.info().layers != right.info().layers || left.info().heads != right.info().heads)
        return "description";
    if (left.available() != right.available())
        return "arrays there";
    if (!sameBits(left.logprob(), right.logprob()) || !sameBits(left.topLogprobs(), right.topLogprobs())
        || left.topIds() != right.topIds())
        return "logits";
    for (std::int64_t slot = 0; slot < std::ssize(left.info().layers); ++slot) {
        const core::LayerData x = left.loadLayer(slot, left.available()), y = right.loadLayer(slot, left.available());
        for (const auto member : {&core::LayerData::received, &core::LayerData::receivedWindow,
                                  &core::LayerData::receivedSq, &core::LayerData::receivedSqFar,
                                  &core::LayerData::entropy, &core::LayerData::sinkMass, &core::LayerData::queryMean,
                                  &core::LayerData::queryCovariance, &core::LayerData::windowRows,
                                  &core::LayerData::decodeRows, &core::LayerData::key, &core::LayerData::value,
                                  &core::LayerData::query})
            if (!sameBits(x.*member, y.*member))
                return fmt::format("an array of slot {}", slot);
        for (std::int64_t head = 0; head < std::ssize(left.info().heads); ++head)
            for (int level = 0; level < left.mapLevels(); ++level)
                if (!sameBits(left.mapLevel(slot, head, level, io::Pooling::max).values,
                              right.mapLevel(slot, head, level, io::Pooling::max).values))
                    return fmt::format("level {} of slot {}", level, slot);
    }
    return {};
}

} // namespace kvviz::test
