// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/report_page.hpp"

#include "core/color_map.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "views/label_text.hpp"
#include "views/report_captures.hpp"
#include "views/report_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace kvviz::plot {

namespace {

using core::Error;
using core::ErrorCode;

constexpr std::int64_t kCurveCaptures = 16; ///< of a task: more would hardly move the mean, and take memory
constexpr std::size_t kTableRows = 500;
constexpr std::size_t kLongText = 240; ///< characters of an answer in the table

std::string escaped(std::string_view text)
{
    std::string result;
    for (const char c : text) {
        switch (c) {
        case '&': result += "&amp;"; break;
        case '<': result += "&lt;"; break;
        case '>': result += "&gt;"; break;
        case '"': result += "&quot;"; break;
        case '\'': result += "&#39;"; break;
        default: result += c;
        }
    }
    return result;
}

/// No text can end the element that holds it, or begin another one.
std::string embedded(const ReportJson& json)
{
    const std::string plain = json.dump(-1, ' ', false, ReportJson::error_handler_t::replace);
    std::string result;
    result.reserve(plain.size());
    for (const char c : plain)
        if (c == '<' || c == '>' || c == '&') // in texts only: JSON itself has none
            result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            result += c;
    return result;
}

std::string shortened(const std::string& text)
{
    if (text.size() <= kLongText)
        return text;
    std::size_t end = kLongText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) // not within a character
        --end;
    return text.substr(0, end) + "\u2026";
}

/// Fills every {{mark}} once; what is filled in is not looked at again.
std::string filled(std::string_view page, const std::vector<std::pair<std::string, std::string>>& values)
{
    std::string result;
    for (std::size_t place = 0; place < page.size();) {
        const std::size_t begin = page.find("{{", place);
        const std::size_t end = begin == std::string_view::npos ? begin : page.find("}}", begin);
        if (end == std::string_view::npos)
            return result += page.substr(place);
        const std::string_view mark = page.substr(begin + 2, end - begin - 2);
        const auto found =
            std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == mark; });
        result += page.substr(place, begin - place);
        result += found == values.end() ? std::string() : found->second;
        place = end + 2;
    }
    return result;
}

/// Reads what it can and says of the rest why not.
class Builder {
public:
    Builder(const ReportRequest& request, const core::Progress& progress) : m_request(request), m_progress(progress) {}

    Report build();

private:
    void readCaptures();
    void readResults();
    void addFigures(const CumulativeCurves& curves);
    void addMaps();
    /// False when there is no more room.
    bool addMap(std::size_t capture, int layer, int head);
    void tellMissingMaps(std::size_t wanted);
    [[nodiscard]] std::string overviewHtml() const;
    [[nodiscard]] std::string aboutHtml() const;
    [[nodiscard]] std::string title() const;
    [[nodiscard]] std::string summary() const;
    [[nodiscard]] std::string page() const;

    const ReportRequest& m_request;
    const core::Progress& m_progress;
    std::vector<ReportCapture> m_captures;
    std::vector<io::ReplayRecord> m_replays;
    std::vector<io::EvalRecord> m_evaluations;
    std::vector<std::string> m_resultFiles;
    std::vector<LeftOut> m_leftOut;
    ReportJson m_data;
    std::vector<int> m_places; ///< of captures in m_data["captures"]; -1: not there
    double m_bytes = 0;
    std::int64_t m_maps = 0;
};

void Builder::readCaptures()
{
    CurveRequest curveRequest;
    curveRequest.sinkTokens = m_request.sinkTokens;
    CumulativeCurves curves(curveRequest);
    std::map<std::string, std::int64_t> ofTask;
    std::int64_t done = 0, beyond = 0;
    for (const io::CaptureRef& ref : m_request.captures) {
        m_progress.throwIfStopped();
        try {
            const io::CaptureReader capture(ref);
            ReportCapture described = describeCapture(capture, ref);
            const std::int64_t before = ofTask[described.source.task]++;
            described.first = before == 0;
            if (before < kCurveCaptures)
                curves.add(capture, m_progress);
            else
                ++beyond;
            m_captures.push_back(std::move(described));
        } catch (const Error& error) {
            if (error.code() == ErrorCode::cancelled)
                throw;
            m_leftOut.push_back({labelText(ref.file.filename().string()), error.what()});
        }
        m_progress("reading captures", ++done, std::ssize(m_request.captures));
    }
    if (beyond > 0)
        m_leftOut.push_back({fmt::format("{} captures in the cumulative curves", beyond),
                             fmt::format("they are the mean of the first {} of each task", kCurveCaptures)});
    if (!m_captures.empty())
        addFigures(curves);
}

