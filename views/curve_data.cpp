// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_data.hpp"

#include "core/curves.hpp"
#include "core/error.hpp"
#include "views/capture_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace kvviz::plot {

namespace {

/// Numbers of keys at which every curve is sampled, the same for every capture.
const std::vector<std::int64_t>& keyGrid()
{
    static const std::vector<std::int64_t> grid = core::logGrid(std::int64_t{1} << 20, 420);
    return grid;
}

std::size_t gridPoints(std::int64_t keys)
{
    return static_cast<std::size_t>(std::lower_bound(keyGrid().begin(), keyGrid().end(), keys) - keyGrid().begin());
}

std::vector<double> sample(const std::vector<double>& curve)
{
    std::vector<double> shares;
    for (std::size_t i = 0; i < gridPoints(std::ssize(curve)); ++i)
        shares.push_back(core::shareAt(curve, keyGrid()[i]));
    return shares;
}

constexpr std::int64_t kPositionalPoints = 1024;

} // namespace

void CumulativeCurves::addLayer(const std::string& name, const core::LayerData& layer,
                                const std::vector<std::int64_t>& heads)
{
    if (!m_groups.contains(name))
        m_order.push_back(name);
    Group& group = m_groups[name];
    group.longest = std::max(group.longest, layer.n);
    m_longest = std::max(m_longest, layer.n);
    for (const std::int64_t head : heads) {
        const std::span<const float> scores(layer.received.data() + head * layer.total(),
                                            static_cast<std::size_t>(layer.n));
        group.with.push_back(sample(core::scoreCurve(scores, 0).sorted));
        group.without.push_back(sample(core::scoreCurve(scores, m_request.sinkTokens).sorted));
    }
}

void CumulativeCurves::add(const core::CaptureSource& capture, const core::Progress& progress)
{
    const core::CaptureInfo& info = capture.info();
    const auto heads = headSlots(info, m_request.head, capture.name());
    const std::int64_t only = m_request.layer < 0 ? -1 : layerSlot(info, m_request.layer, capture.name());
    const std::string name = info.prompt.task.empty() ? info.prompt.id : info.prompt.task;
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot) {
        progress.throwIfStopped();
        if (only >= 0 && slot != only)
            continue;
        addLayer(name, capture.loadLayer(slot, core::Need::stats), heads);
    }
    ++m_groups[name].captures;
    m_sources.push_back(provenanceOf(capture));
}

CurveSeries CumulativeCurves::series(const Group& group, bool withSinks, const CurveRequest& request) const
{
    CurveSeries series;
    const auto& curves = withSinks ? group.with : group.without;
    // Several bands, or those of both lines, would hide each other.
    const bool band = m_groups.size() == 1 && curves.size() > 1 && withSinks != request.onlyWithoutSinks;
    const std::int64_t last = std::max<std::int64_t>(1, group.longest - (withSinks ? 0 : request.sinkTokens));
    std::vector<double> values(curves.size());
    for (std::size_t i = 0; i <= gridPoints(last); ++i) {
        const bool end = i == gridPoints(last);
        for (std::size_t c = 0; c < curves.size(); ++c)
            values[c] = !end && i < curves[c].size() ? curves[c][i] : 1.0;
        const core::Summary summary = core::quantileSummary(values, 0.1);
        series.x.push_back(static_cast<double>(end ? last : keyGrid()[i]));
        series.y.push_back(summary.mean);
        if (band) {
            series.low.push_back(summary.low);
            series.high.push_back(summary.high);
        }
    }
    series.dashed = !withSinks;
    return series;
}

CurvePanel CumulativeCurves::panelFor(const CurveRequest& request) const
{
    CurvePanel panel;
    panel.xLabel = "keys, most attended first";
    panel.yLabel = "share of attention";
    panel.logX = request.logX;
    panel.xLow = request.logX ? 1 : 0;
    panel.xHigh = static_cast<double>(m_longest);
    panel.yHigh = 1.0;
    int color = 0;
    for (const std::string& name : m_order) {
        const Group& group = m_groups.at(name);
        for (const bool withSinks : {true, false}) {
            if (withSinks ? request.onlyWithoutSinks : request.sinkTokens <= 0)
                continue;
            const bool first = withSinks || request.onlyWithoutSinks;
            CurveSeries line = series(group, withSinks, request);
            line.name = name + (first ? "" : ", without sinks");
            line.named = first; // what dashes mean is said once for all
            line.color = color;
            panel.series.push_back(std::move(line));
        }
        ++color;
    }
    return panel;
}

