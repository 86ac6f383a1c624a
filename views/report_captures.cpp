// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/report_captures.hpp"

#include "core/text.hpp"
#include "views/capture_choice.hpp"
#include "views/label_text.hpp"
#include "views/map_data.hpp"
#include "views/method_family.hpp"
#include "views/report_tile.hpp"

#include <fmt/format.h>

#include <QByteArray>

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

std::string segmentName(const core::Segment& segment)
{
    std::string name(core::segmentKindName(segment.kind));
    if (segment.kind == core::SegmentKind::shot)
        name += fmt::format(" {}", segment.index + 1);
    return name;
}

ReportJson tileJson(const io::MapTile& tile)
{
    if (tile.rows == 0)
        return nullptr;
    const ReportTile coded = reportTile(tile);
    const QByteArray bytes(reinterpret_cast<const char*>(coded.codes.data()), std::ssize(coded.codes));
    return ReportJson{{"rows", tile.rows},
                      {"columns", tile.columns},
                      {"queryBegin", tile.queryBegin},
                      {"queryEnd", tile.queryEnd},
                      {"keyBegin", tile.keyBegin},
                      {"keyEnd", tile.keyEnd},
                      {"low", reportNumber(coded.low)},
                      {"high", reportNumber(coded.high)},
                      {"source", tile.source},
                      {"counts", coded.counts},
                      {"cells", bytes.toBase64().toStdString()}};
}

/// Mean over layers of what a segment keeps; not a number where it has no prompt tokens.
std::vector<double> meanSurvival(const io::ReplayRecord& record)
{
    std::vector<double> mean(static_cast<std::size_t>(record.segments), 0.0);
    for (std::size_t i = 0; i < record.survival.size(); ++i)
        mean[i % mean.size()] += static_cast<double>(record.survival[i]);
    for (double& value : mean)
        value /= static_cast<double>(record.layers);
    return mean;
}

const ReportCapture* captureOf(const io::ReplayRecord& record, const std::vector<ReportCapture>& captures)
{
    for (const ReportCapture& capture : captures)
        if (capture.source.id == record.promptId && capture.source.task == record.task
            && capture.source.modelName == record.modelName && std::ssize(capture.segments) == record.segments)
            return &capture;
    return nullptr;
}

bool isPrompt(const core::Segment& segment)
{
    return segment.kind != core::SegmentKind::generated && !segment.span.empty();
}

/// Replays of one capture.
struct Survivals {
    const ReportCapture* capture = nullptr;
    std::string label;
    std::int64_t segments = 0;
    std::vector<std::string> methods;                                   ///< in order of appearance
    std::map<std::string, std::map<double, std::vector<double>>> kept; ///< by method, then fraction kept

    [[nodiscard]] bool isShown(std::size_t segment) const { return !capture || isPrompt(capture->segments[segment]); }
};

ReportJson budgetsJson(const Survivals& one, const std::map<double, std::vector<double>>& budgets)
{
    ReportJson list = ReportJson::array();
    for (const auto& [fraction, values] : budgets) {
        ReportJson shown = ReportJson::array();
        for (std::size_t i = 0; i < values.size(); ++i)
            if (one.isShown(i))
                shown.push_back(std::isfinite(values[i]) ? ReportJson(std::round(values[i] * 1000) / 1000)
                                                        : ReportJson(nullptr));
        list.push_back({{"kept", reportNumber(fraction)}, {"values", std::move(shown)}});
    }
    return list;
}

ReportJson entryJson(const Survivals& one)
{
    ReportJson labels = ReportJson::array(), methods = ReportJson::array();
    for (std::size_t i = 0; i < static_cast<std::size_t>(one.segments); ++i)
        if (one.isShown(i))
            labels.push_back(one.capture ? segmentName(one.capture->segments[i]) : fmt::format("part {}", i + 1));
    for (const std::string& method : one.methods)
        methods.push_back({{"label", method}, {"budgets", budgetsJson(one, one.kept.at(method))}});
    return {{"label", one.label}, {"labels", std::move(labels)}, {"methods", std::move(methods)}};
}

} // namespace

