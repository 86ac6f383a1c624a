// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option tables of the commands that kvviz runs itself; capture, figure and the makers of tables have files of their
// own.
#include "app/option_tables.hpp"

#include "core/error.hpp"

namespace kvviz::app {
namespace {

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

void checkCapture(const CaptureOptions& options)
{
    const int sources = int(!options.text.empty()) + int(!options.textFile.empty()) + int(!options.tokenIds.empty())
        + int(!options.tasks.empty());
    if (sources != 1)
        usage(sources == 0 ? "capture needs a prompt: one of --text, --text-file, --token-ids, --task"
                           : "--text, --text-file, --token-ids and --task exclude each other");
    if (options.resume && options.force)
        usage("--resume keeps finished files and --force overwrites them; give one of the two");
}

void checkTasks(const TasksOptions& options)
{
    if (options.action.empty())
        return;
    if (options.action != "show")
        usage("unknown action '" + options.action + "'; did you mean 'kvviz tasks show " + options.action + "'?");
    if (options.name.empty())
        usage("tasks show needs the name of a task; 'kvviz tasks' lists them");
}

} // namespace

void addCommonOptions(CLI::App& app, CommonOptions& options)
{
    OptionTable table(app);
    table.group("Common options");
    table.flag("--json", options.json, "one JSON object on standard output and nothing else");
    table.flag("-q,--quiet", options.quiet, "no progress and no notes");
    app.add_flag("-v,--verbose", options.verbose, "say more")->group("Common options");
    table.integer("--threads", options.threads, 0, "CPU threads; 0: all cores");
    table.choice("--color", options.color, {"auto", "always", "never"},
                 "colours; auto: on a terminal without NO_COLOR");
    app.get_help_ptr()->group("Common options");
}

void addModelsOptions(CLI::App& app, ModelsOptions& options)
{
    OptionTable table(app);
    table.choice("ACTION", options.action, {"check"}, "what to do").required();
    table.text("PATH", options.path, "PATH", "model: a Hugging Face folder or a GGUF file").required();
    table.integer("--length", options.length, 1, "prompt tokens of the run whose memory and file sizes are told");
    table.integer("--generate", options.generate, 0, "tokens it generates");
}

void addTokenizeOptions(CLI::App& app, TokenizeOptions& options)
{
    OptionTable table(app);
    table.text("MODEL", options.model, "PATH", "GGUF file, model folder, tokenizer.json or tokenizer.model").required();
    table.list("--text", options.texts, "TEXT", "text to split, in place of standard input; may be repeated");
}

void addInfoOptions(CLI::App& app, InfoOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.files, "FILE", kCaptureHelp).required();
    table.flag("--layers", options.layers, "add a table of layers: row entropy, mass on sinks, heaviest key");
}

void addVerifyOptions(CLI::App& app, VerifyOptions& options)
{
    OptionTable(app).list(kCapturePositional, options.files, "FILE", kCaptureHelp).required();
}

void addPackOptions(CLI::App& app, PackOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.inputs, "FILE", kCaptureHelp).required();
    table.text("-o,--output", options.output, "FILE", "the file to write (.kvh5)").required();
    table.flag("--virtual", options.linked, "link to the captures in place of copying them, by paths relative to FILE");
    table.flag("--force", options.force, "overwrite the output");
}

void addStatusOptions(CLI::App& app, StatusOptions& options)
{
    OptionTable(app).list("FOLDER", options.folders, "FOLDER", "folder of a batch or of evaluations").required();
}

void addImportOptions(CLI::App& app, ImportOptions& options)
{
    const std::vector<std::string> types{"float16", "float32"};
    OptionTable table(app);
    table.list("FILE", options.files, "FILE", "arrays saved by Python (.npz, .safetensors)").required();
    table.group("What it is");
    table.text("--metadata", options.metadata, "FILE",
               "JSON with the names and sizes that the arrays do not say, in place of the file's own");
    table.group("What to keep");
    table.choice("--tier", options.tier, {"stats", "cache", "map", "full"}, "how much, as far as the arrays go");
    table.integer("--window", options.window, 1, "exact rows of so many last prompt queries");
    table.integer("--map-cap", options.mapCap, 8, "cells a side of the finest pooled map");
    table.choice("--rows-dtype", options.rowsDtype, types, "storage of exact attention rows");
    table.choice("--cache-dtype", options.cacheDtype, types, "storage of keys, values and queries");
    table.choice("--map-dtype", options.mapDtype, types, "storage of maps");
    table.group("Output");
    table.text("-o,--output", options.output, "PATH", "FILE.kvh5, or a folder for several files").required();
    table.flag("--force", options.force, "overwrite existing files");
}

