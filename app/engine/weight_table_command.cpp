// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz weight-table`: the singular vectors of a model's key and value projections.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/engine/loaded_model.hpp"
#include "app/engine/table_output.hpp"
#include "app/engine/text_file.hpp"
#include "app/json_output.hpp"
#include "capture/calibration_text.hpp"
#include "capture/weight_factors.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kvviz::app {
namespace {

constexpr std::int64_t kPiece = 512; ///< tokens of one calibration prompt
constexpr std::array<double, 4> kDensities{0.125, 0.25, 0.5, 0.75};

/// Share of the squared singular values of one layer in its first `density` of them.
double energy(const std::vector<double>& singular, int layer, int width, double density)
{
    const auto begin = singular.begin() + static_cast<std::ptrdiff_t>(layer) * width;
    const auto rank = static_cast<int>(density * width);
    double kept = 0, all = 0;
    for (int i = 0; i < width; ++i) {
        const double square = begin[i] * begin[i];
        all += square;
        kept += i < rank ? square : 0;
    }
    return all > 0 ? kept / all : 1;
}

struct Energy {
    double mean = 0, least = 1; ///< over layers
};

Energy energyOver(const std::vector<double>& singular, const core::WeightFactors& factors, double density)
{
    Energy result;
    for (int layer = 0; layer < factors.layers; ++layer) {
        const double one = energy(singular, layer, factors.kvWidth, density);
        result.mean += one / factors.layers;
        result.least = std::min(result.least, one);
    }
    return result;
}

void printReport(const WeightTableOptions& options, const core::ModelTables& tables, std::int64_t tokens)
{
    const core::WeightFactors& factors = *tables.weights;
    printOut(fmt::format("{}: {} layers of {}, {} channels of keys and of values{}\n\n"
                         "share of the squared weights in the first directions, mean of the layers (and least):\n",
                         options.output, factors.layers, tables.modelName, factors.kvWidth,
                         tokens > 0 ? fmt::format("; activations of {} tokens", tokens) : ""));
    TextTable table({">rank", ">keys", ">values"});
    for (const double density : kDensities) {
        const auto text = [&](const std::vector<double>& singular) {
            const Energy share = energyOver(singular, factors, density);
            return fmt::format("{:.3f} ({:.3f})", share.mean, share.least);
        };
        table.add({std::to_string(static_cast<int>(density * factors.kvWidth)), text(factors.keySingular),
                   text(factors.valueSingular)});
    }
    printOut(table.text("  "));
}

Json reportOf(const WeightTableOptions& options, const core::ModelTables& tables, std::int64_t tokens)
{
    const core::WeightFactors& factors = *tables.weights;
    Json shares = Json::array();
    for (const double density : kDensities) {
        const auto part = [&](const std::vector<double>& singular) {
            const Energy share = energyOver(singular, factors, density);
            return Json{{"mean", share.mean}, {"least", share.least}};
        };
        shares.push_back({{"rank", static_cast<int>(density * factors.kvWidth)}, {"keys", part(factors.keySingular)},
                          {"values", part(factors.valueSingular)}});
    }
    Json report = jsonReport("weight-table");
    report.update({{"output", options.output}, {"model", tables.modelName}, {"layers", factors.layers},
                   {"kv_width", factors.kvWidth}, {"activation_scaled", tokens > 0}, {"calibration_tokens", tokens},
                   {"energy", shares}});
    return report;
}

std::vector<std::vector<std::int32_t>> calibrationPieces(const WeightTableOptions& options, const std::string& text,
                                                         const LoadedModel& loaded)
{
    const std::int64_t tokens = std::min<std::int64_t>(kPiece, loaded.model->info.contextLength);
    try {
        return capture::textPieces(*loaded.tokenizer, text, tokens, options.limitTokens, /*whole=*/false);
    } catch (const core::Error& error) {
        throw core::Error(error.code(), fmt::format("{}: {}", options.calibration, error.what()));
    }
}

} // namespace

int runWeightTable(const WeightTableOptions& options, const CommonOptions& common)
{
    requireWritable(options.output, options.force);
    const std::string text = options.calibration.empty() ? "" : readTextFile(options.calibration);
    const core::Progress progress = consoleProgress(common);
    const LoadedModel loaded = loadModelFile(options.model, capture::WeightType::float32, common);
    core::ModelTables tables = newTables(loaded.model->info, common);
    capture::InputMagnitudes inputs;
    if (!options.calibration.empty()) {
        inputs = capture::measureInputs(loaded.model, calibrationPieces(options, text, loaded), progress);
        tables.extra["weights calibration"] = fmt::format("{} tokens of {}", inputs.tokens, options.calibration);
    }
    tables.weights = capture::weightFactors(*loaded.model, inputs.tokens > 0 ? &inputs : nullptr, progress);
    finishProgress();
    writeTableFile(options.output, tables, options.force);
    if (common.json)
        printJson(reportOf(options, tables, inputs.tokens));
    else
        printReport(options, tables, inputs.tokens);
    return 0;
}

} // namespace kvviz::app
