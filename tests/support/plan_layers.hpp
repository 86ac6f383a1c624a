// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plans of all layers of a made-up capture as a replay makes them: first the survey, then layer by layer.
#pragma once

#include "compress/method.hpp"
#include "tests/support/synthetic_capture.hpp"

namespace kvviz::test {

inline std::vector<compress::LayerPlan> planLayers(const SyntheticCapture& capture, const std::string& specification,
                                                   const compress::Budget& budget)
{
    const auto method = compress::makeMethod(specification);
    const auto layers = static_cast<std::int64_t>(capture.info().layers.size());
    const auto survey = method->makeSurvey();
    std::vector<compress::LayerPlan> plans;
    for (int pass = survey ? 0 : 1; pass < 2; ++pass) {
        for (std::int64_t slot = 0; slot < layers; ++slot) {
            const compress::LayerInput input{.data = capture.layer(slot),
                                             .segments = capture.info().segments,
                                             .slot = slot,
                                             .layers = layers,
                                             .earlier = plans,
                                             .info = &capture.info(),
                                             .survey = pass == 1 ? survey.get() : nullptr};
            if (pass == 0)
                survey->look(input);
            else
                plans.push_back(method->plan(input, budget));
        }
        if (pass == 0)
            survey->finish();
    }
    return plans;
}

} // namespace kvviz::test
