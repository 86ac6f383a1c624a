// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Results of replays and evaluations (*.kvres.h5): plain values and their reader and writer. Captures stay read-only
// for ever.
#pragma once

#include "core/capture_info.hpp"

#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::io {

/// Bins of ReplayRecord::runLengths.
inline constexpr std::int64_t kRunLengthBins = 16;
/// A number that does not apply to a replay, or that its file does not hold.
inline constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

/// One (capture, method, budget) replay. Arrays cover the captured layers and heads.
struct ReplayRecord {
    std::string capture;   ///< file name (and group) of the capture, relative to the results file where possible
    std::string task;
    std::string promptId;
    std::string modelName;
    std::string method, variant, params; ///< params: JSON object of the resolved parameters
    std::string depth;     ///< "mass", "output" or "decode"
    std::string assumption; ///< what this depth assumes, for readers of the number
    double ratio = 1.0;            ///< nominal fraction of prompt tokens kept
    std::int64_t budgetTokens = 0; ///< nominal tokens per layer and KV head; may be more than the prompt has
    double actualRatio = 1.0;      ///< kept / (L G n)
    std::int64_t keptTokens = 0;   ///< sum over layers and KV heads at prefill end
    std::uint64_t bytes = 0;       ///< of the kept prompt K and V at 2 bytes an element
    std::int64_t tiesAtCut = 0;
    std::int64_t deadQueries = 0;
    std::vector<std::string> flags; ///< "no_shot_fits", ...
    double seconds = 0;

    std::int64_t layers = 0, heads = 0, kvHeads = 0, n = 0, t = 0, segments = 0; // L, H, G, n, t, S
    std::vector<std::uint8_t> kept;       // [L, G, n]
    std::vector<std::uint8_t> keptDecode; // [L, G, t, T] or empty: E+ methods only; keys visible to each decode query
    std::vector<float> lostMass;          // [L, H, t]
    std::vector<float> lostNonSink;       // [L, H, t]
    std::vector<float> outputError;       // [L, H, t] or empty at depth mass
    std::vector<float> survival;          // [L, S] fraction of each segment's prompt tokens kept (mean over KV heads)
    // Aggregates over layers, heads and decode queries:
    double meanLost = 0, p95Lost = 0, maxLost = 0, meanLostNonSink = 0, meanOutputError = 0, p95OutputError = 0;

    // From here on since format 1.1; what an older file does not hold keeps these values.
    std::string budgetUse;            ///< "follows", "fixed" or "finds": does the budget change what the method does?
    std::string facts;                ///< JSON object of numbers that the method shows
    std::int64_t draws = 1;           ///< random draws that were averaged
    double stdLost = kNotKnown;       ///< standard deviation of meanLost over the draws
    double meanLostGenerated = kNotKnown; ///< of lostGenerated
    double meanConcatError = kNotKnown;   ///< relative error of a layer's outputs of all heads joined
    double meanBlockError = kNotKnown;    ///< relative error (Frobenius) of a head's outputs of all queries joined
    double adjacentJaccard = kNotKnown;   ///< of the kept sets of neighbouring captured layers, mean
    double meanRun = kNotKnown;           ///< length of a run of consecutive kept prompt positions, mean
    double keyError = kNotKnown, valueError = kNotKnown;   ///< relative error (Frobenius) of changed keys and values
    double keyCosine = kNotKnown, valueCosine = kNotKnown; ///< of each token's changed and captured vector, mean
    double meanLogprobDelta = kNotKnown, meanKl = kNotKnown, top1Agreement = kNotKnown; ///< of the arrays below
    double sizeRatio = kNotKnown;           ///< bytes / bytes of the whole prompt cache
    std::vector<float> lostGenerated;       // [L, H, t] the part of lostMass that was on generated keys
    std::vector<float> intact;              // [L, S] fraction of KV heads that keep all of a segment's prompt tokens
    std::vector<std::int64_t> runLengths;   // [kRunLengthBins] runs of 2^i to 2^(i+1) - 1 kept positions, last: or more
    std::vector<float> logprobDelta;        // [t] log-probability of the continuation token, compressed - captured
    std::vector<float> kl;                  // [t] KL of the next token's distribution, full cache to compressed, nats
    std::vector<std::uint8_t> top1;         // [t] 1: the most likely next token is the same

