// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz train-scorer`: captures in, a table file with a token scorer out, and how good it is on prompts it never saw.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/engine/table_output.hpp"
#include "app/json_output.hpp"
#include "capture/scorer_trainer.hpp"
#include "core/stopwatch.hpp"

#include <fmt/format.h>


namespace kvviz::app {
namespace {

using capture::ScorerData;
using capture::ScorerQuality;
using capture::ScorerSettings;
using capture::TrainedScorer;

Json qualityJson(const ScorerQuality& quality)
{
    return {{"captures", quality.captures},
            {"cross_entropy", {{"scorer", quality.crossEntropy}, {"equal_scores", quality.uniform},
                               {"lower_bound", quality.entropy}}},
            {"retained_mass", {{"scorer", quality.retained}, {"random", quality.random},
                               {"short_keys", quality.keyNorm}, {"oracle", quality.oracle}}}};
}

Json reportOf(const TrainScorerOptions& options, const ScorerData& data, const ScorerSettings& settings,
              const TrainedScorer& trained, double seconds)
{
    Json report = jsonReport("train-scorer");
    report.update({{"output", options.output}, {"model", data.model.name}, {"layer", data.layer},
                   {"inputs", data.inputs}, {"hidden", settings.hidden}, {"seed", settings.seed},
                   {"epochs", trained.epochs}, {"best_epoch", trained.bestEpoch}, {"ratio", settings.ratio},
                   {"training", qualityJson(trained.training)}, {"stopping", qualityJson(trained.stopping)},
                   {"held_out", qualityJson(trained.heldOut)}, {"held_out_captures", trained.heldOutNames},
                   {"held_out_shared_prefix", trained.sharedPrefix}, {"skipped", data.skipped}, {"seconds", seconds}});
    return report;
}

void printReport(const TrainScorerOptions& options, const ScorerData& data, const ScorerSettings& settings,
                 const TrainedScorer& trained)
{
    const auto number = [](double value) { return fmt::format("{:.3f}", value); };
    const ScorerQuality& held = trained.heldOut;
    printOut(fmt::format("{}: keys and values of layer {} of {}, {} numbers a token, {} wide\n"
                         "learned from {} captures, stopped by {}; epoch {} of {} was best\n\n"
                         "on {} held-out captures, future attention kept by {:.0f} % of the tokens beyond the sinks:\n",
                         options.output, data.layer, data.model.name, data.inputs, settings.hidden,
                         trained.training.captures, trained.stopping.captures, trained.bestEpoch, trained.epochs,
                         held.captures, 100 * settings.ratio));
    TextTable table({"chosen by", ">kept", ">cross-entropy"});
    table.add({"this scorer", number(held.retained), number(held.crossEntropy)});
    table.add({"chance", number(held.random), number(held.uniform)});
    table.add({"short keys", number(held.keyNorm), ""});
    table.add({"the future itself", number(held.oracle), number(held.entropy)});
    printOut(table.text("  "));
}

core::ModelTables tablesOf(const ScorerData& data, const ScorerSettings& settings, const TrainedScorer& trained,
                           const CommonOptions& common)
{
    core::ModelTables tables = newTables(data.model, common);
    tables.scorer = trained.scorer;
    const ScorerQuality& held = trained.heldOut;
    tables.extra["scorer seed"] = std::to_string(settings.seed);
    tables.extra["scorer epochs"] = fmt::format("{} of {}", trained.bestEpoch, trained.epochs);
    tables.extra["scorer held-out captures"] = std::to_string(held.captures);
    tables.extra["scorer held-out cross-entropy"] =
        fmt::format("{:.4f} (equal scores {:.4f}, lower bound {:.4f})", held.crossEntropy, held.uniform, held.entropy);
    tables.extra["scorer held-out retained mass"] =
        fmt::format("{:.4f} at ratio {} (random {:.4f}, short keys {:.4f}, oracle {:.4f})", held.retained,
                    settings.ratio, held.random, held.keyNorm, held.oracle);
    tables.extra["scorer held-out shared prefix"] = fmt::format("{:.4f}", trained.sharedPrefix);
    return tables;
}

} // namespace

int runTrainScorer(const TrainScorerOptions& options, const CommonOptions& common)
{
    requireWritable(options.output, options.force);
    const core::Stopwatch watch;
    const core::Progress progress = consoleProgress(common);
    const ScorerData data = capture::readScorerData(
        io::findCaptures({options.captures.begin(), options.captures.end()}),
        options.layer < 0 ? std::nullopt : std::optional(options.layer), progress);
    for (const std::string& skipped : data.skipped)
        note(common, "left out: " + skipped);
    ScorerSettings settings;
    settings.hidden = options.hidden;
    settings.epochs = options.epochs;
    settings.seed = options.seed;
    const TrainedScorer trained = capture::trainScorer(data, settings, progress);
    finishProgress();
    writeTableFile(options.output, tablesOf(data, settings, trained, common), options.force);
    const double seconds = watch.seconds();
    if (trained.sharedPrefix > 0.25)
        note(common, fmt::format("held-out prompts begin like a training prompt for {:.0f} % of their tokens on "
                                 "average (shots in common), which flatters the figures",
                                 100 * trained.sharedPrefix));
    if (trained.bestEpoch == 0)
        note(common, "no epoch was better than equal scores on the stopping captures: this scorer prefers no token");
    if (common.json)
        printJson(reportOf(options, data, settings, trained, seconds));
    else
        printReport(options, data, settings, trained);
    return 0;
}

} // namespace kvviz::app
