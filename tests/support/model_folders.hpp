// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The model folders of tests/data/models, and how far numbers are from those of transformers.
#pragma once

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <vector>

namespace kvviz::test {

inline std::vector<std::filesystem::path> modelFolders()
{
    std::vector<std::filesystem::path> folders;
    for (const auto& entry : std::filesystem::directory_iterator(KVVIZ_TEST_DATA "/models"))
        folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    return folders;
}

/// The largest |a - b|; NaN if there is one.
inline double worstDifference(std::span<const float> a, std::span<const float> b)
{
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (const double difference = std::abs(static_cast<double>(a[i]) - b[i]); !(difference <= worst))
            worst = difference; // also when it is no number
    return worst;
}

} // namespace kvviz::test
