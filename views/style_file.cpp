// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/style_file.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <QFontDatabase>

#include <algorithm>
#include <functional>
#include <iterator>

namespace kvviz::plot {

namespace {

using Json = nlohmann::json;

constexpr double kDefaultFontPt = 7.5;

struct NamedColor {
    const char* name;
    QColor PlotStyle::*color;
};

constexpr NamedColor kColors[] = {{"background", &PlotStyle::background}, {"text", &PlotStyle::text},
                                  {"subtle", &PlotStyle::subtle},         {"axis", &PlotStyle::axis},
                                  {"grid", &PlotStyle::grid},             {"masked", &PlotStyle::masked},
                                  {"boundary", &PlotStyle::boundary},     {"sink", &PlotStyle::sink}};

/// Reads values of one file, so that every complaint names it.
class Reader {
public:
    explicit Reader(std::string name) : m_name(std::move(name)) {}

    [[noreturn]] void fail(const std::string& what) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("the style file '{}': {}", m_name, what));
    }

    double number(const std::string& key, const Json& value, double low, double high) const
    {
        if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
            fail(fmt::format("'{}' must be a number from {:g} to {:g}", key, low, high));
        return value.get<double>();
    }

    std::string text(const std::string& key, const Json& value) const
    {
        if (!value.is_string() || value.get<std::string>().empty())
            fail(fmt::format("'{}' must be a text", key));
        return value.get<std::string>();
    }

    QColor color(const std::string& key, const Json& value) const
    {
        const QColor color(value.is_string() ? QString::fromStdString(value.get<std::string>()) : QString());
        if (!color.isValid() || color.alpha() != 255)
            fail(fmt::format("'{}' must be an opaque colour such as \"#0072b2\" or \"black\"", key));
        return color;
    }

    bool dark(const std::string& key, const Json& value) const
    {
        if (value != "light" && value != "dark")
            fail(fmt::format("'{}' must be \"light\" or \"dark\"", key));
        return value == "dark";
    }

    [[noreturn]] void unknown(const std::string& key, const std::vector<std::string>& known) const
    {
        const std::string near = core::nearestName(key, known);
        fail(fmt::format("the key '{}' is not known{}; known: {}", key,
                         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(known, ", ")));
    }

private:
    std::string m_name;
};

void readColors(const Reader& reader, const Json& value, StyleSheet& sheet)
{
    if (!value.is_object())
        reader.fail("'colors' must be an object of colours by name");
    for (const auto& [name, color] : value.items()) {
        const auto names = styleColorNames();
        if (std::find(names.begin(), names.end(), name) == names.end())
            reader.unknown("colors." + name, names);
        sheet.colors[name] = reader.color("colors." + name, color);
    }
}

void readSeriesColors(const Reader& reader, const Json& value, StyleSheet& sheet)
{
    if (!value.is_array() || value.empty())
        reader.fail("'series_colors' must be a list of colours");
    for (const Json& color : value)
        sheet.seriesColors.push_back(reader.color("series_colors", color));
}

using ReadKey = std::function<void(const Reader&, const std::string&, const Json&, StyleSheet&)>;

ReadKey numberKey(std::optional<double> StyleSheet::*target, double low, double high)
{
    return [=](const Reader& reader, const std::string& key, const Json& value, StyleSheet& sheet) {
        sheet.*target = reader.number(key, value, low, high);
    };
}

/// In the order in which the description and complaints name them.
const std::vector<std::pair<std::string, ReadKey>>& keys()
{
    static const std::vector<std::pair<std::string, ReadKey>> all{
        {"font_family", [](const Reader& r, const std::string& k, const Json& v, StyleSheet& s) {
             s.fontFamily = r.text(k, v);
         }},
        {"font_size", numberKey(&StyleSheet::fontPt, 4, 48)},
        {"token_size", numberKey(&StyleSheet::tokenScale, 0.3, 2)},
        {"line_width", numberKey(&StyleSheet::lineScale, 0.2, 5)},
        {"marker_size", numberKey(&StyleSheet::markerScale, 0.2, 5)},
        {"width", numberKey(&StyleSheet::widthMm, 30, 2000)},
        {"height", numberKey(&StyleSheet::heightMm, 20, 2000)},
        {"dpi", numberKey(&StyleSheet::dpi, 30, 2400)},
        {"theme", [](const Reader& r, const std::string& k, const Json& v, StyleSheet& s) { s.dark = r.dark(k, v); }},
        {"colors", [](const Reader& r, const std::string&, const Json& v, StyleSheet& s) { readColors(r, v, s); }},
        {"series_colors",
         [](const Reader& r, const std::string&, const Json& v, StyleSheet& s) { readSeriesColors(r, v, s); }}};
    return all;
}

std::string installedFamily(const std::string& wanted)
{
    std::vector<std::string> installed;
    for (const QString& family : QFontDatabase::families()) {
        if (family.compare(QString::fromStdString(wanted), Qt::CaseInsensitive) == 0)
            return family.toStdString();
        installed.push_back(family.toStdString());
    }
    const std::string near = core::nearestName(wanted, installed);
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("the font family '{}' of the style file is not installed{}", wanted,
                                  near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

} // namespace

std::vector<std::string> styleColorNames()
{
    std::vector<std::string> names;
    for (const NamedColor& color : kColors)
        names.emplace_back(color.name);
    return names;
}

StyleSheet parseStyle(std::string_view json, const std::string& name)
{
    const Reader reader(name);
    const Json root = Json::parse(json, nullptr, false);
    if (!root.is_object())
        reader.fail(root.is_discarded() ? "it is not JSON" : "it must hold one JSON object");
    StyleSheet sheet;
    for (const auto& [key, value] : root.items()) {
        const auto found =
            std::find_if(keys().begin(), keys().end(), [&](const auto& known) { return known.first == key; });
        if (found != keys().end()) {
            found->second(reader, key, value, sheet);
            continue;
        }
        std::vector<std::string> known;
        for (const auto& entry : keys())
            known.push_back(entry.first);
        reader.unknown(key, known);
    }
    return sheet;
}

StyleSheet readStyleFile(const std::filesystem::path& path)
{
    return parseStyle(core::readInputText(path), path.string());
}

PlotStyle exportStyle(const StyleSheet& sheet, double fontPt, std::optional<bool> dark)
{
    PlotStyle style = PlotStyle::paper(fontPt > 0 ? fontPt : sheet.fontPt.value_or(kDefaultFontPt),
                                       dark.value_or(sheet.dark.value_or(false)));
    if (!sheet.fontFamily.empty())
        style.family = QString::fromStdString(installedFamily(sheet.fontFamily));
    style.lineScale = sheet.lineScale.value_or(style.lineScale);
    style.markerScale = sheet.markerScale.value_or(style.markerScale);
    style.tokenScale = sheet.tokenScale.value_or(style.tokenScale);
    for (const NamedColor& color : kColors)
        if (const auto found = sheet.colors.find(color.name); found != sheet.colors.end())
            style.*color.color = found->second;
    style.seriesColors = sheet.seriesColors;
    return style;
}

} // namespace kvviz::plot
