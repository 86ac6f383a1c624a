// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One number for every query head: how spread its attention is, how much of it sinks take, what a method loses on it.
#pragma once

#include "core/capture_source.hpp"
#include "views/figure_data.hpp"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace kvviz::plot {

enum class HeadMeasure : std::uint8_t {
    entropy,         ///< mean over prompt queries of the entropy of their rows, in nats
    effectiveTokens, ///< mean over prompt queries of exp(entropy)
    sinkMass,        ///< mean over prompt queries of their attention on the first k tokens
    gini,            ///< Gini coefficient of the attention that prompt keys receive: 0 even, 1 all on one key
    lostMass         ///< mean over decode queries of what the selected method loses
};
inline constexpr std::array kHeadMeasures{HeadMeasure::entropy, HeadMeasure::effectiveTokens, HeadMeasure::sinkMass,
                                          HeadMeasure::gini, HeadMeasure::lostMass};

/// "Entropy", ... and its unit or meaning in a few words ("nats, mean over prompt queries").
[[nodiscard]] std::string measureName(HeadMeasure measure);
[[nodiscard]] std::string measureUnit(HeadMeasure measure);

/// Gini coefficient of values that are not negative; NaN for none, and where their sum is 0.
[[nodiscard]] double gini(std::span<const float> values);

/// Values of one layer, [H] each. `sinkTokens`: k. giniNonSink leaves the first k keys out.
struct HeadStatistics {
    std::vector<float> entropy, effectiveTokens, sinkMass, gini, giniNonSink;
};
/// Needs core::Need::stats.
[[nodiscard]] HeadStatistics headStatistics(const core::LayerData& layer, std::int64_t sinkTokens);

/// The measures of all layers of a capture as far as they are known, [L, H]; NaN elsewhere.
struct HeadTable {
    std::vector<int> layers, heads, kvHeads; ///< numbers in the model; kvHeads: of each query head
    std::vector<int> groups;                 ///< distinct KV heads, ascending
    std::array<std::vector<float>, kHeadMeasures.size()> values;
    std::vector<float> giniNonSink, lostNonSink;

    HeadTable() = default;
    explicit HeadTable(const core::CaptureInfo& info);
    void setLayer(std::int64_t slot, const HeadStatistics& statistics);
    /// [L, H]; nothing: NaN everywhere.
    void setLost(std::span<const float> lostMass, std::span<const float> nonSink);
    /// The variant without sinks where the measure has one.
    [[nodiscard]] const std::vector<float>& of(HeadMeasure measure, bool withoutSinks) const;
    [[nodiscard]] std::size_t index(std::int64_t slot, std::int64_t head) const
    {
        return static_cast<std::size_t>(slot) * heads.size() + static_cast<std::size_t>(head);
    }
};

/// Layers x query heads, grouped under their KV heads, with a colour range that holds every value. `name`: method and
/// budget of lostMass, as the scale's label says it.
[[nodiscard]] MatrixFigure headFigure(const HeadTable& table, HeadMeasure measure, bool withoutSinks, int sinkTokens,
                                      const std::string& name = {});
/// Labels and groups alone; values are NaN.
[[nodiscard]] MatrixPanel headPanel(const HeadTable& table);

/// A colour range of round numbers that holds the values that are not NaN.
[[nodiscard]] std::pair<double, double> roundRange(std::span<const double> values);

} // namespace kvviz::plot
