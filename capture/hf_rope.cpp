// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/hf_rope.hpp"

namespace kvviz::capture {
namespace {

using Kind = RopeSpec::Kind;

Kind kindOf(const JsonFields& settings, const std::string& name, const RopeDefaults& defaults)
{
    if (defaults.yarnIsLongrope && (name == "su" || name == "yarn"))
        return Kind::longrope;
    for (const Kind kind : {Kind::plain, Kind::linear, Kind::dynamic, Kind::llama3, Kind::yarn, Kind::longrope})
        if (name == ropeKindName(kind))
            return kind;
    settings.refuse(fmt::format("the RoPE kind '{}' is not supported; supported: default, linear, dynamic, llama3, yarn, "
                                "longrope", name));
}

/// The factor by which a context is stretched; some files give two lengths instead.
double factorOf(const JsonFields& settings, const RopeSpec& spec)
{
    if (!settings.has("factor") && (spec.kind == Kind::yarn || spec.kind == Kind::longrope))
        return static_cast<double>(spec.context) / static_cast<double>(spec.originalContext);
    const double factor = settings.positive("factor", std::nullopt);
    if (factor < 1)
        settings.refuse(fmt::format("'factor' is {}, expected 1 or more", factor));
    return factor;
}

void readLongRope(const JsonFields& settings, RopeSpec& spec)
{
    spec.shortFactors = settings.positives("short_factor");
    spec.longFactors = settings.positives("long_factor");
    for (const auto* factors : {&spec.shortFactors, &spec.longFactors})
        if (std::ssize(*factors) != spec.dim / 2)
            settings.refuse(fmt::format("a list of LongRoPE factors has {} numbers, expected {}: one for each of the pairs "
                                        "of channels that turn", factors->size(), spec.dim / 2));
}

/// One object of settings. `config` holds what stands outside of it in old files.
RopeSpec readSpec(const JsonFields& settings, const JsonFields& config, const RopeDefaults& defaults, double theta,
                  int headDim, std::int64_t context)
{
    RopeSpec spec;
    spec.kind = kindOf(settings, settings.text("rope_type", settings.text("type", "default")), defaults);
    spec.theta = settings.positive("rope_theta", theta);
    const double share = settings.positive("partial_rotary_factor", config.positive("partial_rotary_factor", 1.0));
    if (share > 1)
        settings.refuse(fmt::format("'partial_rotary_factor' is {}, expected up to 1", share));
    spec.dim = static_cast<int>(headDim * share);
    if (spec.dim < 2 || spec.dim % 2 != 0)
        settings.refuse(fmt::format("{} of {} channels of a head would turn, expected an even number", spec.dim, headDim));
    spec.context = context;
    // Phi-3 keeps the trained length beside the settings, and there it counts.
    spec.originalContext = config.integer("original_max_position_embeddings",
                                          settings.integer("original_max_position_embeddings", context));
    if (spec.kind == Kind::plain)
        return spec;
    if (spec.kind == Kind::dynamic && spec.dim < 4)
        settings.refuse("dynamic RoPE needs at least four channels that turn");
    spec.factor = factorOf(settings, spec);
    if (spec.kind == Kind::llama3) {
        spec.lowFrequency = settings.positive("low_freq_factor", std::nullopt);
        spec.highFrequency = settings.positive("high_freq_factor", std::nullopt);
        if (!(spec.highFrequency > spec.lowFrequency))
            settings.refuse("'high_freq_factor' must be larger than 'low_freq_factor'");
    }
    if (spec.kind == Kind::yarn) {
        spec.betaFast = settings.positive("beta_fast", spec.betaFast);
        spec.betaSlow = settings.positive("beta_slow", spec.betaSlow);
        spec.truncate = settings.boolean("truncate", true);
    }
    if (spec.kind == Kind::longrope)
        readLongRope(settings, spec);
    const double usual = defaultAttentionFactor(spec, settings.has("mscale") ? settings.positive("mscale", 1.0) : 0,
                                                settings.has("mscale_all_dim") ? settings.positive("mscale_all_dim", 1.0) : 0);
    spec.attentionFactor =
        spec.kind == Kind::yarn || spec.kind == Kind::longrope ? settings.positive("attention_factor", usual) : 1.0;
    return spec;
}

JsonFields settingsOf(const JsonFields& config)
{
    for (const char* key : {"rope_parameters", "rope_scaling"})
        if (config.has(key))
            return config.object(key);
    return {nlohmann::json::object(), "RoPE settings"};
}

} // namespace

HfRope readHfRope(const JsonFields& config, const RopeDefaults& defaults, int headDim, std::int64_t context)
{
    const JsonFields settings = settingsOf(config);
    const double theta = config.positive("rope_theta", defaults.theta);
    const double localTheta = config.positive("rope_local_base_freq", defaults.localTheta > 0 ? defaults.localTheta : theta);
    const JsonFields none(nlohmann::json::object(), "RoPE settings");
    const bool byLayer = settings.has("full_attention") || settings.has("sliding_attention");
    const auto part = [&](const char* key) { return settings.has(key) ? settings.object(key) : none; };
    HfRope rope;
    if (byLayer) {
        rope.global = readSpec(part("full_attention"), config, defaults, theta, headDim, context);
        rope.local = readSpec(part("sliding_attention"), config, defaults, localTheta, headDim, context);
        return rope;
    }
    rope.global = readSpec(settings, config, defaults, theta, headDim, context);
    rope.local = defaults.localTheta > 0 ? readSpec(none, config, defaults, localTheta, headDim, context) : rope.global;
    return rope;
}

} // namespace kvviz::capture
