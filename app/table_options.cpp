// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option tables of the commands that make a model's tables: train-scorer, weight-table, share-search, head-table;
// and of calibrate, which learns from results.
#include "app/option_tables.hpp"

namespace kvviz::app {
namespace {

void addModel(OptionTable& table, std::string& model)
{
    table.text("-m,--model", model, "PATH",
               "Hugging Face folder or GGUF file (default: $KVVIZ_MODEL, then the model that scripts/setup put in place)");
}

void addOutput(OptionTable& table, std::string& output, bool& force)
{
    table.text("-o,--output", output, "FILE", "the table file to write (.kvtab.h5)").required();
    table.flag("--force", force, "overwrite the output");
}

} // namespace

void addTrainScorerOptions(CLI::App& app, TrainScorerOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.captures, "FILE", kCaptureHelp).required();
    table.integer("--layer", options.layer, 0, "layer whose keys and values it sees (default: a fifth of the depth)");
    table.integer("--hidden", options.hidden, 1, "width of its hidden layer");
    table.integer("--epochs", options.epochs, 1, "most passes over the captures");
    table.seed(options.seed);
    addOutput(table, options.output, options.force);
}

void addWeightTableOptions(CLI::App& app, WeightTableOptions& options)
{
    OptionTable table(app);
    addModel(table, options.model);
    table.text("--calibration", options.calibration, "FILE",
               "text to measure activations on, for activation-scaled factors");
    table.integer("--limit-tokens", options.limitTokens, 2, "most tokens of that text");
    addOutput(table, options.output, options.force);
}

void addShareSearchOptions(CLI::App& app, ShareSearchOptions& options)
{
    OptionTable table(app);
    addModel(table, options.model);
    table.integer("--layers-to-share", options.layersToShare, 1,
                  "layers that give up their own cache (default: a quarter)");
    table.real("--threshold", options.threshold, -1, 1, "X", "least cosine of the final hidden states, exclusive");
    table.text("--text", options.text, "FILE", "text to judge on, in place of our own paragraphs");
    addOutput(table, options.output, options.force);
}

void addHeadTableOptions(CLI::App& app, HeadTableOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.captures, "FILE", kCaptureHelp).required();
    addOutput(table, options.output, options.force);
}

void addCalibrateOptions(CLI::App& app, CalibrateOptions& options)
{
    OptionTable table(app);
    table.list("RESULTS", options.results, "FILE", "results files (*.kvres.h5), of replays and of evaluations")
        .required();
    table.choice("--predictor", options.predictor,
                 {"auto", "predicted_kl", "predicted", "lost_non_sink", "lost_mass", "output_error", "logprob_change"},
                 "the number of a replay to learn from; auto: the first of these that the replays hold");
    table.seed(options.seed);
    table.text("-o,--output", options.output, "FILE", "the calibration to write (.json)");
    table.flag("--force", options.force, "overwrite the output");
}

} // namespace kvviz::app