CurvePanel CumulativeCurves::panel() const { return panelFor(m_request); }

CurvePanel positionalPanel(const core::LayerData& layer, const std::vector<std::int64_t>& heads,
                           const CurveRequest& request)
{
    CurvePanel panel;
    panel.xLabel = "keys, in order";
    panel.yLabel = "share of attention";
    panel.xHigh = static_cast<double>(layer.n);
    const std::int64_t step = std::max<std::int64_t>(1, layer.n / kPositionalPoints);
    for (const bool withSinks : {true, false}) {
        const std::int64_t skip = withSinks ? 0 : std::min<std::int64_t>(request.sinkTokens, layer.n);
        if (withSinks ? request.onlyWithoutSinks : skip == 0)
            continue;
        CurveSeries series;
        series.dashed = !withSinks;
        std::vector<core::ScoreCurve> curves;
        for (const std::int64_t head : heads)
            curves.push_back(core::scoreCurve(
                {layer.received.data() + head * layer.total(), static_cast<std::size_t>(layer.n)}, skip));
        const std::int64_t last = layer.n - skip;
        for (std::int64_t keys = 1; keys <= last; keys = keys == last ? last + 1 : std::min(keys + step, last)) {
            double sum = 0;
            for (const core::ScoreCurve& curve : curves)
                sum += core::shareAt(curve.positional, keys);
            series.x.push_back(static_cast<double>(skip + keys));
            series.y.push_back(sum / static_cast<double>(curves.size()));
        }
        panel.series.push_back(std::move(series));
    }
    return panel;
}

Figure CumulativeCurves::figureOf(CurveFigure curves) const
{
    if (m_order.empty())
        throw core::Error(core::ErrorCode::badInput, "there is no capture to draw curves from");
    const std::string layers = m_request.layer < 0 ? "all layers" : fmt::format("layer {}", m_request.layer);
    const std::string heads = m_request.head >= 0 ? fmt::format("head {}", m_request.head)
                              : m_request.head == kAllHeads ? "heads"
                                                            : fmt::format("heads of KV {}", groupOf(m_request.head));
    std::string prompts;
    for (const std::string& name : m_order)
        prompts += fmt::format("{}{} {}", prompts.empty() ? "" : ", ", name, m_groups.at(name).captures);
    curves.notes.push_back(fmt::format("mean over {}, {} and prompts ({})", layers, heads, prompts));
    if (m_groups.size() == 1 && m_groups.begin()->second.with.size() > 1)
        curves.notes.push_back("band: middle 80 % of layers and heads");
    Figure figure;
    figure.name = "cumulative";
    figure.content = std::move(curves);
    figure.sources = m_sources;
    figure.parameters = {{"layer", m_request.layer < 0 ? "all" : std::to_string(m_request.layer)},
                         {"head", headParameter(m_request.head)},
                         {"sink_rule", fmt::format("first {} tokens", m_request.sinkTokens)},
                         {"scores", "attention received by each prompt key, summed over all prompt queries"},
                         {"order", "sorted, largest first"}};
    return figure;
}

Figure CumulativeCurves::figure() const
{
    CurveFigure curves;
    curves.panels.push_back(panel());
    if (!m_request.onlyWithoutSinks)
        curves.legendNotes.push_back({"all keys", false});
    if (m_request.sinkTokens > 0)
        curves.legendNotes.push_back({fmt::format("without first {}", m_request.sinkTokens), true});
    return figureOf(std::move(curves));
}

Figure CumulativeCurves::twoPanelFigure() const
{
    CurveRequest all = m_request, without = m_request;
    all.sinkTokens = 0; // nothing to set apart
    without.onlyWithoutSinks = true;
    CurveFigure curves;
    curves.panels = {panelFor(all), panelFor(without)};
    curves.panels[0].title = "all keys";
    curves.panels[1].title = fmt::format("without the first {} keys", m_request.sinkTokens);
    for (std::size_t i = 0; i < curves.panels.size(); ++i) {
        curves.panels[i].letter = std::string(1, static_cast<char>('a' + i));
        for (CurveSeries& series : curves.panels[i].series)
            series.dashed = false; // the panel says it
    }
    return figureOf(std::move(curves));
}

} // namespace kvviz::plot
