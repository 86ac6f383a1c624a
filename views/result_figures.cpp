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

} // namespace

Figure deltaFigureOf(const Files& files, const DeltaRequest& request)
{
    const bool arrays = !request.metric.empty() && request.metric != "delta"; // their intervals come from the prompts
    std::vector<io::EvalRecord> records;
    std::vector<Provenance> sources;
    for (const std::filesystem::path& file : files) {
        const auto part = io::readEvalResults(file, arrays);
        sources.push_back(resultsSource(file, part));
        records.insert(records.end(), part.begin(), part.end());
    }
    return deltaFigure(records, sources, request);
}

Figure methodsFigureOf(const Files& files, const MethodRequest& request)
{
    std::vector<io::ReplayRecord> records;
    std::vector<Provenance> sources;
    for (const std::filesystem::path& file : files) {
        const auto part = io::readReplayResults(file, false);
        sources.push_back(resultsSource(file, part));
        records.insert(records.end(), part.begin(), part.end());
    }
    return methodsFigure(records, sources, request);
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
