// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The guided tour: its file, its walk over the bundled captures, its panel; letters for the last row.
#include "compress/method.hpp"
#include "compress/replay.hpp"
#include "core/error.hpp"
#include "core/io/results.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/wait.hpp"
#include "views/curve_data.hpp"
#include "views/demo_captures.hpp"
#include "views/path_edit.hpp"
#include "views/presenter.hpp"
#include "views/resources.hpp"
#include "views/tour_facts.hpp"
#include "views/tour_panel.hpp"

#include <nlohmann/json.hpp>

#include <QAction>
#include <QCheckBox>
#include <QFile>
#include <QIcon>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QRegularExpression>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>

using namespace kvviz;
using Catch::Contains;
using test::waitFor;
using Json = nlohmann::json;

namespace {

Json smallTour()
{
    return Json{{"schema_version", 1},
                {"steps",
                 {{{"id", "one"},
                   {"title", "One"},
                   {"text", "There are {prompt} tokens."},
                   {"formula", "a<sub>1</sub>"},
                   {"try", "Look."},
                   {"panel", "map"},
                   {"task", "demo"},
                   {"set", {{"layer", 1}, {"head", 2}}}},
                  {{"id", "two"},
                   {"title", "Two"},
                   {"text", "Keep {kept}."},
                   {"formula", "b"},
                   {"try", "Move."},
                   {"panel", "curves"},
                   {"task", "other"},
                   {"set", {{"method", "h2o"}, {"ratio", 0.25}, {"withoutSinks", true}}}}}}};
}

std::string faultOf(const Json& tour)
{
    try {
        static_cast<void>(views::parseTour(tour.dump(), "t.json"));
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    return {};
}

std::string bytesOf(const QString& resource)
{
    views::useResources();
    QFile file(resource);
    REQUIRE(file.open(QIODevice::ReadOnly));
    return file.readAll().toStdString();
}

std::filesystem::path writeTask(const test::ScratchFolder& folder, const std::string& task)
{
    test::SyntheticCapture capture;
    capture.mutableInfo().prompt.task = task;
    test::writeSynthetic(capture, folder / (task + ".kvh5"));
    return folder / (task + ".kvh5");
}

} // namespace

TEST_CASE("Every field of a selection can be set by a step, and nothing else", "[views][unit]")
{
    const std::vector<std::pair<Json, std::function<bool(const views::SelectionState&)>>> fields{
        {{{"layer", 5}}, [](const auto& s) { return s.layer == 5; }},
        {{{"head", 2}}, [](const auto& s) { return s.head == 2; }},
        {{{"queries", {3, 9}}},
         [](const auto& s) {
             return s.queries == core::Span{3, 9};
         }},
        {{{"keys", {1, 4}}},
         [](const auto& s) {
             return s.keys == core::Span{1, 4};
         }},
        {{{"query", 7}}, [](const auto& s) { return s.query == 7; }},
        {{{"key", 6}}, [](const auto& s) { return s.key == 6; }},
        {{{"withoutSinks", true}}, [](const auto& s) { return s.withoutSinks; }},
        {{{"sinkTokens", 2}}, [](const auto& s) { return s.sinkTokens == 2; }},
        {{{"pooling", "mean"}}, [](const auto& s) { return s.pooling == io::Pooling::mean; }},
        {{{"logarithmic", false}}, [](const auto& s) { return !s.logarithmic; }},
        {{{"colorRange", "percentile"}}, [](const auto& s) { return s.colorRange == views::ColorRange::percentile; }},
        {{{"rangeLow", 0.01}}, [](const auto& s) { return s.rangeLow == 0.01; }},
        {{{"rangeHigh", 0.5}}, [](const auto& s) { return s.rangeHigh == 0.5; }},
        {{{"tokenColor", "logprob"}}, [](const auto& s) { return s.tokenColor == views::TokenColor::logprob; }},
        {{{"curvesOf", "tasks"}}, [](const auto& s) { return s.curvesOf == views::CurvesOf::tasks; }},
        {{{"curvesLogarithmic", false}}, [](const auto& s) { return !s.curvesLogarithmic; }},
        {{{"overlay", true}}, [](const auto& s) { return s.overlay; }},
        {{{"method", "shotkv:question"}}, [](const auto& s) { return s.method == "shotkv:question"; }},
        {{{"ratio", 0.3}}, [](const auto& s) { return s.ratio == 0.3; }},
        {{{"budgetTokens", 64}}, [](const auto& s) { return s.budgetTokens == 64; }},
        {{{"decodeStep", 3}}, [](const auto& s) { return s.decodeStep == 3; }},
    };
    views::Selection::Parts parts = views::Selection::none;
    Json tour = smallTour();
    tour["steps"][0]["set"] = Json::object();
    const views::SelectionState base = views::parseTour(tour.dump(), "t").steps.front().state;
    for (const auto& [set, holds] : fields) {
        tour["steps"][0]["set"] = set;
        INFO(set.dump());
        const views::SelectionState state = views::parseTour(tour.dump(), "t").steps.front().state;
        CHECK(holds(state));
        CHECK_FALSE(state == base);
        parts |= views::partsBetween(state, base);
    }
    CHECK((parts | views::Selection::capture) == views::Selection::Parts(views::Selection::all));
}

TEST_CASE("A tour that is wrong is refused with the step and the field", "[views][unit]")
{
    CHECK(faultOf(smallTour()).empty());
    const std::vector<std::tuple<const char*, Json, const char*>> faults{
        {"/steps/0/set/layers", 3, "did you mean 'layer'?"},
        {"/steps/0/set/capture", 0, "unknown field 'capture'"}, // an index means nothing to a file
        {"/steps/0/set/layer", -1, "whole number from 0"},
        {"/steps/0/set/layer", "3", "whole number"},
        {"/steps/0/set/ratio", 1.5, "number from"},
        {"/steps/0/set/ratio", 0, "number from"},
        {"/steps/0/set/method", "snapvk", "snapkv"},
        {"/steps/0/set/method", 3, "expected a text"},
        {"/steps/0/set/pooling", "median", "max, mean"},
        {"/steps/0/set/keys", {5, 5}, "first token before the end"},
        {"/steps/0/set/keys", {5}, "two numbers"},
        {"/steps/0/set/overlay", 1, "true or false"},
        {"/steps/0/set", 3, "object of fields"},
        {"/steps/0/panel", "mapp", "unknown panel"},
        {"/steps/0/titel", "x", "did you mean 'title'?"},
        {"/steps/0/text", "", "'text' is empty"},
        {"/steps/0/text", "{tokens_kept}", "unknown fact '{tokens_kept}'"},
        {"/steps/0/try", "{promt}", "did you mean 'prompt'?"},
        {"/steps/1/id", "one", "two steps are called 'one'"},
        {"/steps/0", 3, "expected an object"},
        {"/steps", Json::array(), "list of steps"},
        {"/schema_version", 2, "schema_version 1"},
        {"/more", 2, "unknown field 'more'"},
    };
    for (const auto& [place, value, sentence] : faults) {
        Json tour = smallTour();
        tour[Json::json_pointer(place)] = value;
        INFO(place << " = " << value.dump());
        CHECK_THAT(faultOf(tour), Contains("t.json") && Contains(sentence));
    }
    for (const char* field : {"id", "title", "text", "formula", "try", "panel", "task"}) {
        Json tour = smallTour();
        tour["steps"][1].erase(field);
        CHECK_THAT(faultOf(tour), Contains("step 2") && Contains(field));
    }
    CHECK_THROWS_AS(views::parseTour("", "t"), core::Error);
    CHECK_THROWS_AS(views::parseTour("[1", "t"), core::Error);
    CHECK_THROWS_AS(views::parseTour("[]", "t"), core::Error);
}

TEST_CASE("The tour in the documentation is one", "[views][unit]")
{
    std::ifstream stream(std::filesystem::path(KVVIZ_SOURCE_DIR) / "docs/teaching.md");
    std::string json;
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("    "))
            json += line + "\n";
    CHECK(views::parseTour(json, "docs/teaching.md").steps.size() == 1);
}

