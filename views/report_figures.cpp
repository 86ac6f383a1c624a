// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/report_figures.hpp"

#include "core/error.hpp"
#include "views/delta_data.hpp"
#include "views/method_data.hpp"
#include "views/plot_style.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

namespace kvviz::plot {

namespace {

ReportJson numbers(const std::vector<double>& values)
{
    ReportJson list = ReportJson::array();
    for (const double value : values)
        list.push_back(reportNumber(value));
    return list;
}

std::string colorText(const CurveSeries& series, bool dark)
{
    PlotStyle style; // colours of series depend on nothing else
    style.dark = dark;
    const QColor color = series.shade >= 0 ? shadeColor(series.shade, style) : seriesColor(series.color, style);
    return color.name().toStdString();
}

/// The legend's entry: series that it does not name belong to one for all of their kind.
std::string keyOf(const CurveSeries& series)
{
    if (series.named)
        return series.name;
    return series.origin.empty() ? "without sinks" : "published";
}

ReportJson seriesJson(const CurveSeries& series)
{
    ReportJson json{{"name", series.name},
                    {"key", keyOf(series)},
                    {"color", series.color},
                    {"lightColor", colorText(series, false)},
                    {"darkColor", colorText(series, true)},
                    {"dashed", series.dashed},
                    {"markers", series.markers},
                    {"hollow", series.hollow},
                    {"reference", series.reference},
                    {"line", series.line},
                    {"whiskers", series.whiskers},
                    {"shift", series.shift},
                    {"n", series.samples}};
    json["x"] = numbers(series.x);
    json["y"] = numbers(series.y);
    if (!series.low.empty()) {
        json["low"] = numbers(series.low);
        json["high"] = numbers(series.high);
    }
    if (!series.origin.empty())
        json["origin"] = series.origin;
    if (!series.remarks.empty())
        json["remarks"] = series.remarks;
    return json;
}

ReportJson panelJson(const CurvePanel& panel)
{
    ReportJson json{{"letter", panel.letter},
                    {"title", panel.title},
                    {"subtitle", panel.subtitle},
                    {"xLabel", panel.xLabel},
                    {"yLabel", panel.yLabel},
                    {"logX", panel.logX},
                    {"logY", panel.logY},
                    {"falling", panel.falling},
                    {"zeroLine", panel.zeroLine},
                    {"xLow", panel.xLow},
                    {"xHigh", panel.xHigh},
                    {"yLow", panel.yLow},
                    {"yHigh", panel.yHigh},
                    {"series", ReportJson::array()}};
    for (const CurveSeries& series : panel.series)
        json["series"].push_back(seriesJson(series));
    return json;
}

ReportJson section(const std::string& id, const std::string& heading, const std::string& intro, const Figure& figure)
{
    ReportJson json{{"id", id}, {"heading", heading}, {"intro", intro}};
    json.update(curvesJson(std::get<CurveFigure>(figure.content)));
    return json;
}

/// Replays with what is lost beside the sinks in the place of what is lost.
std::vector<io::ReplayRecord> withoutSinks(std::vector<io::ReplayRecord> records)
{
    for (io::ReplayRecord& record : records)
        record.meanLost = record.meanLostNonSink;
    return records;
}

} // namespace

ReportJson reportNumber(double value)
{
    if (!std::isfinite(value))
        return nullptr;
    return std::strtod(fmt::format("{:.5g}", value).c_str(), nullptr);
}

ReportJson curvesJson(const CurveFigure& figure)
{
    ReportJson json{{"panels", ReportJson::array()},
                    {"notes", figure.notes},
                    {"ownLegends", figure.shared && !figure.oneLegend}}; // colours begin anew in each panel
    for (const CurvePanel& panel : figure.panels)
        json["panels"].push_back(panelJson(panel));
    return json;
}

ReportJson cumulativeSection(const CumulativeCurves& curves, int sinkTokens)
{
    ReportJson json = section("cumulative", "Cumulative attention",
                              "Share of all attention that the most attended keys of a prompt receive: the earlier a "
                              "curve rises, the fewer keys matter. Sinks make every prompt look sparse.",
                              curves.figure());
    for (ReportJson& panel : json["panels"])
        panel["sinks"] = true; // dashed lines are those without
    json["notes"].push_back(fmt::format("dashed: without the first {} tokens (sinks)", sinkTokens));
    return json;
}

std::vector<ReportJson> replaySections(const std::vector<io::ReplayRecord>& records, std::vector<LeftOut>& leftOut)
{
    struct Kind {
        const char *metric, *id, *heading, *intro;
    };
    constexpr Kind kKinds[] = {
        {"mass", "methods-mass", "Attention that methods lose",
         "Part of the attention of later queries that falls on what a method has evicted, as a replay predicts it."},
        {"output", "methods-output", "Error of the attention output",
         "Relative error of a head's output over what a method keeps: exact for one layer, first order over layers."},
        {"kl", "methods-kl", "Change of the next token's distribution",
         "Divergence from the full cache, with the continuation run through the model over the compressed cache."}};
    std::vector<ReportJson> sections;
    for (const Kind& kind : kKinds) {
        MethodRequest request;
        request.metric = kind.metric;
        try {
            sections.push_back(section(kind.id, kind.heading, kind.intro, methodsFigure(records, {}, request)));
            if (request.metric != "mass")
                continue;
            const Figure other = methodsFigure(withoutSinks(records), {}, request);
            ReportJson without = curvesJson(std::get<CurveFigure>(other.content));
            without["notes"].push_back("of the attention that is not on sinks");
            for (ReportJson& panel : without["panels"])
                panel["yLabel"] = "lost attention mass (without sinks)";
            sections.back()["withoutSinks"] = std::move(without);
        } catch (const core::Error& error) {
            if (request.metric == "mass") // that replays hold nothing of the dearer ones is no fault
                leftOut.push_back({"curves of methods", error.what()});
        }
    }
    return sections;
}

std::vector<ReportJson> evalSections(const std::vector<io::EvalRecord>& records, const PublishedSource& published,
                                     std::vector<LeftOut>& leftOut)
{
    DeltaRequest request;
    request.by = "method";
    request.published = published;
    for (const char* metric : {"delta", "score"}) {
        request.metric = metric;
        try {
            const Figure figure = deltaFigure(records, {}, request);
            for (const LeftOut& left : figure.leftOut)
                leftOut.push_back(left);
            std::vector<ReportJson> sections;
            sections.push_back(section("accuracy", metric == std::string("delta") ? "Change of score" : "Score",
                                       std::string("What the model's answers lose with a compressed cache, measured. "
                                                   "Intervals are of 95 % over prompts.")
                                           + (published ? " Dashed: what arXiv 2502.01941 printed, for other models "
                                                          "and data."
                                                        : ""),
                                       figure));
            return sections;
        } catch (const core::Error& error) { // tasks that the full cache never solves have scores only
            leftOut.push_back({std::string("curves of ") + metric, error.what()});
        }
    }
    return {};
}

} // namespace kvviz::plot