    // Since format 1.2, from captures with a readout: what the replay predicts of the two arrays above, no model run.
    double meanPredictedDelta = kNotKnown, meanPredictedKl = kNotKnown;
    std::vector<float> predictedDelta, predictedKl; // [t]
};

/// One method at one budget on the prompts of a task, with the model run for real. NaN: not known or does not apply.
struct EvalRecord {
    std::string task, category;
    std::string setting;     ///< what is not the task's default: "shots=50", "questions=8 length=600"; empty: nothing
    std::int64_t shots = -1; ///< examples in each prompt; -1: not known
    std::string modelName;
    std::string method, variant, params; ///< params: JSON object of the resolved parameters; "fullkv": the full cache
    std::string budgetUse;         ///< as for replays
    double ratio = 1.0;            ///< nominal fraction of prompt tokens kept
    std::int64_t budgetTokens = 0; ///< nominal tokens per layer and KV head; 0: the ratio says
    double actualRatio = kNotKnown; ///< kept / (L G n), mean of a prompt
    double sizeRatio = kNotKnown;   ///< bytes as the method counts them / those of the full cache, mean of a prompt
    double promptTokens = kNotKnown, generatedTokens = kNotKnown; ///< mean of a prompt
    std::int64_t n = 0;            ///< prompts
    double score = kNotKnown, baseScore = kNotKnown; ///< mean over the prompts, in [0, 1]: this cache, full cache
    double delta = kNotKnown;                        ///< (score - base) / base, equation 1 of the paper
    double ciLow = kNotKnown, ciHigh = kNotKnown;    ///< 95 % interval of delta
    double pValue = kNotKnown;                       ///< two-sided paired test against the full cache
    double goldLogprobDelta = kNotKnown; ///< mean change of the gold answer's log-probability, nats
    double prefillSeconds = kNotKnown, decodeSeconds = kNotKnown; ///< mean of a prompt
    double tokensPerSecond = kNotKnown;                           ///< while decoding
    std::uint64_t cacheBytes = 0, fullCacheBytes = 0; ///< really held after the prefill, mean of a prompt
    std::vector<std::string> flags;                   ///< without line breaks

    // [n] or empty, a prompt each:
    std::vector<std::string> promptIds; ///< must not end in NUL
    std::vector<double> scores, baseScores, goldLogprobDeltas;
    std::vector<std::int64_t> keptTokens; ///< sum over layers and KV heads at prefill end
    std::vector<std::string> answers;     ///< any bytes
};

/// Writes a results file record by record, so that no more than one of them need be in memory.
class ResultsWriter {
public:
    /// Creates the .part. Throws Error(failure) if the file exists without `force`, or cannot be written.
    ResultsWriter(const std::filesystem::path& path, const std::string& creator, const std::string& commandLine,
                        bool force);
    /// Removes what was not finished.
    ~ResultsWriter();
    ResultsWriter(const ResultsWriter&) = delete;
    ResultsWriter& operator=(const ResultsWriter&) = delete;

    /// Replays and evaluations in any order. Throws Error(failure); the file cannot be finished then.
    void append(const ReplayRecord& record);
    void append(const EvalRecord& record);
    /// Marks the file as complete and gives it its name. Throws Error(failure).
    void finish();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Writes a whole file. Throws Error(failure) if it exists without `force`.
void writeReplayResults(const std::filesystem::path& path, const std::vector<ReplayRecord>& records,
                        const std::string& creator, const std::string& commandLine, bool force);

/// The replays of a results file; with `arrays` false only scalars and aggregates. Throws Error(badInput).
[[nodiscard]] std::vector<ReplayRecord> readReplayResults(const std::filesystem::path& path, bool arrays);
/// Scalars and aggregates with the arrays `survival` and `intact` only: what a page about many replays has room for.
[[nodiscard]] std::vector<ReplayRecord> readReplaySurvival(const std::filesystem::path& path);
/// The evaluations of a results file, none if it holds none; with `arrays` false nothing of single prompts. Throws
/// Error(badInput).
[[nodiscard]] std::vector<EvalRecord> readEvalResults(const std::filesystem::path& path, bool arrays);

} // namespace kvviz::io
