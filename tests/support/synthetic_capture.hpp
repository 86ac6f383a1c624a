// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A made-up capture in memory, for tests: random K, Q, V and the causal softmax maps that follow from them, so that
// rows, sums, entropies and cache agree with each other as in a real capture.
#pragma once

#include "core/capture_source.hpp"

namespace kvviz::test {

struct SyntheticOptions {
    int layers = 2;     ///< L
    int heads = 4;      ///< H
    int kvHeads = 2;    ///< G
    std::int64_t n = 70;
    std::int64_t t = 5;
    std::int64_t window = 16; ///< W, clamped to n
    int headDim = 8;          ///< d
    std::uint64_t seed = 1;
};

/// Holds every array. Token 0 draws extra attention (a sink); segments are instruction, shots 0 to 2, question,
/// generated.
class SyntheticCapture final : public core::CaptureSource {
public:
    explicit SyntheticCapture(const SyntheticOptions& options = {});

    [[nodiscard]] const core::CaptureInfo& info() const override { return m_info; }
    [[nodiscard]] core::Need available() const override { return m_available; }
    [[nodiscard]] core::LayerData loadLayer(std::int64_t slot, core::Need needs) const override;
    [[nodiscard]] std::string name() const override { return m_info.prompt.id; }

    /// Everything of a layer, no copy.
    [[nodiscard]] const core::LayerData& layer(std::int64_t slot) const
    {
        return m_layers.at(static_cast<std::size_t>(slot));
    }
    /// All prompt rows of a layer, [H, n, n], 0 above the diagonal.
    [[nodiscard]] const std::vector<float>& fullMap(std::int64_t slot) const
    {
        return m_fullMaps.at(static_cast<std::size_t>(slot));
    }
    /// The log-probability of each token, [T]; NaN for token 0.
    [[nodiscard]] const std::vector<float>& logprob() const { return m_logprob; }

    /// For tests that want another layout, tier or identity; the arrays stay as they are.
    [[nodiscard]] core::CaptureInfo& mutableInfo() { return m_info; }
    [[nodiscard]] core::LayerData& mutableLayer(std::int64_t slot)
    {
        return m_layers.at(static_cast<std::size_t>(slot));
    }
    void setAvailable(core::Need available) { m_available = available; }

private:
    core::CaptureInfo m_info;
    core::Need m_available;
    std::vector<core::LayerData> m_layers;
    std::vector<std::vector<float>> m_fullMaps;
    std::vector<float> m_logprob;
};

/// The layer as it is at the end of prefill: t = 0, and no trace of the decode steps.
[[nodiscard]] core::LayerData promptPart(const core::LayerData& layer);
/// All layers so; the info stays.
[[nodiscard]] SyntheticCapture promptPart(const SyntheticCapture& capture);

/// The info alone: tokens "w0 ", "w1 ", ... with one newline and one broken UTF-8 byte among them.
[[nodiscard]] core::CaptureInfo syntheticInfo(const SyntheticOptions& options);

} // namespace kvviz::test
