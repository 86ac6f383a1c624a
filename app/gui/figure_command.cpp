// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz figure`: options to requests, files to figure data, figure to file. Nothing here needs a display.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/gui/eval_figures.hpp"
#include "app/output.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/capture_reader.hpp"
#include "views/application.hpp"
#include "views/curve_data.hpp"
#include "views/figure_exporter.hpp"
#include "views/map_data.hpp"
#include "views/method_data.hpp"
#include "views/result_figures.hpp"
#include "views/paper_figures.hpp"
#include "views/style_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::size_t kMostPanels = 12;

bool isResults(const std::string& file) { return file.ends_with(".kvres.h5"); }

/// "100-200" or "100": tokens, both ends included.
std::optional<core::Span> parseSpan(const std::string& text, std::string_view option)
{
    if (text.empty())
        return std::nullopt;
    std::int64_t first = 0, last = 0;
    const char* end = text.data() + text.size();
    auto parsed = std::from_chars(text.data(), end, first);
    last = first;
    if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-')
        parsed = std::from_chars(parsed.ptr + 1, end, last);
    if (parsed.ec != std::errc() || parsed.ptr != end || first < 0 || last < first)
        throw Error(ErrorCode::usage, fmt::format("{} '{}' is not a range of tokens such as 100-200", option, text));
    return core::Span{first, last + 1};
}

plot::MapRequest mapRequest(const FigureOptions& options)
{
    plot::MapRequest request;
    request.layer = options.layer;
    request.head = options.head;
    request.pooling = options.pooling == "mean" ? io::Pooling::mean : io::Pooling::max;
    request.colors = core::colorMapFromName(options.colors);
    request.logarithmic = options.scale != "linear";
    request.range = parseRange(options.range, "0.001,1");
    request.axes = options.axes == "token"      ? plot::AxisMode::token
                   : options.axes == "position" ? plot::AxisMode::position
                                                : plot::AxisMode::automatic;
    // Room beside labels and colour bar, one line of small text a token.
    const double width = options.widthMm > 0 ? options.widthMm : 85.0;
    const double scale = options.fontSizePt > 0 ? options.fontSizePt / 7.5 : 1.0;
    request.tokenTextLimit =
        std::max<std::int64_t>(4, static_cast<std::int64_t>((width / 25.4 * 72 - 105 * scale) / (6.3 * scale)));
    request.sinkTokens = options.sinks;
    request.queries = parseSpan(options.queries, "--queries");
    request.keys = parseSpan(options.keys, "--keys");
    return request;
}

/// Captures of files, folders, and members of packs written as FILE::MEMBER.
std::vector<io::CaptureRef> captureRefs(const FigureOptions& options)
{
    std::vector<io::CaptureRef> refs;
    for (const std::string& file : options.files) {
        if (isResults(file))
            throw Error(ErrorCode::usage,
                        fmt::format("'{}' holds results; the figure '{}' is drawn from captures (*.kvh5): make some "
                                    "with 'kvviz capture'; results are drawn by 'kvviz figure methods' (replays) and "
                                    "'delta' (evaluations)",
                                    file, options.name));
        const std::size_t mark = file.rfind("::");
        const auto found = io::findCaptures({mark == std::string::npos ? file : file.substr(0, mark)});
        if (mark == std::string::npos) {
            refs.insert(refs.end(), found.begin(), found.end());
            continue;
        }
        const std::string member = file.substr(mark + 2);
        const auto chosen = std::find_if(found.begin(), found.end(), [&](const io::CaptureRef& ref) {
            return ref.group == member || ref.group.ends_with("/" + member);
        });
        if (chosen == found.end())
            throw Error(ErrorCode::usage, fmt::format("'{}' holds no capture '{}'; kvviz info lists its members",
                                                      file.substr(0, mark), member));
        refs.push_back(*chosen);
    }
    if (refs.empty())
        throw Error(ErrorCode::usage, "name at least one capture (*.kvh5) or a folder of them");
    return refs;
}

plot::Figure heatmap(const FigureOptions& options)
{
    const auto refs = captureRefs(options);
    if (refs.size() > 1)
        throw Error(ErrorCode::usage,
                    fmt::format("a heatmap shows one capture, and {} were given; name one (FILE, or "
                                "FILE::MEMBER in a pack; the first is '{}{}'), or use 'kvviz figure tasks'",
                                refs.size(), refs.front().file.string(),
                                refs.front().group == "/" ? "" : "::" + refs.front().group));
    return plot::heatmapFigure(io::CaptureReader(refs.front()), mapRequest(options));
}

/// The first capture of each task; every capture when all are of one task.
plot::Figure tasks(const FigureOptions& options, const CommonOptions& common)
{
    std::vector<std::unique_ptr<io::CaptureReader>> readers;
    std::set<std::string> names;
    for (const io::CaptureRef& ref : captureRefs(options)) {
        readers.push_back(std::make_unique<io::CaptureReader>(ref));
        names.insert(readers.back()->info().prompt.task);
    }
    std::vector<const io::CaptureReader*> chosen;
    std::set<std::string> seen;
    for (const auto& reader : readers)
        if (names.size() == 1 || seen.insert(reader->info().prompt.task).second)
            chosen.push_back(reader.get());
    if (chosen.size() > kMostPanels) {
        note(common, fmt::format("{} panels do not fit; drawing the first {}", chosen.size(), kMostPanels));
        chosen.resize(kMostPanels);
    }
    return plot::tasksFigure(chosen, mapRequest(options));
}

