// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What leaves the window: every view's figure, twice the same bytes, light on a dark desktop, with the rule of sinks
// printed wherever numbers depend on it.
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "tests/views/view_fixture.hpp"
#include "views/export_panel.hpp"
#include "views/figure_exporter.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"

#include <QClipboard>
#include <QDockWidget>
#include <QGuiApplication>
#include <QPushButton>

#include <fstream>
#include <set>

using namespace kvviz;
using Catch::Contains;

namespace {

/// A window with captures of two tasks, an evaluation, replays and a check of predictions, all panels in sight.
class FullWindow {
public:
    FullWindow()
    {
        views::WindowStart start;
        for (const char* task : {"addition", "needle"})
            start.session.captures.push_back({writeCapture(task), "/"});
        start.session.selection.head = 1;
        start.session.results = {writeResults(), writeReplays(), writeCheck()};
        window = std::make_unique<views::MainWindow>(start);
        window->resize(1600, 1000);
        window->show();
        for (const QString& id : window->panels()->ids())
            window->addDockWidget(Qt::RightDockWidgetArea, window->panels()->dock(id)); // none behind another
        for (const QString& id : window->panels()->ids())
            window->panels()->dock(id)->show();
        settle();
    }
    void settle() { REQUIRE(test::waitUntil([this] { return window->settled(); })); }

    test::ScratchFolder folder; // outlives the window, which reads from it
    std::unique_ptr<views::MainWindow> window;

private:
    std::filesystem::path writeCapture(const std::string& task)
    {
        test::SyntheticCapture capture;
        capture.mutableInfo().tier = core::Tier::full;
        capture.mutableInfo().prompt.task = task;
        test::writeSynthetic(capture, folder / (task + ".kvh5"));
        return folder / (task + ".kvh5");
    }
    std::filesystem::path writeResults()
    {
        io::ResultsWriter writer(folder / "eval.kvres.h5", "t", "t", false);
        for (const io::EvalRecord& record : test::madeUpEvaluations(
                 {{"addition", "arithmetic"}, {"needle", "long-context retrieval"}}, {"snapkv", "h2o"}, {0.5, 0.2}))
            writer.append(record);
        writer.finish();
        return folder / "eval.kvres.h5";
    }
    std::filesystem::path writeReplays()
    {
        io::writeReplayResults(folder / "replay.kvres.h5", test::madeUpRecords(2), "t", "t", false);
        return folder / "replay.kvres.h5";
    }
    std::filesystem::path writeCheck()
    {
        std::ofstream(folder / "check.json")
            << R"({"format": "kvviz-prediction-check", "predictor": "lost mass without sinks", "model": "m",
                   "points": [{"task": "addition", "method": "snapkv", "ratio": 0.5, "predicted": 0.1, "measured": -0.1},
                              {"task": "addition", "method": "h2o", "ratio": 0.5, "predicted": 0.2, "measured": -0.3}]})";
        return folder / "check.json";
    }
};

std::string textsOf(const plot::Figure& figure)
{
    plot::ExportOptions options;
    options.path = "a.svg";
    QString all;
    for (const test::SvgText& text : test::readSvg(plot::renderFigure(figure, options)).texts)
        all += text.text.simplified() + QLatin1Char(' ');
    return all.replace(QChar::Nbsp, QLatin1Char(' ')).toLower().toStdString();
}

QPalette darkPalette()
{
    QPalette dark;
    dark.setColor(QPalette::Window, QColor(40, 40, 44));
    dark.setColor(QPalette::Base, QColor(30, 30, 34));
    dark.setColor(QPalette::WindowText, Qt::white);
    return dark;
}

} // namespace

TEST_CASE("Every view of the window exports, the same bytes twice in every format", "[views][io]")
{
    FullWindow full;
    std::set<std::string> kinds;
    for (const auto& [title, figure] : full.window->figures()) {
        kinds.insert(figure.name);
        for (const char* path : {"a.pdf", "a.svg", "a.png"}) {
            INFO(title.toStdString() << ' ' << path);
            plot::ExportOptions options;
            options.path = path;
            options.dpi = 100;
            const QByteArray first = plot::renderFigure(figure, options);
            CHECK(first.size() > 1500);
            CHECK(first == plot::renderFigure(figure, options));
        }
    }
    CHECK(kinds
          == std::set<std::string>{"budgets", "cumulative", "delta", "heads", "heatmap", "methods", "predicted", "ratio",
                                   "retention", "steps"});
}

TEST_CASE("Every figure of the window that depends on sinks prints how they count, on and off", "[views][io]")
{
    FullWindow full;
    for (const bool without : {false, true})
        for (const int count : {4, 7}) {
            full.window->selection()->change([&](views::SelectionState& s) {
                s.withoutSinks = without;
                s.sinkTokens = count;
            });
            full.settle();
            std::set<std::string> seen;
            for (const auto& [title, figure] : full.window->figures()) {
                const std::set<std::string> dependent{"cumulative", "heads", "heatmap", "ratio", "steps"};
                if (!dependent.contains(figure.name))
                    continue;
                seen.insert(figure.name);
                INFO(figure.name << (without ? " without" : " with") << ' ' << textsOf(figure));
                const std::string first = "first " + std::to_string(count);
                CHECK_THAT(textsOf(figure), Contains(first) || Contains("0 to " + std::to_string(count - 1)));
                CHECK_THAT(textsOf(figure), Contains("sink") || Contains("without the " + first));
            }
            CHECK(seen.size() == 5);
        }
}

TEST_CASE("What leaves a dark window is light unless dark is asked for", "[views][io]")
{
    FullWindow full;
    full.window->setPalette(darkPalette());
    REQUIRE(test::waitUntil(
        [&] { return full.window->mapView()->grab().toImage().pixelColor(1, 1).lightnessF() < 0.2; }));
    auto* panel = full.window->findChild<views::ExportPanel*>();
    REQUIRE(panel);
    panel->refresh();
    for (const QString& view : {QString(), QStringLiteral("Map"), QStringLiteral("Cumulative")}) {
        panel->choose(view);
        panel->findChild<QPushButton*>("copy")->click();
        CHECK(QGuiApplication::clipboard()->image().pixelColor(1, 1).lightnessF() > 0.99);
        const QString file = QString::fromStdString(full.folder / ("light" + view.toStdString() + ".png"));
        panel->setFile(file);
        panel->findChild<QPushButton*>("save")->click();
        CHECK(QImage(file).pixelColor(1, 1).lightnessF() > 0.99);
    }
    panel->findChild<QAbstractButton*>("dark")->setChecked(true);
    panel->findChild<QPushButton*>("copy")->click();
    CHECK(QGuiApplication::clipboard()->image().pixelColor(1, 1).lightnessF() < 0.2);
}
