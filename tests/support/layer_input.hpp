// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a replay gives a method besides the layer itself, from a made-up capture.
#pragma once

#include "compress/method.hpp"
#include "tests/support/synthetic_capture.hpp"

namespace kvviz::test {

/// The captured layer `slot` with the description of its capture and the way to its other layers. The capture must
/// outlive it.
inline compress::LayerInput inputOf(const SyntheticCapture& capture, std::int64_t slot)
{
    compress::LayerInput input{capture.layer(slot), capture.info().segments};
    input.slot = slot;
    input.layers = std::ssize(capture.info().layers);
    input.info = &capture.info();
    input.otherLayer = [&capture](std::int64_t other, core::Need needs) {
        return std::make_shared<const core::LayerData>(capture.loadLayer(other, needs));
    };
    return input;
}

/// What the query of a decode step sees of a token: [d] of its key, or of its value.
inline std::span<const float> seenKey(const core::LayerData& data, const compress::LayerPlan& plan, std::int64_t kvHead,
                                      std::int64_t token, std::int64_t step)
{
    const auto i = static_cast<std::size_t>(kvHead * data.total() + token), d = static_cast<std::size_t>(data.headDim);
    const bool changed = plan.changed && !plan.changed->key.empty() && plan.changed->keyFrom[i] <= step;
    return std::span(changed ? plan.changed->key : data.key).subspan(i * d, d);
}
inline std::span<const float> seenValue(const core::LayerData& data, const compress::LayerPlan& plan,
                                        std::int64_t kvHead, std::int64_t token, std::int64_t step)
{
    const auto i = static_cast<std::size_t>(kvHead * data.total() + token), d = static_cast<std::size_t>(data.headDim);
    const bool changed = plan.changed && !plan.changed->value.empty() && plan.changed->valueFrom[i] <= step;
    return std::span(changed ? plan.changed->value : data.value).subspan(i * d, d);
}

} // namespace kvviz::test