plot::CumulativeCurves cumulative(const FigureOptions& options, const CommonOptions& common)
{
    plot::CurveRequest request;
    request.layer = options.layer;
    request.head = options.head;
    request.sinkTokens = options.sinks;
    request.logX = options.scale != "linear";
    plot::CumulativeCurves curves(request);
    const auto refs = captureRefs(options);
    const core::Progress progress = consoleProgress(common);
    std::int64_t done = 0;
    for (const io::CaptureRef& ref : refs) {
        curves.add(io::CaptureReader(ref), progress);
        progress("reading captures", ++done, std::ssize(refs));
    }
    finishProgress();
    return curves;
}

plot::Figure methods(const FigureOptions& options)
{
    for (const std::string& file : options.files) {
        if (file.ends_with(".kvh5"))
            throw Error(ErrorCode::usage,
                        fmt::format("'{}' is a capture; the figure 'methods' is drawn from replay results: make them "
                                    "with 'kvviz replay {}' and name the *.kvres.h5 file",
                                    file, file));
        if (core::isFolder(file))
            throw Error(ErrorCode::usage,
                        fmt::format("'{}' is a folder; name the results file (*.kvres.h5) that 'kvviz replay' "
                                    "wrote",
                                    file));
    }
    plot::MethodRequest request;
    request.metric = options.metric;
    if (!options.methods.empty())
        request.methods = splitMethods(options.methods);
    const plot::Replays all = plot::readReplays({options.files.begin(), options.files.end()});
    return plot::methodsFigure(all.records, all.sources, request);
}

plot::Figure fromPaper(const plot::PaperFigure& paper, const FigureOptions& options, const CommonOptions& common)
{
    if (paper.input == plot::PaperInput::evaluations)
        return paperFigure(paper, options);
    plot::Figure figure = paper.name == "fig2" ? tasks(options, common) : cumulative(options, common).twoPanelFigure();
    figure.name = paper.name;
    figure.parameters.insert(figure.parameters.begin(), plot::paperParameter(paper));
    return figure;
}

plot::Figure build(const FigureOptions& options, const CommonOptions& common)
{
    if (const plot::PaperFigure* paper = plot::findPaperFigure(options.name))
        return fromPaper(*paper, options, common);
    if (options.name == "heatmap")
        return heatmap(options);
    if (options.name == "tasks")
        return tasks(options, common);
    if (options.name == "cumulative")
        return cumulative(options, common).figure();
    if (options.name == "methods")
        return methods(options);
    if (options.name == "delta")
        return deltaFigure(options);
    return predictedFigure(options); // the option table knows no other name
}

plot::ExportOptions exportOptions(const FigureOptions& options, const CommonOptions& common)
{
    plot::ExportOptions target;
    target.path = options.output;
    target.widthMm = options.widthMm;
    target.heightMm = options.heightMm;
    target.dpi = options.dpi;
    target.fontPt = options.fontSizePt;
    target.force = options.force;
    if (!options.theme.empty())
        target.dark = options.theme == "dark";
    if (!options.style.empty())
        target.style = plot::readStyleFile(options.style);
    if (!options.widthPreset.empty())
        plot::applyWidthPreset(options.widthPreset, target);
    target.sidecar = !options.noSidecar;
    target.csv = options.csv;
    target.creator = creatorName();
    target.commandLine = common.commandLine;
    return target;
}

} // namespace

std::optional<std::pair<double, double>> parseRange(const std::string& text, std::string_view example)
{
    if (text.empty())
        return std::nullopt;
    const auto numbers = parseNumberList(text, "--range");
    if (numbers.size() != 2)
        throw Error(ErrorCode::usage, fmt::format("--range '{}' must be two numbers such as {}", text, example));
    return std::pair{numbers[0], numbers[1]};
}

int runFigure(const FigureOptions& options, const CommonOptions& common)
{
    const plot::ExportOptions target = exportOptions(options, common);
    plot::checkExport(target);
    FigureOptions resolved = options; // what decides how much text has room
    resolved.widthMm = target.widthMm > 0 ? target.widthMm : target.style.widthMm.value_or(0);
    resolved.fontSizePt = target.fontPt > 0 ? target.fontPt : target.style.fontPt.value_or(0);
    plot::Figure figure = build(resolved, common);
    figure.title = options.title;
    const auto application = views::makeApplication(views::Display::none, common.verbose > 0);
    plot::exportFigure(figure, target);
    if (!common.json) {
        printOut(options.output + "\n");
        return 0;
    }
    nlohmann::ordered_json report{
        {"schema_version", 1}, {"figure", figure.name}, {"output", options.output}, {"sidecar", nullptr},
        {"csv", nullptr}};
    if (target.sidecar)
        report["sidecar"] = plot::sidecarPath(target.path).string();
    if (target.csv)
        report["csv"] = plot::csvPath(target.path).string();
    printOut(report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return 0;
}

} // namespace kvviz::app