TEST_CASE("The bundled captures are small, sound, and of the tour's tasks", "[views][io]")
{
    const auto captures = views::demoCaptures();
    REQUIRE(captures.size() == 3);
    std::uintmax_t bytes = 0;
    std::set<std::string> tasks;
    for (const auto& file : captures) {
        INFO(file.string());
        bytes += std::filesystem::file_size(file);
        CHECK(io::verifyCapture({file, "/"}).empty());
        const io::CaptureReader reader(file);
        tasks.insert(reader.info().prompt.task);
        CHECK(reader.info().commandLine.find('/') == std::string::npos); // nobody's folders
        CHECK(reader.mapLevels() > 0);
    }
    for (const auto& file : views::demoResults()) {
        bytes += std::filesystem::file_size(file);
        const auto records = io::readEvalResults(file, false);
        CHECK(records.size() > 6);
        for (const auto& record : records)
            CHECK(tasks.count(record.task) == 1);
    }
    CHECK(views::demoResults().size() == 1);
    CHECK(bytes <= 1'000'000);
    CHECK(views::demoCaptures() == captures); // unpacked once
}

TEST_CASE("Each step of the bundled tour can be shown on the bundled captures", "[views][io]")
{
    const views::Tour tour = views::bundledTour();
    REQUIRE(tour.steps.size() >= 9);
    std::map<std::string, std::shared_ptr<io::CaptureReader>> readers;
    for (const auto& file : views::demoCaptures()) {
        const auto reader = std::make_shared<io::CaptureReader>(file);
        readers[reader->info().prompt.task] = reader;
    }
    std::set<std::string> panels, families;
    for (const views::TourStep& step : tour.steps) {
        INFO(step.id);
        REQUIRE(readers.count(step.task) == 1);
        const io::CaptureReader& reader = *readers[step.task];
        const core::CaptureInfo& info = reader.info();
        CHECK(std::count(info.layers.begin(), info.layers.end(), step.state.layer) == 1);
        CHECK((step.state.head == -1 || std::count(info.heads.begin(), info.heads.end(), step.state.head) == 1));
        CHECK(step.state.decodeStep < info.nGenerated());
        CHECK(std::max(step.state.query, step.state.key) < info.nTokens());
        const auto method = compress::makeMethod(step.state.method);
        CHECK(core::includes(reader.available(), compress::replayNeeds(*method)));
        CHECK(method->obstacle(info, nullptr).empty());
        const auto facts = views::tourFacts(reader, step.state);
        for (const std::string& name : views::tourFactNames())
            CHECK(facts.count(name) == 1);
        CHECK(views::withFacts(step.text + step.attempt, facts).find("\u2026") == std::string::npos);
        const auto sentences = std::count(step.text.begin(), step.text.end(), '.');
        CHECK(sentences >= 2);
        panels.insert(step.panel);
        families.insert(method->info().name);
    }
    for (const char* family : {"streaming_noshift", "h2o", "snapkv", "chunkkv", "shotkv"})
        CHECK(families.count(family) == 1);
    CHECK(panels.size() >= 6);
}

