// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option table of `kvviz capture`.
#include "app/option_tables.hpp"

namespace kvviz::app {
namespace {

void addPromptOptions(OptionTable& table, CaptureOptions& options)
{
    table.group("What to run (one of these)");
    table.text("--text", options.text, "TEXT", "a prompt");
    table.text("--text-file", options.textFile, "FILE", "a prompt, with '@@ shot' marks if wanted");
    table.text("--token-ids", options.tokenIds, "FILE", "a JSON list of token ids, for exact comparisons");
    table.list("--task", options.tasks, "TASK", "prompts of a task ('kvviz tasks' lists them); may be repeated");

    table.group("Prompts of tasks");
    addTaskChoice(table, options);
    table.integer("--begin", options.begin, 0, "first prompt of each task");
    table.integer("--limit", options.limit, 1, "prompts of each task (default: 1)");
    table.text("--shard", options.shard, "I/N",
               "every N-th prompt from the I-th on, 0 <= I < N, for many machines; auto: the place in the Slurm array "
               "that runs this, everything outside of one")
        .check(notEmpty());
}

void addKeepOptions(OptionTable& table, CaptureOptions& options)
{
    const std::vector<std::string> types{"float16", "float32"};
    table.group("What to keep");
    table.choice("--tier", options.tier, {"stats", "cache", "map", "full"}, "how much, each with all before it");
    table.text("--layers", options.layers, "LIST", "layers, such as 0-3,7 (default: all)");
    table.text("--heads", options.heads, "LIST", "query heads, rounded up to whole KV groups (default: all)");
    table.text("--queries", options.queries, "LIST",
               "full tier: prompt queries, such as last:64 or 0-99 (default: all)");
    table.integer("--window", options.window, 1, "exact rows of so many last prompt queries");
    table.integer("--map-cap", options.mapCap, 8, "cells a side of the finest pooled map");
    table.integer("--top-k", options.topK, 1, "next-token candidates kept for each token");
    table.integer("--readout", options.readout, 0,
                  "follow the logits of so many likely next tokens back to every head, so that a replay predicts "
                  "log-probabilities (4 is enough)");
    table.choice("--rows-dtype", options.rowsDtype, types, "storage of exact attention rows");
    table.choice("--cache-dtype", options.cacheDtype, types, "storage of keys, values and queries");
    table.choice("--map-dtype", options.mapDtype, types, "storage of maps");
}

void addRunOptions(OptionTable& table, CaptureOptions& options)
{
    table.group("How to run");
    table.text("-m,--model", options.model, "PATH",
               "Hugging Face folder or GGUF file (default: $KVVIZ_MODEL, then the model that scripts/setup put in place)")
        .check(notEmpty());
    table.choice("--continuation", options.continuation, {"greedy", "gold", "none"},
                 "what follows the prompt: the model's own tokens, the reference answer, or nothing");
    table.integer("--generate", options.generate, 0, "most tokens to continue");
    table.text("--chat", options.chat, "NAME",
               "put each prompt into the turns of a chat template: auto (the model's own), none, chatml, qwen, llama2, "
               "llama3, llama3.1, mistral-v1, mistral-v3, mistral-tekken, deepseek, deepseek-r1, gemma, phi3");
    table.choice("--dtype", options.dtype, {"float32", "bfloat16", "float16"},
                 "weights (float16 on GPUs only)");
    table.text("--device", options.device, "DEVICE",
               "where the model runs: cpu, cuda, cuda:1, or cuda:0,cuda:1, which share the layers");

    table.group("Output");
    table.text("-o,--output", options.output, "PATH", "FILE.kvh5 for one prompt, a folder for several");
    table.flag("--resume", options.resume, "skip prompts whose file is there and complete");
    table.flag("--force", options.force, "overwrite existing files");
    table.flag("--dry-run", options.dryRun, "print the bytes of each tier and stop");
    table.text("--max-bytes", options.maxBytes, "SIZE", "refuse a run that would write more, such as 2GB");
}

} // namespace

void addCaptureOptions(CLI::App& app, CaptureOptions& options)
{
    OptionTable table(app);
    addPromptOptions(table, options);
    addKeepOptions(table, options);
    addRunOptions(table, options);
}

} // namespace kvviz::app
