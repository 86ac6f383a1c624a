// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option tables of the commands that run a model with compressed caches.
#include "app/option_tables.hpp"

namespace kvviz::app {

void addEvalOptions(CLI::App& app, EvalOptions& options)
{
    OptionTable table(app);
    table.group("What to ask");
    table.list("--task", options.tasks, "TASK", "prompts of a task ('kvviz tasks' lists them); may be repeated")
        .required();
    addTaskChoice(table, options);
    table.integer("--begin", options.begin, 0, "first prompt of each task");
    table.integer("--limit", options.limit, 1, "prompts of each task");
    table.text("--shard", options.shard, "I/N",
               "every N-th prompt into a journal of its own; the command without it joins the journals; auto: the place "
               "in the Slurm array that runs this, everything outside of one")
        .check(notEmpty());

    table.group("What to keep of the cache");
    addMethodChoice(table, options);

    table.group("How to run");
    table.text("--model", options.model, "PATH", "the model (default: as for capture)")
        .check(notEmpty());
    table.integer("--generate", options.generate, 0, "most tokens of an answer; 0: what the task needs");
    table.text("--chat", options.chat, "NAME",
               "put each prompt into the turns of a chat template: auto (the model's own), none, chatml, qwen, llama2, "
               "llama3, llama3.1, mistral-v1, mistral-v3, mistral-tekken, deepseek, deepseek-r1, gemma, phi3");
    table.integer("--window", options.window, 1, "last prompt queries whose attention methods may read");
    table.choice("--dtype", options.dtype, {"float32", "bfloat16"}, "weights");
    table.text("--max-cache", options.maxCache, "SIZE", "memory of compressed caches at a time");

    table.group("Output");
    table.text("-o,--output", options.output, "FILE", "results file (*.kvres.h5)").required();
    table.text("--csv", options.csv, "FILE", "write the numbers as CSV too; - is standard output");
    table.flag("--resume", options.resume, "go on where an interrupted run stopped, or with a larger --limit");
    table.flag("--force", options.force, "overwrite existing files");
}

void addBenchOptions(CLI::App& app, BenchOptions& options)
{
    OptionTable table(app);
    table.text("--lengths", options.lengths, "LIST", "prompt and generated tokens, such as 512/128,4096/512");
    addMethodChoice(table, options);
    table.integer("--batch", options.batch, 1, "streams decoded together over the same prompt");
    table.integer("--repeat", options.repeat, 1, "runs of each; the medians are shown");
    table.text("--model", options.model, "PATH", "the model (default: as for capture)");
    table.integer("--window", options.window, 1, "last prompt queries whose attention methods may read");
    table.choice("--dtype", options.dtype, {"float32", "bfloat16"}, "weights");
    table.seed(options.seed);
}

} // namespace kvviz::app
