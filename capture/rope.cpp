// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Computed in double and rounded once.
#include "capture/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kvviz::capture {
namespace {

/// Frequency of pair i at a base.
double plain(double theta, int pair, int dim) { return std::pow(theta, -2.0 * pair / dim); }

/// Dynamic NTK: the base grows with the input, once it is longer than the context.
double dynamicTheta(const RopeSpec& spec, std::int64_t length)
{
    const auto context = static_cast<double>(spec.context);
    const double longest = std::max(static_cast<double>(length), context);
    const double stretch = spec.factor * longest / context - (spec.factor - 1);
    return spec.theta * std::pow(stretch, static_cast<double>(spec.dim) / (spec.dim - 2));
}

/// Long waves are slowed down by the factor, short ones stay, those between are mixed.
double llama3(const RopeSpec& spec, double frequency)
{
    const double turns = static_cast<double>(spec.originalContext) * frequency / (2 * std::numbers::pi);
    if (turns > spec.highFrequency)
        return frequency;
    if (turns < spec.lowFrequency)
        return frequency / spec.factor;
    const double share = (turns - spec.lowFrequency) / (spec.highFrequency - spec.lowFrequency);
    return (1 - share) * frequency / spec.factor + share * frequency;
}

/// The pair that makes so many turns within the original context (YaRN, section 3.2).
double yarnPair(const RopeSpec& spec, double turns)
{
    return spec.dim * std::log(static_cast<double>(spec.originalContext) / (turns * 2 * std::numbers::pi))
           / (2 * std::log(spec.theta));
}

double yarn(const RopeSpec& spec, int pair)
{
    double low = yarnPair(spec, spec.betaFast), high = yarnPair(spec, spec.betaSlow);
    if (spec.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, spec.dim - 1.0);
    if (low == high)
        high += 0.001;
    const double slowed = std::clamp((pair - low) / (high - low), 0.0, 1.0);
    const double frequency = plain(spec.theta, pair, spec.dim);
    return frequency / spec.factor * slowed + frequency * (1 - slowed);
}

double frequencyOf(const RopeSpec& spec, int pair, std::int64_t length)
{
    const double frequency = plain(spec.theta, pair, spec.dim);
    const auto at = static_cast<std::size_t>(pair);
    switch (spec.kind) {
    case RopeSpec::Kind::plain: return frequency;
    case RopeSpec::Kind::linear: return frequency / spec.factor;
    case RopeSpec::Kind::dynamic: return plain(dynamicTheta(spec, length), pair, spec.dim);
    case RopeSpec::Kind::llama3: return llama3(spec, frequency);
    case RopeSpec::Kind::yarn: return yarn(spec, pair);
    case RopeSpec::Kind::longrope:
        return frequency / (length > spec.originalContext ? spec.longFactors : spec.shortFactors).at(at);
    case RopeSpec::Kind::stored: return static_cast<double>(spec.frequencies.at(at));
    }
    return frequency;
}

/// Angles in float32, as transformers computes them: at position 8000 the rounding of a float64 angle differs.
void addAngles(std::int64_t position, std::span<const float> frequencies, float factor, RopeTable& table)
{
    for (const float frequency : frequencies) {
        const float angle = static_cast<float>(position) * frequency;
        table.cosine.push_back(std::cos(angle) * factor);
        table.sine.push_back(std::sin(angle) * factor);
    }
}

} // namespace

std::int64_t RopeSpec::reach() const
{
    if (kind == Kind::plain || kind == Kind::stored)
        return context;
    const std::int64_t trained = kind == Kind::linear || kind == Kind::dynamic ? context : originalContext;
    return std::max(context, static_cast<std::int64_t>(std::llround(static_cast<double>(trained) * factor)));
}

std::string ropeKindName(RopeSpec::Kind kind)
{
    switch (kind) {
    case RopeSpec::Kind::plain: return "default";
    case RopeSpec::Kind::linear: return "linear";
    case RopeSpec::Kind::dynamic: return "dynamic";
    case RopeSpec::Kind::llama3: return "llama3";
    case RopeSpec::Kind::yarn: return "yarn";
    case RopeSpec::Kind::longrope: return "longrope";
    case RopeSpec::Kind::stored: return "stored";
    }
    return {};
}

std::vector<float> ropeFrequencies(const RopeSpec& spec, std::int64_t length)
{
    std::vector<float> result;
    for (int pair = 0; pair < spec.dim / 2; ++pair)
        result.push_back(static_cast<float>(frequencyOf(spec, pair, length)));
    return result;
}

RopeTable ropeTable(const RopeSpec& spec, std::span<const std::int64_t> positions)
{
    const std::int64_t length = *std::max_element(positions.begin(), positions.end()) + 1;
    const std::vector<float> frequencies = ropeFrequencies(spec, length);
    RopeTable table;
    for (const std::int64_t position : positions)
        addAngles(position, frequencies, static_cast<float>(spec.attentionFactor), table);
    return table;
}

RopeTable ropeStepTable(const RopeSpec& spec, std::span<const std::int64_t> positions)
{
    if (!spec.followsLength())
        return ropeTable(spec, positions);
    RopeTable table;
    for (const std::int64_t position : positions)
        addAngles(position, ropeFrequencies(spec, position + 1), static_cast<float>(spec.attentionFactor), table);
    return table;
}

double defaultAttentionFactor(const RopeSpec& spec, double mscale, double mscaleAllDim)
{
    if (spec.factor <= 1)
        return 1;
    if (spec.kind == RopeSpec::Kind::longrope)
        return std::sqrt(1 + std::log(spec.factor) / std::log(static_cast<double>(spec.originalContext)));
    if (spec.kind != RopeSpec::Kind::yarn)
        return 1;
    const auto grown = [&](double scale) { return 0.1 * scale * std::log(spec.factor) + 1; };
    return mscale != 0 && mscaleAllDim != 0 ? grown(mscale) / grown(mscaleAllDim) : grown(1);
}

} // namespace kvviz::capture