void Builder::addFigures(const CumulativeCurves& curves)
{
    m_data["figures"].push_back(cumulativeSection(curves, m_request.sinkTokens));
}

void Builder::readResults()
{
    for (const std::filesystem::path& file : m_request.results) {
        m_progress.throwIfStopped();
        const std::string name = labelText(file.filename().string());
        try {
            const auto replays = io::readReplaySurvival(file);
            const auto evaluations = io::readEvalResults(file, false);
            if (replays.empty() && evaluations.empty())
                m_leftOut.push_back({name, "it holds no results"});
            m_replays.insert(m_replays.end(), replays.begin(), replays.end());
            m_evaluations.insert(m_evaluations.end(), evaluations.begin(), evaluations.end());
            m_resultFiles.push_back(name);
        } catch (const Error& error) {
            m_leftOut.push_back({name, error.what()});
        }
    }
    if (!m_evaluations.empty())
        for (ReportJson& section : evalSections(m_evaluations, m_request.published, m_leftOut))
            m_data["figures"].push_back(std::move(section));
    if (!m_replays.empty())
        for (ReportJson& section : replaySections(m_replays, m_leftOut))
            m_data["figures"].push_back(std::move(section));
    m_data["survival"] = survivalJson(m_replays, m_captures, m_leftOut);
}

bool Builder::addMap(std::size_t capture, int layer, int head)
{
    const ReportCapture& described = m_captures[capture];
    const io::CaptureReader reader(described.ref);
    ReportJson entry;
    double bytes = 0;
    if (m_places[capture] < 0) {
        entry = captureJson(reader, described);
        bytes = static_cast<double>(embedded(entry).size());
    }
    ReportJson map = mapJson(reader, layer, head, m_request.cells, m_request.sinkTokens);
    bytes += static_cast<double>(map.dump().size()) + 1;
    if (m_bytes + bytes > m_request.maxBytes)
        return false;
    m_bytes += bytes;
    if (m_places[capture] < 0) {
        m_places[capture] = static_cast<int>(m_data["captures"].size());
        m_data["captures"].push_back(std::move(entry));
    }
    m_data["captures"][static_cast<std::size_t>(m_places[capture])]["maps"].push_back(std::move(map));
    ++m_maps;
    return true;
}

void Builder::addMaps()
{
    struct Wanted {
        std::size_t capture;
        int layer, head;
    };
    // The first capture of each task with all its heads, then the others: means first, for they show most.
    std::vector<Wanted> wanted;
    for (const bool first : {true, false})
        for (const bool mean : {true, false})
            for (std::size_t i = 0; i < m_captures.size(); ++i) {
                const ReportCapture& capture = m_captures[i];
                if (capture.first != first || !capture.hasMaps)
                    continue;
                for (const int layer : reportLayers(capture.layers, m_request.layers))
                    for (const int head : mean ? std::vector<int>{-1} : capture.heads)
                        wanted.push_back({i, layer, head});
            }
    m_places.assign(m_captures.size(), -1);
    std::set<std::size_t> broken;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        m_progress.throwIfStopped();
        m_progress("drawing maps", static_cast<std::int64_t>(i), std::ssize(wanted));
        if (broken.contains(wanted[i].capture))
            continue;
        try {
            if (!addMap(wanted[i].capture, wanted[i].layer, wanted[i].head)) {
                tellMissingMaps(wanted.size() - i);
                break;
            }
        } catch (const Error& error) { // changed or damaged since it was described
            broken.insert(wanted[i].capture);
            m_leftOut.push_back({"maps of " + m_captures[wanted[i].capture].label, error.what()});
        }
    }
    for (ReportJson& capture : m_data["captures"])
        std::stable_sort(capture["maps"].begin(), capture["maps"].end(), [](const ReportJson& a, const ReportJson& b) {
            return std::pair(a["layer"].get<int>(), a["head"].get<int>())
                   < std::pair(b["layer"].get<int>(), b["head"].get<int>());
        });
}