TEST_CASE("What the tour says about its captures is so", "[views][io]")
{
    std::map<std::string, const views::TourStep*> steps;
    const views::Tour tour = views::bundledTour();
    for (const views::TourStep& step : tour.steps)
        steps[step.id] = &step;
    std::map<std::string, std::shared_ptr<io::CaptureReader>> readers;
    for (const auto& file : views::demoCaptures()) {
        const auto reader = std::make_shared<io::CaptureReader>(file);
        readers[reader->info().prompt.task] = reader;
    }
    const auto fact = [&](const char* id, const char* name) {
        const views::TourStep& step = *steps.at(id);
        return std::stod(views::tourFacts(*readers.at(step.task), step.state).at(name));
    };
    CHECK(fact("sinks", "sink_share") > 40);                                      // "parks its attention there"
    CHECK(fact("inner-sink", "top_key") >= 4);                                    // "inside of the prompt"
    CHECK(fact("inner-sink", "top_share") > fact("inner-sink", "sink_share"));    // more than the first ones together
    CHECK(fact("without-sinks", "keys90_all") < fact("without-sinks", "keys90")); // "sinks make attention look sparser"
    // "A single key holds half of the attention in every task, without them it takes six to ten."
    plot::CurveRequest curves;
    curves.layer = steps.at("tasks")->state.layer;
    plot::CumulativeCurves cumulative(curves);
    for (const auto& [task, reader] : readers)
        cumulative.add(*reader);
    const plot::CurvePanel panel = cumulative.panel();
    REQUIRE(panel.series.size() == 6);
    for (const plot::CurveSeries& series : panel.series) {
        const auto half = std::find_if(series.y.begin(), series.y.end(), [](double share) { return share >= 0.5; });
        const double keys = series.x.at(static_cast<std::size_t>(half - series.y.begin()));
        INFO(series.name);
        CHECK(keys >= (series.dashed ? 6 : 1));
        CHECK(keys <= (series.dashed ? 10 : 1));
    }
    // "Examples leave one after the other": fewer whole ones as the ratio falls.
    const views::TourStep& shots = *steps.at("shots");
    compress::ReplayRequest request;
    request.methods = {"shotkv", "snapkv:window=8"};
    request.budgets = {{0.9, {}}, {0.6, {}}, {0.3, {}}};
    request.depth = compress::Depth::mass;
    const auto report = compress::replay(*readers.at(shots.task), request);
    REQUIRE(report.results.size() == 6);
    std::vector<int> whole(6, 0), touched(6, 0);
    const auto& segments = readers.at(shots.task)->info().segments;
    for (std::size_t r = 0; r < 6; ++r)
        for (std::size_t s = 0; s < segments.size(); ++s)
            if (segments[s].kind == core::SegmentKind::shot) {
                whole[r] += report.results[r].survival.at(s) >= 1;
                touched[r] += report.results[r].survival.at(s) > 0;
            }
    CHECK(whole[0] > whole[1]);
    CHECK(whole[1] > whole[2]);
    CHECK(touched[1] == whole[1]); // whole or not at all
    CHECK(touched[4] > whole[4]);  // SnapKV keeps a bit of several
}