void addMethodChoice(OptionTable& table, MethodChoice& options)
{
    table.text("-m,--methods", options.methods, "METHODS",
               "all, or methods separated by ';': NAME, NAME:PRESET, NAME:PARAMETER=VALUE,...");
    CLI::Option& ratios = table.text("-r,--ratios", options.ratios, "LIST",
                                     "fractions of the prompt kept, such as 0.9,0.5 or 0.9,...,0.1");
    table.text("--budget-tokens", options.budgetTokens, "LIST", "tokens kept per layer and KV head, in place of ratios")
        .excludes(&ratios);
    table.list("--table", options.tables, "FILE", "what methods know of this model (*.kvtab.h5); repeatable");
}

void addReplayOptions(CLI::App& app, ReplayOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.captures, "FILE", kCaptureHelp).required();
    table.group("What to replay");
    addMethodChoice(table, options);
    table.choice("--depth", options.depth, {"mass", "output", "decode"},
                 "what to measure; decode runs the continuation through the model");
    table.text("--model", options.model, "PATH", "depth decode: the captured model (default: as for capture)");
    table.text("--calibration", options.calibration, "FILE",
               "what 'kvviz calibrate' learned of this model: adds the expected change of score");
    table.seed(options.seed);
    table.group("Output");
    table.text("-o,--output", options.output, "FILE", "results file (default: beside the captures)");
    table.flag("--no-output", options.noOutput, "write no results file");
    table.flag("--no-masks", options.noMasks, "leave the kept/evicted masks out of the results file");
    table.text("--csv", options.csv, "FILE", "write the numbers as CSV too; - is standard output");
    table.flag("--force", options.force, "overwrite existing files");
}

void addMethodsOptions(CLI::App& app, MethodsOptions& options)
{
    OptionTable(app).text("NAME", options.name, "METHOD", "the method to explain");
}

void addTaskChoice(OptionTable& table, TaskChoice& options)
{
    table.integer("--shots", options.shots, 0, "examples in each prompt (default: the task's own)");
    table.seed(options.seed);
    table.text("--data-dir", options.dataDir, "DIR", "folder of the public data files");
    table.text("--subject", options.subject, "NAME",
               "one part of the task: a subject of mmlu, a file of ruler, 'harmful' or 'benign' of jailbreakbench");
    table.integer("--length", options.length, 1, "needle, documents: approximate length in words");
    table.real("--depth", options.depth, 0, 1, "X", "needle: where it hides, 0 (start) to 1 (end)");
    table.integer("--questions", options.questions, 1, "sums, longgen: questions asked in one prompt");
    table.flag("--skip-bad", options.skipBad, "skip malformed records of data files instead of stopping");
    table.flag("--allow-code-execution", options.allowCodeExecution,
               "humaneval: run the code that the model writes, in a fenced child process");
}

void addTasksOptions(CLI::App& app, TasksOptions& options)
{
    OptionTable table(app);
    table.text("ACTION", options.action, "show", "'show' prints a prompt; without it, the tasks are listed");
    table.text("NAME", options.name, "TASK", "the task");
    table.integer("-i,--index", options.index, 0, "number of the prompt");
    addTaskChoice(table, options);
}

void addViewOptions(CLI::App& app, ViewOptions& options)
{
    OptionTable table(app);
    table.list(kCapturePositional, options.files, "FILE", kCaptureHelp);
    table.integer("--layer", options.layer, 0, "layer to start at");
    table.integer("--head", options.head, 0, "query head to start at");
    table.text("--screenshot", options.screenshot, "FILE", "draw the window once, save it as PNG, and leave");
    table.choice("--theme", options.theme, {"system", "light", "dark"}, "colours of the window");
    table.flag("--demo", options.demo, "a guided tour on captures that come with the program");
    table.flag("--fresh", options.fresh, "neither read nor write settings (layout, recent files)");
}

void addCompletionOptions(CLI::App& app, std::string& shell)
{
    OptionTable(app).choice("SHELL", shell, {"bash", "zsh", "fish"}, "the shell").required();
}

void addManOptions(CLI::App& app, std::string& page)
{
    OptionTable(app).text("COMMAND", page, "COMMAND", "the command; without it, the overview");
}

void checkInvocation(const Invocation& invocation)
{
    if (invocation.command == "capture")
        checkCapture(invocation.capture);
    if (invocation.command == "tasks")
        checkTasks(invocation.tasks);
    if (invocation.command == "man" && !invocation.manPage.empty())
        static_cast<void>(commandEntry(invocation.manPage)); // throws for an unknown one
    if (invocation.command == "replay" && invocation.replay.noOutput && !invocation.replay.output.empty())
        usage("--output and --no-output exclude each other");
    if (invocation.command == "eval" && invocation.eval.resume && invocation.eval.force)
        usage("--resume keeps what was done and --force overwrites it; give one of the two");
    const bool csvOut = (invocation.command == "replay" && invocation.replay.csv == "-")
        || (invocation.command == "eval" && invocation.eval.csv == "-");
    if (csvOut && invocation.common.json)
        usage("--json and --csv - would both write to standard output; give --csv a file");
    if (invocation.common.quiet && invocation.common.verbose > 0)
        usage("--quiet and --verbose exclude each other");
}

} // namespace kvviz::app
