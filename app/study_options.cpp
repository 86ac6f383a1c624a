// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option table of `kvviz study`.
#include "app/option_tables.hpp"

namespace kvviz::app {

void addStudyOptions(CLI::App& app, StudyCommandOptions& options)
{
    OptionTable table(app);
    table.list("OBSERVATION", options.observations, "obs1|obs2|obs3|obs4|obs5|obs6|all", "which observations")
        .required();
    table.text("-o,--output", options.output, "DIR", "folder of the study").required();
    table.flag("--resume", options.resume, "go on with the study in that folder, or widen it");

    table.group("What to run");
    table.list("--model", options.models, "PATH", "model file; repeatable (default: as for capture)");
    table.integer("--limit", options.limit, 1, "prompts of each task (default: 40, with --quick 12)");
    table.flag("--quick", options.quick, "fewer prompts, ratios and shots: a look, not a measurement");
    table.seed(options.seed);
    table.text("--data-dir", options.dataDir, "DIR", "public data files, in place of built-in tasks");
    table.flag("--allow-code-execution", options.allowCodeExecution,
               "with --data-dir: run what the model writes for humaneval, in a sandbox");
    table.flag("--no-figures", options.noFigures, "draw no figures");
}

} // namespace kvviz::app
