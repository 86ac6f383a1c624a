// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One prompt in, one capture file out.
#pragma once

#include "capture/model.hpp"
#include "capture/recorders.hpp"
#include "capture/size_estimate.hpp"
#include "capture/tokenizer.hpp"
#include "core/progress.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::capture {

class Decoder;

enum class Continuation : std::uint8_t { none, greedy, gold };

struct CaptureSettings {
    core::Tier tier = core::Tier::cache;
    std::vector<int> layers;             ///< empty: all
    std::vector<int> heads;              ///< query heads, empty: all; widened to whole KV groups
    std::optional<std::int64_t> lastQueries;       ///< full tier: only the last so many prompt queries
    std::vector<std::pair<std::int64_t, std::int64_t>> queryRanges; ///< full tier: only these, half-open; empty: all
    std::int64_t window = 32;
    std::int64_t mapCap = 512;
    int topK = 10;
    int sinkTokens = 4;
    core::StorageType rowsType{}, cacheType{}, mapType{};
    Continuation continuation = Continuation::greedy;
    std::int64_t generate = 64; ///< most tokens to continue
    std::uint64_t seed = 0;
    std::string creator, commandLine, created;
    bool force = false;
};

struct CaptureJob {
    std::string task, id, text;
    std::vector<core::Segment> segments; ///< byte spans of the text
    std::string target, answer;
    std::vector<std::string> stops;      ///< greedy generation ends before any of these
    std::vector<std::int32_t> tokenIds;  ///< in place of the text
    std::filesystem::path output;
};

struct CaptureSummary {
    std::int64_t nPrompt = 0, nGenerated = 0;
    std::string continuation;  ///< decoded text
    double prefillSeconds = 0, decodeSeconds = 0, writeSeconds = 0;
    std::uint64_t fileBytes = 0;
    std::string note;          ///< something the user should know, or empty
};

class Session {
public:
    Session(std::shared_ptr<const Model> model, std::shared_ptr<const Tokenizer> tokenizer, CaptureSettings settings);

    /// Uncompressed bytes of every tier for this prompt (continuation at its longest), and its token count.
    struct Estimate {
        std::int64_t nPrompt = 0, nGenerated = 0;
        std::array<std::uint64_t, 4> bytes{};
    };
    [[nodiscard]] Estimate estimate(const CaptureJob& job) const;
    /// Runs and writes. Throws Error and leaves no file under job.output.
    CaptureSummary run(const CaptureJob& job, const core::Progress& progress) const;

private:
    struct Prepared;
    [[nodiscard]] Prepared prepare(const CaptureJob& job) const;

    void writeLayers(io::CaptureWriter& writer, const LayerRecorder& recorder, const Decoder& decoder, std::int64_t t,
                     bool exact, const core::Progress& progress) const;

    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const Tokenizer> m_tokenizer;
    CaptureSettings m_settings;
    CaptureSelection m_selection;
};

} // namespace kvviz::capture
