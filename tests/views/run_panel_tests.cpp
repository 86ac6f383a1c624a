// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs started from the window, with scripts in place of the program: progress, the end, failures, cancelling, closing.
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/views/wait.hpp"
#include "views/run_panel.hpp"

#include <QClipboard>
#include <QComboBox>
#include <QGuiApplication>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QTabBar>
#include <QTabWidget>
#include <QToolButton>

#include <csignal>
#include <fstream>
#include <sstream>

using namespace kvviz;
using test::waitFor;
using views::RunProgress;

namespace {

std::filesystem::path script(const test::ScratchFolder& folder, const std::string& body)
{
    const auto file = folder.write("fake kvviz", "#!/bin/sh\n" + body);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
}

std::string content(const std::filesystem::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// A panel with a selection of its own and a program to run.
struct Stage {
    explicit Stage(const std::string& body)
    {
        choices.program = script(folder, body);
        choices.tasks = {{"addition", "arithmetic", "Sums.", true, 8}, {"gsm8k", "arithmetic", "Public.", false, 8}};
        choices.methods = {"snapkv;shotkv", "all"};
        choices.ratios = "0.9,...,0.1";
        choices.folder = folder / "out put";
        panel = std::make_unique<views::RunPanel>(views::ViewContext{&selection, &captures, nullptr}, choices);
        QObject::connect(panel.get(), &views::RunPanel::opened, [this](const auto& paths) { opened = paths; });
        QObject::connect(panel.get(), &views::RunPanel::failed, [this](const QString& text) { failure = text; });
        panel->resize(420, 700);
        panel->show();
    }
    [[nodiscard]] QString log() const { return panel->findChildren<QPlainTextEdit*>().back()->toPlainText(); }
    /// Runs to the end.
    void run()
    {
        panel->start();
        REQUIRE(waitFor([&] { return !panel->running(); }));
    }

    test::ScratchFolder folder;
    views::Selection selection;
    views::CaptureList captures{{}};
    views::RunChoices choices;
    std::unique_ptr<views::RunPanel> panel;
    std::vector<std::filesystem::path> opened;
    QString failure;
};

} // namespace

TEST_CASE("Progress lines give phase, share and remaining time", "[views][unit]")
{
    RunProgress progress;
    CHECK_FALSE(progress.take("a.kvh5: 528 prompt tokens", 0));
    CHECK_FALSE(progress.share());
    CHECK(progress.take("@progress 0 30 prefill", 1));
    CHECK(progress.take("@progress 10 30 prefill", 3));
    CHECK(progress.phase() == "prefill");
    CHECK(*progress.share() == Approx(1.0 / 3));
    CHECK(*progress.remaining(3) == Approx(4)); // 10 steps took 2 seconds, 20 are left
    CHECK(progress.text(3) == "prefill, about 0:04 left");
    CHECK(progress.take("@progress 0 0 figures", 4));
    CHECK_FALSE(progress.share());
    for (const char* broken :
         {"@progress", "@progress 1", "@progress x 2 a", "@progress 1 2", "@progress -1 2 a", "[0/3] a", "[4/3] a"})
        CHECK_FALSE(progress.take(broken, 5));
    CHECK(progress.jobs() == 0);
}

TEST_CASE("Of several prompts or captures, those that are done count", "[views][unit]")
{
    RunProgress captures;
    captures.take("@progress 29 30 prefill", 1);
    CHECK_FALSE(captures.take("[1/4] a.kvh5: 528 prompt tokens", 10));
    CHECK(*captures.share() == Approx(0.25));
    CHECK(*captures.remaining(10) == Approx(30));
    captures.take("@progress 15 30 prefill", 11);
    CHECK(captures.text(10) == "2 of 4, prefill, about 0:30 left");
    captures.take("[4/4] d.kvh5: done", 40);
    CHECK(*captures.share() == 1);

    RunProgress replays;
    replays.take("@progress 5 10 [3/4] replay", 20);
    CHECK(replays.phase() == "replay");
    CHECK(*replays.share() == Approx(0.5));
    CHECK(replays.job() == 3);
}

TEST_CASE("A run that ends well is told with its outputs, and ran exactly the copied command", "[views]")
{
    Stage stage(R"(
for word in "$0" "$@"; do printf '%s\n' "$word"; done > "$(dirname "$0")/words"
printf '%s' "$KVVIZ_PROGRESS" > "$(dirname "$0")/progress"
echo "@progress 1 2 prefill" >&2
echo "a note" >&2
printf 'a table without an end of line'
)");
    REQUIRE(stage.panel->run().index() == 0);
    stage.panel->copyCommand();
    const QString copied = QGuiApplication::clipboard()->text();
    CHECK(copied == stage.panel->commandLine());
    stage.run();
    CHECK(stage.failure.isEmpty());
    REQUIRE(stage.opened.size() == 1);
    CHECK(stage.opened.front() == stage.folder / "out put" / "addition.kvh5");
    CHECK(std::filesystem::is_directory(stage.folder / "out put"));
    CHECK(content(stage.folder / "progress") == "lines");
    CHECK(stage.log().contains(QStringLiteral("a note")));
    CHECK(stage.log().contains(QStringLiteral("a table without an end of line")));
    CHECK_FALSE(stage.log().contains(QStringLiteral("@progress")));
    CHECK(stage.log().startsWith(QStringLiteral("$ ") + copied));
    const std::string first = content(stage.folder / "words");
    REQUIRE(std::system((copied.toStdString() + " 2> /dev/null > /dev/null").c_str()) == 0);
    CHECK(content(stage.folder / "words") == first);
    CHECK(stage.panel->statusText().startsWith(QStringLiteral("Done")));
}

TEST_CASE("A run that fails shows its sentence and the details", "[views]")
{
    Stage stage("echo 'working' >&2; echo 'kvviz: error: no model was found; give one' >&2; exit 3\n");
    stage.run();
    CHECK(stage.failure == QStringLiteral("no model was found; give one"));
    CHECK(stage.opened.empty());
    CHECK(stage.panel->findChildren<QPlainTextEdit*>().back()->isVisible());
    Stage mute("exit 4\n");
    mute.run();
    CHECK(mute.failure.contains(QStringLiteral("status 4")));
    Stage killed("kill -9 $$\n");
    killed.run();
    CHECK(killed.failure.contains(QStringLiteral("was killed; the system does that when memory runs out")));
    Stage ended("kill -15 $$\n");
    ended.run();
    CHECK(ended.failure.contains(QStringLiteral("signal 15")));
    Stage partial("echo 'kvviz: error: 1 of 2 could not run' >&2; exit 5\n");
    partial.run();
    CHECK(partial.failure.contains(QStringLiteral("1 of 2")));
    CHECK(partial.opened.size() == 1); // what is there is worth looking at
}

TEST_CASE("A program that is missing or cannot be started is said, not waited for", "[views]")
{
    Stage stage("exit 0\n");
    std::filesystem::permissions(stage.choices.program, std::filesystem::perms::owner_read);
    stage.run();
    CHECK(stage.failure.contains(QStringLiteral("could not be started")));
    views::RunChoices nothing = stage.choices;
    nothing.program.clear();
    views::RunPanel panel({&stage.selection, &stage.captures, nullptr}, nothing);
    panel.start();
    CHECK_FALSE(panel.running());
}

TEST_CASE("Cancelling lets the program end by itself", "[views]")
{
    Stage stage(R"(
trap 'echo "kvviz: error: stopped after 1 of 3 prompts" >&2; : > "$(dirname "$0")/clean"; exit 130' INT
echo "@progress 1 3 prefill" >&2
while :; do sleep 0.05; done
)");
    stage.panel->start();
    auto* bar = stage.panel->findChild<QProgressBar*>();
    REQUIRE(waitFor([&] { return bar->maximum() > 0; }));
    CHECK(double(bar->value()) / bar->maximum() == Approx(1.0 / 3).margin(0.01));
    CHECK(stage.panel->running());
    stage.panel->cancel();
    REQUIRE(waitFor([&] { return !stage.panel->running(); }));
    CHECK(std::filesystem::exists(stage.folder / "clean"));
    CHECK(stage.failure.isEmpty()); // it was wanted
    CHECK(stage.opened.empty());
    CHECK(stage.panel->statusText().contains(QStringLiteral("1 of 3 prompts")));
    stage.panel->start(); // and again
    CHECK(waitFor([&] { return stage.panel->running() && bar->maximum() > 0; }));
    stage.panel->cancel();
    CHECK(waitFor([&] { return !stage.panel->running(); }));
}

TEST_CASE("A program that does not listen is killed", "[views]")
{
    Stage stage("trap '' INT\necho $$ > \"$(dirname \"$0\")/pid\"\nwhile :; do sleep 0.05; done\n");
    stage.panel->start();
    REQUIRE(waitFor([&] { return !content(stage.folder / "pid").empty(); }));
    const pid_t child = std::stoi(content(stage.folder / "pid"));
    stage.panel->cancel();
    REQUIRE(waitFor([&] { return !stage.panel->running(); }));
    CHECK(kill(child, 0) != 0);
}

TEST_CASE("Closing the panel ends the program cleanly", "[views]")
{
    Stage stage(R"(
trap ': > "$(dirname "$0")/clean"; exit 130' INT
echo $$ > "$(dirname "$0")/pid"
while :; do sleep 0.05; done
)");
    stage.panel->start();
    REQUIRE(waitFor([&] { return !content(stage.folder / "pid").empty(); }));
    const pid_t child = std::stoi(content(stage.folder / "pid"));
    stage.panel.reset();
    CHECK(kill(child, 0) != 0);
    CHECK(std::filesystem::exists(stage.folder / "clean"));
    CHECK(stage.opened.empty());
}

TEST_CASE("The forms follow the selection and the open captures", "[views]")
{
    Stage stage("exit 0\n");
    stage.panel->showPage(QStringLiteral("replay"));
    CHECK(stage.panel->commandLine().contains(QStringLiteral("--methods snapkv"))); // of the selection
    auto* start = stage.panel->findChildren<QPushButton*>().front();
    REQUIRE(start->text().contains(QStringLiteral("Start")));
    CHECK_FALSE(start->isEnabled()); // nothing is open
    stage.panel->setCaptures({"/run/a.kvh5", "/run/b.kvh5"});
    CHECK(start->isEnabled());
    CHECK(std::get<views::ReplayRun>(stage.panel->run()).captures == std::vector<std::filesystem::path>{"/run/a.kvh5"});
    stage.selection.setCapture(1);
    CHECK(std::get<views::ReplayRun>(stage.panel->run()).captures == std::vector<std::filesystem::path>{"/run/b.kvh5"});
    stage.selection.change([](auto& s) { s.method = "shotkv:question"; });
    CHECK(std::get<views::ReplayRun>(stage.panel->run()).methods == "shotkv:question");
    for (auto* box : stage.panel->findChildren<QComboBox*>())
        if (box->accessibleName() == QStringLiteral("Captures"))
            box->setCurrentIndex(1);
    CHECK(std::get<views::ReplayRun>(stage.panel->run()).captures.size() == 2);
    stage.panel->showPage(QStringLiteral("eval"));
    const auto eval = std::get<views::EvalRun>(stage.panel->run());
    CHECK(eval.methods == "shotkv:question");
    CHECK(eval.prompts.limit == 20);
    CHECK(eval.output.filename() == "addition-eval.kvres.h5");
}

TEST_CASE("Own text, text file and task show the fields that they need", "[views]")
{
    Stage stage("exit 0\n");
    const QWidget* page = stage.panel->findChild<QTabWidget*>()->widget(0); // the others have such fields, too
    QComboBox* source = nullptr;
    QComboBox* task = nullptr;
    for (auto* box : page->findChildren<QComboBox*>()) {
        if (box->accessibleName() == QStringLiteral("Prompt"))
            source = box;
        if (box->accessibleName() == QStringLiteral("Task") && !task)
            task = box;
    }
    REQUIRE(source);
    REQUIRE(task);
    const auto capture = [&] { return std::get<views::CaptureRun>(stage.panel->run()); };
    auto* text = page->findChildren<QPlainTextEdit*>().front();
    CHECK(text->isHidden());
    CHECK(capture().output.filename() == "addition.kvh5");
    for (auto* spin : page->findChildren<QSpinBox*>())
        if (spin->accessibleName() == QStringLiteral("Number of prompts")) {
            spin->setValue(3);
            break;
        }
    CHECK(capture().output.filename() == "addition"); // a folder
    CHECK(capture().prompts.limit == 3);
    task->setCurrentIndex(1);
    CHECK(capture().prompts.task == "gsm8k");
    source->setCurrentIndex(1);
    CHECK_FALSE(text->isHidden());
    CHECK(task->isHidden());
    text->setPlainText(QStringLiteral("It's \u00fc"));
    CHECK(capture().source == views::CaptureRun::Source::text);
    CHECK(capture().text == "It's \xc3\xbc");
    CHECK(capture().output.filename() == "prompt.kvh5");
}

TEST_CASE("Everything in the run panel can be reached, hit and named", "[views]")
{
    const Stage stage("exit 0\n");
    for (int page = 0; page < 3; ++page) {
        stage.panel->findChild<QTabWidget*>()->setCurrentIndex(page);
        QApplication::processEvents();
        for (const QWidget* widget : stage.panel->findChildren<QWidget*>()) {
            const bool control = qobject_cast<const QComboBox*>(widget) || qobject_cast<const QAbstractSpinBox*>(widget)
                                 || qobject_cast<const QPushButton*>(widget);
            const bool named = control || qobject_cast<const QToolButton*>(widget);
            const bool ofTabs = qobject_cast<const QTabBar*>(widget->parentWidget()) != nullptr; // Qt's own arrows
            if (!named || ofTabs || !widget->isVisibleTo(stage.panel.get()))
                continue;
            INFO(widget->metaObject()->className() << " " << widget->accessibleName().toStdString());
            const auto* button = qobject_cast<const QAbstractButton*>(widget);
            CHECK((!widget->accessibleName().isEmpty() || (button && !button->text().isEmpty())));
            if (control) {
                CHECK(widget->height() >= 24);
                CHECK(widget->focusPolicy() != Qt::NoFocus);
            }
        }
    }
}
