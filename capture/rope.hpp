// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The speeds at which the pairs of channels of a rotary embedding turn, and how models stretch them to longer contexts.
// Sources: RoFormer (arXiv 2104.09864), position interpolation (2306.15595), YaRN (2309.00071), LongRoPE (2402.13753),
// Llama 3.1's published factors; numbers agree with the rope types of the same names in transformers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kvviz::capture {

struct RopeSpec {
    enum class Kind : std::uint8_t { plain, linear, dynamic, llama3, yarn, longrope, stored };
    Kind kind = Kind::plain;
    double theta = 10000.0;
    int dim = 0;                      ///< channels that turn; even
    double factor = 1;                ///< by which the context is stretched
    std::int64_t context = 0;         ///< longest input that the configuration names
    std::int64_t originalContext = 0; ///< longest input in training (llama3, yarn, longrope)
    double lowFrequency = 1, highFrequency = 4; ///< llama3
    double betaFast = 32, betaSlow = 1;         ///< yarn
    bool truncate = true;                       ///< yarn: the ramp begins and ends at whole channels
    std::vector<double> shortFactors, longFactors; ///< longrope: [dim / 2]
    double attentionFactor = 1;       ///< rotated vectors are multiplied by it
    std::vector<float> frequencies;   ///< Kind::stored: as the file gives them, [dim / 2]

    /// Do the frequencies depend on how long the input is?
    [[nodiscard]] bool followsLength() const { return kind == Kind::dynamic || kind == Kind::longrope; }
    /// Longest input that the model is meant for.
    [[nodiscard]] std::int64_t reach() const;
    friend bool operator==(const RopeSpec&, const RopeSpec&) = default;
};

/// "default", "linear", ..., as transformers calls them.
[[nodiscard]] std::string ropeKindName(RopeSpec::Kind kind);

/// Radians a token of each pair, [dim / 2], for an input of `length` tokens.
[[nodiscard]] std::vector<float> ropeFrequencies(const RopeSpec& spec, std::int64_t length);

/// Cosines and sines of the angles of some positions, times the attention factor.
struct RopeTable {
    std::vector<float> cosine, sine; // [positions, dim / 2]
};
/// Of positions of one input that ends at the last of them, as in a prefill.
[[nodiscard]] RopeTable ropeTable(const RopeSpec& spec, std::span<const std::int64_t> positions);
/// Of positions that each end an input, as decode steps do: where frequencies follow the length, every step has its own.
[[nodiscard]] RopeTable ropeStepTable(const RopeSpec& spec, std::span<const std::int64_t> positions);

/// The attention factor that YaRN and LongRoPE take where the configuration names none. `mscale` and `mscaleAllDim`: of
/// DeepSeek's form of YaRN, 0 if not given.
[[nodiscard]] double defaultAttentionFactor(const RopeSpec& spec, double mscale = 0, double mscaleAllDim = 0);

} // namespace kvviz::capture