void Builder::tellMissingMaps(std::size_t missing)
{
    std::size_t without = 0;
    for (std::size_t i = 0; i < m_captures.size(); ++i)
        without += m_captures[i].hasMaps && m_places[i] < 0 ? 1 : 0;
    std::string what = fmt::format("{} maps", missing);
    if (without > 0)
        what += fmt::format(", among them all of {} capture{}", without, without == 1 ? "" : "s");
    m_leftOut.push_back({what, fmt::format("the page may have {}; --max-mb gives it more room, --layers and --cells "
                                           "make maps smaller",
                                           core::humanBytes(static_cast<std::uint64_t>(m_request.maxBytes)))});
}

std::string row(const std::vector<std::string>& cells, const char* element)
{
    std::string html = "<tr>";
    for (const std::string& cell : cells)
        html += std::string("<") + element + (std::string_view(element) == "th" ? " scope=\"col\">" : ">") + cell + "</"
                + element + ">";
    return html + "</tr>\n";
}

std::string Builder::overviewHtml() const
{
    if (m_captures.empty())
        return "<p>No captures were given.</p>";
    std::string html = "<div class=\"scroll\"><table>\n<thead>"
                       + row({"prompt", "task", "correct", "tokens", "shots", "tier", "expected answer", "continuation",
                              "file"},
                             "th")
                       + "</thead>\n<tbody>\n";
    for (std::size_t i = 0; i < std::min(m_captures.size(), kTableRows); ++i) {
        const ReportCapture& capture = m_captures[i];
        const auto shots = std::count_if(capture.segments.begin(), capture.segments.end(), [](const auto& segment) {
            return segment.kind == core::SegmentKind::shot;
        });
        html += row({escaped(capture.label), escaped(labelText(capture.source.task)),
                     capture.correct.empty() ? "not judged" : capture.correct,
                     fmt::format("{} + {}", capture.source.nPrompt, capture.source.nGenerated), std::to_string(shots),
                     escaped(capture.source.tier), escaped(shortened(capture.answer)),
                     escaped(shortened(capture.continuation)), escaped(capture.file)},
                    "td");
    }
    html += "</tbody></table></div>\n<p class=\"quiet\">Tokens: prompt + generated. Correct: whether the continuation "
            "with the full cache holds the expected answer.</p>";
    if (m_captures.size() > kTableRows)
        html += fmt::format("<p>The first {} of {} captures.</p>", kTableRows, m_captures.size());
    return html;
}

std::string Builder::aboutHtml() const
{
    std::string html = fmt::format("<p>Written by {} with <code>{}</code>.</p>\n<ul>\n", escaped(m_request.creator),
                                   escaped(m_request.commandLine));
    std::set<std::string> models;
    for (const ReportCapture& capture : m_captures)
        models.insert(escaped(labelText(capture.source.modelName)) + " (SHA-256 " + escaped(capture.source.modelSha256)
                      + ")");
    for (const std::string& model : models)
        html += "<li>Model of the captures: " + model + "</li>\n";
    std::set<std::string> commands;
    for (const ReportCapture& capture : m_captures)
        if (!capture.source.commandLine.empty())
            commands.insert("<code>" + escaped(labelText(capture.source.commandLine)) + "</code>, "
                            + escaped(capture.source.creator));
    for (const std::string& command : commands)
        html += "<li>Captured with " + command + "</li>\n";
    for (const std::string& file : m_resultFiles)
        html += "<li>Results: " + escaped(file) + "</li>\n";
    html += fmt::format("<li>Sinks are the first {} tokens of a prompt.</li>\n", m_request.sinkTokens);
    html += fmt::format("<li>Maps have at most {0} x {0} cells; a cell holds the largest value of what it stands for, "
                        "so that a line one token wide does not vanish. Values are kept in 254 equal steps of the "
                        "logarithm over at most six decades.</li>\n</ul>\n",
                        m_request.cells);
    if (m_leftOut.empty())
        return html + "<p>Nothing was left out.</p>";
    html += "<h3>Left out</h3>\n<ul>\n";
    for (const LeftOut& left : m_leftOut)
        html += "<li>" + escaped(left.what) + ": " + escaped(left.reason) + "</li>\n";
    return html + "</ul>";
}

