// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option table of `kvviz figure`.
#include "app/option_tables.hpp"

namespace kvviz::app {

void addFigureOptions(CLI::App& app, FigureOptions& options)
{
    OptionTable table(app);
    table.choice("NAME", options.name, {"heatmap", "cumulative", "tasks", "methods", "delta", "predicted"},
                 "which figure").required();
    table.list("FILES", options.files, "FILE",
               "captures (*.kvh5) or folders; methods, delta: results (*.kvres.h5); predicted: checks (JSON)")
        .required();
    table.text("-o,--output", options.output, "FILE", "the figure; .pdf, .svg or .png").required();
    table.flag("--no-sidecar", options.noSidecar, "no JSON file beside the figure");
    table.flag("--force", options.force, "overwrite existing files");

    table.group("Size");
    table.real("--width", options.widthMm, 10, 1000, "MM", "width (default: the figure's own, 85 or 178)");
    table.real("--height", options.heightMm, 10, 1000, "MM", "height (default: follows from the width)");
    table.real("--dpi", options.dpi, 30, 2400, "DPI", "resolution of PNG and of maps inside PDF and SVG");
    table.real("--font-size", options.fontSizePt, 3, 40, "PT", "text size (default: the figure's own)");
    table.text("--title", options.title, "TEXT", "title above the figure");

    table.group("What to draw");
    table.integer("--layer", options.layer, 0, "layer (default: the figure's choice, said in the sidecar)");
    table.integer("--head", options.head, 0, "query head (default: the mean over heads where that makes sense)");
    table.text("--queries", options.queries, "A-B", "only these queries");
    table.text("--keys", options.keys, "A-B", "only these keys");
    table.integer("--sinks", options.sinks, 0, "first tokens treated as sinks");
    table.text("--methods", options.methods, "METHODS",
               "methods, delta: only these, written as for replay (default: all)");
    table.choice("--metric", options.metric, {"mass", "output", "kl", "logprob", "delta", "score", "gold"},
                 "methods: mass to logprob (default: mass and output; of more than ten methods output); delta: delta "
                 "(default), score, gold (log-probability of the gold answer)");
    table.choice("--by", options.by, {"task", "method", "shots", "model"},
                 "delta: what a line is; a panel is a method for task, a task for method, both for shots and model");
    table.list("--task", options.tasks, "TASK", "delta: only this task; may be repeated (default: all)");
    table.flag("--published", options.published, "delta: beside them what the paper printed, dashed");

    table.group("How to draw it");
    table.choice("--pooling", options.pooling, {"max", "mean"}, "of the cells behind a pixel; mean hides thin lines");
    table.choice("--colors", options.colors, {"viridis", "cividis", "magma"}, "colour map");
    table.choice("--scale", options.scale, {"log", "linear"}, "colour scale");
    table.text("--range", options.range, "LOW,HIGH",
               "fixed colour range, such as 0.001,1; delta, predicted: of the y axis");
    table.choice("--theme", options.theme, {"light", "dark"}, "dark: for slides");
    table.choice("--axes", options.axes, {"auto", "token", "position"}, "labels of the axes");
}

} // namespace kvviz::app
