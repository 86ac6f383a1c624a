// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a capture says about itself: model, prompt, tokens, tier. Plain values; no file format here.
#pragma once

#include "core/head_map.hpp"
#include "core/score_rule.hpp"
#include "core/segments.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::core {

/// How much a capture holds; each tier includes the ones before (docs/format.md).
enum class Tier : std::uint8_t { stats, cache, map, full };
[[nodiscard]] std::string_view tierName(Tier tier);
[[nodiscard]] std::optional<Tier> tierFromName(std::string_view name);

/// Element type of a stored array.
enum class StorageType : std::uint8_t { float16, float32 };
[[nodiscard]] std::string_view storageTypeName(StorageType type);
[[nodiscard]] std::optional<StorageType> storageTypeFromName(std::string_view name);

struct ModelInfo {
    std::string name;
    std::string arch;   ///< "llama", ...
    std::string sha256; ///< of the model file, lower-case hex
    int nLayers = 0;
    int nHeads = 0;   ///< query heads, H
    int nKvHeads = 0; ///< KV heads, G
    int headDim = 0;  ///< d
    int hiddenSize = 0;
    int vocabSize = 0;
    int contextLength = 0;
    double ropeTheta = 10000.0;
    int ropeDim = 0;          ///< channels that are rotated
    std::string ropeScaling = "none";
    std::vector<float> ropeFrequencies; ///< radians a token of each rotated pair, [ropeDim / 2]; empty: from the theta
    /// Of layers with a sliding window, where they turn at another speed (Gemma 3); else empty.
    std::vector<float> localRopeFrequencies;
    double ropeFactor = 1;    ///< rotated queries and keys are multiplied by it (YaRN's attention factor)
    std::vector<int> slidingWindows; ///< [L] keys a query sees, itself among them, 0: all; empty: all layers see all
    double scoreScale = 0;    ///< factor of q.k; 0: 1 / sqrt(d)
    double scoreCap = 0;      ///< c of c tanh(score / c); 0: none

    /// 0: the layer sees all keys.
    [[nodiscard]] int slidingWindow(int layer) const
    {
        return slidingWindows.empty() ? 0 : slidingWindows.at(static_cast<std::size_t>(layer));
    }
    [[nodiscard]] int widestWindow() const; ///< 0: no layer has one
    [[nodiscard]] ScoreRule scoreRule(int layer) const
    {
        return {static_cast<float>(scoreScale), static_cast<float>(scoreCap), slidingWindow(layer)};
    }
    /// Of one layer; empty: from the theta.
    [[nodiscard]] const std::vector<float>& ropeFrequenciesOf(int layer) const
    {
        return slidingWindow(layer) > 0 && !localRopeFrequencies.empty() ? localRopeFrequencies : ropeFrequencies;
    }

    friend bool operator==(const ModelInfo&, const ModelInfo&) = default;
};

struct PromptInfo {
    std::string task;
    std::string id;
    std::string promptText;
    std::string target;       ///< reference continuation, may be empty
    std::string answer;       ///< short gold answer, may be empty
    std::int64_t nPrompt = 0;    ///< n
    std::int64_t nGenerated = 0; ///< t, number of decode steps whose key is in the cache
    std::string continuation = "none"; ///< "none", "greedy" or "gold"

    friend bool operator==(const PromptInfo&, const PromptInfo&) = default;
};

/// Token ids with the exact bytes each stands for. Byte-level BPE pieces are not always valid UTF-8, so bytes and
/// display text are kept apart.
struct TokenTable {
    std::vector<std::int32_t> ids;     // [T]
    std::string bytes;                 // concatenated bytes of all tokens
    std::vector<std::int64_t> offsets; // [T+1] into bytes

    [[nodiscard]] std::int64_t size() const noexcept { return std::ssize(ids); }
    [[nodiscard]] std::string_view bytesOf(std::int64_t token) const
    {
        return std::string_view(bytes).substr(static_cast<std::size_t>(offsets.at(token)),
                                              static_cast<std::size_t>(offsets.at(token + 1) - offsets.at(token)));
    }
    void append(std::int32_t id, std::string_view piece);
    /// Display form: valid UTF-8, control characters as pictures (newline as U+21B5), broken bytes as <XX>.
    [[nodiscard]] std::string displayText(std::int64_t token) const;
    friend bool operator==(const TokenTable&, const TokenTable&) = default;
};

struct CaptureInfo {
    std::string creator; ///< "kvviz 0.1.0"
    std::string created; ///< ISO 8601 UTC
    std::string commandLine;
    Tier tier = Tier::cache;
    std::uint64_t seed = 0;
    std::string dtype = "float32"; ///< arithmetic: float32 or bfloat16 weights
    ModelInfo model;
    PromptInfo prompt;
    TokenTable tokens;             // [T], T = nPrompt + nGenerated
    std::vector<Segment> segments; ///< token spans, in order
    std::vector<int> layers;       ///< layers captured; "slot" = index into this
    std::vector<int> heads;        ///< query heads captured, whole KV groups only, ascending
    std::int64_t window = 0;       ///< W: the last W prompt queries have exact rows (W <= n)
    int sinkTokens = 4;            ///< k of sink_mass and of "without sinks"
    std::map<std::string, std::string> extra; ///< further provenance, shown as it is

    [[nodiscard]] std::int64_t nPrompt() const noexcept { return prompt.nPrompt; }
    [[nodiscard]] std::int64_t nGenerated() const noexcept { return prompt.nGenerated; }
    [[nodiscard]] std::int64_t nTokens() const noexcept { return prompt.nPrompt + prompt.nGenerated; }
    /// Head map of the captured heads (equal to the model's when all are captured).
    [[nodiscard]] HeadMap headMap() const;
    /// KV heads of the captured query heads, ascending.
    [[nodiscard]] std::vector<int> kvHeads() const;
};

} // namespace kvviz::core
