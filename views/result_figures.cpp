// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/result_figures.hpp"

namespace kvviz::plot {

namespace {

Provenance sourceOf(const std::filesystem::path& file, const char* kind)
{
    Provenance source;
    source.kind = kind;
    source.file = file.filename().string();
    return source;
}

/// Of a results file, from its records of one kind.
template <typename Record>
Provenance resultsSource(const std::filesystem::path& file, const std::vector<Record>& records)
{
    Provenance source = sourceOf(file, "results");
    if (!records.empty()) {
        source.modelName = records.front().modelName;
        source.task = records.front().task;
    }
    return source;
}

template <typename Joined, typename Read>
Joined joined(const Files& files, Read&& read)
{
    Joined all;
    for (const std::filesystem::path& file : files) {
        const auto part = read(file);
        all.sources.push_back(resultsSource(file, part));
        all.records.insert(all.records.end(), part.begin(), part.end());
    }
    return all;
}

} // namespace

Evaluations readEvaluations(const Files& files, bool arrays)
{
    return joined<Evaluations>(files, [&](const auto& file) { return io::readEvalResults(file, arrays); });
}

Replays readReplays(const Files& files)
{
    return joined<Replays>(files, [](const auto& file) { return io::readReplayResults(file, false); });
}

Figure predictionFigureOf(const Files& files, std::pair<double, double> yRange)
{
    std::vector<io::PredictionFile> checks;
    std::vector<Provenance> sources;
    for (const std::filesystem::path& file : files) {
        checks.push_back(io::readPredictionFile(file));
        sources.push_back(sourceOf(file, "prediction check"));
        sources.back().modelName = checks.back().model;
    }
    return predictionFigure(checks, sources, yRange);
}

} // namespace kvviz::plot