TEST_CASE("Facts are what the arrays say", "[views][io]")
{
    const test::ScratchFolder folder;
    const io::CaptureReader reader(writeTask(folder, "demo"));
    views::SelectionState state;
    state.layer = 1;
    state.head = 2;
    state.ratio = 0.3;
    const auto facts = views::tourFacts(reader, state);
    const core::LayerData layer = reader.loadLayer(1, core::Need::stats);
    const std::int64_t n = layer.n;
    double total = 0, sinks = 0, best = -1;
    std::vector<double> received;
    std::int64_t top = 0;
    for (std::int64_t key = 0; key < n; ++key) {
        const double value = layer.received[std::size_t(2 * layer.total() + key)];
        total += value;
        sinks += key < 4 ? value : 0;
        received.push_back(value);
        if (value > best) {
            best = value;
            top = key;
        }
    }
    CHECK(std::stod(facts.at("sink_share")) == Approx(100 * sinks / total).margin(0.51));
    CHECK(facts.at("top_key") == std::to_string(top));
    CHECK(facts.at("prompt") == std::to_string(n));
    CHECK(facts.at("kept") == std::to_string(std::int64_t(std::floor(0.3 * double(n) + 1e-9))));
    std::sort(received.rbegin(), received.rend());
    double sum = 0;
    std::int64_t count = 0;
    while (sum < 0.9 * total)
        sum += received[std::size_t(count++)];
    CHECK(std::stod(facts.at("keys90_all")) == Approx(100.0 * double(count) / double(n)).margin(0.51));
    CHECK(views::withFacts("{prompt} and {nothing} {", facts) == std::to_string(n) + " and \u2026 {");
    state.layer = 9;
    CHECK_THROWS_AS(views::tourFacts(reader, state), core::Error);
}

