// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a capture keeps of a model.
#include "capture/model.hpp"

#include <algorithm>

namespace kvviz::capture {

core::ModelInfo Model::infoFor(std::int64_t length) const
{
    core::ModelInfo result = info;
    result.ropeFrequencies = ropeFrequencies(arch.rope, length);
    result.localRopeFrequencies.clear();
    const bool slides = std::any_of(info.slidingWindows.begin(), info.slidingWindows.end(), [](int w) { return w > 0; });
    // By the settings, not the frequencies: those of a short input may be equal where those of a longer one are not.
    if (slides && arch.localRope != arch.rope)
        result.localRopeFrequencies = ropeFrequencies(arch.localRope, length);
    return result;
}

} // namespace kvviz::capture
