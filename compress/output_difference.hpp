// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The difference between a head's output and its output over a compressed cache, from sums over the kept or the dropped
// keys. Internal to compress/.
#pragma once

#include "compress/metrics.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace kvviz::compress {

/// o - o' = (x part + y full) / mass, where o = full / mass, and eps and rho are the lost and the retained share of the
/// row. Dropped route: o - o' = (drop - eps full) / (rho mass). Kept route: o - o' = (full - keep / rho) / mass.
struct OutputDifference {
    const float* part;
    const float* full;
    double x, y, mass;

    OutputDifference(const float* givenPart, const float* givenFull, bool dropped, double eps, double rho,
                     double givenMass)
        : part(givenPart), full(givenFull), x(dropped ? 1 / rho : -1 / rho), y(dropped ? -eps / rho : 1),
          mass(givenMass)
    {
    }
    /// direction . (o' - o)
    [[nodiscard]] double along(const float* direction, int d) const
    {
        double ofPart = 0, ofFull = 0;
        for (int i = 0; i < d; ++i) {
            ofPart += static_cast<double>(direction[i]) * static_cast<double>(part[i]);
            ofFull += static_cast<double>(direction[i]) * static_cast<double>(full[i]);
        }
        return -(x * ofPart + y * ofFull) / mass;
    }
    /// direction . (0 - o)
    [[nodiscard]] double ofNothing(const float* direction, int d) const
    {
        double ofFull = 0;
        for (int i = 0; i < d; ++i)
            ofFull += static_cast<double>(direction[i]) * static_cast<double>(full[i]);
        return mass > 0 ? -ofFull / mass : 0;
    }
};

/// part + generated, both parts of what is kept, in scratch memory that grows when heads are wide.
class JoinedParts {
public:
    explicit JoinedParts(int d) : m_d(d), m_wide(d > std::ssize(m_few) ? static_cast<std::size_t>(d) : 0) {}
    const float* join(const float* part, const float* generated)
    {
        if (!generated)
            return part;
        float* const sum = m_wide.empty() ? m_few.data() : m_wide.data();
        for (int i = 0; i < m_d; ++i)
            sum[i] = part[i] + generated[i];
        return sum;
    }

private:
    int m_d;
    std::array<float, 256> m_few{};
    std::vector<float> m_wide;
};

/// Fills one row of LayerMetrics::logitChange, if the capture has a readout: along(gradient [d]) = gradient . (o' - o).
template <class Along>
void storeLogitChange(const core::LayerData& data, LayerMetrics& metrics, std::size_t at, const Along& along)
{
    const std::size_t candidates =
        metrics.logitChange.size() / static_cast<std::size_t>(data.heads.queryHeads() * data.t);
    const auto d = static_cast<std::size_t>(data.headDim);
    for (std::size_t i = at * candidates; i < (at + 1) * candidates; ++i)
        metrics.logitChange[i] = static_cast<float>(along(data.readout.data() + i * d));
}

} // namespace kvviz::compress
