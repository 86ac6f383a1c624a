// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One prompt with every compressed cache: a prefill for all, then all generate together, each over its own cache.
#pragma once

#include "capture/model.hpp"
#include "capture/tokenized_prompt.hpp"
#include "capture/tokenizer.hpp"
#include "compress/live_plan.hpp"
#include "evaluation/outcome.hpp"

#include <functional>
#include <memory>

namespace kvviz::capture {
class LiveCapture;
}

namespace kvviz::evaluation {

struct RunnerSettings {
    std::int64_t generate = 16;  ///< most tokens of an answer
    std::int64_t window = 32;    ///< prompt queries whose rows methods see
    int sinkTokens = 4;
    std::uint64_t cacheBytes = std::uint64_t{4} << 30; ///< most memory of caches at a time; one runs always
    std::string creator;
};

class PromptRunner {
public:
    PromptRunner(std::shared_ptr<const capture::Model> model, std::shared_ptr<const capture::Tokenizer> tokenizer,
                 compress::LivePlanner& planner, RunnerSettings settings);

    /// `score`: how good a continuation is, 0 to 1. Greedy; the result depends on the prompt and the request alone,
    /// times apart. Throws Error(badInput) as tokenizePrompt() and the planner do.
    [[nodiscard]] PromptOutcome run(const capture::PromptSource& source,
                                    const std::function<double(const std::string&)>& score,
                                    const core::Progress& progress = {});

private:
    struct Stream;
    /// Pairs whose caches fit into memory together.
    [[nodiscard]] std::vector<std::vector<std::size_t>> groups(const capture::LiveCapture& capture,
                                                               const PromptOutcome& outcome) const;
    void scoreGold(const capture::LiveCapture& capture, std::span<Stream> streams,
                   std::span<const std::int32_t> gold) const;
    void generate(const capture::LiveCapture& capture, std::span<Stream> streams, const capture::PromptSource& source,
                  const capture::TokenizedPrompt& prompt, const core::Progress& progress) const;

    std::shared_ptr<const capture::Model> m_model;
    std::shared_ptr<const capture::Tokenizer> m_tokenizer;
    compress::LivePlanner& m_planner;
    RunnerSettings m_settings;
};

} // namespace kvviz::evaluation