ReportCapture describeCapture(const io::CaptureReader& capture, const io::CaptureRef& ref)
{
    const core::CaptureInfo& info = capture.info();
    ReportCapture described;
    described.ref = ref;
    described.source = provenanceOf(capture);
    described.file = labelText(ref.file.filename().string() + (ref.group == "/" ? "" : "::" + ref.group));
    described.label = labelText(info.prompt.id.empty() ? described.file : info.prompt.id);
    described.answer = core::displayBytes(info.prompt.answer);
    for (std::int64_t token = info.nPrompt(); token < info.nTokens(); ++token)
        described.continuation += info.tokens.displayText(token);
    if (const auto judged = info.extra.find("correct"); judged != info.extra.end())
        described.correct = judged->second == "true" ? "yes" : "no";
    described.segments = info.segments;
    described.layers = info.layers;
    described.heads = info.heads;
    described.hasMaps = capture.hasFullMap() || capture.mapLevels() > 0
                        || core::includes(capture.available(), core::Need::windowRows);
    return described;
}

ReportJson captureJson(const io::CaptureReader& capture, const ReportCapture& described)
{
    const core::CaptureInfo& info = capture.info();
    ReportJson segments = ReportJson::array(), tokens = ReportJson::array();
    const std::vector<SegmentMark> marks = segmentMarks(info);
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const std::string name = i < info.segments.size() ? segmentName(info.segments[i]) : std::string("generated");
        segments.push_back({{"label", marks[i].label},
                            {"name", name},
                            {"begin", marks[i].span.begin},
                            {"end", marks[i].span.end}});
    }
    for (std::int64_t token = 0; token < info.nTokens(); ++token)
        tokens.push_back(info.tokens.displayText(token));
    return {{"label", described.label},
            {"tier", core::tierName(info.tier)},
            {"segments", std::move(segments)},
            {"tokens", std::move(tokens)},
            {"maps", ReportJson::array()}};
}

ReportJson mapJson(const io::CaptureReader& capture, int layer, int head, std::int64_t cells, int sinkTokens)
{
    MapRequest request;
    request.layer = layer;
    request.head = head;
    request.sinkTokens = sinkTokens;
    request.maxCells = cells;
    request.axes = AxisMode::position;
    const MapPanel panel = mapPanel(capture, request);
    return {{"layer", layer},
            {"head", head},
            {"heads", panel.heads.size()},
            {"prompt", tileJson(panel.prompt)},
            {"decode", tileJson(panel.decode)}};
}

std::vector<int> reportLayers(const std::vector<int>& held, const std::vector<int>& wanted)
{
    std::vector<int> layers;
    if (!wanted.empty()) {
        for (const int layer : wanted)
            if (std::find(held.begin(), held.end(), layer) != held.end())
                layers.push_back(layer);
        return layers;
    }
    const std::int64_t last = std::ssize(held) - 1, count = std::min<std::int64_t>(kReportLayers, last + 1);
    for (std::int64_t i = 0; i < count; ++i)
        layers.push_back(held[static_cast<std::size_t>(count > 1 ? (i * last + (count - 1) / 2) / (count - 1) : 0)]);
    return layers;
}

ReportJson survivalJson(const std::vector<io::ReplayRecord>& records, const std::vector<ReportCapture>& captures,
                        std::vector<LeftOut>& leftOut)
{
    std::vector<Survivals> all;
    for (const io::ReplayRecord& record : records) {
        if (record.segments == 0 || record.layers == 0 || record.survival.empty())
            continue;
        const ReportCapture* capture = captureOf(record, captures);
        const std::string label = capture ? capture->label : labelText(record.capture);
        auto found = std::find_if(all.begin(), all.end(), [&](const Survivals& one) {
            return one.label == label && one.segments == record.segments;
        });
        if (found == all.end()) {
            all.push_back({capture, label, record.segments, {}, {}});
            found = std::prev(all.end());
        }
        const std::string method = labelText(methodLabel(record));
        if (!found->kept.contains(method))
            found->methods.push_back(method);
        found->kept[method].try_emplace(record.actualRatio, meanSurvival(record));
    }
    if (all.size() > kReportSurvival) {
        leftOut.push_back({fmt::format("shots of {} captures", all.size() - kReportSurvival),
                           fmt::format("the page shows those of {}", kReportSurvival)});
        all.resize(kReportSurvival);
    }
    ReportJson list = ReportJson::array();
    for (const Survivals& one : all)
        list.push_back(entryJson(one));
    return list;
}

} // namespace kvviz::plot
