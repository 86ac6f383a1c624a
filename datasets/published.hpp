// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the KVFundaBench paper (arXiv 2502.01941v4) printed, to be shown beside what was measured and always marked
// "published". Numbers are as printed, misprints with their flags; resources/paper/README.md explains both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::datasets {

/// A printed score of one method at one ratio.
struct PublishedScore {
    int table = 0;           ///< number in the paper
    std::string model, benchmark, setting; ///< as printed: "AR", "shots=8; w/ instruct"
    std::string method;      ///< as printed: "StreamingLLM"
    double ratio = 1;        ///< fraction kept
    double score = 0;        ///< as printed, in `unit`
    double deltaPercent = 0; ///< printed relative change; NaN: none was printed
    double deltaPoints = 0;  ///< printed change in points of 100: table 11 against the full cache, table 1 against
                             ///< zero-shot; NaN: none was printed
    std::string unit;        ///< "percent" or "fraction"
    std::vector<std::string> flags; ///< "delta_mismatch", ...; empty: nothing odd

    // What follows from the rows above.
    std::string kvvizMethod; ///< what comes closest in the registry: "snapkv", "shotkv:prefill_only"
    std::string category;    ///< of TaskInfo; empty for LongBench, which spans several
    double fraction = 0;     ///< score as a fraction of 1
    double base = 0;         ///< fraction printed for the full cache: same model, benchmark, setting; NaN: none
    double change = 0;       ///< (fraction - base) / base, not the printed delta; NaN without a base
};

/// Table 5: one A40, seconds for all output tokens.
struct PublishedLatency {
    std::string method, kvvizMethod;
    std::int64_t inputTokens = 0, outputTokens = 0;
    double seconds = 0, tokensPerSecond = 0;
    double latencyGainPercent = 0, throughputGainPercent = 0; ///< against the full cache; NaN for itself
};

/// Tables 17 and 18.
struct PublishedDataset {
    std::string name, task, metric;
    std::int64_t questions = 0;
    std::array<std::string, 5> shots; ///< of observations 1 to 5: "8", "1-8", "0;5" (both); empty: not used there
    std::string questionsAtOnce, answersAtOnce; ///< K and T of observation 6
};

[[nodiscard]] const std::vector<PublishedScore>& publishedScores();
[[nodiscard]] const std::vector<PublishedLatency>& publishedLatencies();
[[nodiscard]] const std::vector<PublishedDataset>& publishedDatasets();

/// What a row must agree with; what is empty may be anything.
struct PublishedQuery {
    std::optional<int> table = {};
    std::string model = {}, benchmark = {}, setting = {};
    std::string method = {};   ///< as printed, or a specification of ours
    std::string category = {}; ///< of TaskInfo
    std::optional<double> ratio = {};
};

/// In the order of the tables. The rows live as long as the program.
[[nodiscard]] std::vector<const PublishedScore*> findPublished(const PublishedQuery& query);

/// The paper's name of a method given as `kvviz replay --method` takes it: "SnapKV" for "snapkv:factory,window=16",
/// "StreamingLLM" for both of its forms; empty if the paper has no numbers for it (all composed methods).
[[nodiscard]] std::string publishedName(std::string_view specification);

} // namespace kvviz::datasets
