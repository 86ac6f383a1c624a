// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sessions, property by property, and the history of what was looked at.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "views/history.hpp"
#include "views/session.hpp"

#include <nlohmann/json.hpp>

#include <QThread>

#include <fstream>
#include <type_traits>

using namespace kvviz;
using Json = nlohmann::ordered_json;
using views::SelectionState;
using views::Session;

namespace {

/// Another valid value than the one that is there.
template <typename Value>
void alter(Value& value)
{
    if constexpr (std::is_enum_v<Value>)
        value = static_cast<Value>(1);
    else if constexpr (std::is_same_v<Value, bool>)
        value = !value;
    else if constexpr (std::is_same_v<Value, core::Span>)
        value = {3, 17};
    else if constexpr (std::is_floating_point_v<Value>)
        value *= 0.37;
    else if constexpr (std::is_integral_v<Value>)
        value += 2;
    else
        value = "chunkkv:chunk_size=7;\"\u00e9";
}

std::string refusal(const std::string& text)
{
    try {
        (void)views::parseSession(text, "/x");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return "accepted";
}

Session comeBack(const Session& session, const std::filesystem::path& folder)
{
    return views::parseSession(views::sessionText(session, folder), folder);
}

} // namespace

TEST_CASE("Every property of a selection comes back from a session", "[views][session]")
{
    int fields = 0;
    const SelectionState plain;
    views::visitFields(plain, [&](const char*, const auto&) { ++fields; });
    CHECK(fields == 23);
    for (int wanted = 0; wanted < fields; ++wanted) {
        Session session;
        int at = 0;
        std::string changed;
        views::visitFields(session.selection, [&](const char* name, auto& field) {
            if (at++ == wanted) {
                alter(field);
                changed = name;
            }
        });
        CAPTURE(changed);
        CHECK(session.selection != SelectionState());
        CHECK(views::partsBetween(session.selection, SelectionState()) != views::Selection::Parts());
        CHECK(comeBack(session, "/x") == session);
    }
}

TEST_CASE("Files, layout and text size come back from a session, relative to it", "[views][session]")
{
    const test::ScratchFolder folder;
    Session session;
    session.captures = {{folder / "run" / "a.kvh5", "/"}, {folder / "pack.kvh5", "/captures/3"}, {"/elsewhere/b.kvh5", "/"}};
    session.results = {folder / "run" / "replay.kvres.h5", folder / "check.json"};
    session.geometry = QByteArray("\x00\x01\xff", 3);
    session.layout = QByteArray("layout");
    session.fontScale = 1.4;
    views::saveSession(session, folder / "s.kvsession.json");
    CHECK(views::loadSession(folder / "s.kvsession.json") == session);
    const Json json = Json::parse(std::ifstream(folder / "s.kvsession.json"));
    CHECK(json["captures"][0]["file"] == "run/a.kvh5");
    // The folder is moved as a whole: its files are found at the new place.
    std::filesystem::create_directories(folder / "moved");
    std::filesystem::copy(folder / "s.kvsession.json", folder / "moved" / "s.kvsession.json");
    CHECK(views::loadSession(folder / "moved" / "s.kvsession.json").captures[0].file == folder / "moved" / "run" / "a.kvh5");
}

TEST_CASE("Entries of a newer version stay in a session", "[views][session]")
{
    Json json = Json::parse(views::sessionText({}, "/x"));
    json["annotations"] = {{"text", "look here"}};
    json["selection"]["neuron"] = 7;
    const Session session = views::parseSession(json.dump(), "/x");
    const Json again = Json::parse(views::sessionText(session, "/x"));
    CHECK(again["annotations"]["text"] == "look here");
    CHECK(again["selection"]["neuron"] == 7);
    CHECK(again["selection"]["layer"] == 0);
}

TEST_CASE("Missing entries of a session have their defaults", "[views][session]")
{
    CHECK(views::parseSession(R"({"format": "kvviz-session", "format_version": 1})", "/x") == Session());
}

TEST_CASE("A session that is none is refused with the entry that is wrong", "[views][session]")
{
    for (const char* text : {"", "{", "[]", "7", R"({"format": "kvviz-capture"})", "\xff\xfe"})
        CHECK_THAT(refusal(text), Catch::Contains("no session"));
    const Json sound = Json::parse(views::sessionText({}, "/x"));
    CHECK(refusal(sound.dump()) == "accepted");
    const auto with = [&](const char* pointer, const Json& value) {
        Json json = sound;
        json[Json::json_pointer(pointer)] = value;
        return refusal(json.dump());
    };
    CHECK_THAT(with("/format_version", 99), Catch::Contains("newer"));
    CHECK_THAT(with("/captures", "a.kvh5"), Catch::Contains("captures: expected a list"));
    CHECK_THAT(with("/captures", Json::array({3})), Catch::Contains("captures"));
    CHECK_THAT(with("/captures", Json::array({{{"file", 3}}})), Catch::Contains("captures.file: expected a text"));
    CHECK_THAT(with("/results", Json::array({3})), Catch::Contains("results: expected a text"));
    CHECK_THAT(with("/selection", 3), Catch::Contains("selection: expected an object"));
    CHECK_THAT(with("/selection/layer", 1.5), Catch::Contains("selection.layer: expected a whole number"));
    CHECK_THAT(with("/selection/layer", 1e18), Catch::Contains("selection.layer"));
    CHECK_THAT(with("/selection/keys", Json::array({5, 3})), Catch::Contains("selection.keys"));
    CHECK_THAT(with("/selection/pooling", "median"), Catch::Contains("one of \"max\", \"mean\""));
    CHECK_THAT(with("/selection/ratio", 0), Catch::Contains("selection.ratio"));
    CHECK_THAT(with("/selection/ratio", nullptr), Catch::Contains("selection.ratio: expected a number"));
    CHECK_THAT(with("/selection/range_low", 5), Catch::Contains("below range_high"));
    CHECK_THAT(with("/selection/sink_tokens", -1), Catch::Contains("sink_tokens"));
    CHECK_THAT(with("/layout", "???"), Catch::Contains("layout: expected base64"));
    CHECK_THAT(with("/font_scale", 100), Catch::Contains("font_scale"));
    const test::ScratchFolder folder;
    CHECK_THROWS_WITH(views::loadSession(folder / "none.kvsession.json"), Catch::Contains("cannot be read"));
    CHECK_THROWS_WITH(views::saveSession({}, folder / "no" / "folder" / "s.kvsession.json"), Catch::Contains("cannot be written"));
}

TEST_CASE("Back and forward go through what was looked at", "[views][history]")
{
    views::Selection selection;
    views::History history(&selection);
    CHECK(!history.canGoBack());
    for (int layer = 1; layer <= 5; ++layer)
        selection.change([&](SelectionState& s) { s.layer = layer; });
    history.back();
    history.back();
    CHECK(selection.state().layer == 3);
    history.forward();
    CHECK(selection.state().layer == 4);
    selection.change([](SelectionState& s) { s.head = 2; });
    CHECK(!history.canGoForward()); // another way was taken
    history.back();
    CHECK(selection.state().layer == 4);
    CHECK(selection.state().head == -1);
    for (int i = 0; i < 20; ++i)
        history.back();
    CHECK(selection.state() == SelectionState());
    history.clear();
    CHECK(!history.canGoForward());
}

TEST_CASE("A drag is one step of the history, a later one another", "[views][history]")
{
    views::Selection selection;
    views::History history(&selection);
    const auto drag = [&](double from) {
        for (int i = 0; i < 30; ++i)
            selection.change([&](SelectionState& s) { s.ratio = from - 0.01 * i; });
    };
    drag(0.9);
    selection.setVisible({0, 10}, {0, 10});
    history.back();
    CHECK(selection.state().keys.empty());
    CHECK(selection.state().ratio == Approx(0.61));
    history.back();
    CHECK(selection.state() == SelectionState());
    drag(0.9);
    QThread::msleep(views::History::kOneStepMs + 50);
    drag(0.5);
    history.back();
    CHECK(selection.state().ratio == Approx(0.61));
}

TEST_CASE("The history forgets its oldest steps, not its newest", "[views][history]")
{
    views::Selection selection;
    views::History history(&selection);
    const int steps = static_cast<int>(views::History::kMostSteps) + 50;
    for (int layer = 1; layer <= steps; ++layer)
        selection.change([&](SelectionState& s) { s.layer = layer; });
    int undone = 0;
    for (; history.canGoBack(); ++undone)
        history.back();
    CHECK(undone == static_cast<int>(views::History::kMostSteps));
    CHECK(selection.state().layer == 50);
}