std::string joined(const std::set<std::string>& texts, std::size_t most)
{
    std::string result;
    std::size_t count = 0;
    for (const std::string& text : texts)
        if (++count <= most)
            result += (result.empty() ? "" : ", ") + text;
    return texts.size() > most ? result + fmt::format(" and {} more", texts.size() - most) : result;
}

std::string Builder::title() const
{
    if (!m_request.title.empty())
        return labelText(m_request.title);
    std::set<std::string> tasks;
    for (const ReportCapture& capture : m_captures)
        tasks.insert(labelText(capture.source.task));
    for (const io::EvalRecord& record : m_evaluations)
        tasks.insert(labelText(record.task));
    for (const io::ReplayRecord& record : m_replays)
        tasks.insert(labelText(record.task));
    tasks.erase("");
    return "KV-cache compression" + (tasks.empty() ? std::string() : ": " + joined(tasks, 4));
}

std::string Builder::summary() const
{
    std::set<std::string> models;
    for (const ReportCapture& capture : m_captures)
        models.insert(labelText(capture.source.modelName));
    for (const io::EvalRecord& record : m_evaluations)
        models.insert(labelText(record.modelName));
    models.erase("");
    return fmt::format("{} capture{}, {} map{}, {} replays, {} evaluations{}", m_captures.size(),
                       m_captures.size() == 1 ? "" : "s", m_maps, m_maps == 1 ? "" : "s", m_replays.size(),
                       m_evaluations.size(), models.empty() ? "" : " \u00b7 " + joined(models, 4));
}

std::string Builder::page() const
{
    return filled(reportHtml(), {{"title", escaped(title())},
                                 {"summary", escaped(summary())},
                                 {"sinkrule", fmt::format("sinks: the first {} tokens; changes maps and curves together",
                                                          m_request.sinkTokens)},
                                 {"style", std::string(reportStyle())},
                                 {"overview", overviewHtml()},
                                 {"about", aboutHtml()},
                                 {"data", embedded(m_data)},
                                 {"script", std::string(reportScript())}});
}

Report Builder::build()
{
    constexpr double kRoom = 2000; // for what is said of maps that are left out
    m_data = {{"schema", 1}, {"sinkTokens", m_request.sinkTokens}, {"colors", ReportJson::array()},
              {"captures", ReportJson::array()}, {"figures", ReportJson::array()}, {"survival", ReportJson::array()}};
    for (const core::Rgb& color : core::colorTable(core::ColorMap::viridis))
        m_data["colors"].push_back(color.red << 16 | color.green << 8 | color.blue);
    readCaptures();
    readResults();
    if (m_captures.empty() && m_replays.empty() && m_evaluations.empty())
        throw Error(ErrorCode::badInput, m_leftOut.empty() ? "name at least one capture (*.kvh5), results file "
                                                             "(*.kvres.h5) or folder of them"
                                                           : "none of the files can be read; the first: "
                                                                 + m_leftOut.front().reason);
    m_bytes = static_cast<double>(page().size()) + kRoom;
    if (m_bytes > m_request.maxBytes)
        throw Error(ErrorCode::usage,
                    fmt::format("the page needs {} even without maps; give it more room with --max-mb {:.0f}, or name "
                                "fewer files",
                                core::humanBytes(static_cast<std::uint64_t>(m_bytes)), std::ceil(m_bytes / 1e6 + 0.5)));
    addMaps();
    return {page(), m_leftOut, std::ssize(m_captures), m_maps};
}

} // namespace

Report reportPage(const ReportRequest& request, const core::Progress& progress)
{
    return Builder(request, progress).build();
}

} // namespace kvviz::plot