TEST_CASE("The panel walks through the bundled tour and sets the views to each step", "[views][io]")
{
    views::Selection selection;
    views::CaptureList captures(io::findCaptures(views::demoCaptures()));
    views::TourPanel panel({&selection, &captures, nullptr});
    QStringList panels, failures;
    QObject::connect(&panel, &views::TourPanel::panelWanted, [&](const QString& name) { panels << name; });
    QObject::connect(&panel, &views::View::failed, [&](const QString& text) { failures << text; });
    panel.resize(380, 600);
    panel.show();
    const views::SelectionState untouched = selection.state();
    CHECK_FALSE(panel.busy()); // nothing is set before somebody begins
    const int count = int(panel.tour().steps.size());
    panel.start();
    for (int i = 0; i < count; ++i) {
        REQUIRE(waitFor([&] { return !panel.busy(); }));
        const views::TourStep& step = panel.tour().steps[std::size_t(i)];
        INFO(step.id);
        CHECK(panel.step() == i);
        views::SelectionState expected = step.state;
        expected.capture = selection.state().capture;
        CHECK(selection.state() == expected);
        CHECK(captures.reader(selection.state().capture)->info().prompt.task == step.task);
        CHECK(panels.size() == i + 1);
        CHECK(panels.back().toStdString() == step.panel);
        CHECK(panel.shownText().contains(QString::fromStdString(step.title)));
        CHECK_FALSE(panel.shownText().contains(QRegularExpression(QStringLiteral("\\{[a-z]+\\}")))); // formulas have sets
        CHECK(panel.accessibleName().contains(QStringLiteral("step %1 of %2").arg(i + 1).arg(count)));
        panel.next();
    }
    CHECK(panel.step() == count - 1); // it stays at the last
    CHECK(failures.isEmpty());
    CHECK_FALSE(selection.state() == untouched);
    panel.goTo(2);
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    const views::SelectionState third = selection.state();
    selection.change([](auto& s) { s.layer = 0; });
    panel.showAgain(); // after one has tried something
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    CHECK(selection.state() == third);
    panel.back();
    panel.back();
    panel.back();
    CHECK(panel.step() == 0);
}

TEST_CASE("Keys, buttons and the formula of the tour", "[views][io]")
{
    const test::ScratchFolder folder;
    views::Selection selection;
    views::CaptureList captures(io::findCaptures({writeTask(folder, "demo"), writeTask(folder, "other")}));
    views::TourPanel panel({&selection, &captures, nullptr}, views::parseTour(smallTour().dump(), "t"));
    panel.show();
    panel.start();
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    CHECK(panel.shownText().contains(QStringLiteral("There are 70 tokens.")));
    CHECK(selection.state().head == 2);
    const auto press = [&](int key) {
        QKeyEvent event(QEvent::KeyPress, key, Qt::NoModifier);
        QApplication::sendEvent(&panel, &event);
        REQUIRE(waitFor([&] { return !panel.busy(); }));
    };
    press(Qt::Key_PageDown);
    CHECK(panel.step() == 1);
    CHECK(selection.state().method == "h2o");
    CHECK(selection.state().head == -1); // nothing is left over from the step before
    CHECK(captures.reader(selection.state().capture)->info().prompt.task == "other");
    press(Qt::Key_PageUp);
    CHECK(panel.step() == 0);
    for (auto* button : panel.findChildren<QPushButton*>())
        if (button->text() == QStringLiteral("Ne&xt"))
            button->click();
    CHECK(panel.step() == 1);
    CHECK(panel.formulaShown());
    panel.findChild<QCheckBox*>()->setChecked(false);
    for (const QLabel* label : panel.findChildren<QLabel*>())
        if (label->accessibleName() == QStringLiteral("Formula"))
            CHECK_FALSE(label->isVisible());
}

