// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz view`: opens the window, or draws it once into a PNG.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/gui/published_source.hpp"
#include "app/gui/run_choices.hpp"
#include "app/output.hpp"
#include "core/error.hpp"
#include "views/application.hpp"
#include "views/capture_choice.hpp"
#include "views/main_window.hpp"
#include "views/theme.hpp"

#include <fmt/format.h>

#include <QElapsedTimer>
#include <QPixmap>
#include <QThread>

#include <algorithm>
#include <filesystem>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

constexpr qint64 kScreenshotWaitMs = 120'000;

/// 0 is also what stands there when nothing was asked for: a capture of other layers starts at its first one.
int startAt(int wanted, const std::vector<int>& captured)
{
    const bool absent = std::find(captured.begin(), captured.end(), wanted) == captured.end();
    return wanted == 0 && absent && !captured.empty() ? captured.front() : wanted;
}

/// The first capture that can be read. A fault of a single file is told here, before a window opens; one among several
/// is told in the window.
void chooseStart(const std::vector<io::CaptureRef>& captures, const ViewOptions& options, views::WindowStart& start)
{
    for (std::size_t i = 0; i < captures.size(); ++i) {
        try {
            const io::CaptureReader first(captures[i]);
            views::SelectionState& state = start.session.selection;
            state.capture = static_cast<int>(i);
            state.layer = startAt(options.layer, first.info().layers);
            state.head = startAt(options.head, first.info().heads);
            (void)plot::layerSlot(first.info(), state.layer, first.name());
            (void)plot::headSlots(first.info(), state.head, first.name());
            return;
        } catch (const Error& error) {
            if (captures.size() == 1 || error.code() == ErrorCode::usage)
                throw;
            start.faults.emplace_back(error.what());
        }
    }
    throw Error(ErrorCode::badInput, start.faults.front());
}

int saveScreenshot(views::MainWindow& window, const std::string& file, const CommonOptions& common)
{
    QElapsedTimer timer;
    timer.start();
    window.show();
    do {
        QApplication::processEvents(QEventLoop::AllEvents, 50);
        QThread::msleep(5);
    } while (!window.settled() && timer.elapsed() < kScreenshotWaitMs);
    QApplication::processEvents(); // queued repaints
    if (!window.message().isEmpty())
        note(common, window.message().toStdString()); // a part that this capture cannot show; it is in the picture, too
    if (!window.settled())
        throw Error(ErrorCode::failure, "the window did not finish reading in two minutes; no screenshot was saved");
    if (!window.grab().save(QString::fromStdString(file), "PNG"))
        throw Error(ErrorCode::failure, fmt::format("cannot write the screenshot '{}'", file));
    return 0;
}

} // namespace

int runView(const ViewOptions& options, const CommonOptions& common)
{
    const views::OpenedFiles files = views::sortFiles({options.files.begin(), options.files.end()});
    views::WindowStart start;
    if (!files.session.empty()) {
        start.session = views::loadSession(files.session);
        start.sessionFile = files.session;
    }
    start.named = files.named;
    auto& captures = start.session.captures;
    captures.insert(captures.end(), files.captures.begin(), files.captures.end());
    auto& results = start.session.results;
    results.insert(results.end(), files.results.begin(), files.results.end());
    start.faults = files.faults;
    start.published = publishedSource();
    start.runChoices = runChoices;
    start.creator = creatorName();
    start.commandLine = common.commandLine;
    start.demo = options.demo;
    start.fresh = options.fresh || !options.screenshot.empty();
    if (captures.empty() && results.empty() && files.session.empty() && !options.demo)
        throw Error(files.faults.empty() ? ErrorCode::usage : ErrorCode::badInput,
                    files.faults.empty() ? "name at least one capture (*.kvh5) or a folder of them"
                                         : files.faults.front());
    if (!captures.empty() && files.session.empty())
        chooseStart(captures, options, start);
    const auto display = options.screenshot.empty() ? views::Display::wanted : views::Display::optional;
    const auto application = views::makeApplication(display, common.verbose > 0);
    views::useTheme(views::themeNamed(options.theme));
    views::MainWindow window(start);
    if (!options.screenshot.empty())
        return saveScreenshot(window, options.screenshot, common);
    window.show();
    return application->exec();
}

} // namespace kvviz::app
