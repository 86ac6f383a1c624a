// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "tests/views/made_up.hpp"

#include "compress/method.hpp"
#include "core/bootstrap.hpp"
#include "core/hash_random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::test {

namespace {

/// Noise in [0, 1) that depends on its arguments only.
double noise(std::uint64_t a, std::uint64_t b, std::uint64_t c) { return core::hashUniform({a, b, c}); }

void fillTile(const MapShape& shape, io::MapTile& tile, std::int64_t q0, std::int64_t q1, std::int64_t k1,
              std::int64_t cellsQ, std::int64_t cellsK)
{
    tile.rows = cellsQ;
    tile.columns = cellsK;
    tile.queryBegin = static_cast<double>(q0);
    tile.queryEnd = static_cast<double>(q1);
    tile.keyEnd = static_cast<double>(k1);
    tile.values.assign(static_cast<std::size_t>(cellsQ * cellsK), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t q = q0; q < q1; ++q)
        for (std::int64_t k = 0; k <= std::min(q, k1 - 1); ++k) {
            const auto r = (q - q0) * cellsQ / (q1 - q0), c = k * cellsK / k1;
            float& cell = tile.values[static_cast<std::size_t>(r * cellsK + c)];
            const auto value = static_cast<float>(madeUpAttention(q, k, shape));
            cell = std::isnan(cell) ? value : std::max(cell, value);
        }
}

} // namespace

std::vector<plot::SegmentMark> madeUpSegments(const MapShape& shape)
{
    using core::SegmentKind;
    std::vector<plot::SegmentMark> marks;
    const std::int64_t intro = std::max<std::int64_t>(1, shape.n / 24),
                       question = std::max<std::int64_t>(2, shape.n / 14);
    const std::int64_t room = shape.n - intro - question;
    marks.push_back({"I", SegmentKind::instruction, {0, intro}});
    std::int64_t begin = intro;
    for (int i = 0; i < shape.shots; ++i) {
        std::int64_t end = intro + room * (i + 1) / shape.shots;
        if (i + 1 < shape.shots)
            end += static_cast<std::int64_t>((noise(7, static_cast<std::uint64_t>(i), 3) - 0.5) * 0.4
                                             * static_cast<double>(room) / shape.shots);
        marks.push_back({"S" + std::to_string(i + 1), SegmentKind::shot, {begin, end}});
        begin = end;
    }
    marks.push_back({"Q", SegmentKind::question, {begin, shape.n}});
    if (shape.t > 0)
        marks.push_back({"G", SegmentKind::generated, {shape.n, shape.n + shape.t}});
    return marks;
}

double madeUpAttention(std::int64_t query, std::int64_t key, const MapShape& shape)
{
    if (key > query)
        return 0;
    const auto q = static_cast<std::uint64_t>(query), k = static_cast<std::uint64_t>(key);
    double value = 2e-5 * std::exp(3.0 * noise(q, k, shape.seed));
    const auto distance = static_cast<double>(query - key);
    value += 0.2 * std::exp(-distance / 3.0) + 0.002 * std::exp(-distance / 60.0);
    if (noise(k, 11, shape.seed) > 0.985)
        value += 0.02 * noise(k, 12, shape.seed) * (0.4 + noise(q, k, 13));
    if (key == 0)
        value += 0.55 + 0.2 * noise(q, 1, 2);
    else if (key < 4)
        value += 0.01 * noise(q, k, 2);
    return std::min(1.0, value);
}

plot::MapPanel madeUpPanel(const MapShape& shape)
{
    plot::MapPanel panel;
    panel.keys = {0, shape.n + shape.t};
    panel.queries = {0, shape.n};
    const std::int64_t cells = shape.cells > 0 ? shape.cells : shape.n;
    fillTile(shape, panel.prompt, 0, shape.n, shape.n, cells, cells);
    panel.prompt.source = "full";
    if (shape.t > 0) {
        panel.decodeQueries = {shape.n, shape.n + shape.t};
        fillTile(shape, panel.decode, shape.n, shape.n + shape.t, shape.n + shape.t, shape.t,
                 shape.cells > 0 ? cells : shape.n + shape.t);
        panel.decode.source = "decode rows";
    }
    panel.sinkTokens = 4;
    panel.segments = madeUpSegments(shape);
    panel.layer = 15;
    panel.heads = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    panel.notes = {"layer 15, mean of 9 heads",      "cell: largest value",
                   "tier full, full, 4 keys a cell", "strip: " + std::to_string(shape.t) + " decode steps",
                   "\u25bc first 4 keys: sinks",     "grey: masked"};
    return panel;
}

plot::Figure madeUpHeatmap(const MapShape& shape)
{
    plot::HeatmapFigure maps;
    maps.panels.push_back(madeUpPanel(shape));
    maps.scale.label = "attention (largest in cell)";
    plot::Figure figure;
    figure.name = "heatmap";
    figure.content = std::move(maps);
    figure.sources = {{"made-up.kvh5", "/", "capture", "made up", std::string(64, 'a'), "opposites", "opposites-0",
                       "full", "2026-01-01T00:00:00Z", "kvviz 0.1.0", "kvviz capture", shape.n, shape.t}};
    figure.parameters = {{"layer", "15"}, {"sink_rule", "first 4 tokens"}};
    return figure;
}

