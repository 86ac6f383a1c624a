// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/tour.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "views/resources.hpp"
#include "views/tour_facts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <QFile>

#include <algorithm>
#include <functional>
#include <map>

namespace kvviz::views {

namespace {

using Json = nlohmann::json;

constexpr int kSchemaVersion = 1;

[[noreturn]] void fault(const std::string& place, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", place, what));
}

/// One value of a step, with its place for messages.
class Field {
public:
    Field(std::string place, const Json& value) : m_place(std::move(place)), m_value(value) {}

    [[nodiscard]] std::string text() const
    {
        if (!m_value.is_string())
            fail("expected a text");
        return m_value.get<std::string>();
    }
    [[nodiscard]] bool flag() const
    {
        if (!m_value.is_boolean())
            fail("expected true or false");
        return m_value.get<bool>();
    }
    [[nodiscard]] std::int64_t integer(std::int64_t least) const
    {
        if (!m_value.is_number_integer() || m_value.get<std::int64_t>() < least)
            fail(fmt::format("expected a whole number from {} on", least));
        return std::min<std::int64_t>(m_value.get<std::int64_t>(), INT32_MAX);
    }
    [[nodiscard]] double real(double low, double high) const
    {
        if (!m_value.is_number() || m_value.get<double>() < low || m_value.get<double>() > high)
            fail(fmt::format("expected a number from {} to {}", low, high));
        return m_value.get<double>();
    }
    [[nodiscard]] core::Span span() const
    {
        if (!m_value.is_array() || m_value.size() != 2)
            fail("expected two numbers, the first token and the one behind the last");
        const core::Span span{Field(m_place, m_value[0]).integer(0), Field(m_place, m_value[1]).integer(0)};
        if (span.empty())
            fail("expected a first token before the end");
        return span;
    }
    template <typename T>
    [[nodiscard]] T choice(const std::vector<std::pair<std::string, T>>& choices) const
    {
        const std::string name = text();
        std::vector<std::string> names;
        for (const auto& [known, value] : choices) {
            if (known == name)
                return value;
            names.push_back(known);
        }
        fail(fmt::format("'{}' is not one of {}", name, fmt::join(names, ", ")));
    }
    [[nodiscard]] std::string method() const
    {
        try {
            static_cast<void>(compress::makeMethod(text()));
        } catch (const core::Error& error) {
            fail(error.what());
        }
        return text();
    }
    [[noreturn]] void fail(const std::string& what) const { fault(m_place, what); }

private:
    std::string m_place;
    const Json& m_value;
};

using Setter = std::function<void(SelectionState&, const Field&)>;

/// Every field of a selection but the captures, which are indices of a list that the tour does not know.
const std::map<std::string, Setter>& setters()
{
    using S = SelectionState;
    static const std::map<std::string, Setter> table{
        {"layer", [](S& s, const Field& f) { s.layer = int(f.integer(0)); }},
        {"head", [](S& s, const Field& f) { s.head = int(f.integer(-1)); }},
        {"queries", [](S& s, const Field& f) { s.queries = f.span(); }},
        {"keys", [](S& s, const Field& f) { s.keys = f.span(); }},
        {"query", [](S& s, const Field& f) { s.query = f.integer(-1); }},
        {"key", [](S& s, const Field& f) { s.key = f.integer(-1); }},
        {"withoutSinks", [](S& s, const Field& f) { s.withoutSinks = f.flag(); }},
        {"sinkTokens", [](S& s, const Field& f) { s.sinkTokens = int(f.integer(0)); }},
        {"pooling",
         [](S& s, const Field& f) {
             s.pooling = f.choice<io::Pooling>({{"max", io::Pooling::max}, {"mean", io::Pooling::mean}});
         }},
        {"logarithmic", [](S& s, const Field& f) { s.logarithmic = f.flag(); }},
        {"colorRange",
         [](S& s, const Field& f) {
             s.colorRange = f.choice<ColorRange>({{"all", ColorRange::all},
                                                  {"percentile", ColorRange::percentile},
                                                  {"withoutSinks", ColorRange::withoutSinks},
                                                  {"fixed", ColorRange::fixed}});
         }},
        {"rangeLow", [](S& s, const Field& f) { s.rangeLow = f.real(0, 1); }},
        {"rangeHigh", [](S& s, const Field& f) { s.rangeHigh = f.real(0, 1); }},
        {"tokenColor",
         [](S& s, const Field& f) {
             s.tokenColor = f.choice<TokenColor>({{"received", TokenColor::received},
                                                  {"survival", TokenColor::survival},
                                                  {"logprob", TokenColor::logprob}});
         }},
        {"curvesOf",
         [](S& s, const Field& f) {
             s.curvesOf = f.choice<CurvesOf>({{"capture", CurvesOf::capture}, {"tasks", CurvesOf::tasks}});
         }},
        {"curvesLogarithmic", [](S& s, const Field& f) { s.curvesLogarithmic = f.flag(); }},
        {"overlay", [](S& s, const Field& f) { s.overlay = f.flag(); }},
        {"method", [](S& s, const Field& f) { s.method = f.method(); }},
        {"ratio", [](S& s, const Field& f) { s.ratio = f.real(0.01, 1); }},
        {"budgetTokens", [](S& s, const Field& f) { s.budgetTokens = f.integer(0); }},
        {"decodeStep", [](S& s, const Field& f) { s.decodeStep = f.integer(-1); }},
    };
    return table;
}

std::string nearest(const std::string& name, const std::vector<std::string>& known)
{
    const std::string near = core::nearestName(name, known);
    return near.empty() ? fmt::format("known: {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near);
}

SelectionState stateFrom(const Json& fields, const std::string& place)
{
    if (!fields.is_object())
        fault(place, "expected an object of fields to set");
    SelectionState state;
    state.overlay = false; // a step about a method shows it
    for (const auto& [name, value] : fields.items()) {
        const auto setter = setters().find(name);
        if (setter == setters().end()) {
            std::vector<std::string> names;
            for (const auto& [known, unused] : setters())
                names.push_back(known);
            fault(place, fmt::format("unknown field '{}'; {}", name, nearest(name, names)));
        }
        setter->second(state, Field(fmt::format("{}, {}", place, name), value));
    }
    return state;
}

void checkFacts(const std::string& text, const std::string& place)
{
    const auto& known = tourFactNames();
    for (const std::string& name : factsIn(text))
        if (std::find(known.begin(), known.end(), name) == known.end())
            fault(place, fmt::format("unknown fact '{{{}}}'; {}", name, nearest(name, known)));
}

TourStep stepFrom(const Json& json, std::size_t number, const std::string& source)
{
    std::string place = fmt::format("{}, step {}", source, number);
    if (!json.is_object())
        fault(place, "expected an object");
    TourStep step;
    const std::map<std::string, std::string*> texts{
        {"id", &step.id},       {"title", &step.title}, {"text", &step.text}, {"formula", &step.formula},
        {"try", &step.attempt}, {"panel", &step.panel}, {"task", &step.task}};
    std::vector<std::string> names{"set"};
    for (const auto& [name, target] : texts) {
        names.push_back(name);
        if (!json.contains(name))
            fault(place, fmt::format("'{}' is missing", name));
        *target = Field(fmt::format("{}, {}", place, name), json.at(name)).text();
        if (core::trimmed(*target).empty())
            fault(place, fmt::format("'{}' is empty", name));
    }
    place = fmt::format("{}, step {} '{}'", source, number, step.id);
    for (const auto& [name, value] : json.items())
        if (std::find(names.begin(), names.end(), name) == names.end())
            fault(place, fmt::format("unknown field '{}'; {}", name, nearest(name, names)));
    if (std::find(std::begin(kTourPanels), std::end(kTourPanels), step.panel) == std::end(kTourPanels))
        fault(place, fmt::format("unknown panel '{}'; known: {}", step.panel, fmt::join(kTourPanels, ", ")));
    checkFacts(step.text, place);
    checkFacts(step.attempt, place);
    step.state = stateFrom(json.value("set", Json::object()), place);
    return step;
}

} // namespace

Tour parseTour(std::string_view text, const std::string& source)
{
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object())
        fault(source, "expected a JSON object with 'schema_version' and 'steps'");
    for (const auto& [name, value] : json.items())
        if (name != "schema_version" && name != "steps")
            fault(source, fmt::format("unknown field '{}'; known: schema_version, steps", name));
    if (!json.contains("schema_version") || json["schema_version"] != kSchemaVersion)
        fault(source, fmt::format("expected schema_version {}", kSchemaVersion));
    if (!json.contains("steps") || !json["steps"].is_array() || json["steps"].empty())
        fault(source, "expected a list of steps");
    Tour tour;
    for (const Json& step : json["steps"]) {
        tour.steps.push_back(stepFrom(step, tour.steps.size() + 1, source));
        const auto same = [&](const TourStep& other) { return other.id == tour.steps.back().id; };
        if (std::find_if(tour.steps.begin(), tour.steps.end() - 1, same) != tour.steps.end() - 1)
            fault(source, fmt::format("two steps are called '{}'", tour.steps.back().id));
    }
    return tour;
}

Tour bundledTour()
{
    useResources();
    QFile file(QStringLiteral(":/tour/tour.json"));
    if (!file.open(QIODevice::ReadOnly))
        throw core::Error(core::ErrorCode::failure, "the program lacks its tour");
    return parseTour(file.readAll().toStdString(), "tour.json");
}

} // namespace kvviz::views
