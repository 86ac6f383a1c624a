// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Option table of `kvviz figure`.
#include "app/option_tables.hpp"

namespace kvviz::app {

void addFigureOptions(CLI::App& app, FigureOptions& options)
{
    OptionTable table(app);
    table.choice("NAME", options.name, {"heatmap", "cumulative", "tasks", "methods", "delta", "predicted", "fig1", "fig2", "fig3", "fig4", "fig5",
                  "fig6", "fig7", "fig8", "fig9"},
                 "which figure; fig1 to fig9 are those of arXiv 2502.01941 from your data").required();
    table.list("FILES", options.files, "FILE",
               "captures (*.kvh5) or folders; methods, delta: results (*.kvres.h5); predicted: checks (JSON); "
               "fig2, fig3: captures, other numbers: results of eval")
        .required();
    table.text("-o,--output", options.output, "FILE", "the figure; .pdf, .svg or .png").required();
    table.flag("--no-sidecar", options.noSidecar, "no JSON file beside the figure");
    table.flag("--csv", options.csv, "the numbers as a table beside the figure, FILE.csv");
    table.flag("--force", options.force, "overwrite existing files");

    table.group("Size");
    table.choice("--width-preset", options.widthPreset, {"column", "text", "slide"},
                 "85 or 178 mm (one column of a paper, both), 254 mm with 14 pt");
    table.real("--width", options.widthMm, 10, 1000, "MM", "width (default: the figure's own, 85 or 178)");
    table.real("--height", options.heightMm, 10, 1000, "MM", "height (default: follows from the width)");
    table.real("--dpi", options.dpi, 30, 2400, "DPI", "resolution of PNG and of maps inside PDF and SVG (default: 300)");
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
    table.flag("--no-published", options.noPublished, "fig1 to fig9: without what the paper printed");

    table.group("How to draw it");
    table.choice("--pooling", options.pooling, {"max", "mean"}, "of the cells behind a pixel; mean hides thin lines");
    table.choice("--colors", options.colors, {"viridis", "cividis", "magma"}, "colour map");
    table.choice("--scale", options.scale, {"log", "linear"}, "colour scale");
    table.text("--range", options.range, "LOW,HIGH",
               "fixed colour range, such as 0.001,1; delta, predicted: of the y axis");
    table.choice("--theme", options.theme, {"light", "dark"}, "dark: for slides (default: light)");
    table.text("--style", options.style, "FILE", "style file (JSON): font, sizes, line widths, colours");
    table.choice("--axes", options.axes, {"auto", "token", "position"}, "labels of the axes");
}

void addReportOptions(CLI::App& app, ReportOptions& options)
{
    OptionTable table(app);
    table.list("FILES", options.files, "FILE",
               "folders, captures (*.kvh5), results of replay and eval (*.kvres.h5), in any mixture")
        .required();
    table.text("-o,--output", options.output, "FILE", "the page; .html").required();
    table.flag("--force", options.force, "overwrite an existing page");
    table.group("What is in it");
    table.text("--title", options.title, "TEXT", "heading of the page");
    table.real("--max-mb", options.maxMb, 0.5, 1000, "MB",
               "size of the page; maps that do not fit are left out and named");
    table.text("--layers", options.layers, "LIST", "layers with maps, such as 0-3,7 (default: six over the depth)");
    table.integer("--cells", options.cells, 16, "cells of a map, a side; at most 256");
    table.integer("--sinks", options.sinks, 0, "first tokens treated as sinks");
    table.flag("--no-published", options.noPublished, "without what the paper printed");
}

} // namespace kvviz::app
