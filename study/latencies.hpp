// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz bench --json` measured, for table 5.
#pragma once

#include "study/manifest.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::study {

/// One method at one length; numbers that a row does not have are NaN.
struct MeasuredLatency {
    std::string model = {}, method = {}; ///< method as `--methods` takes it; "fullkv"
    double ratio = io::kNotKnown;
    std::int64_t inputTokens = 0, outputTokens = 0;
    double seconds = io::kNotKnown, tokensPerSecond = io::kNotKnown;
    double latencyGain = io::kNotKnown, throughputGain = io::kNotKnown; ///< fractions of 1, against the full cache
    double cacheBytes = io::kNotKnown;
    std::string obstacle = {}; ///< why it was not run; empty: it was
};

/// Of all finished steps of that kind. A file that cannot be read makes its step failed.
[[nodiscard]] std::vector<MeasuredLatency> readLatencies(const std::filesystem::path& folder, Manifest& manifest);

} // namespace kvviz::study
