// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// RoPE settings of config.json: the old keys (rope_theta, rope_scaling) and the new one (rope_parameters).
#pragma once

#include "capture/json_fields.hpp"
#include "capture/rope.hpp"

namespace kvviz::capture {

/// What a family says about its rotation where the file does not.
struct RopeDefaults {
    double theta = 10000.0, localTheta = 0; ///< localTheta > 0: layers with a window have settings of their own
    bool yarnIsLongrope = false;            ///< Phi-3 called LongRoPE "su" and "yarn" once
    bool partial = false;                   ///< obeys partial_rotary_factor; others have the key without effect
    std::int64_t originalContext = 0;       ///< where the outer original_max_position_embeddings is missing; 0: see inside
};

struct HfRope {
    RopeSpec global, local;
};

/// `context`: max_position_embeddings. Throws Error(badInput) for kinds that are not supported (lists those that are)
/// and for numbers that are missing or make no sense.
[[nodiscard]] HfRope readHfRope(const JsonFields& config, const RopeDefaults& defaults, int headDim, std::int64_t context);

} // namespace kvviz::capture
