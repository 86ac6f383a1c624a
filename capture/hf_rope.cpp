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
    return settings.positive("factor", std::nullopt);
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

/// Settings of DeepSeek's form of YaRN, where 0 means that there is none.
double orNone(const JsonFields& settings, const char* key)
{
    const bool zero = settings.has(key) && settings.json().at(key) == 0;
    return zero || !settings.has(key) ? 0 : settings.positive(key, std::nullopt);
}

/// Longest input in training. Phi-3 keeps it beside the settings, and there alone it counts; others keep it inside, or
/// beside them where all layers share one object.
std::int64_t originalContextOf(const JsonFields& settings, const JsonFields& config, const RopeDefaults& defaults,
                               bool shared, std::int64_t context)
{
    constexpr const char* kKey = "original_max_position_embeddings";
    if (defaults.originalContext > 0)
        return config.integer(kKey, defaults.originalContext);
    const std::int64_t inside = settings.integer(kKey, context);
    return shared ? config.integer(kKey, inside) : inside;
}

/// One object of settings. `config` holds what stands outside of it; `shared`: the object is that of all layers.
RopeSpec readSpec(const JsonFields& settings, const JsonFields& config, const RopeDefaults& defaults, double theta,
                  int headDim, std::int64_t context, bool shared)
{
    RopeSpec spec;
    spec.kind = kindOf(settings, settings.text("rope_type", settings.text("type", "default")), defaults);
    spec.theta = settings.positive("rope_theta", theta);
    double share = settings.positive("partial_rotary_factor", config.positive("partial_rotary_factor", 1.0));
    if (share > 1)
        settings.refuse(fmt::format("'partial_rotary_factor' is {}, expected up to 1", share));
    if (!defaults.partial && share < 1 && spec.kind != Kind::plain)
        settings.refuse(fmt::format("'partial_rotary_factor' is {}, but models of this architecture turn all channels",
                                    share));
    if (!defaults.partial)
        share = 1;
    spec.dim = static_cast<int>(headDim * share);
    if (spec.dim < 2 || spec.dim % 2 != 0)
        settings.refuse(fmt::format("{} of {} channels of a head would turn, expected an even number", spec.dim, headDim));
    spec.context = context;
    spec.originalContext = originalContextOf(settings, config, defaults, shared, context);
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
    const double usual = defaultAttentionFactor(spec, orNone(settings, "mscale"), orNone(settings, "mscale_all_dim"));
    spec.attentionFactor =
        spec.kind == Kind::yarn || spec.kind == Kind::longrope ? settings.positive("attention_factor", usual) : 1.0;
    return spec;
}

bool isFilled(const JsonFields& config, const char* key) { return config.has(key) && !config.json().at(key).empty(); }

/// The old key wins where both stand there. Where layers have settings of their own it changes those of full attention.
JsonFields settingsOf(const JsonFields& config)
{
    if (!isFilled(config, "rope_parameters"))
        return isFilled(config, "rope_scaling") ? config.object("rope_scaling")
                                                : JsonFields(nlohmann::json::object(), config.place());
    JsonFields settings = config.object("rope_parameters");
    if (!isFilled(config, "rope_scaling"))
        return settings;
    if (!settings.has("full_attention"))
        return config.object("rope_scaling");
    nlohmann::json full = settings.object("full_attention").take(); // refuses what is no object
    full.update(config.object("rope_scaling").json());
    nlohmann::json merged = std::move(settings).take();
    merged["full_attention"] = std::move(full);
    return {std::move(merged), fmt::format("{}: rope_parameters with rope_scaling", config.place())};
}

} // namespace

HfRope readHfRope(const JsonFields& config, const RopeDefaults& defaults, int headDim, std::int64_t context)
{
    const JsonFields settings = settingsOf(config);
    const double theta = config.positive("rope_theta", defaults.theta);
    const double localTheta = config.positive("rope_local_base_freq", defaults.localTheta > 0 ? defaults.localTheta : theta);
    const JsonFields none(nlohmann::json::object(), config.place());
    const bool byLayer = settings.has("full_attention") || settings.has("sliding_attention");
    const auto part = [&](const char* key) { return settings.has(key) ? settings.object(key) : none; };
    HfRope rope;
    if (byLayer) {
        rope.global = readSpec(part("full_attention"), config, defaults, theta, headDim, context, false);
        rope.local = readSpec(part("sliding_attention"), config, defaults, localTheta, headDim, context, false);
        return rope;
    }
    const bool shared = !(defaults.localTheta > 0);
    if (!shared && isFilled(config, "rope_parameters"))
        settings.refuse("it is one object of settings, but layers with a window need some of their own "
                        "('full_attention', 'sliding_attention')");
    rope.global = readSpec(settings, config, defaults, theta, headDim, context, shared);
    rope.local = shared ? rope.global : readSpec(none, config, defaults, localTheta, headDim, context, false);
    return rope;
}

} // namespace kvviz::capture