TEST_CASE("A tour without its captures says so and offers them", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto doomed = writeTask(folder, "doomed");
    views::Selection selection;
    views::CaptureList captures(io::findCaptures({doomed, writeTask(folder, "other")}));
    std::filesystem::remove(doomed); // one bad file among good ones
    views::TourPanel panel({&selection, &captures, nullptr}, views::parseTour(smallTour().dump(), "t"));
    QString failure;
    bool wanted = false;
    QObject::connect(&panel, &views::View::failed, [&](const QString& text) { failure = text; });
    QObject::connect(&panel, &views::TourPanel::demoWanted, [&] { wanted = true; });
    panel.show();
    const auto before = selection.state();
    panel.start();
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    CHECK(selection.state() == before);
    QPushButton* open = nullptr;
    for (auto* button : panel.findChildren<QPushButton*>())
        if (button->text().contains(QStringLiteral("bundled")))
            open = button;
    REQUIRE(open);
    CHECK(open->isVisible());
    open->click();
    CHECK(wanted);
    panel.next(); // its capture is there
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    CHECK_FALSE(open->isVisible());
    CHECK(selection.state().method == "h2o");
    CHECK(failure.isEmpty());
}

TEST_CASE("A step on a capture without its layer becomes a message", "[views][io]")
{
    const test::ScratchFolder folder;
    views::Selection selection;
    views::CaptureList captures(io::findCaptures({writeTask(folder, "demo")}));
    Json tour = smallTour();
    tour["steps"][0]["set"]["layer"] = 17;
    views::TourPanel panel({&selection, &captures, nullptr}, views::parseTour(tour.dump(), "t"));
    QString failure;
    QObject::connect(&panel, &views::View::failed, [&](const QString& text) { failure = text; });
    const auto before = selection.state();
    panel.start();
    REQUIRE(waitFor([&] { return !panel.busy(); }));
    CHECK(failure.contains(QStringLiteral("no layer 17")));
    CHECK(selection.state() == before);
}

TEST_CASE("Presenter size goes up in steps and back, for all widgets", "[views]")
{
    const QFont own = QApplication::font();
    QLabel label(QStringLiteral("text"));
    label.show();
    {
        views::Presenter presenter;
        std::vector<double> heard;
        QObject::connect(&presenter, &views::Presenter::scaleChanged, [&](double scale) { heard.push_back(scale); });
        for (const double scale : {1.5, 2.0, 1.0, 1.5}) {
            presenter.action()->trigger();
            QApplication::processEvents(); // widgets hear of the font through the event loop
            CHECK(presenter.scale() == scale);
            CHECK(label.font().pointSizeF() == Approx(own.pointSizeF() * scale).margin(0.5));
            CHECK(presenter.action()->isChecked() == (scale > 1));
        }
        CHECK(heard == std::vector<double>{1.5, 2.0, 1.0, 1.5});
    }
    CHECK(QApplication::font().pointSizeF() == Approx(own.pointSizeF()));
}

TEST_CASE("The window's icon and the desktop's name of the program", "[views]")
{
    views::useProgramIcon();
    CHECK(QGuiApplication::desktopFileName() == QStringLiteral("io.github.kvviz.Kvviz"));
    for (const int size : {16, 24, 32, 48, 64, 128})
        CHECK(QApplication::windowIcon().pixmap(size, size).toImage().pixelColor(size / 2, size / 2).alpha() == 255);
    CHECK(bytesOf(QStringLiteral(":/icons/kvviz-16.png")).size() > 100);
}
