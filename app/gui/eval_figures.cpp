// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "app/gui/eval_figures.hpp"

#include "app/console.hpp"
#include "app/gui/published_source.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "views/delta_data.hpp"
#include "views/result_figures.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

/// Of the y axis; an empty one (0, 0) is none.
std::pair<double, double> yRange(const FigureOptions& options)
{
    const auto range = parseRange(options.range, "-50,10");
    if (range && !(range->first < range->second))
        throw Error(ErrorCode::usage, fmt::format("--range '{}': the first number must be the smaller one",
                                                  options.range));
    return range.value_or(std::pair{0.0, 0.0});
}

void refuseFolders(const FigureOptions& options, const char* expected)
{
    for (const std::string& file : options.files)
        if (core::isFolder(file))
            throw Error(ErrorCode::usage, fmt::format("'{}' is a folder; the figure '{}' is drawn from {}", file,
                                                      options.name, expected));
}

/// `command` makes what is missing.
plot::Evaluations readEvaluations(const FigureOptions& options, const std::string& command)
{
    refuseFolders(options, "the results files (*.kvres.h5) that 'kvviz eval' wrote");
    const bool arrays = !options.metric.empty() && options.metric != "delta"; // their intervals come from the prompts
    for (const std::string& file : options.files)
        if (file.ends_with(".kvh5"))
            throw Error(ErrorCode::usage,
                        fmt::format("'{}' is a capture; the figure '{}' is drawn from evaluations: make them with "
                                    "'{}' and name the *.kvres.h5 file",
                                    file, options.name, command));
    return plot::readEvaluations({options.files.begin(), options.files.end()}, arrays);
}

plot::DeltaRequest deltaRequest(const FigureOptions& options, bool published)
{
    plot::DeltaRequest request;
    request.by = options.by;
    request.metric = options.metric;
    request.tasks = options.tasks;
    if (published)
        request.published = publishedSource();
    request.yRange = yRange(options);
    if (!options.methods.empty())
        request.methods = splitMethods(options.methods);
    return request;
}

} // namespace

plot::Figure deltaFigure(const FigureOptions& options)
{
    const plot::DeltaRequest request = deltaRequest(options, options.published);
    const plot::Evaluations all = readEvaluations(options, "kvviz eval");
    return plot::deltaFigure(all.records, all.sources, request);
}

plot::Figure paperFigure(const plot::PaperFigure& figure, const FigureOptions& options)
{
    // The paper prints no log-probabilities.
    const plot::DeltaRequest request = deltaRequest(options, !options.noPublished && options.metric != "gold");
    const plot::Evaluations all = readEvaluations(options, figure.command);
    return plot::paperFigure(figure, all.records, all.sources, request);
}

plot::Figure predictedFigure(const FigureOptions& options)
{
    refuseFolders(options, "the checks (*.json) that 'kvviz calibrate' wrote");
    return plot::predictionFigureOf({options.files.begin(), options.files.end()}, yRange(options));
}

} // namespace kvviz::app
