// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Results beside captures: what files hold, and that results of other captures are said to be that.
#include "core/io/results.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/window_fixture.hpp"
#include "views/figure_view.hpp"
#include "views/result_files.hpp"

#include <QDockWidget>

using namespace kvviz;
using Catch::Contains;
using test::captureFile;
using test::ScratchFolder;
using test::WindowBench;
using views::strangerSentence;

namespace {

namespace fs = std::filesystem;

fs::path replaysOf(const fs::path& path, const std::string& capture)
{
    std::vector<io::ReplayRecord> records = test::madeUpRecords(1);
    for (io::ReplayRecord& record : records)
        record.capture = capture;
    io::writeReplayResults(path, records, "test", "test", true);
    return path;
}

fs::path evaluationOf(const fs::path& path, const std::string& model)
{
    io::ResultsWriter writer(path, "test", "test", true);
    for (io::EvalRecord record : test::madeUpEvaluations({{.name = "addition", .category = "arithmetic"}}, {"snapkv"}, {0.5})) {
        record.modelName = model;
        writer.append(record);
    }
    writer.finish();
    return path;
}

} // namespace

TEST_CASE("Replays belong to a capture by its place, or by its name where nothing is there any more", "[views][io]")
{
    const ScratchFolder folder;
    const fs::path here = captureFile(folder, "run/a"), same = captureFile(folder, "other/a");
    const fs::path results = folder / "run" / "replay.kvres.h5";
    const auto said = [&](const std::string& recorded, const std::vector<io::CaptureRef>& open) {
        return strangerSentence({results, {recorded}, {}}, open, "M");
    };
    CHECK(said("a.kvh5", {{here, "/"}}).empty());
    CHECK(said("../run/a.kvh5", {{here, "/"}}).empty());
    CHECK_THAT(said("a.kvh5", {{same, "/"}}), Contains("replay.kvres.h5") && Contains("'a.kvh5'") && Contains("not open"));
    CHECK(said("gone/a.kvh5", {{same, "/"}}).empty()); // moved
    CHECK(!said("gone/b.kvh5", {{same, "/"}}).empty());
    CHECK(said("p.kvh5:/captures/x", {{"/anywhere/p.kvh5", "/captures/x"}}).empty());
    CHECK(!said("p.kvh5:/captures/x", {{"/anywhere/p.kvh5", "/captures/y"}}).empty());
    CHECK(!said("p.kvh5", {{"/anywhere/p.kvh5", "/captures/y"}}).empty());
    CHECK(said("a.kvh5", {}).empty()); // nothing to be compared with
    const std::string many = strangerSentence({results, {"b", "c", "d", "e"}, {}}, {{here, "/"}}, "M");
    CHECK_THAT(many, Contains("'b', 'c', 'd', ...") && Contains("are not open"));
}

TEST_CASE("Evaluations belong to every capture of their model", "[views][unit]")
{
    const std::vector<io::CaptureRef> open{{"/x/a.kvh5", "/"}};
    CHECK(strangerSentence({"/x/e.kvres.h5", {}, {"M", "N"}}, open, "M").empty());
    CHECK(strangerSentence({"/x/e.kvres.h5", {}, {"N"}}, open, "").empty());
    CHECK_THAT(strangerSentence({"/x/e.kvres.h5", {}, {"N"}}, open, "M"),
               Contains("measures 'N'") && Contains("is of 'M'"));
}

TEST_CASE("Results of other captures are shown in the window, and it says whose they are", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    const std::string model = io::CaptureReader(io::CaptureRef{folder / "a.kvh5", "/"}).info().model.name;
    const auto shows = [&](const char* panel) {
        const QDockWidget* dock = window->panels()->dock(QLatin1String(panel));
        return !dock->isHidden() && dynamic_cast<const views::View*>(dock->widget())->figure().has_value();
    };
    window.open({replaysOf(folder / "own.kvres.h5", "a.kvh5"), evaluationOf(folder / "eval.kvres.h5", model)});
    CHECK(window.messages().empty());
    CHECK(shows("replays"));
    CHECK(shows("accuracy"));
    const auto front = [&](const char* panel) {
        return !window->panels()->dock(QLatin1String(panel))->visibleRegion().isEmpty();
    };
    CHECK(front("replays")); // the last of those that were opened
    window->panels()->dock(QStringLiteral("replays"))->hide();
    window->panels()->dock(QStringLiteral("curves"))->raise();
    window->reload();
    window.settle();
    CHECK(!shows("replays")); // F5 leaves panels as they are
    CHECK(front("curves"));
    window.open({replaysOf(folder / "theirs.kvres.h5", "elsewhere/b.kvh5"), evaluationOf(folder / "big.kvres.h5", "Big-7B")});
    CHECK_THAT(window.messages(), Contains("theirs.kvres.h5") && Contains("elsewhere/b.kvh5") && Contains("not open")
                                      && Contains("big.kvres.h5") && Contains("Big-7B") && !Contains("own.kvres.h5"));
    CHECK(shows("replays"));
    CHECK(shows("accuracy"));
    window.window->findChild<views::MessageBar*>()->clear();
    window.requireWorks(0);
    window.open({folder / "own.kvres.h5"}); // what was said is not said again
    CHECK(window.messages().empty());
    window->reload();
    window.settle();
    CHECK_THAT(window.messages(), Contains("theirs.kvres.h5"));
}

TEST_CASE("A check of predictions is opened beside results, and comes back with a session", "[views][io]")
{
    const ScratchFolder folder;
    const fs::path check = folder.write("check.json", R"({"format": "kvviz-prediction-check", "predictor": "lost mass",
        "model": "M", "points": [
            {"task": "facts", "method": "snapkv", "ratio": 0.5, "predicted": 0.1, "measured": -0.1, "ci_low": -0.2,
             "ci_high": 0.1, "expected": -0.08},
            {"task": "facts", "method": "h2o", "ratio": 0.5, "predicted": 0.3, "measured": -0.4, "ci_low": -0.5,
             "ci_high": -0.1, "expected": -0.24}],
        "spearman": {"value": -0.9, "low": -0.95, "high": -0.7}, "kendall": {"value": -0.7, "low": -0.8, "high": -0.5},
        "curve": {"x": [0.05, 0.25], "y": [-0.02, -0.2]}, "residual_low": -0.11, "residual_high": 0.07})");
    const auto shows = [](const WindowBench& window) {
        const QDockWidget* dock = window->panels()->dock(QStringLiteral("predicted"));
        return !dock->isHidden() && dynamic_cast<const views::View*>(dock->widget())->figure().has_value();
    };
    const WindowBench window({captureFile(folder, "a")});
    const fs::path broken = folder.write("broken.json", "{");
    window.open({check, broken, replaysOf(folder / "own.kvres.h5", "a.kvh5")});
    CHECK_THAT(window.messages(), Contains("broken.json") && !Contains("check.json"));
    CHECK(shows(window)); // one bad file does not hide the good one
    views::WindowStart start;
    start.session = window->session();
    start.session.results = {check};
    start.sessionFile = folder / "s.kvsession.json";
    const WindowBench again(start); // as `kvviz view s.kvsession.json` does
    CHECK(again.messages().empty());
    CHECK(shows(again));
}
