// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What became of a batch, from the files of its folder alone: capture.json says which prompts there are, ID.kvh5 that
// one is done, a part that one is in work or was left by a dead task, ID.failed.json that one was refused.
#pragma once

#include "core/io/part_state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::io {

inline constexpr const char* kRunManifest = "capture.json";

/// Keeps why a prompt was refused, beside the captures; an older record is replaced. `eval`: the name of its results
/// file, for a prompt of an evaluation. Throws Error(failure).
void writeFailure(const std::filesystem::path& folder, const std::string& id, const std::string& error,
                  const std::string& time, const std::string& eval = {});
/// The prompt is done after all, or begun again.
void clearFailure(const std::filesystem::path& folder, const std::string& id, const std::string& eval = {});

struct FailedPrompt {
    std::string id, error, writer, time; ///< writer: partWriterName() of the process; time: ISO 8601, UTC
    std::string eval;                    ///< its results file, if it is of an evaluation
};

/// An evaluation in the folder, by its journals.
struct EvalProgress {
    std::string output;       ///< "eval.kvres.h5"
    std::int64_t prompts = 0; ///< finished, over all journals
    std::optional<std::int64_t> total; ///< known where a shard said it
    int journals = 0;
    std::chrono::seconds age{}; ///< since the last prompt
    bool written = false;       ///< the results are there
    std::vector<FailedPrompt> failed;
};

struct RunState {
    std::string model, tier;
    std::vector<std::string> tasks;
    bool hasManifest = false;
    std::optional<std::int64_t> total; ///< prompts of the run; not told by capture.json of kvviz before 0.1.0
    std::int64_t done = 0;             ///< of those
    std::int64_t others = 0;           ///< captures in the folder that belong to no prompt of the run
    std::uint64_t bytes = 0;           ///< of all captures
    std::vector<PartState> running, stale;
    std::vector<FailedPrompt> failed;
    std::optional<double> perSecond;   ///< prompts, since the last task began; unknown before two are done
    std::optional<double> secondsLeft; ///< at that rate; unknown while nothing runs
    std::int64_t waiting = 0;          ///< neither done nor failed nor in work; 0 where the total is not known
    std::vector<EvalProgress> evals;
};

/// `now` is the folder's time (folderTime). Throws Error(badInput): no folder, neither a run nor an evaluation in it, a damaged
/// capture.json.
[[nodiscard]] RunState readRun(const std::filesystem::path& folder, std::time_t now);

} // namespace kvviz::io