io::MapTile columnTile(std::int64_t n, const std::vector<std::int64_t>& lines, float background)
{
    io::MapTile tile;
    tile.rows = tile.columns = n;
    tile.queryEnd = tile.keyEnd = static_cast<double>(n);
    tile.values.assign(static_cast<std::size_t>(n * n), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t q = 0; q < n; ++q)
        std::fill_n(tile.values.begin() + q * n, q + 1, background);
    for (const std::int64_t line : lines)
        for (std::int64_t q = line; q < n; ++q)
            tile.values[static_cast<std::size_t>(q * n + line)] = 1.0f;
    return tile;
}

std::vector<io::ReplayRecord> madeUpRecords(int prompts)
{
    struct Quality {
        const char* method;
        double strength;
    };
    const Quality methods[] = {{"fullkv", 0},    {"random", 1.0},   {"streamingllm", 0.55}, {"h2o", 0.4},
                               {"snapkv", 0.22}, {"chunkkv", 0.28}, {"shotkv", 0.3},        {"oracle", 0.15}};
    std::vector<io::ReplayRecord> records;
    for (const Quality& method : methods)
        for (int step = 9; step >= 1; --step)
            for (int prompt = 0; prompt < prompts; ++prompt) {
                io::ReplayRecord record;
                record.capture = "p" + std::to_string(prompt) + ".kvh5";
                record.task = "gsm8k";
                record.promptId = "gsm8k-" + std::to_string(prompt);
                record.method = method.method;
                record.depth = "output";
                record.ratio = step / 10.0;
                record.budgetTokens = step * 100;
                const double jitter =
                    0.8 + 0.4 * noise(static_cast<std::uint64_t>(prompt), static_cast<std::uint64_t>(step), 5);
                record.meanLost = method.strength * std::pow(1 - record.ratio, 1.5) * jitter;
                record.meanOutputError = 1.2 * record.meanLost;
                records.push_back(record);
            }
    return records;
}

namespace {

/// A prompt's score at a ratio: right with the full cache for a part of them, and more of those wrong as less is kept.
double madeUpScore(const EvalTask& task, std::int64_t prompt, double loss, std::uint64_t salt)
{
    const auto id = static_cast<std::uint64_t>(prompt);
    const bool base = noise(id, static_cast<std::uint64_t>(task.prompts), 11) < task.base;
    const bool lost = noise(id, salt, 12) < std::min(0.98, loss);
    const bool found = noise(id, salt, 13) < 0.04;
    return (base && !lost) || (!base && found && loss > 0) ? 1.0 : 0.0;
}

double meanOf(const std::vector<double>& values)
{
    double sum = 0;
    for (const double value : values)
        sum += value;
    return sum / static_cast<double>(values.size());
}

io::EvalRecord madeUpEvaluation(const EvalTask& task, const std::string& specification, double ratio)
{
    const auto method = compress::makeMethod(specification);
    io::EvalRecord record;
    record.task = task.name;
    record.category = task.category;
    record.modelName = "SmolLM2-135M-Instruct.Q4_1";
    record.shots = task.shots;
    record.method = method->info().name;
    record.variant = method->params().variant();
    record.params = method->params().json();
    record.budgetUse = compress::budgetUseName(method->budgetUse());
    record.ratio = record.actualRatio = ratio;
    record.n = task.prompts;
    record.fullCacheBytes = 1000000;
    record.cacheBytes = static_cast<std::uint64_t>(1e6 * (record.budgetUse == "follows" ? ratio : 0.41));
    const auto salt = static_cast<std::uint64_t>(std::hash<std::string>{}(specification));
    const double quality = 0.25 + 0.75 * noise(salt, 1, 14);
    const double loss = ratio >= 1 ? 0.0 : task.strain * quality * std::pow(1 - ratio, 2.2);
    for (std::int64_t prompt = 0; prompt < task.prompts; ++prompt) {
        record.promptIds.push_back(task.name + "-" + std::to_string(prompt));
        record.baseScores.push_back(madeUpScore(task, prompt, 0, salt));
        record.scores.push_back(madeUpScore(task, prompt, loss, salt));
        record.goldLogprobDeltas.push_back(-4 * loss * (0.5 + noise(static_cast<std::uint64_t>(prompt), salt, 15)));
    }
    record.score = meanOf(record.scores);
    record.baseScore = meanOf(record.baseScores);
    record.goldLogprobDelta = meanOf(record.goldLogprobDeltas);
    const core::Estimate delta = core::bootstrapRelativeChange(record.scores, record.baseScores, {400, 0.95, 1});
    record.delta = delta.value;
    record.ciLow = delta.low;
    record.ciHigh = delta.high;
    return record;
}

} // namespace

std::vector<io::EvalRecord> madeUpEvaluations(const std::vector<EvalTask>& tasks,
                                              const std::vector<std::string>& methods,
                                              const std::vector<double>& ratios)
{
    std::vector<io::EvalRecord> records;
    for (const EvalTask& task : tasks) {
        records.push_back(madeUpEvaluation(task, "fullkv", 1.0));
        for (const std::string& method : methods)
            for (const double ratio : ratios)
                if (records.push_back(madeUpEvaluation(task, method, ratio)); records.back().budgetUse != "follows")
                    break;
    }
    return records;
}

} // namespace kvviz::test
