// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One prompt in, one capture file out.
#pragma once

#include "capture/model.hpp"
#include "capture/readout.hpp"
#include "capture/recorders.hpp"
#include "capture/runner.hpp"
#include "capture/size_estimate.hpp"
#include "capture/tokenized_prompt.hpp"
#include "core/progress.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::capture {

struct CaptureSettings {
    core::Tier tier = core::Tier::cache;
    std::vector<int> layers;             ///< empty: all
    std::vector<int> heads;              ///< query heads, empty: all; widened to whole KV groups
    std::optional<std::int64_t> lastQueries; ///< full tier: the last so many prompt queries
    std::vector<core::Span> queryRanges;     ///< full tier: these too; neither given: all
    std::int64_t window = 32;
    std::int64_t mapCap = 512;
    int topK = 10;
    int readout = 0; ///< most likely next tokens whose logits the readout follows; 0: none
    int sinkTokens = 4;
    core::StorageType rowsType{}, cacheType{}, mapType{};
    Continuation continuation = Continuation::greedy;
    std::int64_t generate = 64; ///< most tokens to continue
    std::uint64_t seed = 0;
    std::string creator, commandLine, created;
    bool force = false;
    std::string partWriter; ///< as in io::WriterOptions
};

struct CaptureSummary {
    std::int64_t nPrompt = 0, nGenerated = 0;
    std::string continuation;  ///< decoded text
    std::optional<bool> correct; ///< greedy continuations of tasks with a rule
    double prefillSeconds = 0, decodeSeconds = 0, writeSeconds = 0;
    std::uint64_t fileBytes = 0;
    std::string note;          ///< something the user should know, or empty
};

class Session {
public:
    /// Runs on the CPU, or where `backend` says.
    Session(std::shared_ptr<const Model> model, std::shared_ptr<const Tokenizer> tokenizer, CaptureSettings settings,
            std::shared_ptr<const Backend> backend = nullptr);

    /// Uncompressed bytes of every tier for this prompt (continuation at its longest), and its token count.
    struct Estimate {
        std::int64_t nPrompt = 0, nGenerated = 0;
        std::array<std::uint64_t, 4> bytes{};
    };
    [[nodiscard]] Estimate estimate(const PromptSource& source) const;

    /// Runs and writes. Throws Error and leaves no file under `output`.
    CaptureSummary run(const PromptSource& source, const std::filesystem::path& output,
                       const core::Progress& progress) const;

private:
    [[nodiscard]] SizeQuestion sizesOf(const TokenizedPrompt& prompt) const;
    CaptureSummary runAndWrite(const PromptSource& source, const TokenizedPrompt& prompt,
                               const std::filesystem::path& output, const core::Progress& progress) const;
    [[nodiscard]] TokenizedPrompt tokenize(const PromptSource& source) const;
    [[nodiscard]] io::WriterOptions writerOptions(std::int64_t n) const;
    void writeLayers(io::CaptureWriter& writer, const LayerRecorder& recorder, const Runner& runner, std::int64_t t,
                     const core::Progress& progress) const;

    void writeReadout(io::CaptureWriter& writer, const Runner& runner, const StreamRecorder& streams,
                      std::span<const std::int32_t> ids, const core::Progress& progress) const;

    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::shared_ptr<const Backend> m_backend;
    CaptureSettings m_settings;
    CaptureSelection m_selection;
};

/// The layers and heads that `settings` keeps: lists empty = all, heads widened to whole KV groups.
[[nodiscard]] CaptureSelection makeSelection(const core::ModelInfo& info, const std::vector<int>& layers,
                                             const std::vector<int>& heads);
/// What a capture of this prompt says of itself, but for its tokens.
[[nodiscard]] core::CaptureInfo describeCapture(const Model& model, const Tokenizer& tokenizer,
                                                const CaptureSettings& settings, const PromptSource& source,
                                                const TokenizedPrompt& prompt);
/// Adds all tokens, of the prompt and generated, to what describeCapture() made.
void addTokens(core::CaptureInfo& info, const Tokenizer& tokenizer, std::span<const std::int32_t> ids);

} // namespace kvviz::capture
